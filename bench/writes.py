"""Exact counts of Firestore writes: `python -m bench.writes`; exits 1 where a count is not what is promised.

No-op re-pull 0; one category change 2; a first page of 500 in one month 503 (rows, month, head, and the
bank, whose freshness moves by an hour or more); a note 1.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg2
import requests

from bench.ground import publish
from local.person import Person
from local.postgres import free_port
from local.stack import Stack

_PROMISED = {"first page of 500 in one month": 503, "no-op re-pull": 0, "one category change": 2, "one note": 1}
_BANK = '{"override_accounts": [{"type": "depository", "subtype": "checking", "transactions": []}]}'


def main() -> int:
    started = time.monotonic()
    state = Path(tempfile.mkdtemp(prefix="livespend-writes-"))
    stack = Stack(state, free_port(), durable=False)
    try:
        for _ in stack.start():
            pass
        counted = _count(stack)
    finally:
        stack.stop()
        shutil.rmtree(state, ignore_errors=True)
    publish("writes", started, counted=counted, promised=_PROMISED, equal=counted == _PROMISED)
    return 0 if counted == _PROMISED else 1


def _count(stack: Stack) -> dict[str, int]:
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
    return counted


def _writes(stack: Stack, person: Person, act: Callable[[], object]) -> int:
    before = _stats(stack)
    act()
    person.wait_until_mirrored()
    return _stats(stack) - before


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
    with psycopg2.connect(stack.database_url()) as connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from sync_runs")
        return int((cursor.fetchone() or (0,))[0])


if __name__ == "__main__":
    sys.exit(main())
