"""The one error of the local Firestore: a canonical code of google.rpc and a text.

Rooms raise it, adapters translate it to their wire (gRPC status, HTTP status, stream error, target cause).
"""

from __future__ import annotations

from enum import Enum


class Code(Enum):
    """A canonical code: its number on the wire and the HTTP status that stands for it."""

    CANCELLED = (1, 499)
    UNKNOWN = (2, 500)
    INVALID_ARGUMENT = (3, 400)
    DEADLINE_EXCEEDED = (4, 504)
    NOT_FOUND = (5, 404)
    ALREADY_EXISTS = (6, 409)
    PERMISSION_DENIED = (7, 403)
    RESOURCE_EXHAUSTED = (8, 429)
    FAILED_PRECONDITION = (9, 400)
    ABORTED = (10, 409)
    OUT_OF_RANGE = (11, 400)
    UNIMPLEMENTED = (12, 501)
    INTERNAL = (13, 500)
    UNAVAILABLE = (14, 503)
    DATA_LOSS = (15, 500)
    UNAUTHENTICATED = (16, 401)

    @property
    def number(self) -> int:
        return self.value[0]

    @property
    def http(self) -> int:
        return self.value[1]


class FirestoreError(Exception):
    """A call that the database answers with an error."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message: str) -> FirestoreError:
    """An INVALID_ARGUMENT, by far the most frequent refusal."""
    return FirestoreError(Code.INVALID_ARGUMENT, message)


def not_here(what: str) -> FirestoreError:
    """An UNIMPLEMENTED that names what is missing: never a wrong success."""
    return FirestoreError(Code.UNIMPLEMENTED, f"The local Firestore does not serve {what}.")
