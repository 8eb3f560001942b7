"""Resource names: `projects/P/databases/D/documents/users/u1` and the relative paths inside one database.

Rooms work on relative paths ('users/u1', '' is the root); only messages carry full names. The order of names is
the order of their segments: numeric ids (`__id7__`) first, then the rest by UTF-8 bytes.
"""

from __future__ import annotations

import re
import secrets
import string
from functools import lru_cache
from typing import TypeAlias

from local.firestore.errors import invalid

SegmentKey: TypeAlias = tuple[int, int | bytes]
PathKey: TypeAlias = tuple[SegmentKey, ...]

MAX_ID_BYTES = 1500
MAX_NAME_BYTES = 6 * 1024
_MAX_SEGMENTS = 200
_COLLECTION = "Collection id"
_DATABASE = re.compile(r"projects/([^/]+)/databases/([^/]+)")
_NUMERIC_ID = re.compile(r"__id(-?[1-9][0-9]{0,18})__")
_ALPHABET = string.ascii_letters + string.digits


def check_database(name: str) -> str:
    """The name itself; raises INVALID_ARGUMENT unless it is `projects/P/databases/D`."""
    if not _DATABASE.fullmatch(name):
        raise invalid(f'Invalid database name "{name}": expected projects/{{project}}/databases/{{database}}.')
    return name


def database_of(name: str) -> str:
    """The database that a full resource name lies in."""
    found = _DATABASE.match(name)
    if not found:
        raise invalid(f'Resource name "{name}" does not name a database.')
    return found.group(0)


def project_of(database: str) -> str:
    return database.split("/", 2)[1]


def document_path(database: str, name: str) -> str:
    """The relative path of a full document name; raises INVALID_ARGUMENT for anything else."""
    path = _relative(database, name)
    segments = path.split("/")
    if not path or len(segments) % 2:
        raise invalid(f'Document name "{name}" has an invalid number of segments.')
    _check(segments, name)
    return path


def parent_path(database: str, name: str) -> str:
    """The relative path of a query's parent: a document, or '' for the database's root."""
    path = _relative(database, name)
    if not path:
        return ""
    segments = path.split("/")
    if len(segments) % 2:
        raise invalid(f'Parent name "{name}" is no document.')
    _check(segments, name)
    return path


def collection_path(parent: str, collection_id: str) -> str:
    check_id(collection_id, _COLLECTION)
    return f"{parent}/{collection_id}" if parent else collection_id


def collection_of(path: str) -> str:
    """The collection that a document lies in."""
    return path.rpartition("/")[0]


def parent_of(collection: str) -> str:
    """The document that a collection lies below, or ''."""
    return collection.rpartition("/")[0]


def check_id(segment: str, what: str) -> None:
    """Raises INVALID_ARGUMENT for an id that the service refuses."""
    if not segment or segment in {".", ".."} or "/" in segment:
        raise invalid(f'{what} "{segment}" is invalid.')
    reserved = len(segment) > 4 and segment.startswith("__") and segment.endswith("__")
    if reserved and (what == _COLLECTION or _numeric_id(segment) is None):
        raise invalid(f'{what} "{segment}" is invalid because it is reserved.')
    if len(segment) > MAX_ID_BYTES // 4 and len(segment.encode()) > MAX_ID_BYTES:
        raise invalid(f"{what} is longer than {MAX_ID_BYTES} bytes.")


def new_id() -> str:
    """A random document id of the usual form."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(20))


def segment_key(segment: str) -> SegmentKey:
    """Sorts one id among its siblings."""
    numeric = _numeric_id(segment)
    return (1, segment.encode()) if numeric is None else (0, numeric)


def _numeric_id(segment: str) -> int | None:
    """The number that a document's id stands for, if it is one of 64 bits in its shortest form."""
    found = _NUMERIC_ID.fullmatch(segment) if segment.startswith("__id") else None
    number = None if found is None else int(found.group(1))
    return number if number is not None and -(2**63) <= number < 2**63 else None


@lru_cache(maxsize=8192)
def _collection_key(collection: str) -> PathKey:
    return tuple(segment_key(segment) for segment in collection.split("/"))


def path_key(path: str) -> PathKey:
    """Sorts documents by name, across collections too."""
    collection, _, last = path.rpartition("/")
    return (*_collection_key(collection), segment_key(last))


def _relative(database: str, name: str) -> str:
    root = f"{database}/documents"
    if name in {root, f"{root}/"}:
        return ""
    if not name.startswith(f"{root}/"):
        raise invalid(f'Resource name "{name}" does not lie in {database}.')
    return name[len(root) + 1 :]


def _check(segments: list[str], name: str) -> None:
    for position, segment in enumerate(segments):
        check_id(segment, "Document id" if position % 2 else _COLLECTION)
    if len(segments) > _MAX_SEGMENTS:
        raise invalid(f"Document name has more than {_MAX_SEGMENTS // 2} levels.")
    if len(name) > MAX_NAME_BYTES // 4 and len(name.encode()) > MAX_NAME_BYTES:
        raise invalid(f"Document name is longer than {MAX_NAME_BYTES} bytes.")
