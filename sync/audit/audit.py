"""The rolling audit: all owners are held against Firestore again and again, inside a budget of reads; damage is mended.

Two lanes. One reads every document of the owner whose last such reading is oldest, until all were read within
AUDIT_FULL_DAYS; the other counts the documents of the owner whose audit is oldest, at most once an hour, and reads
what counts differently. Beside the first lane the users of Firestore are walked, so that owners are found whom the
ledger never had. Any number may run: owners are taken by a lease in `mirror_audits`, reads from `audit_reads`. A crash
costs the lease's minutes. Started by workers/mirror_process.py in a thread beside the mirror.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sync import log
from sync.audit import audit_budget
from sync.audit.audit_budget import Budget, BudgetSpent
from sync.audit.audit_counts import count_owner, known_counts
from sync.audit.reconcile import HEAD, Comparison, Scope, compare, read_again, read_scope
from sync.audit.repair import forget_old, note_mended, repair
from sync.audit.verify import compare_owner, ledger_url
from sync.deps import Deps
from sync.errors import FirestoreError
from sync.metrics import AUDITS
from sync.mirror.asked import ROOTS
from sync.mirror.changes import Connection
from sync.mirror.firestore import Firestore
from sync.mirror.session import connect

_COUNTED_AGAIN_AFTER = timedelta(hours=1)
_LEASE = timedelta(minutes=15)
_LATER = timedelta(hours=1)
_TICK_SECONDS, _AFTER_TROUBLE_SECONDS = 5.0, 30.0
_HOUSE_SECONDS, _ENROL_SECONDS = 60.0, 3600.0
_WALK_PAGE = 10
# An owner of so few documents is read as cheaply as counted.
_SMALL = 20
_BESIDE = 20

_TAKE_FULL = """
update mirror_audits set taken_until = %(until)s where owner = (
    select owner from mirror_audits
    where (full_at is null or full_at < %(due)s) and (taken_until is null or taken_until < %(now)s)
        and (full_waits_until is null or full_waits_until < %(now)s)
    order by full_at nulls first limit 1 for update skip locked)
returning owner
"""
_TAKE_COUNTS = """
update mirror_audits set taken_until = %(until)s where owner = (
    select owner from mirror_audits
    where (audited_at is null or audited_at < %(due)s) and (taken_until is null or taken_until < %(now)s)
    order by audited_at nulls first limit 1 for update skip locked)
returning owner
"""
_DONE = """
update mirror_audits set audited_at = %(now)s, full_at = case when %(full)s then %(now)s else full_at end,
    level = %(level)s, outcome = %(outcome)s, documents = %(documents)s, damaged = %(damaged)s,
    repaired = %(repaired)s, reads = %(reads)s, taken_until = null,
    full_waits_until = case when not %(full)s then full_waits_until end,
    full_waits_for = case when not %(full)s then full_waits_for end
where owner = %(owner)s
"""
_PUT_OFF = {
    "counts": "update mirror_audits set outcome = %s, taken_until = %s where owner = %s",
    "full": """
        update mirror_audits set full_waits_for = %s, full_waits_until = %s, taken_until = null where owner = %s
    """,
}
_GONE = "delete from mirror_audits where owner = %s and not exists (select from owners where owner = %s)"
_ENROL = """
insert into mirror_audits (owner)
select o.owner from owners as o left join mirror_audits as a using (owner)
where a.owner is null limit 10000
on conflict do nothing
"""
_WALK_AT = "select collection, page_token from audit_walk where ended_at is null or ended_at < %s"
_WALKED = "update audit_walk set collection = %s, page_token = %s, ended_at = case when %s then %s::timestamptz end"
_MET = "insert into mirror_audits (owner) select unnest(%s::text[]) on conflict do nothing"
_RECENT = """
select owner, audited_at, full_at, level, outcome, documents, damaged, repaired, reads, full_waits_for
from mirror_audits
where audited_at is not null and (%s is null or owner = %s) order by audited_at desc limit %s
"""
_SUMS = """
select count(*), count(*) filter (where full_at >= %(due)s), min(full_at),
    (select coalesce(sum(reads), 0) from audit_reads where day = %(day)s)
