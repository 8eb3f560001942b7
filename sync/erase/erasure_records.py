"""Signed records: what an erasure says it did and found, under an Ed25519 key of this installation.

The private key's seed is a data key of the vault, wrapped like every other secret here, so it moves with key rotation
and never stands anywhere in the clear; the public keys stay in `signing_keys` for good. What is signed is the record as
JSON with sorted keys and no spaces. Called by erase.py and the operator's commands.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import text

from sync.db import transaction
from sync.deps import Deps
from sync.errors import RecordInvalid
from sync.keys.vault import Vault, WrappedKey

KIND = "livespend erasure record 1"

_NEWEST = text("select id, key_id, wrapped from signing_keys order by created_at desc, id limit 1")
_NEW = text("insert into signing_keys (id, public_key, key_id, wrapped) values (:id, :public_key, :key_id, :wrapped)")
_PUBLIC = text("select public_key from signing_keys where id = :id")
_KNOWN = text("select exists (select from signing_keys where public_key = :public_key)")


@dataclass(frozen=True)
class Signer:
    """An open signing key."""

    id: UUID
    _key: Ed25519PrivateKey = field(repr=False)

    def sign(self, record: dict[str, Any]) -> bytes:
        """The signature of a record."""
        return self._key.sign(canonical(record))


def context(key_id: UUID) -> str:
    """What the seed of a signing key is bound to in the vault."""
    return f"the signing key {key_id}"


def canonical(record: dict[str, Any]) -> bytes:
    """The bytes that are signed."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def open_signer(deps: Deps) -> Signer:
    """The newest signing key, made at the first call. Raises VaultFailed, VaultUnavailable."""
    assert deps.vault is not None
    with transaction(deps.engine) as connection:
        row = connection.execute(_NEWEST).first()
    if row is None:
        return _make(deps, deps.vault)
    seed = deps.vault.open_seed(context(row.id), WrappedKey(row.key_id, bytes(row.wrapped)))
    return Signer(row.id, Ed25519PrivateKey.from_private_bytes(seed))


def as_file(deps: Deps, record: dict[str, Any], signature: bytes, signing_key_id: UUID) -> dict[str, Any]:
    """The record as it is handed out: with its signature and the public key that checks it."""
    with transaction(deps.engine) as connection:
        public_key = connection.execute(_PUBLIC, {"id": signing_key_id}).scalar_one()
    return {"record": record, "signature": _text(bytes(signature)), "publicKey": _text(bytes(public_key))}


def read_file(deps: Deps, content: str, user_id: str | None = None) -> dict[str, Any]:
    """The record of a file; raises RecordInvalid unless it is as a key of this ledger signed it, and of this user."""
    try:
        told = json.loads(content)
        record, signature = told["record"], base64.b64decode(told["signature"], validate=True)
        public_key = base64.b64decode(told["publicKey"], validate=True)
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, canonical(record))
    except InvalidSignature:
        raise RecordInvalid("The record was changed after it was signed.") from None
    except (ValueError, KeyError, TypeError):
        raise RecordInvalid("The file is not of the documented shape.") from None
    with transaction(deps.engine) as connection:
        if not connection.execute(_KNOWN, {"public_key": public_key}).scalar():
            raise RecordInvalid("It was signed by a key that is not this ledger's.")
    found: dict[str, Any] = record
    if user_id is not None and found["userSha256"] != hashlib.sha256(user_id.encode()).hexdigest():
        raise RecordInvalid("It is the record of another user.")
    return found


def _make(deps: Deps, vault: Vault) -> Signer:
    """Two processes that make one at once leave two keys; either signs."""
    key_id = uuid4()
    seed, wrapped = vault.new_seed(context(key_id))
    key = Ed25519PrivateKey.from_private_bytes(seed)
    stored = {"public_key": key.public_key().public_bytes_raw(), "key_id": wrapped.key_id, "wrapped": wrapped.wrapped}
    with transaction(deps.engine) as connection:
        connection.execute(_NEW, {"id": key_id, **stored})
    return Signer(key_id, key)


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
