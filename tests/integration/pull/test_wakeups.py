"""Sampled orders of webhooks and workers on the real thing: real webhooks, real pulls, each step in a drawn order.

The model of tests/unit/pull/test_wakeups.py walks every order; here a seeded sample of them runs on Postgres and a bank
over HTTP. Every actor stops before each statement that the protocol is made of, and at the bank; the order in which
they go on is drawn. An actor that a lock of the database holds up is left alone until it can go on.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Engine, event

from sync.banks.webhooks import receive
from sync.deps import Deps
from sync.pull.pull import pull_item
from tests.integration.pull.bank import Bank, page, row
from tests.integration.pull.conftest import Linked

SEEDS, ORDERS = range(4), 40
WEBHOOKS, WORKERS = 3, 3
STEPS = (
    "pg_try_advisory_lock",
    "pg_advisory_unlock",
    "join item_pulls as p",
    "update item_pulls set done",
    "want_pull",
)
PATIENCE = 0.15
SWITCH = 0.2


@dataclass
class Turns:
    """Lets one actor go on at a time, from one stop to its next, its end, or to where the database holds it up."""

    draw: random.Random
    changed: threading.Condition = field(default_factory=threading.Condition)
    stopped: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    going: str = ""
    free: bool = False
    ranks: dict[str, float] = field(default_factory=dict)

    def stop(self) -> None:
        """Called by an actor at each step: waits for its turn."""
        own = threading.current_thread().name
        if not own.startswith("actor"):
            return
        with self.changed:
            self.stopped.add(own)
            self.changed.notify_all()
            assert self.changed.wait_for(lambda: self.free or self.going == own, timeout=60)
            self.stopped.discard(own)
            self.going = ""

    def give_way(self) -> None:
        """Called by an actor that has nothing to do now: all others go first."""
        self._demote(threading.current_thread().name)
        self.stop()

    def run(self, actors: list[threading.Thread]) -> None:
        """Runs the actors to their ends in a drawn order."""
        names = {actor.name for actor in actors}
        self.ranks = {name: self.draw.random() for name in names}
        for actor in actors:
            actor.start()
        with self.changed:
            while self.ended != names:
                self.changed.wait_for(lambda: self.stopped or self.ended == names, timeout=PATIENCE)
                if self.stopped:
                    self._go(max(self.stopped, key=self.ranks.__getitem__))
        for actor in actors:
            actor.join(60)

    def end(self) -> None:
        """Called by an actor when it has nothing left to do."""
        with self.changed:
            self.ended.add(threading.current_thread().name)
            self.changed.notify_all()

    def _go(self, chosen: str) -> None:
        """Lets one actor go on; now and then it loses its rank afterwards, which is what makes rare orders likely."""
        self.going = chosen
        self.changed.notify_all()
        self.changed.wait_for(lambda: self._rests(chosen), timeout=PATIENCE)
        if self.draw.random() < SWITCH:
            self._demote(chosen)

    def _demote(self, name: str) -> None:
        self.ranks[name] = min(self.ranks.values()) - 1

    def _rests(self, chosen: str) -> bool:
        return self.going == "" and (chosen in self.stopped or chosen in self.ended)


@contextmanager
def stops_at_each_step(engine: Engine, turns: Turns) -> Iterator[None]:
    """Makes every actor stop before the protocol's statements on this engine."""

    def before(_: Any, __: Any, statement: str, *___: Any) -> None:
        if any(step in statement for step in STEPS):
            turns.stop()

    event.listen(engine, "before_cursor_execute", before)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", before)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_drawn_order_of_webhooks_and_workers_loses_news(linked: Linked, bank: Bank, seed: int) -> None:
    draw, rows = random.Random(seed), list[dict[str, Any]]()
    for known in range(ORDERS * WEBHOOKS + 1):
        bank.at(f"C{known}" if known else None, _after(rows, known))
    linked.database.sql("update item_pulls set done = wanted where item_id = %s", linked.item_id)
    api = linked.deps_for("api", plaid=linked.deps.plaid)

    for order in range(ORDERS):
        _run(Turns(draw), linked, api, rows)

        assert len(linked.live()) == len(rows) == (order + 1) * WEBHOOKS, f"seed {seed}, order {order}"
        assert (linked.owed("wanted = done"), linked.deps_for.bells) == (True, []), f"seed {seed}, order {order}"


def _run(turns: Turns, linked: Linked, api: Deps, rows: list[dict[str, Any]]) -> None:
    told, bells = threading.Event(), linked.deps_for.bells
    with stops_at_each_step(api.engine, turns), stops_at_each_step(linked.deps.engine, turns):
        webhooks = _actor(turns, 0, lambda: _tell_all(linked, api, rows, told))
        workers = [_actor(turns, number, lambda: _work(linked, turns, bells, told)) for number in range(1, WORKERS + 1)]
        turns.run([webhooks, *workers])


def _after(rows: list[dict[str, Any]], known: int) -> Callable[[], Any]:
    """The bank's answer to a worker that has the first `known` rows."""

    def answer() -> dict[str, Any]:
        told = list(rows)
        return page(added=told[known:], to=f"C{len(told)}")

    return answer


def _actor(turns: Turns, number: int, body: Callable[[], None]) -> threading.Thread:
    def run() -> None:
        try:
            turns.stop()
            body()
        finally:
            turns.end()

    return threading.Thread(target=run, name=f"actor {number}", daemon=True)


def _tell_all(linked: Linked, api: Deps, rows: list[dict[str, Any]], told: threading.Event) -> None:
    try:
        for number in range(len(rows), len(rows) + WEBHOOKS):
            rows.append(row(f"t{number}"))
            body = {"webhook_type": "TRANSACTIONS", "webhook_code": "SYNC_UPDATES_AVAILABLE", "item_id": "item-1"}
            raw = json.dumps(body | {"number": number}, indent=2).encode()
            receive(api, raw, linked.bank.sign(raw))
    finally:
        told.set()


def _work(linked: Linked, turns: Turns, bells: list[Any], told: threading.Event) -> None:
    """A worker that takes doorbells until the last webhook has rung and none is left."""
    while True:
        last = told.is_set()
        try:
            bells.pop()
        except IndexError:
            if last:
                return
            turns.give_way()
            continue
        pull_item(linked.deps, linked.item_id)
