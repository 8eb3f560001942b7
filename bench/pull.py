"""What pulling and storing cost: `python -m bench.pull [rows] [rounds]`.

Round by round, in shuffled order, on ledgers that grow:
- *pull*: a first pull of so many rows over HTTP: pages, parse, fold, COPY, upsert, marks, kept pages, cursor;
- *typed*: the common way, for a page of 500 rows: plaid-python's own models, then SQLAlchemy's session.merge and one
  commit, without marks, entries or a cursor;
- *again*: a pull of everything once more, of which nothing is new; and one that asks behind the cursor;
- per page of 500: *store*, our store step with all marks, cursor and kept pages, beside raw COPYs of ready rows in one
  transaction each: *copies*, all that the store step leaves (the rows, their entries and their marks) into copies of
  its tables with the same columns, indexes, checks and foreign keys, enforced row by row as foreign keys are; *copies
  unchecked*, the same without foreign keys; *copy*, the page's rows alone into such a copy of `transactions`; *copy
  unchecked*, into one without foreign keys.
The interpreter is set up as each would have it: ours as the worker's process, the common way's as Python starts.
Each ratio is told twice: by the wall, and by CPU (this process and the database's), which neighbours disturb less.
"""

from __future__ import annotations

import gc
import io
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import plaid
from plaid.api import plaid_api
from sqlalchemy import Boolean, Column, Date, Index, MetaData, Numeric, Table, Text, create_engine
from sqlalchemy.orm import Session, registry

from bench.ground import Ground, ground, interleave, paired, publish, spread
from bench.page_bank import page, token
from bench.pulled import Clock, bank, linked, timed, written
from sync.db import lock_owners, psycopg2_url, transaction
from sync.deps import Deps
from sync.pull import kept_pages
from sync.pull.apply import Target, move_cursor, stage, store
from sync.pull.fold import Update, fold
from sync.pull.pages import parse_json, read_page
from sync.pull.pull import pull_item
from workers.interpreter import tune

_PAGE = 500
_PYTHONS_OWN = gc.get_threshold()
_TABLES = {
    "transactions": "where user_id = %(user)s",
    "entries": "where user_id = %(user)s",
    "changes": "where owner = 'users/' || %(user)s",
}
_FOREIGN_KEYS = {
    "transactions": (("entry_id", "entries"), ("user_id", "users"), ("account_id", "accounts"),
                     ("bank_category_id", "categories")),
    "entries": (("user_id", "users"),),
    "changes": (),
}  # fmt: skip

_TYPED_COLUMNS: dict[str, Any] = {
    **dict.fromkeys(("account_id", "iso_currency", "name", "merchant_name", "category_primary", "category_detailed",
                     "payment_channel"), Text),
    "amount": Numeric(28, 10), "date": Date, "authorized_date": Date, "pending": Boolean,
}  # fmt: skip


_STORES = ("store", "store, no pages kept")
_COPIES = ("copy", "copy unchecked", "copies", "copies unchecked")

Costs = dict[str, list[tuple[float, float]]]


def main(rows: int, rounds: int) -> None:
    started = time.monotonic()
    with ground() as bench, bank() as settings:
        worker = bench.deps("worker", **settings)
        ways = _ways(bench, worker, settings, rows, rounds)
        pages = _pages(bench, worker, 4 * rounds)
        again = _again(bench, worker, rows)
    publish(
        "pull",
        started,
        rows=rows,
        rows_per_second={name: spread([1 / wall for wall, _ in costs]) for name, costs in ways.items()},
        cpu_ms_per_page={name: spread([cpu * 1000 * _PAGE for _, cpu in costs]) for name, costs in ways.items()},
        pull_over_typed=_over(ways["typed"], ways["pull"]),
        page_ms={name: spread([wall * 1000 for wall, _ in costs]) for name, costs in pages.items()},
        page_cpu_ms={name: spread([cpu * 1000 for _, cpu in costs]) for name, costs in pages.items()},
        **{f"store_over_{name.replace(' ', '_')}": _over(pages["store"], pages[name]) for name in _COPIES},
        keeping_pages_adds=_over(*(pages[name] for name in _STORES)),
        **again,
    )


