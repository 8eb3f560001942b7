"""Bank tokens at rest: AES-256-GCM, the item's id as associated data, so a token moved to another row does not open.

The keys live in a file ({"current": id, "keys": {id: base64}}) made once per installation; the id of the key used is
stored beside each token, so a new key can be added and made current while tokens under the old one still open.
A lost file means every bank has to be linked again: back it up. Who may call: items (seal), pull (open).
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sync.errors import VaultFailed

_KEY_BYTES = 32
_NONCE_BYTES = 12


@dataclass(frozen=True)
class Sealed:
    """An encrypted token as it is stored."""

    key_id: str
    nonce: bytes
    ciphertext: bytes = field(repr=False)


@dataclass(frozen=True)
class WrappedKey:
    """A data key as it is stored: encrypted under one of the installation's keys."""

    key_id: str
    wrapped: bytes = field(repr=False)


class DataKey:
    """An open data key: seals any number of values, each bound to what it belongs to."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plaintext: bytes, bound_to: str) -> bytes:
        """Encrypts bytes; the same `bound_to` has to be given to open them."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plaintext, bound_to.encode())

    def open(self, sealed: bytes, bound_to: str) -> bytes:
        """Decrypts what `seal` answered; raises VaultFailed for another key, another place or damaged bytes."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to.encode())
        except (InvalidTag, ValueError):
            raise VaultFailed(
                f"what is sealed for {bound_to} does not open: wrong key, wrong place or damaged"
            ) from None


class Vault:
    """Encrypts with the current key, decrypts with whichever key a token was sealed under."""

    def __init__(self, keys: dict[str, bytes], current: str) -> None:
        if current not in keys:
            raise VaultFailed(f"the current key {current!r} is not among the keys")
        if any(len(key) != _KEY_BYTES for key in keys.values()):
            raise VaultFailed(f"every key must have {_KEY_BYTES} bytes")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._current = current

    def __repr__(self) -> str:
        return f"Vault(current={self._current!r}, keys={sorted(self._ciphers)})"

    def encrypt(self, item_id: UUID, token: str) -> Sealed:
        """Seals a token for one item under the current key."""
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = self._ciphers[self._current].encrypt(nonce, token.encode(), _bound_to(item_id))
        return Sealed(self._current, nonce, ciphertext)

    def decrypt(self, item_id: UUID, sealed: Sealed) -> str:
        """Opens a token; raises VaultFailed for an unknown key, another item's token or damaged bytes."""
        cipher = self._ciphers.get(sealed.key_id)
        if cipher is None:
            raise VaultFailed(
                f"the token of item {item_id} is sealed under the key {sealed.key_id!r}, which is not here"
            )
        try:
            return cipher.decrypt(bytes(sealed.nonce), bytes(sealed.ciphertext), _bound_to(item_id)).decode()
        except (InvalidTag, ValueError):
            raise VaultFailed(f"the token of item {item_id} does not open: wrong item, wrong key or damaged") from None

    def new_key(self, context: str) -> tuple[DataKey, WrappedKey]:
        """Makes a data key and wraps it under the current key, bound to `context`."""
        key, nonce = secrets.token_bytes(_KEY_BYTES), os.urandom(_NONCE_BYTES)
        wrapped = nonce + self._ciphers[self._current].encrypt(nonce, key, context.encode())
        return DataKey(key), WrappedKey(self._current, wrapped)

    def open_key(self, context: str, wrapped: WrappedKey) -> DataKey:
        """Opens a wrapped data key; raises VaultFailed for an unknown key, another context or damaged bytes."""
        cipher = self._ciphers.get(wrapped.key_id)
        if cipher is None:
            raise VaultFailed(
                f"the data key of {context} is wrapped under the key {wrapped.key_id!r}, which is not here"
            )
        try:
            sealed = bytes(wrapped.wrapped)
            return DataKey(cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode()))
        except (InvalidTag, ValueError):
            raise VaultFailed(f"the data key of {context} does not open: wrong key, wrong owner or damaged") from None


def _bound_to(item_id: UUID) -> bytes:
    return str(item_id).encode()


def open_vault(key_file: str | Path) -> Vault:
    """Reads the key file; raises VaultFailed when it is missing or not of the documented shape."""
    path = Path(key_file)
    try:
        content = json.loads(path.read_text())
        keys = {str(key_id): base64.b64decode(text, validate=True) for key_id, text in content["keys"].items()}
        return Vault(keys, str(content["current"]))
    except FileNotFoundError:
        raise VaultFailed(f"there is no key file {path}: make one with `livespend setup-key`") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, binascii.Error) as wrong:
        raise VaultFailed(f"the key file {path} is not readable: {type(wrong).__name__}") from None


def create_key_file(key_file: str | Path) -> bool:
    """Makes a key file of mode 0600 with one new key; answers False and changes nothing when it exists already."""
    path = Path(key_file)
    path.parent.mkdir(parents=True, exist_ok=True)
    key_id = secrets.token_hex(4)
    content = {"current": key_id, "keys": {key_id: base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()}}
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(part, path)  # unlike rename, never replaces a key file that somebody else made meanwhile
        return True
    except FileExistsError:
        return False
    finally:
        part.unlink()
