"""A user with one item at the local Plaid, where a token that was exchanged is really dead."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from sync.banks.tokens import rotate_token
from sync.keys.vault import Sealed, Vault
from tests.fixtures.database import Database
from tests.fixtures.deps import DepsFor
from tests.fixtures.plaid import PlaidServer
from tests.integration.pull.bank import Bank
from tests.integration.pull.conftest import Linked
from tests.integration.pull.process import environment

ROOT = Path(__file__).parents[3]
_ROTATE = """
import sys, uuid
from sync.banks.tokens import rotate_token
from workers.app import deps
print(rotate_token(deps(), uuid.UUID(sys.argv[1])))
"""


class Home(Linked):
    """User u1 with an item of the local Plaid."""

    plaid: PlaidServer

    def with_deps(self, **swapped: Any) -> Home:
        """The same home with some dependencies swapped."""
        other = Home(self.bank, self.database, self.deps_for, self.item_id, replace(self.deps, **swapped))
        other.plaid = self.plaid
        return other

    def rotate(self) -> str:
        """A worker exchanges the token."""
        return rotate_token(self.deps, self.item_id)

    def rotate_in_child(self, **extra: str) -> int:
        """Exchanges the token in a child process; answers its exit code (negative: the signal that ended it)."""
        command = [sys.executable, "-c", _ROTATE, str(self.item_id)]
        return subprocess.run(command, cwd=ROOT, env=self.environment(**extra), timeout=60).returncode

    def environment(self, redis_url: str = "redis://127.0.0.1:9/0", **extra: str) -> dict[str, str]:
        """The worker's settings for this bank."""
        return environment(self, redis_url, **{**self.keys, **extra})

    @property
    def keys(self) -> dict[str, str]:
        """The Plaid keys that this bank takes."""
        return {"PLAID_CLIENT_ID": self.plaid.client_id, "PLAID_SECRET": self.plaid.secret}

    def command(self, *words: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """An operator's command."""
        command = [sys.executable, "-m", "workers.cli", *words]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment(**extra), capture_output=True, text=True, timeout=120
        )

    def stored(self) -> str:
        """The token in the ledger, opened."""
        (sealed,) = self.sealed()
        assert self.deps.vault is not None
        return self.deps.vault.decrypt(self.item_id, sealed)

    def sealed(self) -> list[Sealed]:
        """The item's token as it is stored."""
        rows = self.database.sql(
            "select key_id, nonce, ciphertext, wrapped_key from item_tokens where item_id = %s", self.item_id
        )
        return [Sealed(k, bytes(n), bytes(c), None if w is None else bytes(w)) for k, n, c, w in rows]

    def intents(self) -> list[str]:
        """The states of all exchanges, the oldest first."""
        return [state for (state,) in self.database.sql("select state from token_rotations order by id")]

    def tell(self) -> None:
        """News at the bank, and a pull is wanted."""
        self.plaid.buy("u1", amount="1")
        self.database.sql("update item_pulls set wanted = wanted + 1")

    def equal_to_bank(self) -> bool:
        """Whether the ledger holds exactly what the bank holds."""
        return set(self.live()) == set(self.plaid.live(self.item("plaid_item_id")))


def put_item(database: Database, vault: Vault, user_id: str, token: str, plaid_item_id: str) -> UUID:
    """Stores an item as linking does."""
    item_id = uuid4()
    sealed = vault.encrypt(item_id, token)
    database.sql("insert into users (id) values (%s) on conflict do nothing", user_id)
    database.sql("insert into items (id, user_id, plaid_item_id) values (%s, %s, %s)", item_id, user_id, plaid_item_id)
    database.sql(
        "insert into item_tokens (item_id, user_id, key_id, nonce, ciphertext, wrapped_key) "
        "values (%s, %s, %s, %s, %s, %s)",
        item_id, user_id, sealed.key_id, sealed.nonce, sealed.ciphertext, sealed.wrapped_key,
    )  # fmt: skip
    database.sql("insert into item_pulls (item_id, user_id) values (%s, %s)", item_id, user_id)
    return item_id


@pytest.fixture
def home(deps_for: DepsFor, database: Database, plaid_server: PlaidServer) -> Home:
    """User u1 with one item at the local Plaid, never pulled."""
    token, plaid_item_id = plaid_server.item("u1")
    deps = deps_for("worker")
    assert deps.vault is not None
    item_id = put_item(database, deps.vault, "u1", token, plaid_item_id)
    home = Home(Bank(url=plaid_server.url), database, deps_for, item_id, deps)
    home.plaid = plaid_server
    return home
