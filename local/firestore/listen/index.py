"""Who must be told about a changed document: views by collection, by collection group and by document.

A commit costs work for the listeners of the collections it touches and for no others. Rules that read other
documents for a verdict register those too: when one changes, the verdict is asked for again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from local.firestore.listen.view import Delta, DocumentsView, View, deltas_of, query_view
from local.firestore.names import collection_of
from local.firestore.query.plan import Plan
from local.firestore.storage.history import Change
from local.firestore.storage.store import Scope

if TYPE_CHECKING:
    from local.firestore.database import Database


class Audience(Protocol):
    """A stream that shows views to a client."""

    def absorb(self, target_id: int, effect: dict[str, bool]) -> None:
        """Notes what a commit changed in one of its targets."""
        ...

    def flush(self, deltas: dict[str, Delta], time: int) -> None:
        """Sends what was noted, as one consistent step."""
        ...

    def recheck(self, target_id: int) -> None:
        """Asks the rules again."""
        ...


Seat = tuple[Audience, int]


class Followed:
    """A view, the targets that show it, and the places of the index where it can be found."""

    def __init__(self, key: object, view: View, scope: Scope | None) -> None:
        self.key = key
        self.view = view
        self.seats: dict[Seat, None] = {}
        self.homes: list[tuple[_Places, str]] = []
        self._scope = scope

    def concerns(self, path: str) -> bool:
        return self._scope is None or self._scope.holds(path)


_Places = dict[str, dict[object, Followed]]
_EVERYWHERE = ""


class Index:
    """All views and guarded documents of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._views: dict[object, Followed] = {}
        self._by_collection: _Places = {}
        self._by_group: _Places = {}
        self._by_document: _Places = {}
        self._guards: dict[str, dict[Seat, None]] = defaultdict(dict)

    def follow_query(self, key: object, plan: Plan, seat: Seat) -> Followed:
        """Shows a query to a target; the view is made or shared. `key` is the query's identity."""
        followed = self._views.get(key)
        if followed is None:
            followed = Followed(key, query_view(plan, self._database.store), plan.scope)
            if plan.scope.collection is not None:
                self._settle(followed, self._by_collection, [plan.scope.collection])
            else:
                self._settle(followed, self._by_group, [plan.scope.collection_id or _EVERYWHERE])
        followed.seats[seat] = None
        return followed

    def follow_documents(self, paths: frozenset[str], seat: Seat) -> Followed:
        """Shows documents to a target."""
        followed = self._views.get(paths)
        if followed is None:
            followed = Followed(paths, DocumentsView(paths, self._database.store), None)
            self._settle(followed, self._by_document, paths)
        followed.seats[seat] = None
        return followed

    def leave(self, followed: Followed, seat: Seat) -> None:
        """Takes a target away; a view that nobody looks at is dropped."""
        followed.seats.pop(seat, None)
        if followed.seats or self._views.pop(followed.key, None) is None:
            return
        for places, name in followed.homes:
            del places[name][followed.key]
            if not places[name]:
                del places[name]

    @property
    def targets(self) -> int:
        """How many targets are shown something."""
        return sum(len(followed.seats) for followed in self._views.values())

    def guard(self, paths: Iterable[str], seat: Seat) -> None:
        """Has the seat's rules asked again whenever one of these documents changes."""
        for path in paths:
            self._guards[path][seat] = None

    def unguard(self, paths: Iterable[str], seat: Seat) -> None:
        for path in paths:
            seats = self._guards.get(path)
            if seats is not None:
                seats.pop(seat, None)
                if not seats:
                    del self._guards[path]

    def publish(self, changes: list[Change], time: int) -> None:
        """Tells every stream concerned about a commit: documents first, then one snapshot mark each."""
        deltas = {delta.path: delta for delta in deltas_of(changes, self._database.root)}
        concerned: dict[Audience, None] = {}
        self._recheck(deltas)
        for followed, seen in self._touched(deltas.values()):
            effect = followed.view.absorb(seen)
            for audience, target_id in followed.seats if effect else ():
                audience.absorb(target_id, effect)
                concerned[audience] = None
        for audience in concerned:
            audience.flush(deltas, time)

    def recheck_all(self) -> None:
        """Asks the rules again for every target; after new rules were loaded."""
        for audience, target_id in [seat for followed in self._views.values() for seat in followed.seats]:
            audience.recheck(target_id)

    def _recheck(self, deltas: Iterable[str]) -> None:
        if not self._guards:
            return
        seats = {seat: None for path in deltas for seat in self._guards.get(path, ())}
        for audience, target_id in seats:
            audience.recheck(target_id)

    def _touched(self, deltas: Iterable[Delta]) -> list[tuple[Followed, list[Delta]]]:
        seen: dict[object, tuple[Followed, list[Delta]]] = {}
        for delta in deltas:
            for followed in self._followers(delta.path):
                seen.setdefault(followed.key, (followed, []))[1].append(delta)
        return list(seen.values())

    def _followers(self, path: str) -> Iterable[Followed]:
        collection = collection_of(path)
        yield from self._by_collection.get(collection, {}).values()
        yield from self._by_document.get(path, {}).values()
        for group in (collection.rpartition("/")[2], _EVERYWHERE):
            yield from (followed for followed in self._by_group.get(group, {}).values() if followed.concerns(path))

    def _settle(self, followed: Followed, places: _Places, names: Iterable[str]) -> None:
        self._views[followed.key] = followed
        for name in names:
            places.setdefault(name, {})[followed.key] = followed
            followed.homes.append((places, name))
