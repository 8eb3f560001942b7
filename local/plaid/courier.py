"""The courier: sends the outbox's webhooks in the background, and moves items along their readiness timeline.

Success is exactly 200 within ten seconds. Anything else is tried again after 30 s, then four times longer each time,
six times in all; the schedule can be scaled. Signed anew at each attempt. What is in the outbox survives a restart.
A held webhook (fault `webhook_reorder`) goes after the next one of its item, or after two seconds alone.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import defaultdict, deque

import aiohttp

from local.plaid import items, signing, timeline
from local.plaid.clock import Clock
from local.plaid.world import World

RETRIES = 6
_FIRST_DELAY, _GROWTH = 30.0, 4.0
_HELD_SECONDS = 2.0
_AT_ONCE = 16
_DAY, _ENOUGH, _REJECTED = 86_400, 10, 0.9
_SHORTEST_WAIT = 0.005
_LOOK_SECONDS, _SHORTEST_LOOK = 60.0, 0.25


class Courier:
    """One per world; `run` until cancelled."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._event = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()
        self._look_again = 0.0
        self._delivered: dict[str, deque[tuple[float, bool]]] = defaultdict(lambda: deque(maxlen=1000))
        world.wake = self._event.set

    async def run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=self._world.config.webhook_timeout)
        self._world.store.run("update outbox set state = 'due' where state = 'sending'")
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
            try:
                while True:
                    self._event.clear()
                    items.due_timers(self._world)
                    self._follow_the_clock()
                    self._send_due(session)
                    await self._wait()
            finally:
                for task in self._sending:
                    task.cancel()
                await asyncio.gather(*self._sending, return_exceptions=True)

    def _follow_the_clock(self) -> None:
        """Lets happen what is due by a clock that runs; looking is cheap, yet not done at every call."""
        if Clock.machine_seconds() >= self._look_again:
            with self._world.commit():
                timeline.catch_up(self._world)
            self._look_again = Clock.machine_seconds() + self._pause()

    def _pause(self) -> float:
        rate = self._world.clock.rate
        return min(max(_LOOK_SECONDS / rate, _SHORTEST_LOOK), _LOOK_SECONDS) if rate else _LOOK_SECONDS

    async def _wait(self) -> None:
        """Until woken or until the next retry, held webhook or timer is due."""
        next_due = self._world.store.value(
            "select min(at) from (select min(due_at) at from outbox where state = 'due' union all"
            " select min(due_at) + ? from outbox where state = 'held' union all select min(due_at) from timers)",
            _HELD_SECONDS,
        )
        busy = len(self._sending) >= _AT_ONCE
        seconds = self._pause() if next_due is None or busy else max(next_due - Clock.machine_seconds(), _SHORTEST_WAIT)
        try:
            async with asyncio.timeout(seconds):  # wait_for may swallow the cancellation that ends us
                await self._event.wait()
        except TimeoutError:
            return

    def _send_due(self, session: aiohttp.ClientSession) -> None:
        now = Clock.machine_seconds()
        late = (
            "update outbox set state = 'due' where state = 'held' and due_at <= ? and not exists"
            " (select 1 from outbox o where o.item = outbox.item and o.state in ('due', 'sending') and o.attempts = 0)"
        )
        self._world.store.run(late, now - _HELD_SECONDS)
        room = _AT_ONCE - len(self._sending)
        due = "select * from outbox where state = 'due' and due_at <= ? order by due_at, id limit ?"
        for row in self._world.store.all(due, now, max(room, 0)):
            self._world.store.run("update outbox set state = 'sending' where id = ?", row["id"])
            task = asyncio.get_running_loop().create_task(self._deliver(session, row))
            self._sending.add(task)
            task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._event.set()

    async def _deliver(self, session: aiohttp.ClientSession, row: sqlite3.Row) -> None:
        outcome = await self._post(session, row)
        self._delivered[row["url"]].append((Clock.machine_seconds(), outcome == "200"))
        if outcome == "200":
            self._world.store.run("update outbox set state = 'sent', outcome = ? where id = ?", outcome, row["id"])
            release = "update outbox set state = 'due' where state = 'held' and item = ?"
            self._world.store.run(release, row["item"])
            return
        attempts = RETRIES + 1 if self._is_silenced(row["url"]) else row["attempts"] + 1
        delay = _FIRST_DELAY * _GROWTH ** row["attempts"] * self._world.config.retry_scale
        self._world.store.run(
            "update outbox set state = ?, attempts = ?, due_at = ?, outcome = ? where id = ?",
            "given up" if attempts > RETRIES else "due",
            attempts,
            Clock.machine_seconds() + delay,
            outcome,
            row["id"],
        )

    def _is_silenced(self, url: str) -> bool:
        """Whether Plaid would have stopped retries: over 90 % rejected in the last 24 hours."""
        if not self._world.knobs.silence:
            return False
        recent = [good for at, good in self._delivered[url] if at > Clock.machine_seconds() - _DAY]
        return len(recent) >= _ENOUGH and recent.count(False) > len(recent) * _REJECTED

    async def _post(self, session: aiohttp.ClientSession, row: sqlite3.Row) -> str:
        signed = row["body"].encode()
        sent = json.dumps(json.loads(signed)).encode() if row["mode"] == "webhook_reindent" else signed
        headers = {"Content-Type": "application/json", "User-Agent": "Plaid Webhook (stand-in)"}
        if row["mode"] != "webhook_no_header":
            headers["Plaid-Verification"] = signing.sign(self._world.store, signed, row["mode"])
        try:
            async with session.post(row["url"], data=sent, headers=headers, allow_redirects=False) as answer:
                return str(answer.status)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return type(error).__name__
