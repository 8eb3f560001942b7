"""A large import beside its user's own edits and webhooks: `python -m bench.imports [rows] [months]`.

120,000 rows are 240 pages. A worker process of its own pulls them; meanwhile the user sets categories and notes of
entries that were there before, as the API does, about twenty a second, and the bank sends webhooks of the same item,
signed, two a second. Told are the time to the first month and to the end, the worker's peak memory above what it had
before the pull, and how long edits and webhooks took, beside the same when nothing else runs. It fails where the p99 of
either is above its cap, where a row is missing, or where a webhook was not stored.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any
from uuid import UUID

from bench.ground import ROOT, Ground, ground, publish, spread
from bench.pulled import bank, linked
from bench.signed import news_of, signature
from sync import log
from sync.banks.webhooks import receive
from sync.deps import Deps
from sync.ledger.ledger import edit_entry

_EDITS_PER_SECOND, _WEBHOOKS_PER_SECOND = 20, 2
_CAP_MS = 1_000.0  # a page that waits longer looks stuck; Plaid itself waits 10 s
_PULL = "from bench.imports import pull; pull()"


def main(rows: int, months: int) -> None:
    started = time.monotonic()
    with ground() as bench, bank() as settings:
        api, worker = bench.deps("api", **settings), bench.deps("worker", **settings)
        user, item = linked(bench, worker, rows, months)
        entries = _expenses(bench, user)
        quiet = _beside(api, user, entries, until=_after(5.0))
        done = threading.Event()
        seen = _Watch(bench, user, done)
        with subprocess.Popen(
            [sys.executable, "-c", _PULL, str(item)], cwd=ROOT, stdout=subprocess.PIPE, text=True,
            env=os.environ | bench.variables | settings,
        ) as child:  # fmt: skip
            threading.Thread(target=lambda: (child.wait(), done.set()), daemon=True).start()
            busy = _beside(api, user, entries, until=done.is_set)
            told = json.loads(child.communicate()[0])
        stored = bench.sql("select count(*) from transactions where source = 'bank' and removed_at is null")[0][0]
        kept = bench.sql("select count(*) from webhook_inbox")[0][0]
    publish(
        "imports",
        started,
        rows=rows,
        stored=int(stored),
        months=months,
        seconds_to_first_month=seen.first_month,
        **told,
        **{f"{kind}_ms": {"alone": spread(quiet[kind]), "during the import": spread(busy[kind])} for kind in busy},
        counted={kind: {"alone": len(quiet[kind]), "during the import": len(busy[kind])} for kind in busy},
        cap_ms=_CAP_MS,
    )
    if stored != rows or kept != len(quiet["webhook"]) + len(busy["webhook"]):
        raise SystemExit(f"{rows} rows told, {stored} stored; {kept} webhooks stored")
    for kind, taken in busy.items():
        if (p99 := spread(taken)["p99"]) > _CAP_MS:
            raise SystemExit(f"the p99 of each {kind} during the import was {p99:.0f} ms; the cap is {_CAP_MS:.0f}")


def pull() -> None:
    """The worker process: pulls the item named by its argument and says what it took."""
    from sync.pull.pull import pull_item
    from workers.app import deps
    from workers.interpreter import tune

    log.configure("ERROR")
    worker = deps()
    tune()
    before = _peak_megabytes()
    started = time.perf_counter()
    result = pull_item(worker, UUID(sys.argv[1]))
    seconds = time.perf_counter() - started
    told = {
        "outcome": result.outcome,
        "import_seconds": round(seconds, 1),
        "rows_per_second": round(result.added / seconds),
        "baseline_mb": before,
        "peak_above_baseline_mb": _peak_megabytes() - before,
    }
    print(json.dumps(told))


def _peak_megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


class _Watch:
    """Notes when the newest month of the import is whole."""

    def __init__(self, bench: Ground, user: str, done: threading.Event) -> None:
        self.first_month: float | None = None
        self._bench, self._user, self._done = bench, user, done
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        started = time.monotonic()
        while not self._done.wait(0.25):
            older = self._bench.sql(
                "select count(distinct month) > 1 from transactions where user_id = %(user)s and source = 'bank'",
                user=self._user,
            )[0][0]
            if older:
                self.first_month = round(time.monotonic() - started, 1)
                return


def _expenses(bench: Ground, user: str) -> list[str]:
    bench.sql(
        "with e as (insert into entries (user_id) select %(user)s from generate_series(1, 50) returning id) "
        "insert into transactions (entry_id, user_id, source, amount, iso_currency, date, pending, name, "
        "bank_category_id) select id, %(user)s, 'manual', 5, 'USD', '2026-11-05', false, 'Market', 'FOOD_AND_DRINK' "
        "from e",
        user=user,
    )
    return [str(entry) for (entry,) in bench.sql("select id from entries where user_id = %(user)s", user=user)]


def _beside(api: Deps, user: str, entries: list[str], *, until: Callable[[], bool]) -> dict[str, list[float]]:
    """Milliseconds of each of the user's edits, and of each webhook of the user's item."""

    def edit(number: int) -> None:
        change: dict[str, Any] = (
            {"note": f"edit {number}"} if number % 2 else {"category_id": ("TRAVEL", "MEDICAL")[number // 2 % 2]}
        )
        edit_entry(api, user, entries[number % len(entries)], **change)

    def webhook(_number: int) -> None:
        body = news_of(user, next(_webhooks))
        receive(api, body, signature(body))

    with ThreadPoolExecutor(1) as beside:
        webhooks = beside.submit(_paced, webhook, _WEBHOOKS_PER_SECOND, until)
        return {"edit": _paced(edit, _EDITS_PER_SECOND, until), "webhook": webhooks.result()}


_webhooks = count()


def _paced(act: Callable[[int], None], per_second: float, until: Callable[[], bool]) -> list[float]:
    """Milliseconds of each act; the next one is due its time after the last was due, never sooner."""
    taken: list[float] = []
    due = time.perf_counter()
    while not until():
        started = time.perf_counter()
        act(len(taken))
        taken.append((time.perf_counter() - started) * 1000)
        due = max(due + 1 / per_second, time.perf_counter())
        time.sleep(max(due - time.perf_counter(), 0))
    return taken


def _after(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 120_000, int(sys.argv[2]) if len(sys.argv) > 2 else 24)
