"""What one changed row costs with much history: `python -m bench.history [rounds] [rows]`.

Two users have the same newest month, one has 10,000 rows in all, the other a million (or as many as said). Round by
round, in shuffled order, a pull of each brings one changed row, and is mirrored to a Firestore that does nothing. Two
times: that of the store step with marks and cursor, and that of claim, plan, commit and acknowledgement. The documents
marked and written are counted.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

from bench.ground import PROJECT, Ground, child, ground, interleave, paired, publish, spread
from bench.page_bank import row
from bench.pulled import timed
from local.postgres import free_port
from sync.db import lock_owners, transaction
from sync.deps import Deps
from sync.mirror.claims import read_claims
from sync.mirror.commits import send
from sync.mirror.firestore import Firestore
from sync.mirror.plan import Stamp, make_plan
from sync.mirror.session import connect, connect_reading, snapshot
from sync.mirror.settling import acknowledge, clear_dirty
from sync.pull.apply import Target, move_cursor, stage, store
from sync.pull.fold import Update, fold
from sync.pull.pages import Page, read_row
from sync.shapes.shapes import SHAPES

_MONTH_ROWS = 400
_SHORT = 10_000
# As the pull would have left them, without its marks: the mirror is not what is measured.
_HISTORY = """
set session_replication_role = replica;
insert into users (id) values (%(user)s);
insert into items (id, user_id, plaid_item_id, cursor) values (%(item)s, %(user)s, %(user)s, 'C0');
insert into item_pulls (item_id, user_id, done) values (%(item)s, %(user)s, 1);
insert into accounts (id, user_id, item_id, plaid_account_id, name, type)
values (%(item)s, %(user)s, %(item)s, 'acc-' || %(user)s || '-abcdefghijklmnopqrstuvwxyz', 'Checking', 'depository');
insert into entries (id, user_id) select md5(%(user)s || n)::uuid, %(user)s from generate_series(1, %(rows)s) as n;
insert into transactions (id, plaid_transaction_id, entry_id, user_id, account_id, source, amount, iso_currency, date,
    pending, name, bank_category_id)
select md5(%(user)s || n)::uuid, 'tx' || %(user)s || lpad(n::text, 8, '0') || 'abcdefghijklmnopqrs',
    md5(%(user)s || n)::uuid, %(user)s, %(item)s, 'bank', n %% 200, 'USD',
    date '2026-11-01' - (case when n < %(month)s then 0 else 1 + (n - %(month)s) / %(month)s end) * interval '1 month'
        + n %% 28 * interval '1 day',
    false, 'Corner Espresso', 'FOOD_AND_DRINK'
from generate_series(0, %(rows)s - 1) as n
where exists (select from entries where id = md5(%(user)s || n)::uuid);
reset session_replication_role;
"""


def main(rounds: int, long: int) -> None:
    started = time.monotonic()
    noop = free_port()
    with ground() as bench, child("bench.noop_firestore", str(noop)):
        worker = bench.deps("worker", PLAID_URL="http://127.0.0.1:9", PLAID_CLIENT_ID="bench", PLAID_SECRET="bench",
                            REDIS_URL="redis://127.0.0.1:9/0")  # fmt: skip
        people = {"short": _User(bench, worker, "short", _SHORT), "long": _User(bench, worker, "long", long)}
        bench.sql("vacuum analyze entries, transactions, accounts")
        bench.sql("delete from changes")  # of the history: each claim has one change's marks
        mirror = _Mirror(bench, f"127.0.0.1:{noop}")
        for person in people.values():
            bench.sql("select mark_documents(array[%(o)s::text], array[%(o)s::text])", o=f"users/{person.name}")
            mirror.mirror(person)
        mirrored: dict[str, list[float]] = {name: [] for name in people}

        def change(name: str) -> float:
            seconds = people[name].change()
            mirrored[name].append(mirror.mirror(people[name]))
            return seconds

        arms = {name: partial(change, name) for name in people}
        interleave(arms, 20)
        mirrored.update((name, []) for name in people)
        seconds = interleave(arms, rounds, seed=2)
    publish(
        "history",
        started,
        rows={"short": _SHORT, "long": long},
        month_rows=_MONTH_ROWS,
        ms={name: spread([one * 1000 for one in figures]) for name, figures in seconds.items()},
        long_over_short=paired(seconds["long"], seconds["short"]),
        marks_per_change={name: sorted(person.marks) for name, person in people.items()},
        mirror_ms={name: spread([one * 1000 for one in figures]) for name, figures in mirrored.items()},
        mirror_long_over_short=paired(mirrored["long"], mirrored["short"]),
        writes_per_change={name: sorted(person.writes) for name, person in people.items()},
    )


class _Mirror:
    """One owner's way through the mirror, in this thread: claim, plan, commit, acknowledge."""

    def __init__(self, bench: Ground, address: str) -> None:
        self._reading = connect_reading(bench.url("livespend_mirror"))
        self._writing = connect(bench.url("livespend_mirror"))
        self._firestore = Firestore(project=PROJECT, emulator_host=address)

    def mirror(self, person: _User) -> float:
        started = time.perf_counter()
        with snapshot(self._reading) as cursor:
            [claim] = read_claims(cursor, [f"users/{person.name}"], {}, SHAPES).claims
        plan = make_plan(claim, {}, {}, Stamp(datetime.now(UTC), str(started)), self._firestore.name)
        done = send(self._firestore, claim, plan, fresh=False, stood_in=frozenset()).settled
        assert done is not None
        with self._writing, self._writing.cursor() as cursor:
            acknowledge(cursor, [done])
            assert clear_dirty(cursor, [done.owner]).clean
        person.writes.add(len(plan.writes))
        return time.perf_counter() - started


class _User:
    """Somebody with so much history, whose bank changes one row of the newest month at a time."""

    def __init__(self, bench: Ground, worker: Deps, name: str, rows: int) -> None:
        self.bench, self.worker, self.name = bench, worker, name
        self.item, self.changes, self.marks, self.writes = uuid4(), 0, set[int](), set[int]()
        for statement in _HISTORY.split(";\n")[:-1]:
            self._run(statement, rows)

    def _run(self, statement: str, rows: int) -> None:
        if not hasattr(self, "connection"):
            self.connection = self.bench.connect()
        with self.connection.cursor() as cursor:
            cursor.execute(statement, {"user": self.name, "item": str(self.item), "rows": rows, "month": _MONTH_ROWS})

    def change(self) -> float:
        self.changes += 1
        update = self._update()
        target = Target(self.item, self.name, f"C{self.changes - 1}")
        self.bench.sql("delete from changes")

        def step() -> None:
            with transaction(self.worker.engine) as connection:
                staged = stage(connection, target, update)
                lock_owners(connection, [f"users/{self.name}"])
                move_cursor(connection, target, update.end_cursor, update.update_status)
                applied = store(connection, target, staged)
                assert applied.changes == 1, applied

        seconds = timed(step)
        self.marks.add(int(self.bench.sql("select count(*) from changes")[0][0]))
        return seconds

    def _update(self) -> Update:
        told: dict[str, Any] = row(self.name, 1 + self.changes % (_MONTH_ROWS - 1), 1_000_000, 24)
        told |= {"amount": 1000 + self.changes, "date": "2026-11-05", "authorized_date": None}
        changed = read_row(told)
        return fold([Page([], [], [changed], [], f"C{self.changes}", False, "HISTORICAL", "r")])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200, int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000)