def _over(costs: list[tuple[float, float]], reference: list[tuple[float, float]]) -> dict[str, dict[str, float]]:
    """How many times the reference, pair by pair: by the wall and by CPU."""
    by_wall, by_cpu = (paired(*([one[kind] for one in side] for side in (costs, reference))) for kind in (0, 1))
    return {"wall": by_wall, "cpu": by_cpu}


def _ways(bench: Ground, worker: Deps, settings: dict[str, str], rows: int, rounds: int) -> Costs:
    """What a row costs on either way, seconds; after a first round that nobody counts."""
    clock, typed = Clock(bench), _Typed(bench, settings)
    costs: Costs = {"pull": [], "typed": []}

    def cost(name: str, work: Callable[[], Any], of_rows: int) -> float:
        wall, cpu = clock.seconds(work)
        costs[name].append((wall / of_rows, cpu / of_rows))
        return wall

    def pull() -> float:
        _, item = linked(bench, worker, rows)
        tune()
        return cost("pull", lambda: pull_item(worker, item), rows)

    def common() -> float:
        _untune()
        return cost("typed", lambda: typed.pull(_PAGE), _PAGE)

    interleave({"pull": pull, "typed": common}, 1 + rounds)
    return {name: all_costs[1:] for name, all_costs in costs.items()}


def _untune() -> None:
    """The interpreter as Python starts it."""
    sys.setswitchinterval(0.005)
    gc.unfreeze()
    gc.set_threshold(*_PYTHONS_OWN)


class _Typed:
    """The common way: typed models of the client, one merge per row, one commit per page."""

    def __init__(self, bench: Ground, settings: dict[str, str]) -> None:
        configuration = plaid.Configuration(
            host=settings["PLAID_URL"], api_key={"clientId": "bench", "secret": "bench", "plaidVersion": "2020-09-14"}
        )
        self.api = plaid_api.PlaidApi(plaid.ApiClient(configuration))
        self.engine = create_engine(psycopg2_url(bench.url()))
        columns = [Column(name, kind) for name, kind in _TYPED_COLUMNS.items()]
        table = Table("typed_transactions", MetaData(), Column("id", Text, primary_key=True), *columns)
        Index("ix_typed", table.c.account_id, table.c.date)
        table.metadata.create_all(self.engine)

        class Row:
            pass

        registry().map_imperatively(Row, table)
        self.row = Row
        self.runs = 0

    def pull(self, rows: int) -> None:
        self.runs += 1
        cursor, more = None, True
        while more:
            asked: dict[str, Any] = {"access_token": token(f"typed{self.runs}", rows), "count": _PAGE}
            answer = self.api.transactions_sync(asked | ({"cursor": cursor} if cursor else {}))
            with Session(self.engine) as session:
                for told in answer.added:
                    session.merge(self._row(told))
                session.commit()
            cursor, more = answer.next_cursor, answer.has_more

    def _row(self, told: Any) -> Any:
        row = self.row()
        category = told.personal_finance_category
        for name, value in {
            "id": told.transaction_id, "account_id": told.account_id, "amount": told.amount,
            "iso_currency": told.iso_currency_code, "date": told.date, "authorized_date": told.authorized_date,
            "pending": told.pending, "name": told.name, "merchant_name": told.merchant_name,
            "category_primary": category.primary, "category_detailed": category.detailed,
            "payment_channel": told.payment_channel,
        }.items():  # fmt: skip
            setattr(row, name, value)
        return row


def _pages(bench: Ground, worker: Deps, rounds: int) -> Costs:
    """What a page costs, seconds; after two rounds that nobody counts."""
    for table, keys in _FOREIGN_KEYS.items():
        bench.sql(f"create table copied_{table} (like {table} including all)")
        bench.sql(f"create table unchecked_{table} (like {table} including all)")
        for column, other in keys:
            bench.sql(f"alter table copied_{table} add foreign key ({column}) references {other}")
    bench.sql("create table alone_transactions (like transactions including all)")
    bench.sql("create table alone_unchecked (like transactions including all)")
    for column, other in _FOREIGN_KEYS["transactions"]:
        bench.sql(f"alter table alone_transactions add foreign key ({column}) references {other}")
    into = {
        "copy": {"transactions": "alone_transactions"},
        "copy unchecked": {"transactions": "alone_unchecked"},
        "copies": {table: f"copied_{table}" for table in _TABLES},
        "copies unchecked": {table: f"unchecked_{table}" for table in _TABLES},
    }
    tune()
    clock, costs = Clock(bench), Costs({name: [] for name in (*_STORES, *_COPIES)})
    for number in range(2 + rounds):
        for name in _STORES[:: 1 if number % 2 else -1]:
            user, cost = _store_page(bench, worker, clock, keep=name == "store")
            costs[name].append(cost)
        for name in _COPIES[:: 1 if number % 2 else -1]:
            costs[name].append(_copy(bench, clock, user, into[name]))
    return {name: all_costs[2:] for name, all_costs in costs.items()}


