"""Exact counts of Firestore writes: `python -m bench.writes`; exits 1 where a count is not what is promised.

No-op re-pull 0; one category change 2 (a row that changes its month 3); a note 1, ten notes while a commit is held back
1; a first page of 500 in one month 502 (rows, month, head) and one more, which is not a transaction's: the bank's own
document, whose freshness moves by an hour or more with the pull. What Firestore counted and what the cost meter counted
have to be equal too. So the gate closes when writes per changed transaction grow, and when the meter errs.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import requests

from bench.ground import publish
from local.person import Person
from local.postgres import free_port
from local.stack import Stack

_PROMISED = {
    "first page of 500 in one month": 502 + 1,
    "no-op re-pull": 0,
    "one category change": 2,
    "one row into another month": 3,
    "one note": 1,
    "ten notes inside a window": 1,
}
_BANK = '{"override_accounts": [{"type": "depository", "subtype": "checking", "transactions": []}]}'


def main() -> int:
    started = time.monotonic()
    os.environ["INTENT_SILENCE_SECONDS"] = "3600"  # its beats are writes too, and nobody's changes
    state = Path(tempfile.mkdtemp(prefix="livespend-writes-"))
    stack = Stack(state, free_port(), durable=False)
    try:
        for _ in stack.start():
            pass
        counted = _count(stack)
    finally:
        stack.stop()
        shutil.rmtree(state, ignore_errors=True)
    wrong = [name for name, (written, metered) in counted.items() if not written == metered == _PROMISED[name]]
    publish(
        "writes",
        started,
        counted={name: written for name, (written, _) in counted.items()},
        promised=_PROMISED,
        metered={name: metered for name, (_, metered) in counted.items()},
        equal=not wrong,
    )
    return 1 if wrong else 0


def _count(stack: Stack) -> dict[str, tuple[int, int]]:
    person = Person.sign_in_or_up(stack, "counter@livespend.test", "correct horse")
    person.introduce("Counter")
    item = person.link_bank("user_custom", _BANK)
    person.wait_until_mirrored()
    today = datetime.now(UTC).date()
    rows = [{"amount": "4.75", "description": f"Row {n}", "date": today.isoformat(),
             "authorized_date": today.isoformat()} for n in range(500)]  # fmt: skip
    page = {"user": person.uid, "rows": rows}
    counted = {
        "first page of 500 in one month": _writes(
            stack, person, lambda: _after_a_pull(stack, lambda: person.bank("/_local/transactions", page))
        ),
        "no-op re-pull": _writes(
            stack, person, lambda: _after_a_pull(stack, lambda: _pull_all_again(stack, item["id"]))
        ),
    }
    entry = person.get(f"/api/transactions?month={today:%Y-%m}&limit=1")["transactions"][0]["id"]
    path = f"/api/transactions/{entry}"
    counted["one category change"] = _writes(stack, person, lambda: person.patch(path, {"categoryId": "TRAVEL"}))
    counted["one note"] = _writes(stack, person, lambda: person.patch(path, {"note": "counted"}))
    earlier = _an_earlier_month(person)
    counted["one row into another month"] = _writes(stack, person, lambda: _move(stack, entry, earlier))
    counted["ten notes inside a window"] = _writes(stack, person, lambda: _at_once(stack, entry, 10))
    return counted


def _writes(stack: Stack, person: Person, act: Callable[[], object]) -> tuple[int, int]:
    """What Firestore counted, and what the meter did."""
    person.wait_until_mirrored()
    before, metered = _stats(stack), _metered(stack)
    act()
    person.wait_until_mirrored()
    return _stats(stack) - before, _metered(stack) - metered


def _an_earlier_month(person: Person) -> str:
    """A day of last month, with an expense in it so that the month is shown already."""
    day = (datetime.now(UTC).date().replace(day=1) - timedelta(days=3)).isoformat()
    expense = {"amount": "1.00", "currency": "USD", "date": day, "name": "Earlier",
               "categoryId": "TRAVEL"}  # fmt: skip
    person.post("/api/transactions", expense)
    return day


def _move(stack: Stack, entry: str, day: str) -> None:
    _sql(stack, "update transactions set date = %s, authorized_date = %s where entry_id = %s", day, day, entry)


def _at_once(stack: Stack, entry: str, edits: int) -> None:
    """Edits in one transaction: no mirror can come in between."""
    with psycopg2.connect(stack.database_url()) as connection, connection.cursor() as cursor:
        for number in range(edits):
            cursor.execute("update entries set note = %s where id = %s", (f"note {number}", entry))


def _metered(stack: Stack) -> int:
    return int(_sql(stack, "select coalesce(sum(writes + deletes), 0) from mirror_costs")[0][0])


def _after_a_pull(stack: Stack, act: Callable[[], object]) -> None:
    before = _runs(stack)
    act()
    give_up = time.monotonic() + 120
    while _runs(stack) == before:
        if time.monotonic() > give_up:
            raise TimeoutError("no pull happened")
        time.sleep(0.05)


def _pull_all_again(stack: Stack, item: str) -> None:
    with psycopg2.connect(stack.database_url()) as connection, connection.cursor() as cursor:
        cursor.execute("update items set cursor = null where id = %s", (item,))
        cursor.execute("update item_pulls set wanted = wanted + 1 where item_id = %s", (item,))


def _stats(stack: Stack) -> int:
    found = requests.get(f"http://{stack.firestore}/_local/stats", timeout=10).json()
    return int(found["writes"]) + int(found["deletes"])


def _runs(stack: Stack) -> int:
    return int(_sql(stack, "select count(*) from sync_runs")[0][0])


def _sql(stack: Stack, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    with psycopg2.connect(stack.database_url()) as connection, connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


if __name__ == "__main__":
    sys.exit(main())
