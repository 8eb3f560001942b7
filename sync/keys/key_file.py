"""The local key file: {"current": id, "keys": {id: base64 of 32 bytes}, "current_since": time}, mode 0600.

Running processes notice a new file by themselves: it is read again when it changed, and once more when a key id is met
that is not in it. It is only ever replaced whole, under a lock on its folder, so a reader sees one version or the
other and two operators cannot lose each other's key; a crash leaves the former file. A lost file means every bank has
to be linked again: back it up. Called by vault.py and by the operator's commands.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sync import log
from sync.errors import VaultFailed
from sync.keys.kms import KEY_BYTES, WrappedKey

NONCE_BYTES = 12
_log = log.get(__name__)


@dataclass(frozen=True)
class Keys:
    """One version of the key file; `current_since` is None in files that were never rotated."""

    current: str
    keys: Mapping[str, bytes] = field(repr=False)
    current_since: datetime | None = None

    def __post_init__(self) -> None:
        if self.current not in self.keys:
            raise VaultFailed(f"the current key {self.current!r} is not among the keys")
        if any(len(key) != KEY_BYTES for key in self.keys.values()):
            raise VaultFailed(f"every key must have {KEY_BYTES} bytes")


class KeyFile:
    """The keys of a file as a key service. Threads may share it."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._seen = _signature(self._path)
        self._keys = read_keys(self._path)

    def __repr__(self) -> str:
        return f"KeyFile(current={self._keys.current!r}, keys={sorted(self._keys.keys)})"

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._path

    def current(self) -> str:
        """The id of the key that wraps now."""
        return self._fresh().current

    def ids(self) -> list[str]:
        """Every key in the file, also those that only open."""
        return sorted(self._fresh().keys)

    def holds(self, key_id: str) -> bool:
        """Whether the id is of the file's kind, which no ARN is."""
        return not key_id.startswith("arn:")

    def new_key(self, context: str) -> tuple[bytes, WrappedKey]:
        """Makes a data key and wraps it under the current key."""
        key = secrets.token_bytes(KEY_BYTES)
        return key, self.wrap(context, key)

    def wrap(self, context: str, key: bytes) -> WrappedKey:
        """Wraps a data key under the current key."""
        keys = self._fresh()
        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(keys.keys[keys.current]).encrypt(nonce, key, context.encode())
        return WrappedKey(keys.current, nonce + sealed)

    def unwrap(self, context: str, wrapped: WrappedKey) -> bytes:
        """Answers the data key; raises VaultFailed for an unknown key, another context or damaged bytes."""
        sealed = bytes(wrapped.wrapped)
        return self.open(wrapped.key_id, sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)

    def rewrap(self, context: str, wrapped: WrappedKey) -> WrappedKey:
        """Wraps the same data key under the current key."""
        return self.wrap(context, self.unwrap(context, wrapped))

    def open(self, key_id: str, nonce: bytes, ciphertext: bytes, bound_to: str) -> bytes:
        """Opens what was sealed under a key of the file; raises VaultFailed as `unwrap` does."""
        key = self._fresh().keys.get(key_id) or self._read_again().keys.get(key_id)
        if key is None:
            raise VaultFailed(f"what is sealed for {bound_to} needs the key {key_id!r}, which is not in the key file")
        try:
            return AESGCM(key).decrypt(nonce, ciphertext, bound_to.encode())
        except (InvalidTag, ValueError):
            raise VaultFailed(
                f"what is sealed for {bound_to} does not open: wrong key, wrong place or damaged"
            ) from None

    def _fresh(self) -> Keys:
        return self._keys if _signature(self._path) == self._seen else self._read_again()

    def _read_again(self) -> Keys:
        """The file as it is now; a file that is gone or broken leaves this process with the keys it has."""
        signature = _signature(self._path)
        try:
            self._keys = read_keys(self._path)
        except VaultFailed as wrong:
            if signature != self._seen:
                _log.error("key_file_not_read_again", reason=str(wrong))
        self._seen = signature
        return self._keys


def read_keys(path: Path) -> Keys:
    """Reads the key file; raises VaultFailed when it is missing or not of the documented shape."""
    try:
        content = json.loads(path.read_text())
        keys = {str(key_id): base64.b64decode(text, validate=True) for key_id, text in content["keys"].items()}
        since = content.get("current_since")
        return Keys(str(content["current"]), keys, None if since is None else datetime.fromisoformat(since))
    except FileNotFoundError:
        raise VaultFailed(f"there is no key file {path}: make one with `livespend setup-key`") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, binascii.Error) as wrong:
        raise VaultFailed(f"the key file {path} is not readable: {type(wrong).__name__}") from None


def create_key_file(key_file: str | Path) -> bool:
    """Makes a key file of mode 0600 with one new key; answers False and changes nothing when it exists already."""
    path = Path(key_file)
    path.parent.mkdir(parents=True, exist_ok=True)
    key_id, key = _new_key(())
    part = _written(path, Keys(key_id, {key_id: key}))
    try:
        os.link(part, path)  # unlike rename, never replaces a key file that somebody else made meanwhile
        return True
    except FileExistsError:
        return False
    finally:
        part.unlink()


def rotate_key_file(key_file: str | Path, now: datetime) -> str:
    """Adds a new key and makes it current, keeping the old ones; answers its id. Raises VaultFailed."""
    path = Path(key_file)
    with _locked(path):
        keys = read_keys(path)
        key_id, key = _new_key(keys.keys)
        _replace(path, Keys(key_id, {**keys.keys, key_id: key}, now))
    return key_id


def forget_key(key_file: str | Path, key_id: str) -> None:
    """Takes a key out of the file for good. Twice is safe; raises VaultFailed for the current key."""
    path = Path(key_file)
    with _locked(path):
        keys = read_keys(path)
        if key_id == keys.current:
            raise VaultFailed(f"{key_id} is the current key: make another one first with `livespend keys rotate`")
        kept = {name: key for name, key in keys.keys.items() if name != key_id}
        _replace(path, Keys(keys.current, kept, keys.current_since))


def _new_key(taken: Mapping[str, bytes] | tuple[()]) -> tuple[str, bytes]:
    key_id = secrets.token_hex(4)
    while key_id in taken:
        key_id = secrets.token_hex(4)
    return key_id, secrets.token_bytes(KEY_BYTES)


def _replace(path: Path, keys: Keys) -> None:
    _written(path, keys).replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # what is sealed from now on needs this name to survive a power cut
    finally:
        os.close(folder)


def _written(path: Path, keys: Keys) -> Path:
    content: dict[str, Any] = {
        "current": keys.current,
        "keys": {key_id: base64.b64encode(key).decode() for key_id, key in keys.keys.items()},
    }
    if keys.current_since is not None:
        content["current_since"] = keys.current_since.isoformat()
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    return part


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
