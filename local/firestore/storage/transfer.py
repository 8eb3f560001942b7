"""Export and import: all documents of one moment as lines of JSON, for people, fixtures and other machines.

The first line names the format; each further line is one document: its database, path, times and fields in Firestore's
own JSON. An import is one commit per database that listeners see; a document keeps the time it was created, and is
updated now, for update times only grow. What cannot be read is refused whole, with its line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format

from local.firestore import pb
from local.firestore.errors import FirestoreError, invalid
from local.firestore.names import check_database, document_path
from local.firestore.storage.records import Record, serialise
from local.firestore.values import check_document

if TYPE_CHECKING:
    from local.firestore.engine import Engine

FORMAT = "local-firestore-export"
VERSION = 1


def export_lines(engine: Engine) -> Iterator[str]:
    """The lines of an export, without line ends."""
    yield json.dumps({"format": FORMAT, "version": VERSION})
    for database in sorted(engine.databases(), key=lambda database: database.name):
        for record in sorted(database.store.everything(), key=lambda record: record.path):
            content = json_format.MessageToDict(record.content())
            body = {"database": database.name, "path": record.path, "created": record.created,
                    "updated": record.updated, "fields": content.get("fields", {})}  # fmt: skip
            yield json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def import_lines(engine: Engine, lines: Iterable[str]) -> int:
    """Takes an export in, beside what is there already; answers how many documents. Raises INVALID_ARGUMENT."""
    by_database: dict[str, list[Record]] = {}
    numbered = ((number, line) for number, line in enumerate(lines, start=1) if line.strip())
    _check_head(next(numbered, (1, "")))
    for number, line in numbered:
        database, record = _record(number, line)
        by_database.setdefault(database, []).append(record)
    for name, records in by_database.items():
        engine.database(name).take_in(records)
    return sum(map(len, by_database.values()))


def _check_head(numbered: tuple[int, str]) -> None:
    number, line = numbered
    head = _object(number, line)
    if head.get("format") != FORMAT:
        raise invalid(f'Line {number}: an export begins with {{"format": "{FORMAT}"}}.')
    if head.get("version") != VERSION:
        raise invalid(f"Line {number}: version {head.get('version')} of the format is not known here.")


def _record(number: int, line: str) -> tuple[str, Record]:
    body = _object(number, line)
    try:
        database = check_database(str(body["database"]))
        content = json_format.ParseDict({"fields": body["fields"]}, pb.Document())
        path = document_path(database, f"{database}/documents/{body['path']}")
        check_document(path, content.fields)
        created, updated = int(body["created"]), int(body["updated"])
    except (KeyError, TypeError, ValueError, FirestoreError, json_format.ParseError) as problem:
        told = f"there is no {problem}" if isinstance(problem, KeyError) else str(problem)
        raise invalid(f"Line {number}: {told}") from problem
    return database, Record(path, serialise(content), created, updated)


def _object(number: int, line: str) -> dict[str, Any]:
    try:
        body = json.loads(line)
    except ValueError as problem:
        raise invalid(f"Line {number}: {problem}") from problem
    if not isinstance(body, dict):
        raise invalid(f"Line {number}: an object is expected.")
    return body
