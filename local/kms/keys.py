"""The keys: made, disabled, named by aliases; what they encrypt opens for the same encryption context only.

A ciphertext names its key (AWS's does too), so that Decrypt needs no key id. With a file the keys survive a restart:
it is written whole, mode 0600, before a new key is answered.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from local.kms.errors import KmsError, invalid, not_found

ACCOUNT = "000000000000"
_VERSION, _ID, _NONCE = b"\x01", 16, 12


@dataclass
class Key:
    """One symmetric key; its bytes are base64 and in no repr."""

    id: str
    arn: str
    material: str = field(repr=False)
    created_at: float
    enabled: bool = True

    def metadata(self) -> dict[str, Any]:
        """AWS's description of the key."""
        return {
            "AWSAccountId": ACCOUNT, "KeyId": self.id, "Arn": self.arn, "CreationDate": self.created_at,
            "Enabled": self.enabled, "KeyState": "Enabled" if self.enabled else "Disabled", "Description": "",
            "KeyUsage": "ENCRYPT_DECRYPT", "KeyManager": "CUSTOMER", "Origin": "AWS_KMS", "MultiRegion": False,
            "KeySpec": "SYMMETRIC_DEFAULT", "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
            "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        }  # fmt: skip


class Keys:
    """All keys and aliases of one region."""

    def __init__(self, region: str, path: Path | None = None) -> None:
        self._region, self._path = region, path
        self._keys: dict[str, Key] = {}
        self._aliases: dict[str, str] = {}
        if path is not None and path.exists():
            kept = json.loads(path.read_text())
            self._keys = {key["id"]: Key(**key) for key in kept["keys"]}
            self._aliases = kept["aliases"]

    def create(self) -> Key:
        """Makes a key."""
        key_id = str(uuid4())
        arn = f"arn:aws:kms:{self._region}:{ACCOUNT}:key/{key_id}"
        key = Key(key_id, arn, base64.b64encode(secrets.token_bytes(32)).decode(), time.time())
        self._keys[key_id] = key
        self._keep()
        return key

    def name(self, alias: str, key_id: str, *, new: bool) -> None:
        """Makes or moves an alias."""
        if not alias.startswith("alias/"):
            raise invalid("an alias begins with alias/")
        if new and alias in self._aliases:
            raise KmsError("AlreadyExistsException", f"An alias with the name {alias} already exists")
        if not new and alias not in self._aliases:
            raise KmsError("NotFoundException", f"Alias {alias} is not found")
        self._aliases[alias] = self.find(key_id).id
        self._keep()

    def enable(self, key_id: str, enabled: bool) -> None:
        """Enables or disables a key."""
        self.find(key_id).enabled = enabled
        self._keep()

    def find(self, key_id: str) -> Key:
        """The key of an id, an ARN, an alias or an alias's ARN."""
        name = key_id.split(":", 5)[-1].removeprefix("key/") if key_id.startswith("arn:") else key_id
        if key_id.startswith("arn:") and f":{self._region}:{ACCOUNT}:" not in key_id:
            raise not_found(key_id)
        found = self._keys.get(self._aliases.get(name, name))
        if found is None:
            raise not_found(key_id)
        return found

    def encrypt(self, key_id: str, plaintext: bytes, context: dict[str, str]) -> tuple[Key, bytes]:
        """Encrypts under a key that is enabled."""
        key = _enabled(self.find(key_id))
        nonce = os.urandom(_NONCE)
        sealed = _cipher(key).encrypt(nonce, plaintext, _bound(context))
        return key, _VERSION + UUID(key.id).bytes + nonce + sealed

    def decrypt(self, blob: bytes, context: dict[str, str], key_id: str | None) -> tuple[Key, bytes]:
        """Decrypts; `key_id`, if given, must be the key that encrypted."""
        head, nonce, sealed = blob[: 1 + _ID], blob[1 + _ID :][:_NONCE], blob[1 + _ID + _NONCE :]
        key = self._keys.get(str(UUID(bytes=head[1:]))) if len(head) == 1 + _ID and head[:1] == _VERSION else None
        if key is None:
            raise KmsError("InvalidCiphertextException", "")
        if key_id is not None and self.find(key_id) is not key:
            raise KmsError("IncorrectKeyException", "The key ID in the request does not identify the key")
        try:
            return key, _cipher(_enabled(key)).decrypt(nonce, sealed, _bound(context))
        except (InvalidTag, ValueError):
            raise KmsError("InvalidCiphertextException", "") from None

    def _keep(self) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_suffix(".part")
        part.unlink(missing_ok=True)
        content = {"keys": [asdict(key) for key in self._keys.values()], "aliases": self._aliases}
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._path)


def _enabled(key: Key) -> Key:
    if not key.enabled:
        raise KmsError("DisabledException", f"{key.arn} is disabled.")
    return key


def _cipher(key: Key) -> AESGCM:
    return AESGCM(base64.b64decode(key.material))


def _bound(context: dict[str, str]) -> bytes:
    return json.dumps(context, sort_keys=True, separators=(",", ":")).encode()
