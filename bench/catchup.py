"""Catching up after an outage: `python -m bench.catchup [documents] [edits of each]`.

While no mirror runs, every document of many people is edited again and again. Then one mirror, as a process, brings a
Firestore that does nothing up to date. Work has to follow the documents, not the edits; memory has to stay bounded.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bench.drain import drain, mirrors
from bench.fairness import Arrivals
from bench.ground import Ground, ground, publish

_ROWS_EACH = 500


def main(documents: int, edits: int) -> None:
    started, arrivals = time.monotonic(), Arrivals()
    try:
        with ground() as bench:
            bench.people(documents // _ROWS_EACH, _ROWS_EACH)
            bench.sql("vacuum analyze")
            with mirrors(bench, arrivals.address, 1) as [mirror]:
                first_fill = drain(bench, [mirror])
            outages = [_outage(bench, arrivals, count) for count in (1, edits)]
    finally:
        arrivals.stop()
    publish("catchup", started, documents=documents, first_fill_seconds=round(first_fill, 2), outages=outages)


def _outage(bench: Ground, arrivals: Arrivals, edits: int) -> dict[str, float]:
    """Every row is edited so many times, a statement of all rows each time; then the mirror comes back."""
    for number in range(edits):
        bench.sql("update entries set note = %(note)s", note=f"edit {number} {time.monotonic()}")
    bench.sql("vacuum analyze")
    [(marks, rows)] = bench.sql("select (select count(*) from changes), (select count(*) from entries)")
    before = arrivals.writes
    with mirrors(bench, arrivals.address, 1) as [mirror]:
        at_rest = _peak_megabytes(mirror.pid)
        seconds = drain(bench, [mirror])
        return {
            "edits": edits * rows,
            "marks": marks,
            "writes": arrivals.writes - before,
            "seconds": round(seconds, 2),
            "megabytes_before": at_rest,
            "megabytes_at_most": _peak_megabytes(mirror.pid),
        }


def _peak_megabytes(pid: int) -> int:
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) // 1024


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:])) if len(sys.argv) == 3 else main(50_000, 20)
