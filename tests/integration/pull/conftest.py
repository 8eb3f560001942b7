"""A scripted bank, and a user with one item linked to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from sync.deps import Deps
from sync.pull.plaid import Plaid
from sync.pull.pull import PullResult, pull_item
from tests.fixtures.database import Database
from tests.fixtures.deps import DepsFor
from tests.integration.pull.bank import Bank, serve

TOKEN = "access-sandbox-11111111-2222-3333-4444-555555555555"


@pytest.fixture
def bank() -> Iterator[Bank]:
    """A bank that answers what the test wrote."""
    with serve() as served:
        yield served


@dataclass
class Linked:
    """User u1 with one item at the scripted bank, and the questions that tests ask about them."""

    bank: Bank
    database: Database
    deps_for: DepsFor
    item_id: UUID
    deps: Deps
    user_id: str = "u1"

    def pull(self, **swapped: Any) -> PullResult:
        """A doorbell: somebody wants this item, and a worker pulls it."""
        self.database.sql("update item_pulls set wanted = wanted + 1 where item_id = %s", self.item_id)
        return self.pull_owed(**swapped)

    def pull_owed(self, **swapped: Any) -> PullResult:
        """A worker pulls what is owed."""
        deps = self.deps_for("worker", plaid=self.deps.plaid, **swapped) if swapped else self.deps
        return pull_item(deps, self.item_id)

    def live(self) -> dict[str, Decimal]:
        """Plaid's ids of the live rows, with their amounts."""
        return dict(
            self.database.sql(
                "select plaid_transaction_id, amount from transactions where removed_at is null order by 1"
            )
        )

    def entry(self, plaid_id: str) -> UUID:
        """The entry behind a row."""
        return self.one("select entry_id from transactions where plaid_transaction_id = %s", plaid_id)

    def one(self, query: str, *parameters: Any) -> Any:
        """The first column of the only row."""
        ((value,),) = self.database.sql(query, *parameters)
        return value

    def item(self, column: str) -> Any:
        """One column of the item."""
        return self.one(f"select {column} from items where id = %s", self.item_id)

    def owed(self, column: str) -> Any:
        """One column of the item's pull state."""
        return self.one(f"select {column} from item_pulls where item_id = %s", self.item_id)

    def run(self, column: str) -> Any:
        """One column of the newest run."""
        return self.database.sql(f"select {column} from sync_runs order by id desc limit 1")[0][0]

    def marks(self) -> dict[str, int]:
        """Every mark, with its number."""
        return dict(self.database.sql("select path, number from changes"))

    def categorise(self, plaid_id: str, category: str) -> None:
        """The user sets a category."""
        self.database.sql("update entries set user_category_id = %s where id = %s", category, self.entry(plaid_id))


def link(
    deps_for: DepsFor, database: Database, bank: Bank, user_id: str = "u1", plaid_item_id: str = "item-1"
) -> Linked:
    """Signs a user up and links one item, as the API does it."""
    plaid = Plaid(url=bank.url, client_id="client", secret="secret")
    deps = deps_for("worker", plaid=plaid)
    item_id = uuid4()
    assert deps.vault is not None
    sealed = deps.vault.encrypt(item_id, TOKEN)
    database.sql("insert into users (id) values (%s) on conflict do nothing", user_id)
    database.sql("insert into items (id, user_id, plaid_item_id) values (%s, %s, %s)", item_id, user_id, plaid_item_id)
    database.sql(
        "insert into item_tokens (item_id, user_id, key_id, nonce, ciphertext, wrapped_key) "
        "values (%s, %s, %s, %s, %s, %s)",
        item_id,
        user_id,
        sealed.key_id,
        sealed.nonce,
        sealed.ciphertext,
        sealed.wrapped_key,
    )
    database.sql("insert into item_pulls (item_id, user_id) values (%s, %s)", item_id, user_id)
    return Linked(bank, database, deps_for, item_id, deps, user_id)


@pytest.fixture
def linked(deps_for: DepsFor, database: Database, bank: Bank) -> Linked:
    """User u1 with one item at the scripted bank, never pulled."""
    return link(deps_for, database, bank)
