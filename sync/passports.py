"""Hops of a change: noted where each happens, read back as one trace.

A pull goes on with the trace of the first want that it serves and links to the others; what the worker's own schedule
wanted has a trace of its own per pull. The acknowledging transaction of the mirror notes one row per trace, version and
commit, from the very marks that it deletes; a mark renewed before that belongs to the newer trace. Screens add when
they showed a version (screens.py). Rows are forgotten after TRACE_DAYS. Called by pull.py, acknowledger.py, the
worker's schedule and the operator's command line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg2.extras import execute_values
from sqlalchemy import Connection, Engine, text

from sync import metrics
from sync.db import snapshot, transaction
from sync.deps import Deps
from sync.errors import TraceNotFound
from sync.mirror.changes import Acknowledgement, Cursor, Traced, Way
from sync.tracing import Passport, begin, exporting, is_trace_id, record, resume, span, under

if TYPE_CHECKING:
    from sync.pull.fetch import Run

_MOST_SPANS = 100
_FORGOTTEN_AT_ONCE = 10_000


# --- the pull ---


@contextmanager
def serving(run: Run, wants: Sequence[str]) -> Iterator[None]:
    """Does a pull under the trace of the first want that it serves; `wants` are as `app.trace` had them."""
    served = [passport for want in wants if (passport := _passport(want)) is not None]
    passport = served[0] if served else begin("pull", began_at=run.started_at)
    run.traces = list(dict.fromkeys([passport.trace_id, *(other.trace_id for other in served)]))
    run.wanted_at = passport.began_at if passport.origin == "webhook" else None
    if run.wanted_at is not None:
        metrics.hop("webhook_to_pull", run.wanted_at, run.started_at)
    with under(passport), span("pull", tuple(run.traces[1:])) as told:
        yield
        told["pages"] = run.pages


def _passport(want: str) -> Passport | None:
    """The worker's own schedule is nobody's change: one sweep would tie thousands of items together."""
    trace_id, began_at, origin = want.split(" ", 2)
    return None if origin.startswith("task ") else resume(trace_id, origin, datetime.fromisoformat(began_at))


def served(run: Run, now: datetime) -> None:
    """Notes that what a pull fetched is in the ledger."""
    metrics.hop("pull_to_ledger", run.started_at, now)


# --- the mirror ---

_NOTE = """
insert into trace_hops (owner, epoch, number, commit_name, trace_id, origin, documents, began_at, marked_at, claimed_at,
    built_at, sent_at, committed_at)
values %s on conflict do nothing
"""


def note_hops(cursor: Cursor, batch: Sequence[Acknowledgement], traced: Sequence[Traced]) -> None:
    """Notes the hops of the marks that this transaction acknowledges; the caller commits. Safe to run twice."""
    ways = {done.owner: done.way for done in batch if done.way is not None}
    hops = [(one, ways[one.owner]) for one in traced if one.trace_id is not None and one.owner in ways]
    if hops:
        execute_values(cursor, _NOTE, [_row(one, way) for one, way in hops])


def measure_hops(batch: Sequence[Acknowledgement], traced: Sequence[Traced], now: datetime) -> None:
    """Feeds histograms and spans with what was acknowledged; call it once, after the commit."""
    marked: dict[str, datetime] = {}
    for one in traced:
        marked[one.owner] = min(one.marked_at, marked.get(one.owner, one.marked_at))
    for done in batch:
        if done.way is not None and done.owner in marked:
            metrics.hop("mark_to_claim", marked[done.owner], done.way.claimed_at)
            metrics.hop("claim_to_commit", done.way.claimed_at, done.way.committed_at)
            metrics.hop("commit_to_acknowledged", done.way.committed_at, now)
    if exporting():
        _spans({done.owner: done.way for done in batch if done.way is not None}, traced, now)


def _spans(ways: dict[str, Way], traced: Sequence[Traced], now: datetime) -> None:
    for one in [one for one in traced if one.trace_id is not None and one.owner in ways][:_MOST_SPANS]:
        way = ways[one.owner]
        assert one.trace_id is not None
        record("wait for the mirror", one.trace_id, one.marked_at, way.claimed_at)
        record("claim", one.trace_id, way.claimed_at, way.built_at, documents=one.documents)
        record("commit", one.trace_id, way.sent_at, way.committed_at, documents=one.documents)
        record("acknowledge", one.trace_id, way.committed_at, now)


def _row(one: Traced, way: Way) -> tuple[Any, ...]:
    return (one.owner, one.epoch, one.number, way.commit, one.trace_id, one.origin, one.documents, one.began_at,
            one.marked_at, way.claimed_at, way.built_at, way.sent_at, way.committed_at)  # fmt: skip


# --- reading a trace ---


class HopLine(NamedTuple):
    """One hop of a trace: what ended it, when, the milliseconds since the hop before, and what there is to say."""

    hop: str
    at: datetime
    ms: float
    detail: str


_WEBHOOKS = text("""
    select received_at, webhook_type || ' ' || webhook_code, trace_id from webhook_inbox
    where trace_id = any (:ids) order by id
