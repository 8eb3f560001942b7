"""A full resync: asked for by an anomaly, by a cursor that Plaid refuses, or by the operator."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sync.pull.imports import Sizes
from sync.pull.pull import pull_item
from sync.pull.resync import resync_item
from tests.integration.pull.bank import INITIAL, error, page, row
from tests.integration.pull.conftest import Linked

REFUSED = {
    "error_type": "INVALID_INPUT",
    "error_code": "INVALID_FIELD",
    "error_message": "cursor not associated with access_token",
    "display_message": None,
    "request_id": "req-error",
}
SMALL = Sizes(pages_in_memory=1, rows_at_once=2, rows_per_step=2)


@pytest.fixture
def held(linked: Linked) -> Linked:
    """An item whose five rows are in the ledger, one of them with the user's category."""
    linked.bank.at(None, page(added=[row(name, date=f"2026-11-0{number}") for number, name in enumerate("abcde", 1)]))
    linked.pull()
    linked.categorise("b", "TRAVEL")
    return linked


def test_added_and_removed_on_one_page_wants_a_full_resync(held: Linked) -> None:
    """Vector 37: the removal wins, the anomaly is counted, and everything is told anew."""
    held.bank.at("C1", page(added=[row("x")], removed=["x"], to="C2"))
    held.bank.at(None, page(added=[row(name, date=f"2026-11-0{n}") for n, name in enumerate("abcdex", 1)], to="C3"))

    held.pull()

    assert set(held.live()) == set("abcdex")
    assert (held.owed("resync"), held.owed("wanted = done"), held.item("cursor")) == (False, True, "C3")
    assert held.database.sql("select anomalies from sync_runs order by id") == [(0,), (1,), (0,)]


@pytest.mark.parametrize("large", [False, True], ids=["at once", "from kept pages in steps"])
def test_a_full_resync_takes_away_what_is_not_told_any_more(held: Linked, large: bool) -> None:
    """Vector 61: three rows that the bank does not tell any more leave the live set, edits stay on their entries."""
    before = held.marks()
    held.bank.at(None, page(added=[row("a", date="2026-11-01")], to="P2", more=True))
    held.bank.at("P2", page(added=[row("e", date="2026-11-05")], to="C9"))

    _resync(held, SMALL if large else None)

    assert set(held.live()) == {"a", "e"}
    touched = {path for path, number in held.marks().items() if before.get(path) != number and "/imports/" not in path}
    assert touched == {f"users/u1/transactions/{held.entry(name)}" for name in "bcd"} | {"users/u1/months/2026-11"}
    assert held.one("select user_category_id from entries where id = %s", held.entry("b")) == "TRAVEL"
    assert held.item("cursor") == "C9"


def test_a_full_resync_of_an_unchanged_bank_writes_nothing(held: Linked) -> None:
    """Vector 60: all rows come as added, nothing is marked."""
    before = held.marks()
    held.bank.at(None, page(added=[row(name, date=f"2026-11-0{n}") for n, name in enumerate("abcde", 1)], to="C7"))

    _resync(held)

    assert (held.marks(), set(held.live()), held.item("cursor")) == (before, set("abcde"), "C7")


def test_what_is_older_than_all_that_is_told_stays(held: Linked) -> None:
    held.bank.at(None, page(added=[row("d", date="2026-11-04"), row("e", date="2026-11-05")], to="C9"))

    _resync(held)

    assert set(held.live()) == set("abcde")


def test_a_history_that_is_not_complete_takes_nothing_away(held: Linked) -> None:
    held.bank.at(None, page(added=[row("a", date="2026-11-01")], to="C9", status=INITIAL))

    _resync(held)

    assert set(held.live()) == set("abcde")


def test_the_rows_of_a_closed_account_stay(held: Linked) -> None:
    held.database.sql("update accounts set closed_at = now()")
    held.bank.at(None, page(added=[row("z", date="2026-11-01")], to="C9", accounts=[]))
    held.bank.at("C1", page(to="C1"))

    _resync(held)

    assert {"b", "c", "d", "e"} <= set(held.live())


def test_a_refused_cursor_begins_one_full_resync(
    held: Linked, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Vector 62: classified, one automatic full resync, an alert."""
    refused: Any = error("INVALID_FIELD", kind="INVALID_INPUT")
    held.bank.at("C1", (refused[0], _json(REFUSED)))
    held.bank.at(None, page(added=[row(name, date=f"2026-11-0{n}") for n, name in enumerate("abcdef", 1)], to="C8"))

    result = held.pull()

    assert (result.outcome, set(held.live()), held.item("cursor")) == ("applied", set("abcdef"), "C8")
    assert held.item("status") == "ok"
    assert held.bank.calls == ["", "C1", ""]
    assert held.one("select user_category_id from entries where id = %s", held.entry("b")) == "TRAVEL"
    assert "cursor_refused" in capsys.readouterr().out + caplog.text


def test_a_bank_that_refuses_the_beginning_too_is_not_asked_over_and_over(held: Linked) -> None:
    held.bank.at("C1", (400, _json(REFUSED)))
    held.bank.at(None, (400, _json(REFUSED)))

    result = held.pull()

    assert (result.outcome, held.bank.calls[1:]) == ("failed", ["C1", ""])
    assert (set(held.live()), held.item("cursor"), held.owed("retry_at is not null")) == (set("abcde"), "C1", True)


def _resync(held: Linked, sizes: Sizes | None = None) -> None:
    resync_item(held.deps, held.item_id)
    pull_item(held.deps, held.item_id, *([sizes] if sizes else []))
    assert held.owed("resync") is False


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()
