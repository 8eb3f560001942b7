"""A user, the local Plaid and both doors: Link as a page or a person at Plaid's own address goes through it.

The doors' clock is the machine's plus what the test lets pass. With `at_noon` it stands at the stand-in's: then link
tokens live as long as they say. Processes of their own, and signatures, go by the machine's.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sync.banks import accounts, hosted_link, items, links
from sync.banks.twins import Told
from sync.deps import Deps, utc_now
from sync.pull.pull import pull_item
from sync.pull.sweep import sweep
from tests.fixtures.database import Database
from tests.fixtures.deps import DepsFor
from tests.fixtures.plaid import FIRST_PLATYPUS, PlaidServer

ROOT = Path(__file__).parents[3]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
_EXCHANGE = """
import os, sys
from sync.banks import items
from sync.deps import build_deps
from sync.settings import read_settings
items.exchange(build_deps(read_settings(os.environ), door="api"), "u1", sys.stdin.readline().strip())
"""
_TASK = """
import os, sys, uuid
from sync.banks import hosted_link, links
from sync.deps import build_deps
from sync.settings import read_settings
task = {"settle_link": links.settle_link, "finish_link": hosted_link.finish_link}[sys.argv[1]]
task(build_deps(read_settings(os.environ), door="worker"), uuid.UUID(sys.argv[2]))
"""
TASKS = {"settle_link": links.settle_link, "finish_link": hosted_link.finish_link}


@dataclass
class Scene:
    """User u1, signed up, with no bank yet."""

    deps_for: DepsFor
    database: Database
    plaid: PlaidServer
    passed: timedelta = timedelta()
    clock: Callable[[], datetime] = utc_now

    @property
    def api(self) -> Deps:
        """The API's dependencies, now."""
        return self._timed(self.deps_for("api"))

    @property
    def worker(self) -> Deps:
        """The worker's dependencies, now."""
        return self._timed(self.deps_for("worker"))

    def at_noon(self) -> None:
        """Sets the doors' clock to the stand-in's, where it stands still."""
        self.clock = lambda: NOON

    def wait(self, **time: float) -> None:
        """Lets time pass."""
        self.passed += timedelta(**time)

    def link(self, **options: Any) -> UUID:
        """Links a bank as the page does; answers the item."""
        item, _ = items.exchange(self.api, "u1", self.plaid.link("u1", **options))
        return UUID(item["id"])

    def exchange(self, public_token: str, **told: Any) -> UUID:
        """Exchanges a public token with what Link told."""
        item, _ = items.exchange(self.api, "u1", public_token, **told)
        return UUID(item["id"])

    def pull(self, item_id: UUID) -> None:
        """The worker asks for the accounts if it is to, then pulls what the bank has."""
        self.database.sql("update item_pulls set wanted = wanted + 1")
        accounts.refresh_accounts(self.worker, item_id)
        pull_item(self.worker, item_id)

    def exchange_in_child(self, public_token: str, crash_at: str = "") -> int:
        """Exchanges in a process of its own; answers its exit code (negative: the signal that ended it)."""
        return self._child(_EXCHANGE, crash_at, told=public_token)

    def task_in_child(self, task: str, row_id: UUID, crash_at: str = "") -> int:
        """Runs a task of the worker in a process of its own; answers its exit code."""
        return self._child(_TASK, crash_at, task, str(row_id))

    def sweep(self) -> list[str]:
        """Sweeps, and does what the sweep rang for; answers the names of the tasks."""
        self.deps_for.bells.clear()
        sweep(self.worker)
        return self.work()

    def work(self) -> list[str]:
        """The worker does what was rung for; answers the names of the tasks."""
        rung = [bell for bell in self.deps_for.bells if bell[0] in TASKS]
        for task, arguments in rung:
            TASKS[task](self.worker, *(UUID(argument) for argument in arguments.values()))
        return [task for task, _ in rung]

    def at_plaid(self) -> list[str]:
        """Plaid's ids of the items that nobody has removed there."""
        return [item["item_id"] for item in self.plaid.look("items")["items"] if not item["removed"]]

    def intents(self, columns: str = "state") -> list[Any]:
        """What became of every intent, sorted."""
        rows = sorted(self.database.sql(f"select {columns} from link_intents"))
        return [row[0] if len(row) == 1 else row for row in rows]

    def one(self, query: str, *parameters: Any) -> Any:
        """The first column of the only row."""
        ((value,),) = self.database.sql(query, *parameters)
        return value

    def told(self, item_id: UUID) -> dict[str, Any]:
        """Bank and accounts of an item as Link tells them."""
        accounts = self.database.sql("select name, mask, type, subtype from accounts where item_id = %s", item_id)
        return {"institution_id": FIRST_PLATYPUS, "accounts": [Told(*account) for account in accounts]}

    def _timed(self, deps: Deps) -> Deps:
        return dataclasses.replace(deps, now=lambda: self.clock() + self.passed)

    def command(self, *words: str) -> str:
        """What an operator's command says."""
        command = [sys.executable, "-m", "workers.cli", *words]
        return subprocess.run(
            command, cwd=ROOT, env=self._environment(""), capture_output=True, text=True, timeout=60, check=True
        ).stdout

    def _child(self, code: str, crash_at: str, *arguments: str, told: str = "") -> int:
        command = [sys.executable, "-c", code, *arguments]
        environment = self._environment(crash_at)
        return subprocess.run(command, cwd=ROOT, env=environment, input=told.encode(), timeout=60).returncode

    def _environment(self, crash_at: str) -> dict[str, str]:
        settings = self.deps_for.settings
        return {name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH") if name in os.environ} | {
            "APP_ENV": "local",
            "API_DATABASE_URL": settings.api_database_url,
            "FIREBASE_PROJECT_ID": "demo-livespend",
            "WORKER_DATABASE_URL": settings.worker_database_url,
            "PLAID_URL": self.plaid.url,
            "PLAID_CLIENT_ID": self.plaid.client_id,
            "PLAID_SECRET": self.plaid.secret,
            "PLAID_LIMITS": "none",
            "TOKEN_KEY_FILE": settings.token_key_file,
            "LIVESPEND_CRASH_AT": crash_at,
        }
