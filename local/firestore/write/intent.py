"""What one Write message asks for, taken apart once: kind, path, precondition and the function from old to new.

Old clients send transforms as a write of their own, new ones as part of an update; the web SDK also sends `verify`,
which the published protocol file lacks: it arrives as unknown field 5.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from local.firestore import fields as field_paths
from local.firestore import pb
from local.firestore.clock import microseconds_of
from local.firestore.errors import invalid
from local.firestore.names import document_path
from local.firestore.storage.records import Record
from local.firestore.values import check_document, check_written
from local.firestore.write import transforms

VERIFY_FIELD = 5
_MAX_TRANSFORMS = 500


@dataclass(frozen=True, slots=True)
class Intent:
    """One write: what it does to which document, and on which condition."""

    kind: Literal["update", "delete", "verify"]
    path: str
    precondition: pb.Precondition
    write: pb.Write

    @property
    def steps(self) -> Sequence[pb.FieldTransform]:
        """Its transforms, in order."""
        legacy = self.write.WhichOneof("operation") == "transform"
        steps: Sequence[pb.FieldTransform] = (
            self.write.transform.field_transforms if legacy else self.write.update_transforms
        )
        return steps

    @property
    def version(self) -> int | None:
        """The update time that the write asks for, in microseconds."""
        return microseconds_of(self.precondition.update_time) if self.precondition.HasField("update_time") else None

    def content_after(self, before: Record | None, request_time: int) -> tuple[pb.Document, list[Any]]:
        """The fields that an update leaves behind and the results of its transforms; raises INVALID_ARGUMENT."""
        legacy = self.write.WhichOneof("operation") == "transform"
        content = _masked(self.write, before, keep=legacy)
        answers = [transforms.apply(step, content.fields, request_time) for step in self.steps]
        check_document(self.path, content.fields)
        return content, answers

    def check(self) -> None:
        """Raises INVALID_ARGUMENT for values that no document may hold."""
        check_document(self.path, self.write.update.fields)


def read_intent(database: str, write: pb.Write) -> Intent:
    """Takes a Write message apart; raises INVALID_ARGUMENT when it makes no sense, whatever is stored."""
    intent = _read(database, write)
    check_written(write.update.fields)
    for step in intent.steps:
        transforms.check(step)
    return intent


def _read(database: str, write: pb.Write) -> Intent:
    operation = write.WhichOneof("operation")
    condition = write.current_document
    if operation == "update":
        return Intent("update", document_path(database, write.update.name), condition, write)
    if operation == "delete":
        if write.HasField("update_mask"):
            raise invalid("A delete must not specify a document mask.")
        return Intent("delete", document_path(database, write.delete), condition, write)
    if operation == "transform":
        if not write.transform.field_transforms:
            raise invalid("The list of FieldTransform must not be empty.")
        return Intent("update", document_path(database, write.transform.document), condition, write)
    verified = _verified_name(write)
    if verified is None:
        raise invalid("A write must have one of update, delete, transform, verify.")
    return Intent("verify", document_path(database, verified), condition, write)


def read_intents(database: str, writes: Iterable[pb.Write]) -> list[Intent]:
    """Takes the writes of one commit apart; raises INVALID_ARGUMENT, also for what cannot stand in one commit."""
    intents = [read_intent(database, write) for write in writes]
    _check_sequence(intents)
    steps = Counter[str]()
    for intent in intents:
        steps[intent.path] += len(intent.steps)
        if steps[intent.path] > _MAX_TRANSFORMS:
            raise invalid(f"Cannot apply more than {_MAX_TRANSFORMS} field transforms to a document in one commit.")
    return intents


def _check_sequence(intents: Iterable[Intent]) -> None:
    """Raises INVALID_ARGUMENT where writes of one document cannot follow each other in one commit.

    The service makes one write of them: a precondition that the write before cannot but break is refused, and so is
    a version asked for after a write that asked for none, or for another.
    """
    last: dict[str, Intent] = {}
    versions: dict[str, object] = {}
    for intent in intents:
        if intent.kind == "verify":
            continue
        before = last.get(intent.path)
        if before is not None:
            _check_follows(before, intent, versions[intent.path])
        versions.setdefault(intent.path, intent.version)
        last[intent.path] = intent


def _check_follows(before: Intent, intent: Intent, version: object) -> None:
    exists = intent.precondition.exists if intent.precondition.HasField("exists") else None
    claims = exists is not False if before.kind == "delete" else exists is False
    asks = exists is not None or (intent.version is not None and intent.kind == "update" and before.kind == "delete")
    if asks and claims:
        raise invalid(f"Cannot {before.kind} then {intent.kind} an entity in the same request.")
    if intent.version is not None and intent.version != version:
        raise invalid("Cannot collapse mutations with different version preconditions.")


def _masked(write: pb.Write, before: Record | None, *, keep: bool) -> pb.Document:
    if not keep and not write.HasField("update_mask"):
        content = pb.Document()
        content.CopyFrom(write.update)
        for told in ("name", "create_time", "update_time"):
            content.ClearField(told)
        return content
    content = before.content() if before else pb.Document()
    for text in write.update_mask.field_paths:
        path = field_paths.parse(text)
        value = field_paths.get(write.update.fields, path)
        if value is None:
            field_paths.drop(content.fields, path)
        else:
            field_paths.put(content.fields, path, value)
    return content


def _verified_name(write: pb.Write) -> str | None:
    from google.protobuf.unknown_fields import UnknownFieldSet

    for field in UnknownFieldSet(write):
        if field.field_number == VERIFY_FIELD and isinstance(field.data, bytes):
            return field.data.decode()
    return None
