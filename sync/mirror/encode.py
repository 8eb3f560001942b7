"""Documents on their way to Firestore and back, and their digests.

What is written is put on the wire by hand (wire.py), what was read comes in protobuf's raw classes; the digests of both
are taken over the same bytes. Pure; raises Unencodable for what the wire format cannot carry, so that one document
cannot stop its owner. Called by plan.py (to write), commits.py and reconcile.py (to compare what was read).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from google.cloud.firestore_v1.types import document as document_types

from sync.mirror import wire
from sync.mirror.changes import Version
from sync.mirror.wire import Fields
from sync.paths import kind_of

DocumentPb = document_types.Document.pb()

# What a document tells about its own mirroring, in no digest: a head is never written twice alike, and the time of the
# marks is forgotten once they are acknowledged.
VOLATILE_OF_HEAD = ("mirrorHead", "mirroredAt", "commit")
VOLATILE_OF_MONTH = ("reflectsAt",)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Unencodable(ValueError):
    """This document has a value that Firestore's wire format cannot carry."""


def encode(content: Mapping[str, Any]) -> Fields:
    """Puts a document on the wire, still without name and precondition; raises Unencodable."""
    try:
        return wire.fields(content)
    except (ValueError, TypeError) as error:
        raise Unencodable(str(error)) from error


def get_time(timestamp: Any) -> datetime:
    """Reads a moment exactly."""
    return _EPOCH + timedelta(seconds=timestamp.seconds, microseconds=timestamp.nanos // 1000)


def digest(document: Any, path: str) -> bytes:
    """Digest of a document's content, its version included: equal digests mean equal documents.

    Takes what `encode` made, or what was read.
    """
    volatile = volatile_fields(path)
    if isinstance(document, Fields):
        body = document.without(volatile) if volatile else document.body
    else:
        body = _body(document, volatile)
    return hashlib.blake2b(body, digest_size=16).digest()


def _body(document: Any, left_out: tuple[str, ...]) -> bytes:
    bare = DocumentPb()
    bare.CopyFrom(document)
    for key in ("name", "create_time", "update_time"):
        bare.ClearField(key)
    for key in left_out:
        bare.fields.pop(key, None)
    body: bytes = bare.SerializeToString(deterministic=True)
    return body


def volatile_fields(path: str) -> tuple[str, ...]:
    """Answers the fields that no digest covers."""
    kind = kind_of(path)
    return VOLATILE_OF_MONTH if kind == "months" else () if kind else VOLATILE_OF_HEAD


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


def guarded(encoded: Fields, name: str, update_time: datetime | None) -> bytes:
    """A write of a whole document; without an update time it may only create."""
    return wire.update(encoded.body, name.encode(), wire.required(update_time))


def delete_write(name: str, update_time: datetime) -> bytes:
    """A deletion of exactly the document that was seen."""
    return wire.delete(name.encode(), wire.required(update_time))
