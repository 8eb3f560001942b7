"""The cache of signing keys: one fetch per key, a bound on fetches for ids that nobody knows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sync.banks.webhook_keys import WebhookKeys
from sync.errors import PlaidTransient, WebhookRejected

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Keys:
    """Plaid's side: answers what it holds, counts the questions."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Any]] = {"k": {"kid": "k", "expired_at": None}}
        self.asked: list[str] = []
        self.down = False

    def fetch(self, key_id: str) -> dict[str, Any] | None:
        self.asked.append(key_id)
        if self.down:
            raise PlaidTransient
        return self.held.get(key_id)


def test_a_key_is_fetched_once_and_again_after_a_day() -> None:
    plaid = Keys()
    keys = WebhookKeys(plaid.fetch)

    for hours in (0, 1, 23, 25):
        keys.find("k", NOON + timedelta(hours=hours))

    assert plaid.asked == ["k", "k"]


def test_a_retired_key_verifies_nothing() -> None:
    plaid = Keys()
    plaid.held["k"]["expired_at"] = int((NOON + timedelta(minutes=1)).timestamp())
    keys = WebhookKeys(plaid.fetch)

    assert keys.find("k", NOON)
    with pytest.raises(WebhookRejected):
        keys.find("k", NOON + timedelta(minutes=1))


def test_an_unknown_key_is_asked_for_once_in_minutes() -> None:
    plaid = Keys()
    keys = WebhookKeys(plaid.fetch)

    for minutes in (0, 1, 4, 6):
        with pytest.raises(WebhookRejected):
            keys.find("nobody", NOON + timedelta(minutes=minutes))

    assert plaid.asked == ["nobody", "nobody"]


def test_a_flood_of_invented_keys_costs_a_bounded_number_of_fetches() -> None:
    plaid = Keys()
    keys = WebhookKeys(plaid.fetch)
    keys.find("k", NOON)

    for number in range(500):
        with pytest.raises(WebhookRejected):
            keys.find(f"invented-{number}", NOON + timedelta(milliseconds=number))

    assert len(plaid.asked) == 10
    assert keys.find("k", NOON + timedelta(seconds=2)) == plaid.held["k"]


def test_a_known_key_outlives_an_outage_of_plaid() -> None:
    plaid = Keys()
    keys = WebhookKeys(plaid.fetch)
    keys.find("k", NOON)
    plaid.down = True

    assert keys.find("k", NOON + timedelta(days=2)) == plaid.held["k"]


def test_an_outage_is_not_mistaken_for_an_unknown_key() -> None:
    plaid = Keys()
    plaid.down = True
    keys = WebhookKeys(plaid.fetch)
    with pytest.raises(PlaidTransient):
        keys.find("k", NOON)
    plaid.down = False

    assert keys.find("k", NOON) == plaid.held["k"]
