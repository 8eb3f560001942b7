"""A ledger with people in it: users signed up through the product, bank rows put in as the worker would."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from sync import users
from sync.db import Mark
from sync.deps import Deps
from tests.fixtures.database import Database
from tests.fixtures.deps import DepsFor


@dataclass
class Scene:
    """The API's dependencies, and shortcuts into the same database."""

    deps: Deps
    database: Database

    def sign_up(self, user_id: str) -> str:
        """A user with a ledger."""
        users.sign_up(self.deps, user_id, f"{user_id}@example.com", user_id.title())
        return user_id

    def link(self, user_id: str) -> tuple[uuid.UUID, uuid.UUID]:
        """An item with a token, a pull and one account; answers both ids."""
        item_id, account_id = uuid.uuid4(), uuid.uuid4()
        assert self.deps.vault is not None
        sealed = self.deps.vault.encrypt(item_id, f"access-sandbox-{item_id}")
        self.database.sql(
            "insert into items (id, user_id, plaid_item_id, institution_name) values (%s, %s, %s, 'First Platypus')",
            str(item_id), user_id, f"plaid-{item_id}",
        )  # fmt: skip
        self.database.sql(
            "insert into item_tokens (item_id, user_id, key_id, nonce, ciphertext, wrapped_key) "
            "values (%s, %s, %s, %s, %s, %s)",
            str(item_id), user_id, sealed.key_id, sealed.nonce, sealed.ciphertext, sealed.wrapped_key,
        )  # fmt: skip
        self.database.sql("insert into item_pulls (item_id, user_id) values (%s, %s)", str(item_id), user_id)
        self.database.sql(
            "insert into accounts (id, user_id, item_id, plaid_account_id, name, type, iso_currency) "
            "values (%s, %s, %s, %s, 'Checking', 'depository', 'USD')",
            str(account_id), user_id, str(item_id), f"plaid-{account_id}",
        )  # fmt: skip
        return item_id, account_id

    def bank_row(self, user_id: str, account_id: uuid.UUID, **columns: Any) -> str:
        """A live bank transaction; answers its entry id."""
        entry_id = str(uuid.uuid4())
        row = {
            "entry_id": entry_id,
            "user_id": user_id,
            "account_id": str(account_id),
            "plaid_transaction_id": f"plaid-{entry_id}",
            "source": "bank",
            "amount": "12.34",
            "iso_currency": "USD",
            "date": date(2026, 11, 3),
            "pending": False,
            "name": "Coffee",
            "bank_category_id": "FOOD_AND_DRINK",
        } | columns
        self.database.sql("insert into entries (id, user_id) values (%s, %s)", entry_id, user_id)
        places = ", ".join(["%s"] * len(row))
        self.database.sql(f"insert into transactions ({', '.join(row)}) values ({places})", *row.values())
        return entry_id

    def marks(self, user_id: str) -> dict[str, tuple[int, int]]:
        """Every mark of a user: path without the owner to version."""
        rows = self.database.sql("select path, epoch, number from changes where owner = %s", f"users/{user_id}")
        return {path.removeprefix(f"users/{user_id}"): (epoch, number) for path, epoch, number in rows}

    def forget_marks(self) -> None:
        """What a mirror that has shown everything leaves behind."""
        self.database.sql("delete from changes")
        self.database.sql("update owners set dirty = false, dirty_since = null")


@pytest.fixture
def scene(deps_for: DepsFor, database: Database) -> Scene:
    """A ledger with alice and bob in it."""
    made = Scene(deps_for("api"), database)
    made.sign_up("alice")
    made.sign_up("bob")
    made.forget_marks()
    return made


def paths(marked: list[Mark]) -> list[str]:
    """What an edit marked, without the owner."""
    return ["/".join(mark.path.split("/")[2:]) for mark in marked]
