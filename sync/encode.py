"""Documents in Firestore's raw protobuf classes, and their digests.

Raw classes on purpose: encoding through the client library's wrappers costs ten times as much per document. Pure;
raises Unencodable for what the wire format cannot carry, so that one document cannot stop its owner. Called by plan.py
(to write), firestore.py and reconcile.py (to compare what was read).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from google.cloud.firestore_v1.types import document as document_types
from google.cloud.firestore_v1.types import firestore as rpc_types
from google.cloud.firestore_v1.types import write as write_types

from sync.changes import Version

DocumentPb = document_types.Document.pb()
WritePb = write_types.Write.pb()
CommitRequest = rpc_types.CommitRequest.pb()

# What a document tells about its own mirroring, in no digest: a head is never written twice alike, and the time of the
# marks is forgotten once they are acknowledged.
VOLATILE_OF_HEAD = ("mirrorHead", "mirroredAt", "commit")
VOLATILE_OF_MONTH = ("reflectsAt",)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Unencodable(ValueError):
    """This document has a value that Firestore's wire format cannot carry."""


def encode(fields: Mapping[str, Any]) -> Any:
    """Builds a write of a document, still without name and precondition; raises Unencodable."""
    write = WritePb()
    target = write.update.fields
    try:
        for key, content in fields.items():
            _put(target[key], content)
    except (ValueError, TypeError) as error:
        raise Unencodable(str(error)) from error
    return write


def _put(value: Any, content: Any) -> None:
    kind = type(content)
    if kind is str:
        value.string_value = content
    elif content is None:
        value.null_value = 0
    elif kind is bool:
        value.boolean_value = content
    elif kind is int:
        value.integer_value = content
    elif kind is dict:
        value.map_value.SetInParent()
        fields = value.map_value.fields
        for key, inner in content.items():
            _put(fields[key], inner)
    elif kind is list:
        value.array_value.SetInParent()
        for inner in content:
            _put(value.array_value.values.add(), inner)
    elif kind is datetime:
        put_time(value.timestamp_value, content)
    else:
        raise TypeError(f"{kind.__name__} is no type of a document")


def put_time(timestamp: Any, moment: datetime) -> None:
    """Stores a moment exactly; a float would lose microseconds, and an update time must match to the microsecond."""
    micros = (moment - _EPOCH) // _MICROSECOND
    timestamp.seconds, rest = divmod(micros, 1_000_000)
    timestamp.nanos = rest * 1000


def get_time(timestamp: Any) -> datetime:
    """Reads a moment exactly."""
    return _EPOCH + timedelta(seconds=timestamp.seconds, microseconds=timestamp.nanos // 1000)


def digest(document: Any, path: str) -> bytes:
    """Digest of a document's content, its version included: equal digests mean equal documents."""
    volatile = volatile_fields(path)
    if volatile or document.name or document.HasField("update_time"):
        bare = DocumentPb()
        bare.CopyFrom(document)
        for key in ("name", "create_time", "update_time"):
            bare.ClearField(key)
        for key in volatile:
            bare.fields.pop(key, None)
        document = bare
    return hashlib.blake2b(document.SerializeToString(deterministic=True), digest_size=16).digest()


def volatile_fields(path: str) -> tuple[str, ...]:
    """Answers the fields that no digest covers."""
    segments = path.split("/")
    if len(segments) == 2:
        return VOLATILE_OF_HEAD
    return VOLATILE_OF_MONTH if segments[2] == "months" else ()


def version_of(document: Any) -> Version | None:
    """Reads the version a document carries; None when it carries none that Livespend would write."""
    fields = document.fields["version"].map_value.fields if "version" in document.fields else {}
    if "epoch" not in fields or "number" not in fields:
        return None
    return Version(fields["epoch"].integer_value, fields["number"].integer_value)


def nameable(path: str) -> bool:
    """Whether Firestore can have a document of this name at all."""
    if "__" not in path and "." not in path and "//" not in path and len(path) < 500:
        return True
    return all(
        segment not in ("", ".", "..")
        and not (len(segment) >= 4 and segment.startswith("__") and segment.endswith("__"))
        and len(segment.encode()) <= 1500
        for segment in path.split("/")
    )


def guarded(write: Any, name: str, update_time: datetime | None) -> Any:
    """Completes an encoded write of a whole document; without an update time it may only create."""
    write.update.name = name
    _require(write, update_time)
    return write


def delete_write(name: str, update_time: datetime) -> Any:
    """A deletion of exactly the document that was seen."""
    write = WritePb(delete=name)
    _require(write, update_time)
    return write


def _require(write: Any, update_time: datetime | None) -> None:
    if update_time is None:
        write.current_document.exists = False
    else:
        put_time(write.current_document.update_time, update_time)