def _store_page(bench: Ground, worker: Deps, clock: Clock, *, keep: bool) -> tuple[str, tuple[float, float]]:
    """What one page of 500 unknown rows over two months costs, from folded to committed."""
    user, item = linked(bench, worker, _PAGE)
    raw = page({"access_token": token(user, _PAGE, months=2), "count": _PAGE})
    told = read_page(parse_json(raw), raw)
    window = kept_pages.Window(None)
    window.add(told)
    update, target = fold([told]), Target(item, user, None)
    key = kept_pages.open_key(worker, item)

    def step() -> None:
        with ThreadPoolExecutor(1) as beside, transaction(worker.engine) as connection:
            pages = beside.submit(kept_pages.seal, key, item, window, worker.now()) if keep else None
            _step(connection, target, update)
            if pages is not None:
                kept_pages.keep(connection, item, pages.result())

    return user, clock.seconds(step)


def _step(connection: Any, target: Target, update: Update) -> None:
    staged = stage(connection, target, update)
    lock_owners(connection, [f"users/{target.user_id}"])
    move_cursor(connection, target, update.end_cursor, update.update_status)
    store(connection, target, staged)


def _copy(bench: Ground, clock: Clock, user: str, into: dict[str, str]) -> tuple[float, float]:
    """What raw COPYs cost, in one transaction, of what the store step left in these tables for a user."""
    connection = bench.connect()
    ready: list[tuple[str, str, io.StringIO]] = []
    with connection.cursor() as cursor:
        for table, copied in into.items():
            cursor.execute(
                "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute "
                "where attrelid = %s::regclass and attnum > 0 and attgenerated = ''",
                (table,),
            )
            columns = cursor.fetchone()[0]
            lines = io.StringIO()
            where = cursor.mogrify(_TABLES[table], {"user": user}).decode()
            cursor.copy_expert(f"copy (select {columns} from {table} {where}) to stdout", lines)
            lines.seek(0)
            ready.append((copied, columns, lines))
        connection.autocommit = False

        def copies() -> None:
            for copied, columns, lines in ready[::-1]:
                cursor.copy_expert(f"copy {copied} ({columns}) from stdin", lines)
            connection.commit()

        cost = clock.seconds(copies)
    connection.close()
    return cost


def _again(bench: Ground, worker: Deps, rows: int) -> dict[str, Any]:
    """Rows and marks that pulls write which find nothing new; rows of the pull's own book-keeping are told apart."""
    _, item = linked(bench, worker, rows)
    pull_item(worker, item)
    counted = {}
    for name in ("behind_the_cursor", "all_again"):
        if name == "all_again":
            bench.sql("update items set cursor = null where id = %(id)s", id=str(item))
        bench.sql("update item_pulls set wanted = wanted + 1 where item_id = %(id)s", id=str(item))
        marks = bench.sql("select sum(number) from owners")
        ledger = _digest(bench)
        before = written(bench, worker)
        seconds = timed(lambda: pull_item(worker, item))
        counted[f"pull_{name}"] = {
            "ms": round(seconds * 1000, 1),
            "rows_written_in_the_ledger": 0 if _digest(bench) == ledger else "some",
            "marks": int(bench.sql("select sum(number) from owners")[0][0]) - int(marks[0][0]),
            "rows_written_anywhere": written(bench, worker) - before,
        }
    return counted


def _digest(bench: Ground) -> list[tuple[Any, ...]]:
    """Every version of every row that a document is built from; a row written with the same content counts."""
    return [
        bench.sql(f"select count(*), sum(hashtextextended(t.ctid::text || t.xmin::text, 0)) from {table} as t")[0]
        for table in ("accounts", "entries", "transactions", "plaid_pages")
    ]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000, int(sys.argv[2]) if len(sys.argv) > 2 else 5)
