"""The whole stand-in behind its protocols: databases, rules, clock, disk, faults and counts.

One engine per server, used from one event loop only. Databases come into being when they are first named, as with
the vendor's emulator. `close` writes the clock down; without it (kill -9) the last commit's time is what counts.
"""

from __future__ import annotations

from pathlib import Path

from local.firestore.access import Caller, Gate
from local.firestore.clock import Clock
from local.firestore.database import Database
from local.firestore.faults import Faults
from local.firestore.names import check_database, project_of
from local.firestore.rules import Rules
from local.firestore.stats import Stats
from local.firestore.storage.disk import Memory, SqliteDisk
from local.firestore.transactions import Transactions


class Engine:
    """Holds everything that outlives a connection."""

    def __init__(self, data: Path | None = None, rules_text: str | None = None) -> None:
        self._rules: dict[str, Rules] = {}
        # Strict: what the evaluator cannot decide is refused at start, never ignored.
        self._default_rules = None if rules_text is None else Rules.load(rules_text, strict=True).cover()
        self._disk = Memory() if data is None else SqliteDisk(data)
        self.clock = Clock(self._disk.newest)
        self.faults = Faults()
        self.stats = Stats()
        self._databases: dict[str, Database] = {}
        self._transactions: dict[str, Transactions] = {}
        for name, record in self._disk.load():
            self.database(name).restore(record)

    def database(self, name: str) -> Database:
        """The database of this name; raises INVALID_ARGUMENT for a malformed one."""
        database = self._databases.get(name)
        if database is None:
            database = Database(check_database(name), self.clock, self._disk, self.stats)
            self._databases[name] = database
            self._transactions[name] = Transactions(database)
        return database

    def databases(self) -> list[Database]:
        return list(self._databases.values())

    def transactions(self, database: Database) -> Transactions:
        return self._transactions[database.name]

    def gate(self, database: Database, caller: Caller) -> Gate:
        """The rules as they are now, for one caller."""
        return Gate(lambda: self.rules_of(project_of(database.name)), database, caller)

    def load_rules(self, text: str, project: str | None = None) -> None:
        """Replaces the rules (of one project, or of all); raises RulesSyntaxError and keeps the old ones."""
        rules = Rules.load(text).cover()
        if project is None:
            self._default_rules = rules
            self._rules.clear()
        else:
            self._rules[project] = rules
        for database in self._databases.values():
            database.index.recheck_all()

    def rules_of(self, project: str) -> Rules | None:
        """The rules that decide for a project."""
        return self._rules.get(project, self._default_rules)

    def forget_rules(self) -> None:
        """Back to no rules: only the admin may do anything."""
        self._default_rules = None
        self._rules.clear()
        for database in self._databases.values():
            database.index.recheck_all()

    def close(self) -> None:
        self._disk.close(self.clock.read_time())
