"""A client that leaves intents, as the page does, and the ledger that they are about."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from sync.changes import Version
from sync.deps import Deps
from sync.intent_envelope import Intent
from tests.fixtures.database import Database
from tests.fixtures.deps import DepsFor


@dataclass
class Device:
    """Numbers its intents as a page does."""

    user: str = "ada"
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    sequence: int = 0

    def intent(self, kind: str, body: dict[str, Any], *, seen: int = 1_000_000, **changed: Any) -> Intent:
        """The next intent of this device; its user saw the version `seen`."""
        self.sequence += 1
        now = datetime.now(UTC)
        intent = Intent(self.user, uuid.uuid4(), now, now, self.name, self.sequence, kind, Version(1, seen), now, body)
        return dataclasses.replace(intent, **changed)


@pytest.fixture
def ledger(deps_for: DepsFor) -> Callable[..., Deps]:
    """Dependencies as the intents' door has them: the API's role. Settings are given by name."""

    def build(**settings: Any) -> Deps:
        deps = deps_for("api")
        return dataclasses.replace(deps, settings=dataclasses.replace(deps.settings, **settings))

    return build


def number(database: Database, user: str = "ada") -> int:
    """The version that the user's documents have reached."""
    found: int = database.sql("select number from owners where owner = %s", f"users/{user}")[0][0]
    return found


def receipts(database: Database, user: str = "ada") -> list[tuple[Any, ...]]:
    """Outcome and reason of each answered intent, in the order of their devices."""
    return database.sql(
        "select outcome, reason from intents_applied where user_id = %s order by device, sequence, applied_at", user
    )
