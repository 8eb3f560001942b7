"""Running a plan over a reader: which documents, in which order, cut to offset and limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from local.firestore import fields as field_paths
from local.firestore import pb
from local.firestore.fields import NAME, FieldPath
from local.firestore.query.filters import Candidate
from local.firestore.query.order import SortKey
from local.firestore.query.plan import Plan
from local.firestore.storage.records import Record
from local.firestore.storage.store import Reader, Store


@dataclass(frozen=True, slots=True)
class Found:
    """A document in a result: its place, its record and its parsed fields."""

    key: SortKey
    record: Record
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class Result:
    """What a query yields, and how many documents its offset passed over."""

    found: list[Found]
    skipped: int


def run(plan: Plan, reader: Reader) -> Result:
    """The documents of a query in order."""
    if plan.by_name_only and isinstance(reader, Store):
        # The collection is kept in this order: stop as soon as the limit is full.
        enough = None if plan.limit is None else plan.offset + plan.limit
        ordered = list(islice(_matching(plan, reader), enough))
    else:
        ordered = in_order(plan, reader)
    stop = None if plan.limit is None else plan.offset + plan.limit
    return Result(ordered[plan.offset : stop], min(plan.offset, len(ordered)))


def in_order(plan: Plan, reader: Reader) -> list[Found]:
    """All matching documents in order, neither offset nor limit applied."""
    return sorted(_matching(plan, reader), key=lambda found: found.key)


def shown(record: Record, root: str, projection: tuple[FieldPath, ...] | None) -> pb.Document:
    """The document as a query returns it."""
    document = record.document(root)
    return document if projection is None else projected(document, projection)


def projected(document: pb.Document, projection: tuple[FieldPath, ...]) -> pb.Document:
    """A copy of a document that keeps only the named fields; `__name__` names none."""
    slim = pb.Document(name=document.name, create_time=document.create_time, update_time=document.update_time)
    field_paths.project(document.fields, [path for path in projection if path != NAME], slim.fields)
    return slim


def _matching(plan: Plan, reader: Reader) -> Iterator[Found]:
    for record in reader.scan(plan.scope):
        candidate = Candidate(record.path, record.content().fields)
        key = plan.key_of(candidate)
        if key is not None:
            yield Found(key, record, candidate)