from mirror_audits
"""


class Auditor:
    """One auditor. `run` blocks until `stop`."""

    def __init__(self, deps: Deps) -> None:
        assert deps.firestore is not None
        self._deps = deps
        self._firestore: Firestore = deps.firestore
        self._stopped = threading.Event()
        self._log = log.get(__name__)
        per_day = deps.settings.audit_reads_per_day
        self._shares = {"counts": per_day // 4, "full": per_day - per_day // 4}

    def stop(self) -> None:
        """Ends `run` after the owner it is at. Safe from other threads, and twice."""
        self._stopped.set()

    def run(self) -> None:
        """Audits until stopped. Whatever goes wrong is logged and tried again: the mirror beside it must live on."""
        while not self._stopped.is_set():
            try:
                self._live()
            except Exception as error:
                self._log.warning("audit_interrupted", reason=str(error).strip() or type(error).__name__)
                self._stopped.wait(_AFTER_TROUBLE_SECONDS)

    def _live(self) -> None:
        lines = AuditLines(ledger_url(self._deps))
        keep_at = enrol_at = time.monotonic()
        try:
            while not self._stopped.is_set():
                if time.monotonic() >= enrol_at:
                    self.enrol(lines)
                    enrol_at = time.monotonic() + _ENROL_SECONDS
                if time.monotonic() >= keep_at:
                    self.keep_house(lines)
                    keep_at = time.monotonic() + _HOUSE_SECONDS
                if not self.audit_next(lines):
                    self._stopped.wait(_TICK_SECONDS)
        finally:
            lines.close()

    # --- one owner ---

    def audit_next(self, lines: AuditLines) -> bool:
        """Audits one owner per lane, if it is time; answers whether any was."""
        counted = self._lane(lines, "counts", [self._next_counts])
        return self._lane(lines, "full", [self._walk, self._next_full]) or counted

    def _lane(self, lines: AuditLines, purpose: str, works: list[Callable[[AuditLines, Budget], bool]]) -> bool:
        budget = Budget(lines.writing, purpose, self._shares[purpose], self._deps.now())
        if not budget.may_begin():
            return False
        try:
            done = [work(lines, budget) for work in works]
            return any(done)
        except BudgetSpent:
            return True
        finally:
            budget.end()

    def _next_counts(self, lines: AuditLines, budget: Budget) -> bool:
        return self._next(lines, "counts", self._audit_counts, budget)

    def _next_full(self, lines: AuditLines, budget: Budget) -> bool:
        return self._next(lines, "full", self._audit_fully, budget)

    def _next(
        self,
        lines: AuditLines,
        purpose: str,
        audit: Callable[[AuditLines, str, Budget], tuple[str, Comparison | None]],
        budget: Budget,
    ) -> bool:
        owner = self._take(lines, purpose)
        if owner is None:
            return False
        try:
            level, comparison = audit(lines, owner, budget)
        except BudgetSpent:
            self._put_off(lines, purpose, owner, "unfinished", _LATER)
            raise
        except FirestoreError:
            self._put_off(lines, purpose, owner, "failed", _LATER)
            raise
        self._note(lines, owner, level, comparison, budget)
        return True

    def _audit_fully(self, lines: AuditLines, owner: str, budget: Budget) -> tuple[str, Comparison | None]:
        with lines.writing, lines.writing.cursor() as cursor:
            documents = sum(known_counts(cursor, owner).values()) + _BESIDE
        if documents > budget.per_day:
            self._log.warning("audit_too_large", owner=owner, documents=documents, reads_per_day=budget.per_day)
            self._put_off(lines, "full", owner, "too-large", timedelta(days=1))
            return "full", None
        if documents > budget.left():
            raise BudgetSpent
        comparison = compare_owner(lines.reading, self._firestore, owner, budget, self._deps.shapes)
        self._mend(lines, comparison)
        return "full", comparison

    def _audit_counts(self, lines: AuditLines, owner: str, budget: Budget) -> tuple[str, Comparison | None]:
        with lines.looking.cursor() as cursor:
            if sum(known_counts(cursor, owner).values()) <= _SMALL:
                comparison = compare_owner(lines.reading, self._firestore, owner, budget, self._deps.shapes)
                self._mend(lines, comparison)
                return "full", comparison
            counted = count_owner(self._firestore, cursor, owner, budget)
        reading = read_scope(self._firestore, owner, counted.scope, budget)
        comparison = lines.compare(lambda cursor: compare(cursor, owner, reading, counted.scope, self._deps.shapes))
        if missing := comparison.paths("missing"):
            read_again(self._firestore, reading, missing, budget)
            comparison = lines.compare(lambda cursor: compare(cursor, owner, reading, counted.scope, self._deps.shapes))
        self._mend(lines, comparison)
        if counted.busy:
            comparison.not_judged.append(owner)
        return "counts" if counted.scope == Scope(HEAD) else "documents", comparison

    def _mend(self, lines: AuditLines, comparison: Comparison) -> None:
        for path in comparison.unknown:
            self._log.warning("ghost_of_a_newer_shape", owner=comparison.owner, path=path)
        if comparison.damage:
            repair(lines.writing, comparison)

    def _note(self, lines: AuditLines, owner: str, level: str, found: Comparison | None, budget: Budget) -> None:
        if found is None:
            AUDITS.labels(level, "too-large").inc()
            return
        outcome = "damaged" if found.damaged else "busy" if found.not_judged else "equal"
        AUDITS.labels(level, outcome).inc()
        bound = {
            "owner": owner, "now": self._deps.now(), "level": level, "outcome": outcome, "full": level == "full",
            "documents": found.documents, "damaged": found.damaged, "repaired": len(found.repaired),
            "reads": budget.reads,
        }  # fmt: skip
        lines.write(_DONE, bound)
        if not found.documents and level == "full":
            lines.write(_GONE, (owner, owner))

    # --- whose turn it is ---

    def _take(self, lines: AuditLines, purpose: str) -> str | None:
        now = self._deps.now()
        again = timedelta(days=self._deps.settings.audit_full_days) if purpose == "full" else _COUNTED_AGAIN_AFTER
        statement = _TAKE_FULL if purpose == "full" else _TAKE_COUNTS
        taken = lines.write(statement, {"now": now, "until": now + _LEASE, "due": now - again})
        return taken[0][0] if taken else None

    def _put_off(self, lines: AuditLines, purpose: str, owner: str, outcome: str, wait: timedelta) -> None:
        lines.write(_PUT_OFF[purpose], (outcome, self._deps.now() + wait, owner))

    def _walk(self, lines: AuditLines, budget: Budget) -> bool:
        """Meets the next users and households that Firestore has, whether the ledger knows them or not."""
        now = self._deps.now()
        due = now - timedelta(days=self._deps.settings.audit_full_days)
        at = lines.write(_WALK_AT, (due,))
        if not at:
            return False
        root, token = at[0]
        documents, token = self._firestore.page("", root, token, size=_WALK_PAGE, tally=budget)
        lines.write(_MET, ([self._firestore.path(document.name) for document in documents],))
        following = root if token else ROOTS[(ROOTS.index(root) + 1) % len(ROOTS)]
        lines.write(_WALKED, (following, token, not token and following == ROOTS[0], now))
        return True

    def enrol(self, lines: AuditLines) -> None:
        """Gives every owner of the ledger a place in the queues. Twice is safe."""
        lines.write(_ENROL)

    def keep_house(self, lines: AuditLines) -> None:
        """Notes what the mirror has mended, forgets what is old. Twice is safe."""
        note_mended(lines.writing)
        forget_old(lines.writing, self._deps.now(), self._deps.settings.audit_log_days)
        audit_budget.forget_old(lines.writing, self._deps.now(), self._deps.settings.audit_log_days)


class AuditLines:
    """Three connections: for snapshots, for single looks, and for everything that is written."""

    def __init__(self, url: str) -> None:
        self.reading, self.looking, self.writing = connect(url), connect(url), connect(url)
        self.reading.set_session(isolation_level="REPEATABLE READ", readonly=True)
        self.looking.set_session(readonly=True, autocommit=True)

    def compare(self, work: Callable[[Any], Comparison]) -> Comparison:
        """One snapshot."""
        with self.reading, self.reading.cursor() as cursor:
            return work(cursor)

    def write(self, statement: str, bound: Any = None) -> list[tuple[Any, ...]]:
        """One statement, committed."""
        with self.writing, self.writing.cursor() as cursor:
            cursor.execute(statement, bound)
            return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        """Closes all. Closing twice is safe."""
        for line in (self.reading, self.looking, self.writing):
            line.close()


def open_lines(deps: Deps) -> AuditLines:
    """An auditor's connections."""
    return AuditLines(ledger_url(deps))


def recent_audits(
    connection: Connection, now: datetime, full_days: int, owner: str | None, limit: int
) -> dict[str, Any]:
    """The newest audits, and how far the promise to read everybody is kept."""
    names = ("owner", "auditedAt", "fullAt", "level", "outcome", "documents", "damaged", "repaired", "reads",
             "fullWaitsFor")  # fmt: skip
    with connection, connection.cursor() as cursor:
        cursor.execute(_RECENT, (owner, owner, limit))
        audits = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        cursor.execute(_SUMS, {"due": now - timedelta(days=full_days), "day": now.date()})
        owners, current, oldest, reads = cursor.fetchone() or (0, 0, None, 0)
    return {
        "owners": owners,
        "fullyRead": current,
        "oldestFullRead": oldest,
        "readsToday": int(reads),
        "audits": audits,
    }
