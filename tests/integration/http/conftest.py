"""The API on a real ledger with the local sign-in: people who send requests, and banks they have rows at."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
import requests
from apiflask import APIFlask
from werkzeug.test import TestResponse

from api.app import create_app
from api.auth import SignIn
from sync.deps import Deps
from tests.fixtures.auth import AuthServer
from tests.fixtures.database import Database
from tests.fixtures.deps import DepsFor
from tests.integration.http.documented import assert_documented


@dataclass
class Person:
    """A signed-up user with a browser."""

    app: APIFlask
    user_id: str
    token: str

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Sends one request with the token; headers by name with `_` for `-`. The answer must be as documented."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {} if body is None else {"json": body}
        with self.app.test_client() as client:
            answer = client.open(path, method=method, headers={"Authorization": f"Bearer {self.token}"} | named, **sent)
        assert_documented(self.app, answer)
        return answer

    def expense(self, key: str | None = None, **changed: Any) -> TestResponse:
        """Adds a manual expense."""
        body = {"amount": "12.34", "currency": "USD", "date": "2026-11-03", "name": "Lunch", "categoryId": "TRAVEL"}
        return self("POST", "/api/transactions", body | changed, **({} if key is None else {"Idempotency_Key": key}))


@dataclass
class House:
    """The application, and ways to put people and bank rows into it."""

    app: APIFlask
    deps: Deps
    database: Database
    auth: AuthServer

    def person(self, name: str) -> Person:
        """Signs up at Firebase and here."""
        user_id, token = self.auth.sign_up(f"{name}@example.com")
        person = Person(self.app, user_id, token)
        assert person("PUT", "/api/me", {"displayName": name.title()}).status_code == 200
        return person

    def change_account(self, user_id: str, **fields: Any) -> None:
        """What an administrator does to an account at Firebase."""
        url = (
            f"http://{self.auth.address}/identitytoolkit.googleapis.com/v1/projects/{self.auth.project}/accounts:update"
        )
        body = {"localId": user_id, **fields}
        requests.post(url, json=body, headers={"Authorization": "Bearer owner"}, timeout=10).raise_for_status()

    def bank_row(self, user_id: str, **columns: Any) -> str:
        """A live bank transaction at a bank of its own; answers its entry id."""
        item_id, account_id, entry_id = (str(uuid.uuid4()) for _ in range(3))
        self._insert("items", id=item_id, user_id=user_id, plaid_item_id=item_id, institution_name="First Platypus")
        self._insert("item_pulls", item_id=item_id, user_id=user_id)
        account = {"name": "Checking", "type": "depository", "iso_currency": "USD", "current_balance": "110.5"}
        self._insert(
            "accounts", id=account_id, user_id=user_id, item_id=item_id, plaid_account_id=account_id, **account
        )
        self._insert("entries", id=entry_id, user_id=user_id)
        row: dict[str, Any] = {
            "amount": "4.50",
            "iso_currency": "USD",
            "date": date(2026, 11, 5),
            "authorized_date": date(2026, 11, 4),
            "pending": False,
            "name": "Coffee",
            "bank_category_id": "FOOD_AND_DRINK",
        }
        keys = {"entry_id": entry_id, "user_id": user_id, "account_id": account_id, "plaid_transaction_id": entry_id}
        self._insert("transactions", source="bank", **keys, **(row | columns))
        return entry_id

    def _insert(self, table: str, **columns: Any) -> None:
        places = ", ".join(["%s"] * len(columns))
        self.database.sql(f"insert into {table} ({', '.join(columns)}) values ({places})", *columns.values())


@pytest.fixture
def house_of(database: Database) -> Callable[..., House]:
    """Puts the application over these dependencies and a sign-in that it asks anew on every request."""

    def build(deps: Deps, auth: AuthServer, *, remembered_seconds: float = 0) -> House:
        settings = dataclasses.replace(
            deps.settings, firebase_auth_emulator_host=auth.address, firebase_project_id=auth.project
        )
        deps = dataclasses.replace(deps, settings=settings)
        sign_in = SignIn(settings, remembered_seconds=remembered_seconds)
        return House(create_app(deps, sign_in), deps, database, auth)

    return build


@pytest.fixture
def house(house_of: Callable[..., House], deps_for: DepsFor, auth_server: AuthServer) -> House:
    return house_of(deps_for("api"), auth_server)


@pytest.fixture
def alice(house: House) -> Person:
    return house.person("alice")


@pytest.fixture
def bob(house: House) -> Person:
    return house.person("bob")
