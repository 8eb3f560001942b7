"""One database: the present, the recent past, and the path of a commit.

A commit is one uninterrupted step on the event loop: apply to an overlay, write to disk, change the memory, tell
the listeners. A crash before the disk write leaves nothing, after it everything; nobody was told in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from local.firestore import pb
from local.firestore.clock import Clock
from local.firestore.errors import Code, FirestoreError, invalid
from local.firestore.listen.index import Index
from local.firestore.stats import Stats
from local.firestore.storage.disk import Disk
from local.firestore.storage.history import Change, History, Past
from local.firestore.storage.records import Record
from local.firestore.storage.store import Reader, Store
from local.firestore.write.batch import Batch, Permit
from local.firestore.write.intent import Intent


class Database:
    """Documents of one `projects/P/databases/D`, with those who listen to them."""

    def __init__(self, name: str, clock: Clock, disk: Disk, stats: Stats) -> None:
        self.name = name
        self.root = f"{name}/documents"
        self.clock = clock
        self.epoch = disk.epoch
        self.stats = stats
        self.store = Store()
        # Nothing has changed since the last commit on disk: whoever saw that state may resume from it.
        self.history = History(disk.newest or clock.read_time())
        self.index = Index(self)
        self.watchers: set[Callable[[list[Change]], None]] = set()
        self._disk = disk

    def restore(self, record: Record) -> None:
        """Takes in a document from disk; only while starting."""
        self.store.put(record)

    def reader(self, at: int | None = None) -> Reader:
        """The state now or at an earlier time; raises when that time is in the future or too far back."""
        if at is None:
            return self.store
        if at > self.clock.read_time():
            raise invalid("The requested read_time lies in the future.")
        states = self.history.states_at(at)
        if states is None:
            raise FirestoreError(Code.FAILED_PRECONDITION, "The requested snapshot version is too old.")
        return Past(self.store, states) if states else self.store

    def commit(self, intents: Iterable[Intent], permit: Permit | None = None) -> tuple[list[pb.WriteResult], int]:
        """Applies all writes or none; answers their results and the commit time."""
        batch = Batch(self.root, self.store, self.clock.commit_time())
        results = batch.apply(intents, permit)
        self._keep(batch.changes(), batch.commit_time)
        self.stats.count_commit(len(results))
        return results, batch.commit_time

    def take_in(self, records: Iterable[Record]) -> None:
        """Puts documents beside, or in place of, what is there, as one commit that listeners see."""
        time = self.clock.commit_time()
        fresh = [Record(each.path, each.data, min(each.created, time), time) for each in records]
        self._keep([Change(time, each.path, self.store.get(each.path), each) for each in fresh], time)

    def clear(self) -> None:
        """Deletes every document, as one commit that listeners see."""
        time = self.clock.commit_time()
        self._keep([Change(time, record.path, record, None) for record in list(self.store.everything())], time)

    def _keep(self, changes: list[Change], time: int) -> None:
        if not changes:
            return
        self._disk.write(self.name, changes, time)
        for change in changes:
            if change.after is None:
                self.store.remove(change.path)
            else:
                self.store.put(change.after)
            self.history.add(change)
            self.stats.count_change(change)
        self.index.publish(changes, time)
        for watcher in list(self.watchers):
            watcher(changes)
