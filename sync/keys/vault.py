"""Bank tokens and other secrets at rest, in envelopes: a data key seals, a key of the key service wraps the data key.

Each token has a data key of its own; the token is bound to its item's id and so is the data key, so neither opens in
another row. Which key wrapped it stands beside it, so a new key can be made current while everything under the old one
still opens. Tokens from before the envelopes were sealed by the key file itself: they open until `keys rewrap` has
rewritten them. Nothing is stored here. Who may call: items (seal), pull (open), tokens and rotation (both).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sync.errors import VaultFailed
from sync.keys.key_file import NONCE_BYTES, KeyFile
from sync.keys.kms import AwsKms, Kms, WrappedKey

__all__ = ["DataKey", "Envelope", "Sealed", "Vault", "WrappedKey", "open_vault"]


@dataclass(frozen=True)
class Sealed:
    """An encrypted token as it is stored; without a wrapped key it is one from before the envelopes."""

    key_id: str
    nonce: bytes
    ciphertext: bytes = field(repr=False)
    wrapped_key: bytes | None = field(default=None, repr=False)

    @classmethod
    def of(cls, row: Any) -> Sealed:
        """The token of a row that has the columns key_id, nonce, ciphertext and wrapped_key."""
        wrapped = None if row.wrapped_key is None else bytes(row.wrapped_key)
        return cls(row.key_id, bytes(row.nonce), bytes(row.ciphertext), wrapped)


class DataKey:
    """An open data key: seals any number of values, each bound to what it belongs to."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plaintext: bytes, bound_to: str) -> bytes:
        """Encrypts bytes; the same `bound_to` has to be given to open them."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plaintext, bound_to.encode())

    def open(self, sealed: bytes, bound_to: str) -> bytes:
        """Decrypts what `seal` answered; raises VaultFailed for another key, another place or damaged bytes."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to.encode())
        except (InvalidTag, ValueError):
            raise VaultFailed(
                f"what is sealed for {bound_to} does not open: wrong key, wrong place or damaged"
            ) from None


@dataclass(frozen=True)
class Envelope:
    """A data key made beforehand for one item's token: sealing it later asks no key service and cannot fail."""

    item_id: UUID
    wrapped: WrappedKey
    _key: DataKey = field(repr=False)

    def seal(self, token: str) -> Sealed:
        """Seals a token for the envelope's item."""
        sealed = self._key.seal(token.encode(), str(self.item_id))
        return Sealed(self.wrapped.key_id, sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], self.wrapped.wrapped)


class Vault:
    """Wraps under the current key of `kms`, opens whatever `kms` or, for what is older, the key file holds."""

    def __init__(self, kms: Kms, former: KeyFile | None = None) -> None:
        self._kms = kms
        self._file = former or (kms if isinstance(kms, KeyFile) else None)

    def __repr__(self) -> str:
        return f"Vault({self._kms!r})"

    def current(self) -> str:
        """The id of the key that wraps now; raises VaultFailed, VaultUnavailable."""
        return self._kms.current()

    def key_file(self) -> KeyFile:
        """The key file; raises VaultFailed where AWS KMS alone is used."""
        return self._files()

    def envelope(self, item_id: UUID) -> Envelope:
        """Makes a data key for one item's token; raises VaultFailed, VaultUnavailable."""
        key, wrapped = self.new_key(_token_of(item_id))
        return Envelope(item_id, wrapped, key)

    def encrypt(self, item_id: UUID, token: str) -> Sealed:
        """Seals a token for one item under a data key of its own; raises VaultFailed, VaultUnavailable."""
        return self.envelope(item_id).seal(token)

    def decrypt(self, item_id: UUID, sealed: Sealed) -> str:
        """Opens a token; raises VaultFailed for an unknown key, another item's token or damaged bytes."""
        if sealed.wrapped_key is None:
            opened = self._files().open(sealed.key_id, sealed.nonce, sealed.ciphertext, str(item_id))
        else:
            key = self.open_key(_token_of(item_id), WrappedKey(sealed.key_id, sealed.wrapped_key))
            opened = key.open(sealed.nonce + sealed.ciphertext, str(item_id))
        return opened.decode()

    def new_key(self, context: str) -> tuple[DataKey, WrappedKey]:
        """Makes a data key and wraps it under the current key, bound to `context`."""
        key, wrapped = self._kms.new_key(context)
        return DataKey(key), wrapped

    def open_key(self, context: str, wrapped: WrappedKey) -> DataKey:
        """Opens a wrapped data key; raises VaultFailed for an unknown key, another context or damaged bytes."""
        return DataKey(self._holder(wrapped.key_id).unwrap(context, wrapped))

    def new_seed(self, context: str) -> tuple[bytes, WrappedKey]:
        """As `new_key`, but answers the 32 bytes: for a key that signs."""
        return self._kms.new_key(context)

    def open_seed(self, context: str, wrapped: WrappedKey) -> bytes:
        """As `open_key`, but answers the 32 bytes."""
        return self._holder(wrapped.key_id).unwrap(context, wrapped)

    def rewrap_key(self, context: str, wrapped: WrappedKey) -> WrappedKey:
        """Wraps the same data key under the current key: what it seals stays as it is."""
        holder = self._holder(wrapped.key_id)
        if holder is self._kms:
            return holder.rewrap(context, wrapped)
        return self._kms.wrap(context, holder.unwrap(context, wrapped))

    def rewrap_token(self, item_id: UUID, sealed: Sealed) -> Sealed:
        """Brings a token under the current key; one from before the envelopes is sealed anew."""
        if sealed.wrapped_key is None:
            return self.encrypt(item_id, self.decrypt(item_id, sealed))
        wrapped = self.rewrap_key(_token_of(item_id), WrappedKey(sealed.key_id, sealed.wrapped_key))
        return Sealed(wrapped.key_id, sealed.nonce, sealed.ciphertext, wrapped.wrapped)

    def _holder(self, key_id: str) -> Kms:
        return self._kms if self._kms.holds(key_id) else self._files(key_id)

    def _files(self, key_id: str = "") -> KeyFile:
        if self._file is None or not self._file.holds(key_id):
            what = f"the key {key_id!r} is" if key_id else "this needs a key"
            raise VaultFailed(f"{what} of a key service that this process does not use: see TOKEN_KEY_FILE, KMS_KEY_ID")
        return self._file


def _token_of(item_id: UUID) -> str:
    return f"the token of item {item_id}"


def open_vault(key_file: str | Path = "", *, kms_key_id: str | None = None, endpoint_url: str | None = None) -> Vault:
    """The vault of the settings: AWS KMS when a key of it is named, else the key file. Raises VaultFailed.

    With both, AWS wraps and the file only opens what was sealed before: that is how an installation moves to KMS.
    """
    file = KeyFile(key_file) if key_file else None
    if kms_key_id:
        return Vault(AwsKms(kms_key_id, endpoint_url), file)
    if file is None:
        raise VaultFailed("neither a key file nor a key of AWS KMS is named")
    return Vault(file)