""")
_RUNS = text("""
    select traces[1] as trace_id, started_at, fetched_at, finished_at, outcome, pages, added, modified, removed
    from sync_runs where traces && cast(:ids as text[]) order by id
""")
_COMMITS = text("""
    select owner, epoch, number, origin, documents, began_at, marked_at, claimed_at, built_at, sent_at, committed_at,
        acknowledged_at
    from trace_hops where trace_id = any (:ids) order by committed_at, number
""")
_SCREENS = text("""
    select distinct on (s.screen) s.screen, s.received_at, s.rendered_at
    from trace_screens as s join trace_hops as h
        on h.owner = s.owner and h.epoch = s.epoch and h.number = s.number
    where h.trace_id = any (:ids) order by s.screen, s.received_at
""")


def read_trace(engine: Engine, trace_id: str) -> dict[str, Any]:
    """All that is known of one trace, hop by hop in the order of time; raises TraceNotFound.

    A webhook that another one's pull served is followed through that pull.
    """
    if not is_trace_id(trace_id):
        raise TraceNotFound("a trace id has 32 hex digits in lower case")
    with snapshot(engine) as connection:
        lines = _lines(connection, trace_id)
    if not lines:
        raise TraceNotFound
    lines.sort(key=lambda line: line[1])
    hops = [
        HopLine(name, at, _ms(lines[place - 1][1] if place else at, at), detail)
        for place, (name, at, detail) in enumerate(lines)
    ]
    return {"trace": trace_id, "ms": _ms(hops[0].at, hops[-1].at), "hops": [line._asdict() for line in hops]}


def _lines(connection: Connection, trace_id: str) -> list[tuple[str, datetime, str]]:
    runs = connection.execute(_RUNS, {"ids": [trace_id]}).all()
    ids = list({trace_id, *(run.trace_id for run in runs)})
    commits = connection.execute(_COMMITS, {"ids": ids}).all()
    webhooks = connection.execute(_WEBHOOKS, {"ids": [trace_id]}).all()
    lines = [("webhook", row[0], row[1]) for row in webhooks]
    if commits and not webhooks:
        lines.append(("began", commits[0].began_at, commits[0].origin))
    for run in runs:
        followed = "" if run.trace_id == trace_id else f"under trace {run.trace_id}"
        lines.append(("pull began", run.started_at, followed))
        if run.fetched_at is not None:
            lines.append(("pages fetched", run.fetched_at, f"{run.pages} pages"))
            told = f"{run.outcome}: {run.added} added, {run.modified} modified, {run.removed} removed"
            lines.append(("ledger written", max(run.finished_at, run.fetched_at), told))
    for commit in commits:
        lines += _commit_lines(commit)
    for number, screen in enumerate(connection.execute(_SCREENS, {"ids": ids}), start=1):
        lines.append(("received", screen.received_at, f"screen {number}"))
        lines.append(("rendered", screen.rendered_at, f"screen {number}"))
    return lines


def _commit_lines(commit: Any) -> list[tuple[str, datetime, str]]:
    documents = f"{commit.documents} documents at {commit.epoch}.{commit.number}"
    return [
        ("marked", commit.marked_at, documents),
        ("claimed", commit.claimed_at, ""),
        ("built", commit.built_at, ""),
        ("sent", commit.sent_at, ""),
        ("committed", commit.committed_at, documents),
        ("acknowledged", commit.acknowledged_at, ""),
    ]


def _ms(began: datetime, ended: datetime) -> float:
    return round((ended - began).total_seconds() * 1000, 2)


# --- forgetting ---

_FORGET = [
    text(f"delete from {table} where ctid in (select ctid from {table} where {moment} < :before limit :at_once)")  # noqa: S608
    for table, moment in (
        ("trace_hops", "acknowledged_at"), ("trace_screens", "received_at"), ("repair_requests", "requested_at"),
    )
]  # fmt: skip


def forget_old(deps: Deps) -> int:
    """Forgets what is older than TRACE_DAYS, some of it at a time; answers how many rows."""
    bound = {"before": datetime.now(UTC) - timedelta(days=deps.settings.trace_days), "at_once": _FORGOTTEN_AT_ONCE}
    with transaction(deps.engine) as connection:
        return sum(connection.execute(statement, bound).rowcount for statement in _FORGET)
