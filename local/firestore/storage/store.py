"""All documents of one database as they are now, in memory, indexed by collection.

Only `Database` changes it, one commit at a time. Reading is a matter of dictionaries: by path, by collection, by
collection id across parents (collection groups) and by parent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from local.firestore.names import collection_of, parent_of, segment_key
from local.firestore.storage.records import Record


@dataclass(frozen=True)
class Scope:
    """What a query looks at: a collection, a collection group, or everything below a parent."""

    parent: str
    collection_id: str | None
    descendants: bool

    @property
    def collection(self) -> str | None:
        """The path of the one collection in question, if it is one."""
        if self.descendants or self.collection_id is None:
            return None
        return f"{self.parent}/{self.collection_id}" if self.parent else self.collection_id

    def holds(self, path: str) -> bool:
        """Whether a document lies in this scope."""
        collection = collection_of(path)
        if self.collection_id is not None and collection.rpartition("/")[2] != self.collection_id:
            return False
        if not self.descendants:
            return parent_of(collection) == self.parent
        return not self.parent or collection.startswith(f"{self.parent}/")


class Reader(Protocol):
    """Documents at one moment: now (`Store`) or in the past (`Past`)."""

    def get(self, path: str) -> Record | None: ...

    def scan(self, scope: Scope) -> Iterator[Record]: ...

    def collection_ids(self, parent: str) -> list[str]: ...

    def missing_parents(self, collection: str) -> set[str]: ...


class Collection:
    """The documents of one collection, by id; ids are sorted when somebody asks for their order."""

    __slots__ = ("_sorted", "records")

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self._sorted: list[str] | None = None

    def put(self, document_id: str, record: Record) -> None:
        if document_id not in self.records:
            self._sorted = None
        self.records[document_id] = record

    def remove(self, document_id: str) -> None:
        if self.records.pop(document_id, None) is not None:
            self._sorted = None

    def in_order(self) -> Iterator[Record]:
        if self._sorted is None:
            self._sorted = sorted(self.records, key=segment_key)
        return map(self.records.__getitem__, self._sorted)


class Store:
    """The present state; satisfies `Reader`."""

    def __init__(self) -> None:
        self.collections: dict[str, Collection] = {}
        self._groups: dict[str, dict[str, Collection]] = {}
        self._below: dict[str, dict[str, Collection]] = {}

    def get(self, path: str) -> Record | None:
        name, _, document_id = path.rpartition("/")
        collection = self.collections.get(name)
        return None if collection is None else collection.records.get(document_id)

    def put(self, record: Record) -> None:
        name, _, document_id = record.path.rpartition("/")
        collection = self.collections.get(name)
        if collection is None:
            collection = self._add_collection(name)
        collection.put(document_id, record)

    def remove(self, path: str) -> None:
        name, _, document_id = path.rpartition("/")
        collection = self.collections.get(name)
        if collection is None:
            return
        collection.remove(document_id)
        if not collection.records:
            self._drop_collection(name)

    def scan(self, scope: Scope) -> Iterator[Record]:
        """All records in scope; those of one collection come in name order."""
        if scope.collection is not None:
            only = self.collections.get(scope.collection)
            return iter(()) if only is None else only.in_order()
        return self._scan_many(scope)

    def collection_ids(self, parent: str) -> list[str]:
        """The ids of the collections right below a document (or the root), also below missing ones, sorted."""
        found = set(self._below.get(parent, ()))
        prefix = f"{parent}/" if parent else ""
        for name in self.collections:
            if name.startswith(prefix):
                found.add(name[len(prefix) :].partition("/")[0])
        return sorted(found, key=str.encode)

    def missing_parents(self, collection: str) -> set[str]:
        """Paths of documents of a collection that do not exist, but have something below them."""
        prefix = f"{collection}/"
        below = {prefix + name[len(prefix) :].partition("/")[0] for name in self.collections if name.startswith(prefix)}
        return {path for path in below if self.get(path) is None}

    def everything(self) -> Iterator[Record]:
        for collection in self.collections.values():
            yield from collection.records.values()

    def _scan_many(self, scope: Scope) -> Iterator[Record]:
        for name, collection in list(self._candidates(scope).items()):
            if not scope.descendants or not scope.parent or name.startswith(f"{scope.parent}/"):
                yield from collection.in_order()

    def _candidates(self, scope: Scope) -> dict[str, Collection]:
        if scope.collection_id is not None:
            return self._groups.get(scope.collection_id, {})
        if scope.descendants:
            return self.collections
        return self._below.get(scope.parent, {})

    def _add_collection(self, name: str) -> Collection:
        collection = self.collections[name] = Collection()
        parent, _, collection_id = name.rpartition("/")
        self._groups.setdefault(collection_id, {})[name] = collection
        self._below.setdefault(parent, {})[collection_id] = collection
        return collection

    def _drop_collection(self, name: str) -> None:
        parent, _, collection_id = name.rpartition("/")
        del self.collections[name]
        for index, key, inner in ((self._groups, collection_id, name), (self._below, parent, collection_id)):
            del index[key][inner]
            if not index[key]:
                del index[key]
