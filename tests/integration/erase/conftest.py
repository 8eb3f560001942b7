"""A user with a row in every table, a bank at the local Plaid, documents in Firestore, and a sign-in."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from sync.deps import Deps
from sync.erase import erase, erasures
from sync.erase.erase import Told
from tests.fixtures.auth import AuthServer
from tests.fixtures.database import Database
from tests.fixtures.firestore import FirestoreServer
from tests.fixtures.plaid import PlaidServer
from tests.integration.database.test_row_security import fill, uid

ROOT = Path(__file__).parents[3]
WAIT = 3900
_DRIVE = """
import sys, uuid
from sync.erase.erase import drive
from workers.app import deps
drive(deps(), uuid.UUID(sys.argv[1]))
"""


@dataclass
class Scene:
    """One user about to be erased, and the worker that erases them."""

    database: Database
    firestore: FirestoreServer
    auth: AuthServer
    plaid: PlaidServer
    deps: Deps
    mirrored: Callable[..., Any]
    user: str
    token: str
    item: UUID
    access_token: str

    @property
    def owner(self) -> str:
        return f"users/{self.user}"

    def after(self, **passed: float) -> Deps:
        """The worker some time from now."""
        then = self.deps.now() + timedelta(**passed)
        return dataclasses.replace(self.deps, now=lambda: then)

    def ask(self) -> UUID:
        return erasures.ask(self.deps, self.user)

    def drive(self, erasure: UUID, deps: Deps | None = None) -> Told:
        """Worker and mirror in turn, until the erasure waits for time alone or is done."""
        for _ in range(8):
            told = erase.drive(deps or self.deps, erasure)
            if told.problem is None:
                return told
            self.mirrored()
            self.database.sql("update erasures set due_at = now()")
        raise AssertionError(f"it does not go on: {told}")

    def step(self) -> str:
        return str(self.database.sql("select step from erasures")[0][0])

    def documents(self) -> dict[str, Any]:
        return self.firestore.documents(self.owner)

    def environment(self, **extra: str) -> dict[str, str]:
        """The worker's settings, as a deployment would write them."""
        settings = self.deps.settings
        return {
            "PATH": os.environ["PATH"], "APP_ENV": "local", "WORKER_DATABASE_URL": settings.worker_database_url,
            "REDIS_URL": "redis://127.0.0.1:9/0", "PLAID_URL": settings.plaid_url, "PLAID_LIMITS": "none",
            "PLAID_CLIENT_ID": settings.plaid_client_id, "PLAID_SECRET": settings.plaid_secret,
            "TOKEN_KEY_FILE": settings.token_key_file, "FIREBASE_PROJECT_ID": settings.firebase_project_id,
            "FIRESTORE_EMULATOR_HOST": self.firestore.address, "FIREBASE_AUTH_EMULATOR_HOST": self.auth.address,
            "ERASE_WAIT_SECONDS": str(int(settings.erase_wait_seconds)), **extra,
        }  # fmt: skip

    def in_child(self, erasure: UUID, crash_at: str = "") -> int:
        """The worker as a process of its own; answers how it ended."""
        env = self.environment(LIVESPEND_CRASH_AT=crash_at)
        command = [sys.executable, "-c", _DRIVE, str(erasure)]
        return subprocess.run(command, cwd=ROOT, env=env, timeout=60, check=False).returncode


def everywhere(database: Database, *words: str) -> dict[str, str]:
    """Every table of the ledger read as text: in which of them a word stands."""
    tables = database.sql("select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'")
    found = {}
    for (table,) in tables:
        for (row,) in database.sql(f'select t::text from "{table}" as t'):
            for word in words:
                if word in row or word.encode().hex() in row:
                    found[table] = word
    return found


def fill_server_tables(database: Database, user: str) -> None:
    """What `fill` leaves out: rows that no user may read."""
    item, page = uid(user, "item"), uid(user, "window")
    for statement, *parameters in (
        ("insert into sync_runs (item_id, started_at, outcome) values (%s, now(), 'ok')", item),
        ("insert into page_keys (item_id, key_id, wrapped) values (%s, 'k', 'w')", item),
        (
            "insert into plaid_pages (item_id, window_id, ordinal, next_cursor, has_more, request_id, fetched_at, "
            "rows, sha256, sealed) values (%s, %s, 1, 'c', false, 'r', now(), 1, '', '')",
            item, page,
        ),
        (
            "insert into webhook_inbox (body, body_sha256, issued_at, webhook_type, webhook_code, plaid_item_id) "
            "values (%s, %s, now(), 'ITEM', 'ERROR', %s)",
            f'{{"item_id":"p-{user}"}}'.encode(), user.encode(), f"p-{user}",
        ),
        (
            "insert into parked_documents (owner, path, epoch, number, error_code, error_message) "
            "values (%s, %s, 1, 1, 'x', 'x')",
            f"users/{user}", f"users/{user}/transactions/{uid(user, 'entry')}",
        ),
        (
            "insert into mirror_state (owner, path, epoch, number, update_time) values (%s, %s, 1, 1, now())",
            f"users/{user}", f"users/{user}/accounts/none",
        ),
    ):  # fmt: skip
        database.sql(statement, *parameters)


@pytest.fixture
def scene(
    database: Database, firestore_server: FirestoreServer, auth_server: AuthServer, plaid_server: PlaidServer,
    deps_for: Callable[..., Deps], mirrored: Callable[..., Any],
) -> Iterator[Scene]:  # fmt: skip
    """Ada, who will be erased, and bob, who must not notice."""
    user, token = auth_server.sign_up("ada@livespend.test")
    database.sql("insert into mirror_window (first_month) values ('2026-01-01') on conflict (singleton) do update "
                 "set first_month = excluded.first_month")  # fmt: skip
    for name in (user, "bob"):
        fill(database, name)
        fill_server_tables(database, name)
    database.sql("update users set email = 'ada@livespend.test', display_name = 'Ada L' where id = %s", user)
    database.sql("update link_intents set closed_at = now(), state = 'removed', ciphertext = null")
    database.sql("delete from item_tokens")
    database.sql("delete from token_rotations where state = 'asked' and user_id = %s", user)
    access_token, _ = plaid_server.item(user)
    deps = deps_for("worker", now=deps_for("worker").now)
    item = UUID(uid(user, "item"))
    assert deps.vault is not None
    sealed = deps.vault.encrypt(item, access_token)
    database.sql(
        "insert into item_tokens (item_id, user_id, key_id, nonce, ciphertext, wrapped_key) "
        "values (%s, %s, %s, %s, %s, %s)",
        item, user, sealed.key_id, sealed.nonce, sealed.ciphertext, sealed.wrapped_key,
    )  # fmt: skip
    yield Scene(database, firestore_server, auth_server, plaid_server, deps, mirrored, user, token, item, access_token)
    if deps.firestore is not None:
        deps.firestore.close()
