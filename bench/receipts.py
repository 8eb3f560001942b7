"""What a month's receipt costs: `python -m bench.receipts [rounds] [rows]`.

Two users have the same newest month of 400 rows, one has 10,000 rows in all, the other a million (or as many as said).
Round by round, in shuffled order, on one connection as the mirror has it: the receipt of each one's newest month, and
the totals of the long one's, which the mirror reads anyway.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import date

from bench.ground import ground, interleave, paired, publish, spread
from bench.history import _HISTORY, _SHORT
from sync.ledger.totals import totals_of
from sync.mirror.changes import Cursor
from sync.mirror.prepared import Statement
from sync.mirror.receipts import read_days
from sync.mirror.session import connect_reading, snapshot

_MONTH_ROWS = 400
_NEWEST = date(2026, 11, 1)
_TOTALS = Statement(totals_of("select * from unnest(%s::text[], %s::date[]) as w(user_id, month)"), "text[]", "date[]")
_ITEMS = {"short": "00000000-0000-4000-8000-000000000001", "long": "00000000-0000-4000-8000-000000000002"}


def main(rounds: int, long: int) -> None:
    started = time.monotonic()
    with ground() as bench:
        for user, rows in (("short", _SHORT), ("long", long)):
            bench.sql(_HISTORY, user=user, item=_ITEMS[user], rows=rows, month=_MONTH_ROWS)
        bench.sql("vacuum analyze entries, transactions")
        connection = connect_reading(bench.url("livespend_mirror"))

        def clocked(run: Callable[[Cursor], object]) -> Callable[[], float]:
            def arm() -> float:
                with snapshot(connection) as cursor:
                    began = time.perf_counter()
                    run(cursor)
                    return (time.perf_counter() - began) * 1000

            return arm

        arms = {
            "short": clocked(lambda cursor: read_days(cursor, [("short", _NEWEST)])),
            "long": clocked(lambda cursor: read_days(cursor, [("long", _NEWEST)])),
            "totals": clocked(lambda cursor: _TOTALS.run(cursor, ["long"], [_NEWEST])),
        }
        interleave(arms, 20)
        ms = interleave(arms, rounds, seed=2)
        connection.close()
    publish(
        "receipts",
        started,
        rows={"short": _SHORT, "long": long, "month": _MONTH_ROWS},
        milliseconds={name: spread(values) for name, values in ms.items()},
        ratios={"long/short": paired(ms["long"], ms["short"]), "receipt/totals": paired(ms["long"], ms["totals"])},
    )


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given + [200, 1_000_000][len(given) :]))
