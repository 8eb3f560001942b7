"""What the vectors ask about besides rows: the spend of a month, and what a screen would show of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from sync.deps import Deps
from sync.ledger.spend import list_months
from sync.mirror.mirror import Mirror
from tests.fixtures.database import Database
from tests.fixtures.firestore import FirestoreServer
from tests.integration.pull.conftest import Linked

FIRST_MONTH = "2025-01-01"


@pytest.fixture
def api(linked: Linked) -> Deps:
    """The API's dependencies: its own role, the scripted bank."""
    return linked.deps_for("api", plaid=linked.deps.plaid)


@dataclass
class Spend:
    """User u1's months as the API answers them."""

    deps: Deps

    def month(self, month: str = "2026-11") -> dict[str, Any]:
        """The month's document, {} when there is none."""
        return next((found for found in list_months(self.deps, "u1") if found["month"] == month), {})

    def by_category(self, currency: str = "USD") -> dict[str, Decimal]:
        """November's spend by category."""
        told = self.month().get("currencies", {}).get(currency, {"categories": {}})
        return {category: Decimal(sums["amount"]) for category, sums in told["categories"].items()}

    def total(self, currency: str = "USD") -> Decimal:
        """November's spend."""
        return Decimal(self.month().get("currencies", {}).get(currency, {"spend": "0"})["spend"])


@pytest.fixture
def spend(api: Deps) -> Spend:
    """Asks for user u1's months."""
    return Spend(api)


@dataclass
class Screen:
    """Firestore as a screen of user u1 reads it, once the mirror has drained."""

    drain: Callable[[], Mirror]
    check: Callable[[], None]
    firestore: FirestoreServer

    def look(self) -> dict[str, dict[str, Any]]:
        """Drains the mirror, checks every document against plain SQL, answers those of u1 by path below the user."""
        self.drain()
        self.check()
        return {
            path.removeprefix("users/u1/"): document for path, document in self.firestore.documents("users/u1").items()
        }

    def rows(self) -> dict[str, dict[str, Any]]:
        """The transactions on screen, by entry."""
        return {path.removeprefix("transactions/"): it for path, it in self.look().items() if "transactions/" in path}


@pytest.fixture
def screen(
    database: Database,
    mirrored: Callable[[], Mirror],
    assert_mirrored: Callable[[], None],
    firestore_server: FirestoreServer,
) -> Screen:
    """A screen on which the months since FIRST_MONTH have rows."""
    database.sql(
        "insert into mirror_window (first_month) values (%s) on conflict (singleton) do update "
        "set first_month = excluded.first_month",
        FIRST_MONTH,
    )
    return Screen(mirrored, assert_mirrored, firestore_server)
