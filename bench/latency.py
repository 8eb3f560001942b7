"""Webhook → document and edit → document, interleaved with the bare hop: `python -m bench.latency [rounds]`.

The whole stack runs with fsync on. Many people take turns, so that pacing (one aggregate write per second and owner)
is not what is measured; the vendor's Python client listens. A change that
never arrives within 30 s ends the run with an error: there is no figure then.
"""

from __future__ import annotations

import itertools
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import psycopg2

from bench.ground import child, interleave, paired, publish, spread
from bench.hop import Hop
from local.listener import Listener
from local.person import Person
from local.postgres import free_port
from local.stack import Stack

_PEOPLE = 40
_WARM_UP = 20
_BANK = '{"override_accounts": [{"type": "depository", "subtype": "checking", "transactions": []}]}'


def main(rounds: int) -> None:
    started = time.monotonic()
    state = Path(tempfile.mkdtemp(prefix="livespend-latency-"))
    stack = Stack(state, free_port(), durable=True)
    try:
        for _ in stack.start():
            pass
        _measure(stack, rounds, started)
    finally:
        stack.stop()
        shutil.rmtree(state, ignore_errors=True)


def _measure(stack: Stack, rounds: int, started: float) -> None:
    noop = free_port()
    with child("bench.noop_firestore", str(noop)), ExitStack() as listening:
        benches = [_Seat(stack, number, listening) for number in range(_PEOPLE)]
        turns = itertools.cycle(benches)
        arms = {
            "hop": Hop(stack.database_url(), f"127.0.0.1:{noop}"),
            "edit to document": lambda: next(turns).edit(),
            "webhook to document": lambda: next(turns).purchase(),
        }
        figures = interleave(arms, rounds + _WARM_UP)
    kept = {name: values[_WARM_UP:] for name, values in figures.items()}
    publish(
        "latency",
        started,
        rounds=rounds,
        milliseconds={name: spread(values) for name, values in kept.items()},
        hops={name: paired(values, kept["hop"]) for name, values in kept.items() if name != "hop"},
    )


class _Seat:
    """One person with a bank and a listener."""

    def __init__(self, stack: Stack, number: int, listening: ExitStack) -> None:
        self._stack = stack
        self._person = Person.sign_in_or_up(stack, f"seat-{number}@livespend.test", "correct horse")
        self._person.introduce(f"Seat {number}")
        self._person.link_bank("user_custom", _BANK)
        self._person.buy(amount="5", description="First")
        self._listener = listening.enter_context(
            Listener(stack.firestore, stack.project, self._person.uid, ("transactions",))
        )
        first = self._listener.wait(lambda path, fields: fields.get("name") == "First", 60)
        self._entry, self._category = first.path.rsplit("/", 1)[1], itertools.cycle(["TRAVEL", "MEDICAL"])
        self._count = itertools.count(1)

    def edit(self) -> float:
        started = datetime.now(UTC)
        answer = self._person.patch(f"/api/transactions/{self._entry}", {"categoryId": next(self._category)})
        mark = next(mark for mark in answer["marked"] if "/transactions/" in mark["path"])
        seen = self._listener.wait_for_version(mark["path"], mark["version"], 30)
        return (seen.received_at - started).total_seconds() * 1000

    def purchase(self) -> float:
        name, since = f"Purchase {next(self._count)}", datetime.now(UTC)
        self._person.buy(amount="5", description=name)
        seen = self._listener.wait(lambda path, fields: fields.get("name") == name, 30)
        with psycopg2.connect(self._stack.database_url()) as connection, connection.cursor() as cursor:
            cursor.execute("select min(received_at) from webhook_inbox where received_at >= %s", (since,))
            (received,) = cursor.fetchone() or (None,)
        return (seen.received_at - received).total_seconds() * 1000


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
