"""Where the keys live that wrap data keys: the port, and AWS KMS behind it.

A data key (32 bytes) seals; a key of the key service wraps the data key, bound to a context in words. The wrapped key
is stored beside what it seals, the wrapping key never leaves its service. Two implementations: AWS KMS here, the local
key file in key_file.py. Nothing is stored here, so a crash loses nothing; a service that does not answer is
VaultUnavailable and passes by itself. Called by vault.py alone.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from sync.errors import VaultFailed, VaultUnavailable

KEY_BYTES = 32
_REMEMBERED_SECONDS = 300.0
_REMEMBERED_KEYS = 1000
_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 3, 5, 3
_PASSING = frozenset(
    {
        "ThrottlingException",
        "LimitExceededException",
        "KMSInternalException",
        "DependencyTimeoutException",
        "KeyUnavailableException",
        "ServiceUnavailableException",
        "InternalFailure",
        "RequestTimeout",
        "RequestTimeoutException",
    }
)


@dataclass(frozen=True)
class WrappedKey:
    """A data key as it is stored: encrypted under one of the installation's keys."""

    key_id: str
    wrapped: bytes = field(repr=False)


class Kms(Protocol):
    """A key service. Every call may raise VaultFailed, or VaultUnavailable when trying again later may help."""

    def current(self) -> str:
        """The id of the key that wraps now."""

    def holds(self, key_id: str) -> bool:
        """Whether an id is of this service's kind; the key itself may be gone."""

    def new_key(self, context: str) -> tuple[bytes, WrappedKey]:
        """Makes a data key and wraps it under the current key."""

    def wrap(self, context: str, key: bytes) -> WrappedKey:
        """Wraps a data key that exists already under the current key."""

    def unwrap(self, context: str, wrapped: WrappedKey) -> bytes:
        """Answers the data key; refuses another context than it was wrapped for."""

    def rewrap(self, context: str, wrapped: WrappedKey) -> WrappedKey:
        """Wraps the same data key under the current key."""


class Remembered:
    """Unwrapped data keys, for minutes and up to a bound: a pull must not cost a call each. Threads may share it."""

    def __init__(
        self,
        seconds: float = _REMEMBERED_SECONDS,
        most: int = _REMEMBERED_KEYS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds, self._most, self._clock = seconds, most, clock
        self._keys: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Remembered({len(self._keys)} keys)"

    def find(self, context: str, wrapped: WrappedKey, unwrap: Callable[[], bytes]) -> bytes:
        """Answers the remembered key, or what `unwrap` answers, which is remembered."""
        name, now = _name(context, wrapped), self._clock()
        with self._lock:
            known = self._keys.get(name)
            if known is not None and known[0] > now:
                self._keys.move_to_end(name)
                return known[1]
        key = unwrap()
        with self._lock:
            self._keys[name] = (now + self._seconds, key)
            self._keys.move_to_end(name)
            while len(self._keys) > self._most:
                self._keys.popitem(last=False)
        return key


def _name(context: str, wrapped: WrappedKey) -> bytes:
    parts = (context.encode(), wrapped.key_id.encode(), bytes(wrapped.wrapped))
    return hashlib.sha256(b"".join(len(part).to_bytes(4) + part for part in parts)).digest()


class AwsKms:
    """AWS KMS. The context rides as the encryption context, so CloudTrail names what each key was opened for.

    `key_id` is an ARN or an alias; what is stored beside a wrapped key is always the ARN that wrapped it, so an alias
    that is moved to a new key leaves the old ones readable. Credentials and region come from the SDK's own chain.
    """

    def __init__(self, key_id: str, endpoint_url: str | None = None, remembered: Remembered | None = None) -> None:
        self._key_id = key_id
        self._client = _client(key_id, endpoint_url)
        self._remembered = remembered or Remembered()

    def __repr__(self) -> str:
        return f"AwsKms({self._key_id!r})"

    def current(self) -> str:
        """The ARN behind the setting at this moment."""
        return str(self._call("describe_key", KeyId=self._key_id)["KeyMetadata"]["Arn"])

    def holds(self, key_id: str) -> bool:
        """Whether the id is an ARN."""
        return key_id.startswith("arn:")

    def new_key(self, context: str) -> tuple[bytes, WrappedKey]:
        """GenerateDataKey: one call, however much is sealed with the key afterwards."""
        answer = self._call("generate_data_key", KeyId=self._key_id, KeySpec="AES_256", **_bound(context))
        return bytes(answer["Plaintext"]), _wrapped(answer)

    def wrap(self, context: str, key: bytes) -> WrappedKey:
        """Encrypt: for data keys that come from another service."""
        return _wrapped(self._call("encrypt", KeyId=self._key_id, Plaintext=key, **_bound(context)))

    def unwrap(self, context: str, wrapped: WrappedKey) -> bytes:
        """Decrypt, unless this process did so within the last minutes."""

        def ask() -> bytes:
            stored = {"KeyId": wrapped.key_id, "CiphertextBlob": bytes(wrapped.wrapped)}
            return bytes(self._call("decrypt", **stored, **_bound(context))["Plaintext"])

        return self._remembered.find(context, wrapped, ask)

    def rewrap(self, context: str, wrapped: WrappedKey) -> WrappedKey:
        """ReEncrypt: the data key does not leave AWS."""
        answer = self._call(
            "re_encrypt",
            CiphertextBlob=bytes(wrapped.wrapped),
            SourceKeyId=wrapped.key_id,
            SourceEncryptionContext=_bound(context)["EncryptionContext"],
            DestinationKeyId=self._key_id,
            DestinationEncryptionContext=_bound(context)["EncryptionContext"],
        )
        return _wrapped(answer)

    def _call(self, operation: str, **request: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
        from botocore.exceptions import ConnectionError as Unreachable

        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**request)
            return answer
        except ClientError as refusal:
            code = str(refusal.response.get("Error", {}).get("Code", "unknown"))
            kind = VaultUnavailable if code in _PASSING else VaultFailed
            raise kind(f"AWS KMS refuses {operation}: {code}") from None
        except (HTTPClientError, Unreachable) as broken:
            raise VaultUnavailable(f"AWS KMS does not answer {operation}: {type(broken).__name__}") from None
        except BotoCoreError as broken:
            raise VaultFailed(f"AWS KMS cannot be asked to {operation}: {type(broken).__name__}") from None


def _client(key_id: str, endpoint_url: str | None) -> Any:
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise VaultFailed("KMS_KEY_ID needs boto3: install livespend[aws]") from None
    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
    )
    region = key_id.split(":")[3] if key_id.startswith("arn:") else None
    try:
        return boto3.session.Session().client("kms", region_name=region, endpoint_url=endpoint_url, config=config)
    except (BotoCoreError, ValueError) as wrong:
        raise VaultFailed(f"AWS KMS cannot be set up: {type(wrong).__name__}") from None


def _bound(context: str) -> dict[str, Any]:
    return {"EncryptionContext": {"livespend": context}}


def _wrapped(answer: dict[str, Any]) -> WrappedKey:
    return WrappedKey(str(answer["KeyId"]), bytes(answer["CiphertextBlob"]))
