"""A month of banks on a virtual clock: the real sweep, pull and freshness against a Plaid whose webhooks get lost.

Every bank has a rhythm of its own; each change is told by a webhook, and a share of the webhooks never arrives. Time
stands still while something happens and then jumps to the next webhook or sweep. What is asked of Plaid, and how late
each change came to the ledger, is recorded by the clock. Used by bench/freshness.py and by the tests.
"""

from __future__ import annotations

import json
import random
import threading
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID, uuid4

from sync.deps import Deps
from sync.pull import freshness
from sync.pull.limits import LIMITS, Limits
from sync.pull.plaid import Plaid
from sync.pull.pull import pull_item
from sync.pull.sweep import sweep

START = datetime(2026, 12, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_LIMITED = LIMITS["production"]


@dataclass
class Bank:
    """One item's bank: when it brought changes, when Plaid reached it, when Plaid could not."""

    rhythm: str
    changes: list[datetime]
    reached: list[datetime]
    failed: list[datetime]
    token: str = ""
    item_id: UUID = field(default_factory=uuid4)
    seen: int = 0

    def status(self, now: datetime) -> dict[str, Any]:
        """What /item/get tells of it."""
        times = {"last_successful_update": self.reached, "last_failed_update": self.failed}
        told = {name: _last(moments, now) for name, moments in times.items()}
        return {"transactions": {name: None if at is None else at.isoformat() for name, at in told.items()}}


@dataclass
class Month:
    """The banks, Plaid's door to them, and what happened."""

    banks: list[Bank]
    now: datetime = START
    calls: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    late: list[timedelta] = field(default_factory=list)
    told: list[tuple[str, datetime]] = field(default_factory=list)
    lost: list[tuple[str, datetime]] = field(default_factory=list)
    states: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def clock(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return (self.now - START).total_seconds()

    def answer(self, path: str, request: dict[str, Any]) -> dict[str, Any]:
        """What Plaid says."""
        endpoint, bank = path.strip("/").replace("/", "_"), self._bank(request["access_token"])
        self.calls[endpoint, bank.token].append(self.seconds())
        if endpoint == "item_get":
            return {"item": {"item_id": bank.token, "error": None}, "status": bank.status(self.now), "request_id": "r"}
        assert endpoint == "transactions_sync", endpoint
        return self._page(bank, int(request.get("cursor") or 0))

    def _page(self, bank: Bank, cursor: int) -> dict[str, Any]:
        known = bisect_right(bank.changes, self.now)
        self.late += [self.now - at for at in bank.changes[bank.seen : known]]
        bank.seen = max(bank.seen, known)
        return {
            "transactions_update_status": "HISTORICAL_UPDATE_COMPLETE",
            "accounts": [_account(bank)],
            "added": [_row(bank, n) for n in range(cursor, known)],
            "modified": [],
            "removed": [],
            "next_cursor": str(known),
            "has_more": False,
            "request_id": "r",
        }

    def _bank(self, token: str) -> Bank:
        return self.banks[int(token.removeprefix("access-"))]

    def most_in_a_minute(self) -> dict[str, tuple[int, int]]:
        """Per endpoint, the most calls that any 60 seconds saw: for one item, and for the client."""
        most: dict[str, tuple[int, int]] = {}
        for endpoint in {endpoint for endpoint, _ in self.calls}:
            items = [times for (asked, _), times in self.calls.items() if asked == endpoint]
            most[endpoint] = (max(map(_densest, items)), _densest(sorted(at for times in items for at in times)))
        return most


def make_banks(number: int, days: int, seed: int) -> list[Bank]:
    """Banks of every rhythm in turn: four a day to one a week, without weekends, without a rhythm, with outages."""
    chance = random.Random(seed)
    kinds: dict[str, Callable[[datetime], list[float]]] = {
        "four a day": lambda _: [6, 11, 16, 21],
        "two a day": lambda _: [9, 18],
        "daily": lambda _: [7],
        "no weekends": lambda day: [8, 19] if day.weekday() < 5 else [],
        "weekly": lambda day: [10] if day.weekday() == 2 else [],
        "any time": lambda _: [chance.uniform(0, 24) for _ in range(chance.choice([0, 1, 1, 2, 4]))],
        "outages": lambda _: [12],
    }
    return [_bank(n, *list(kinds.items())[n % len(kinds)], days, chance) for n in range(number)]


def _bank(number: int, rhythm: str, hours: Callable[[datetime], list[float]], days: int, chance: random.Random) -> Bank:
    changes: list[datetime] = []
    reached: list[datetime] = []
    failed: list[datetime] = []
    offset = chance.uniform(0, 24)
    out = _span(chance.uniform(8, 15), chance.uniform(2, 4)) if rhythm == "outages" else _span(0, 0)
    for day in range(days):
        morning = START + day * DAY
        for hour in hours(morning):
            at = morning + (hour + offset) * HOUR + chance.uniform(-0.6, 0.6) * HOUR
            if not out(at) and at > START:
                changes.append(at)
        for hour in (3, 9, 15, 21):
            at = morning + (hour + chance.uniform(-1, 1)) * HOUR
            (failed if out(at) else reached).append(at)
    changes = sorted(at for at in changes if at < START + (days - 1) * DAY)
    return Bank(rhythm, changes, sorted(reached + changes), sorted(failed), f"access-{number}")


def _span(first_day: float, days: float) -> Callable[[datetime], bool]:
    begins = START + first_day * DAY
    return lambda at: begins <= at < begins + days * DAY


def live_through(
    month: Month, deps: Deps, sql: Callable[..., Any], *, days: int, drop: float, seed: int, every: timedelta
) -> None:
    """Lives through it: webhooks as the banks send them, less those that are lost, and a sweep `every` so often."""
    chance, bells = random.Random(seed), []
    with _served(month) as url:
        plaid = Plaid(url=url, client_id="c", secret="s", limits=Limits(_LIMITED, clock=month.seconds))
        deps = Deps(deps.settings, deps.engine, plaid, None, deps.vault, lambda *bell: bells.append(bell), month.clock)
        for linked in month.banks:
            _link(linked, deps, sql)
        for at, bank in _happenings(month, days, every):
            month.now = at
            if bank is None:
                sweep(deps)
                _note_states(month, sql)
            else:
                _tell(month, bank, chance.random() < drop, bells, sql)
            while bells:
                _hear(deps, *bells.pop(0))


def _happenings(month: Month, days: int, every: timedelta) -> Iterator[tuple[datetime, Bank | None]]:
    """The month's webhooks and sweeps in order."""
    sweeps = [START + n * every for n in range(int(days * DAY / every))]
    told = [(at, bank) for bank in month.banks for at in bank.changes]
    yield from sorted([*told, *((at, None) for at in sweeps)], key=lambda happening: happening[0])


def _tell(month: Month, bank: Bank, lost: bool, bells: list[Any], sql: Callable[..., Any]) -> None:
    (month.lost if lost else month.told).append((bank.token, month.now))
    if not lost:
        sql(
            "update item_pulls set wanted = wanted + 1, last_webhook_at = %s where item_id = %s",
            month.now,
            str(bank.item_id),
        )
        bells.append(("pull_item", {"item_id": str(bank.item_id)}))


def _note_states(month: Month, sql: Callable[..., Any]) -> None:
    for item_id, state in sql("select id, state from item_freshness where state <> 'ok'"):
        month.states[str(item_id)].add(state)


def _hear(deps: Deps, task: str, arguments: dict[str, str]) -> None:
    item_id = UUID(arguments["item_id"])
    if task == "pull_item":
        pull_item(deps, item_id)
    elif task == "ask_bank":
        freshness.ask(deps, item_id)


def _link(bank: Bank, deps: Deps, sql: Callable[..., Any]) -> None:
    assert deps.vault is not None
    user, item_id = f"user-of-{bank.token}", str(bank.item_id)
    sealed = deps.vault.encrypt(bank.item_id, bank.token)
    sql("insert into users (id) values (%s)", user)
    sql("insert into items (id, user_id, plaid_item_id) values (%s, %s, %s)", item_id, user, bank.token)
    columns = {"item_id": item_id, "user_id": user, **sealed.__dict__}
    places = ", ".join(["%s"] * len(columns))
    sql(f"insert into item_tokens ({', '.join(columns)}) values ({places})", *columns.values())
    sql("insert into item_pulls (item_id, user_id) values (%s, %s)", item_id, user)


@contextmanager
def _served(month: Month) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(month.answer(self.path, request)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stays quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _account(bank: Bank) -> dict[str, Any]:
    balances = {"available": 100, "current": 110, "limit": None, "iso_currency_code": "USD",
                "unofficial_currency_code": None}  # fmt: skip
    return {"account_id": f"account-{bank.token}", "name": "Checking", "official_name": None, "mask": "0000",
            "type": "depository", "subtype": "checking", "balances": balances}  # fmt: skip


def _row(bank: Bank, number: int) -> dict[str, Any]:
    day = bank.changes[number].date().isoformat()
    return {
        "transaction_id": f"{bank.token}-{number}",
        "account_id": f"account-{bank.token}",
        "amount": 12.34,
        "iso_currency_code": "USD",
        "unofficial_currency_code": None,
        "date": day,
        "authorized_date": None,
        "pending": False,
        "pending_transaction_id": None,
        "name": f"Purchase {number}",
        "merchant_name": None,
        "payment_channel": "in store",
        "personal_finance_category": None,
    }


def _last(moments: list[datetime], now: datetime) -> datetime | None:
    before = bisect_right(moments, now)
    return moments[before - 1] if before else None


def _densest(times: list[float]) -> int:
    """The most of these moments that any 60 seconds hold."""
    first, most = 0, 0
    for last, at in enumerate(times):
        while times[first] <= at - 60.0:
            first += 1
        most = max(most, last - first + 1)
    return most
