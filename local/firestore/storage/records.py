"""One stored version of a document.

Fields are kept as serialised bytes: an eighth of the memory of a parsed message, parsed in microseconds when they
are needed. Serialisation is deterministic, so equal fields are equal bytes: that is how a write that changes
nothing is noticed.
"""

from __future__ import annotations

from local.firestore import pb
from local.firestore.clock import stamp


class Record:
    """A version of a document: its path, fields and times. Never changed once made."""

    __slots__ = ("created", "data", "path", "updated")

    def __init__(self, path: str, data: bytes, created: int, updated: int) -> None:
        self.path = path
        self.data = data
        self.created = created
        self.updated = updated

    def content(self) -> pb.Document:
        """A fresh Document with the fields only."""
        return pb.Document.FromString(self.data)

    def document(self, root: str) -> pb.Document:
        """A fresh Document with name and times, as clients see it."""
        document = pb.Document.FromString(self.data)
        document.name = f"{root}/{self.path}"
        stamp(document.create_time, self.created)
        stamp(document.update_time, self.updated)
        return document


def serialise(content: pb.Document) -> bytes:
    """The bytes of a Document that holds fields only."""
    return bytes(content.SerializeToString(deterministic=True))
