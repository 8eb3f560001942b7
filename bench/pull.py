"""Rows pulled per second: `python -m bench.pull [rows]`.

Round by round, in shuffled order, over as many rows: a first pull (HTTP pages from the local Plaid, parse, COPY,
upsert, marks, cursor), a pull that finds nothing changed, and a raw COPY of the ready rows in pages of 500.
"""

from __future__ import annotations

import io
import itertools
import sys
import time
import uuid
from typing import Any

import requests

from bench.ground import Ground, ground, interleave, paired, publish, spread
from local.plaid.server import start as start_plaid
from sync.items import exchange
from sync.pull import pull_item

_ROUNDS = 5
_PAGE = 500
_BANK = '{"override_accounts": [{"type": "depository", "subtype": "checking", "transactions": []}]}'
_numbers = itertools.count(1)


def main(rows: int) -> None:
    started = time.monotonic()
    with ground() as bench:
        plaid = start_plaid(client_id="bench", secret="bench-secret")
        try:
            figures = _measure(bench, plaid, rows)
        finally:
            plaid.stop()
    publish(
        "pull",
        started,
        rows=rows,
        rows_per_second={name: spread(values) for name, values in figures.items()},
        first_pull_ratio_to_raw_copy=paired(figures["first pull"], figures["raw COPY"]),
    )


def _measure(bench: Ground, plaid: Any, rows: int) -> dict[str, list[float]]:
    variables = {"PLAID_URL": plaid.url, "PLAID_CLIENT_ID": "bench", "PLAID_SECRET": "bench-secret",
                 "PLAID_WEBHOOK_URL": "http://127.0.0.1:9/none"}  # fmt: skip
    api, worker = bench.deps("api", **variables), bench.deps("worker", **variables)
    latest: list[Any] = []

    def first_pull() -> float:
        latest[:] = [_linked(bench, plaid, api, rows)]
        return rows / _timed(lambda: pull_item(worker, latest[0]))

    def unchanged_pull() -> float:
        item = latest[0] if latest else _pulled(bench, plaid, api, worker, rows)
        bench.sql("update items set cursor = null where id = %(id)s", id=str(item))
        before = bench.sql("select sum(number) from owners")
        bench.sql("update item_pulls set wanted = wanted + 1 where item_id = %(id)s", id=str(item))
        seconds = _timed(lambda: pull_item(worker, item))
        assert bench.sql("select sum(number) from owners") == before, "an unchanged pull marked something"
        return rows / seconds

    return interleave(
        {"first pull": first_pull, "unchanged pull": unchanged_pull, "raw COPY": lambda: rows / _raw_copy(bench, rows)},
        _ROUNDS,
    )


def _pulled(bench: Ground, plaid: Any, api: Any, worker: Any, rows: int) -> Any:
    item = _linked(bench, plaid, api, rows)
    pull_item(worker, item)
    return item


def _linked(bench: Ground, plaid: Any, api: Any, rows: int) -> Any:
    user = f"puller-{next(_numbers)}"
    bench.sql("insert into users (id) values (%(user)s)", user=user)
    token = _post(plaid, "/link/token/create", {
        "client_name": "bench", "language": "en", "country_codes": ["US"], "products": ["transactions"],
        "user": {"client_user_id": user}, "transactions": {"days_requested": 730}})["link_token"]  # fmt: skip
    done = _post(plaid, "/_local/link/connect", {
        "link_token": token, "institution_id": "ins_109508", "username": "user_custom", "password": _BANK})  # fmt: skip
    item, _ = exchange(api, user, done["public_token"])
    _post(plaid, "/_local/transactions", {"user": user, "count": rows, "notify": False})
    return item["id"]


def _post(plaid: Any, path: str, body: dict[str, Any]) -> dict[str, Any]:
    keys = {"PLAID-CLIENT-ID": "bench", "PLAID-SECRET": "bench-secret"}
    answer = requests.post(f"{plaid.url}{path}", json=body, headers=keys, timeout=120)
    answer.raise_for_status()
    return dict(answer.json())


def _raw_copy(bench: Ground, rows: int) -> float:
    bench.sql("drop table if exists bench_copy")
    bench.sql("create table bench_copy (like transactions including defaults including indexes)")
    connection = bench.connect()
    columns = "id, entry_id, user_id, source, amount, iso_currency, date, pending, name, bank_category_id"
    pages = [_page() for _ in range(0, rows, _PAGE)]

    def copy() -> None:
        with connection.cursor() as cursor:
            for page in pages:
                cursor.copy_expert(f"copy bench_copy ({columns}, spent_on, month) from stdin", io.StringIO(page))

    bench.sql("alter table bench_copy alter spent_on drop not null, alter month drop not null")
    seconds = _timed(copy)
    connection.close()
    return seconds


def _page() -> str:
    return "".join(
        f"{uuid.uuid4()}\t{uuid.uuid4()}\tbench\tbank\t4.75\tUSD\t2026-11-21\tf\tCorner Espresso\tFOOD_AND_DRINK"
        f"\t2026-11-21\t2026-11-01\n"
        for _ in range(_PAGE)
    )


def _timed(work: Any) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
