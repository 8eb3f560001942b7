"""What one user's import costs everybody else: `python -m bench.fairness [rows of the import] [rounds]`.

Eight readers change a note in turn, one every 20 ms, each in a commit of its own; the time is that from before the
statement until a Firestore that does nothing has the document. Round by round without and with another user's documents
being mirrored all at once beside them, as after an import. One mirror, as a process.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.cloud.firestore_v1.types import firestore as rpc_types

from bench.drain import drain, mirrors
from bench.ground import Ground, ground, paired, publish, spread
from bench.noop_firestore import answer

_READERS = 8
_EDITS = 300
_EVERY_SECONDS = 0.02
_LARGE = "users/bench1"
_REMARK = "select mark_documents(array_agg(owner), array_agg(path)) from mirror_state where owner = %(owner)s"
_ENTRIES = "select id::text from entries where user_id like 'reader%' order by user_id"


class Arrivals:
    """A Firestore that does nothing but note when a commit for an owner came."""

    def __init__(self) -> None:
        self._came = threading.Condition()
        self._last: dict[str, float] = {}
        self.large = self.writes = 0
        handler = grpc.unary_unary_rpc_method_handler(
            self._commit, rpc_types.CommitRequest.pb().FromString, lambda reply: reply.SerializeToString()
        )
        self._server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", -1)])
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("google.firestore.v1.Firestore", {"Commit": handler}),)
        )
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def _commit(self, request: Any, context: object) -> Any:
        now = time.perf_counter()
        name = request.writes[0].update.name.split("/documents/", 1)[1]
        owner = "/".join(name.split("/")[:2])
        with self._came:
            self._last[owner] = now
            self.writes += len(request.writes)
            self.large += len(request.writes) if owner == _LARGE else 0
            self._came.notify_all()
        return answer(request)

    def wait(self, owner: str, after: float) -> float:
        """Seconds from `after` until a commit of this owner came."""
        with self._came:
            assert self._came.wait_for(lambda: self._last.get(owner, 0.0) > after, 60), "an edit never came"
            return self._last[owner] - after

    def stop(self) -> None:
        self._server.stop(0).wait()


def main(rows: int, rounds: int) -> None:
    started, arrivals = time.monotonic(), Arrivals()
    try:
        with ground() as bench:
            _people(bench, rows)
            with mirrors(bench, arrivals.address, 1, MIRROR_MONTH_INTERVAL_SECONDS="1") as [mirror]:
                drain(bench, [mirror])
                figures = _rounds(bench, arrivals, mirror, rounds)
    finally:
        arrivals.stop()
    quiet, busy = figures["quiet"], figures["beside an import"]
    publish(
        "fairness",
        started,
        import_rows=rows,
        milliseconds={
            name: spread([value * 1000 for one in times for value in one]) for name, times in figures.items()
        },
        p50_ratio=paired([_at(one, 0.5) for one in busy], [_at(one, 0.5) for one in quiet]),
        p99_ratio=paired([_at(one, 0.99) for one in busy], [_at(one, 0.99) for one in quiet]),
    )


def _people(bench: Ground, rows: int) -> None:
    bench.people(1, rows)
    bench.sql("insert into users (id) select 'reader' || n from generate_series(1, %(n)s) as n", n=_READERS)
    bench.sql(
        "with e as (insert into entries (user_id) select 'reader' || n from generate_series(1, %(n)s) as n "
        "returning id, user_id) insert into transactions (entry_id, user_id, source, amount, iso_currency, date, "
        "pending, name, bank_category_id) select id, user_id, 'manual', 5, 'USD', current_date, false, 'Row', "
        "'TRAVEL' from e", n=_READERS,
    )  # fmt: skip
    bench.sql("vacuum analyze")


def _rounds(bench: Ground, arrivals: Arrivals, mirror: Any, rounds: int) -> dict[str, list[list[float]]]:
    figures: dict[str, list[list[float]]] = {"quiet": [], "beside an import": []}
    entries = [
        row[0] for row in bench.sql("select id::text from entries where user_id like 'reader%%' order by user_id")
    ]
    for _ in range(rounds):
        mirror.stdin.write("stay\n")
        mirror.stdin.flush()
        figures["quiet"].append(_edits(bench, arrivals, entries, _EDITS))
        before = arrivals.large
        bench.sql(
            "select mark_documents(array_agg(owner), array_agg(path)) from mirror_state where owner = %(o)s", o=_LARGE
        )
        figures["beside an import"].append(_edits(bench, arrivals, entries, _EDITS))
        print(f"beside {arrivals.large - before} documents of the import", file=sys.stderr)
        _wait_until_clean(bench)
        mirror.stdin.write("leave\n")
        mirror.stdin.flush()
        assert mirror.stdout.readline() == "done\n"
    return figures


def _edits(bench: Ground, arrivals: Arrivals, entries: list[str], count: int) -> list[float]:
    """Seconds from an edit to its arrival, one after the other; readers in turn."""
    owners = [f"users/reader{number}" for number in range(1, _READERS + 1)]
    times = []
    with contextlib.closing(bench.connect()) as connection, connection.cursor() as cursor:
        for number in range(count):
            place, began = number % _READERS, time.perf_counter()
            cursor.execute(
                "update entries set note = %s where id = %s", (f"note {time.perf_counter()}", entries[place])
            )
            times.append(arrivals.wait(owners[place], began))
            time.sleep(_EVERY_SECONDS)
    return times


def _wait_until_clean(bench: Ground) -> None:
    with contextlib.closing(bench.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("select exists (select from owners where dirty)")
        while cursor.fetchone()[0]:
            time.sleep(0.05)
            cursor.execute("select exists (select from owners where dirty)")


def _at(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * len(ordered)))]


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:])) if len(sys.argv) == 3 else main(50_000, 3)
