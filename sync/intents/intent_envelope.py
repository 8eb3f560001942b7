"""An intent as it lies in Firestore: read without trust into what intents.py decides on.

Whose it is comes from the document's path, when it came from Firestore's clock; everything else is a client's claim.
The security rules admit only well-formed ones, but whoever wrote this one may have passed no rules: what is wrong is
noted, never raised, so that each intent that has a user and an id ends with a receipt. Pure. Called by intent_feed.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sync.mirror.changes import Version
from sync.mirror.encode import get_time

FORM = 1
_NEVER = Version(0, 0)
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DEVICE = re.compile(r"[A-Za-z0-9_-]{1,128}")
_MOST_SEQUENCE = 2**53


@dataclass(frozen=True)
class Intent:
    """One intent. `problem` says what of it is not understood; device, sequence and the rest are then stand-ins."""

    user_id: str
    id: UUID
    created_at: datetime
    update_time: datetime
    device: str = ""
    sequence: int = 0
    kind: str = ""
    base: Version = _NEVER
    made_at: datetime | None = None
    body: Mapping[str, Any] | None = None
    problem: str | None = None

    @property
    def path(self) -> str:
        """The document's path."""
        return f"users/{self.user_id}/intents/{self.id}"

    @property
    def place(self) -> tuple[str, int, datetime]:
        """Its place among the user's intents: in the device's own order."""
        return self.device, self.sequence, self.created_at


def read_intent(path: str, document: Any) -> Intent | None:
    """Reads a document below a user; None for one that is no intent of anybody's."""
    segments = path.split("/")
    if len(segments) != 4 or (segments[0], segments[2]) != ("users", "intents") or not _ID.fullmatch(segments[3]):
        return None
    named = (segments[1], UUID(segments[3]), get_time(document.create_time), get_time(document.update_time))
    try:
        return Intent(*named, **_claims({key: plain(value) for key, value in document.fields.items()}))
    except _NotUnderstood as wrong:
        return Intent(*named, problem=str(wrong))


def plain(value: Any) -> Any:
    """A value of a document as Python has it; what no intent carries (bytes, references, places) is None."""
    kind = value.WhichOneof("value_type")
    if kind == "map_value":
        return {key: plain(inner) for key, inner in value.map_value.fields.items()}
    if kind == "array_value":
        return [plain(inner) for inner in value.array_value.values]
    if kind == "timestamp_value":
        return get_time(value.timestamp_value)
    known = ("string_value", "integer_value", "boolean_value", "double_value")
    return getattr(value, kind) if kind in known else None


class _NotUnderstood(ValueError):
    """A part of the envelope is not what the security rules would have admitted."""


def _claims(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The envelope's parts; raises _NotUnderstood naming the first that is wrong."""
    base = _need("base", fields, dict)
    claims = {
        "device": _need("device", fields, str),
        "sequence": _need("sequence", fields, int),
        "kind": _need("kind", fields, str),
        "base": Version(_need("epoch", base, int), _need("number", base, int)),
        "made_at": _need("madeAt", fields, datetime),
        "body": _need("body", fields, dict),
    }
    if _need("v", fields, int) != FORM:
        raise _NotUnderstood(f"v: this service knows form {FORM}")
    if not _DEVICE.fullmatch(claims["device"]):
        raise _NotUnderstood("device: must have 1 to 128 letters, digits, - or _")
    if not 1 <= claims["sequence"] <= _MOST_SEQUENCE:
        raise _NotUnderstood("sequence: must be a whole number from 1")
    if not (0 <= claims["base"].epoch < 2**31 and 0 <= claims["base"].number <= _MOST_SEQUENCE):
        raise _NotUnderstood("base: must be a version of a document")
    return claims


def _need(name: str, fields: Mapping[str, Any], kind: type) -> Any:
    value = fields.get(name)
    if type(value) is not kind:
        raise _NotUnderstood(f"{name}: must be of type {kind.__name__}")
    return value
