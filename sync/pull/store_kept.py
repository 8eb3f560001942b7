"""A window of kept pages into the ledger, in steps where it is too large for one transaction.

The pages are folded in temporary tables, then stored newest day first. Each step is one transaction with its marks,
short enough that the user's own edits get their turn in between; only the last one moves the cursor. Steps are upserts
of a state that follows from the kept pages alone: after a crash the next pull folds the same pages again and goes
through the same steps, and those already done find nothing to write. Called by pull.py; store_window also by whoever
rebuilds a ledger from its pages, without Plaid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Engine, text

from sync.banks.accounts import meet
from sync.db import lock_owners, retrying, transaction, transaction_on
from sync.deps import Deps
from sync.errors import PlaidContract
from sync.pull import kept_pages
from sync.pull.apply import NOTHING, Applied, CursorMoved, Target, move_cursor, store
from sync.pull.fold import Told
from sync.pull.fold_kept import Folded, fold_kept, stage_step
from sync.pull.imports import Sizes, keeps, tell
from sync.pull.kept_pages import Window
from sync.pull.pages import Page
from sync.steps import step as named_step

_FOLD_SECONDS, _STEP_SECONDS, _LOCK_SECONDS = 600.0, 120.0, 60.0

_STORED = text("""
    update imports set rows_stored = :rows_stored, stored_from = :stored_from, told_at = :now,
        storing_since = coalesce(storing_since, now())
    where item_id = :item_id
      and (storing_since is null or told_at <= cast(:now as timestamptz) - interval '1 second')
""")
_DONE = text("""
    update imports set phase = 'done', rows_stored = rows, stored_from = null, told_at = :now, finished_at = :now
    where item_id = :item_id
""")
# Under the owner's lock, which whoever moves the cursor, unlinks the item or throws the window away holds too.
_STILL_WANTED = text("""
    select from items as i
    where i.id = :item_id and i.removed_at is null and i.cursor is not distinct from :cursor
      and exists (select from plaid_pages as p
                  where p.item_id = i.id and p.window_id = :window_id and p.position is null)
""")
_ACCOUNTS = text("select plaid_account_id from accounts where item_id = :item_id")

ReadPages = Callable[[Connection], Iterable[Page]]
Conclude = Callable[[Connection, Applied, Told, str], None]


class Progress:
    """What goes with the steps of a window, most of it inside their transactions; a rebuild needs none of it."""

    def folded(self, folded: Folded) -> None:
        """Called once, before the first step, in no transaction."""

    def begins(self, connection: Connection) -> None:
        """Called in each step, under the owner's lock, before anything is written."""

    def stored(self, connection: Connection, rows: int, oldest: date | None) -> None:
        """Called in each step but the last: so many rows of the window are stored, back to that month."""

    def ends(self, connection: Connection, applied: Applied, folded: Folded, update_status: str) -> None:
        """Called in the last step, after the cursor was moved."""


def store_window(deps: Deps, target: Target, read: ReadPages, sizes: Sizes, progress: Progress) -> Applied:
    """Folds a window and brings it into the ledger, at once or in steps; the last one moves the cursor.

    `read` answers the pages on the connection it is given. Raises CursorMoved, PagesDamaged, PlaidContract.
    """
    with _own_connection(deps.engine) as connection:
        with transaction_on(connection, statement_seconds=_FOLD_SECONDS):
            folded = fold_kept(connection, target, read(connection), sizes.rows_per_step, sizes.rows_at_once)
        progress.folded(folded)
        _know_all_accounts(deps, target, folded)
        named_step("import:folded")
        applied, stored_from = NOTHING, None
        for number in range(folded.steps):
            applied, stored_from = _step(_Step(connection, target, folded, number, progress), applied, stored_from)
            if number + 1 < folded.steps:
                named_step("import:step")
    return applied


@dataclass(frozen=True)
class _Step:
    """One of the steps of a folded window."""

    connection: Connection
    target: Target
    folded: Folded
    number: int
    progress: Progress

    @property
    def last(self) -> bool:
        """Whether it is the one that moves the cursor."""
        return self.number + 1 == self.folded.steps


@retrying
def _step(step: _Step, before: Applied, stored_from: date | None) -> tuple[Applied, date | None]:
    """Takes the step; answers what all steps so far changed, and the oldest month they reached."""
    connection, target, folded = step.connection, step.target, step.folded
    with transaction_on(connection, statement_seconds=_STEP_SECONDS, lock_seconds=_LOCK_SECONDS):
        staged, oldest = stage_step(connection, target, folded, step.number)
        lock_owners(connection, [f"users/{target.user_id}"])
        step.progress.begins(connection)
        applied = before + store(connection, target, staged)
        reached = min(filter(None, (stored_from, oldest)), default=None)
        if step.last:
            update_status = move_cursor(connection, target, folded.end_cursor, folded.update_status)
            step.progress.ends(connection, applied, folded, update_status)
            named_step("pull:applied")
        else:
            step.progress.stored(connection, applied.changes + applied.unchanged, reached)
    return applied, reached


def store_kept(deps: Deps, target: Target, window: Window, sizes: Sizes, conclude: Conclude) -> Applied:
    """Stores a window that is all on the shelf, keeps or drops its pages; raises CursorMoved, PagesDamaged.

    `conclude` is called in the last step, after the cursor was moved.
    """
    key = kept_pages.open_key(deps, target.item_id)
    tell(deps, target.item_id, target.user_id, window, "storing")
    return store_window(
        deps,
        target,
        lambda connection: kept_pages.read_window(connection, key, target.item_id, window.id),
        sizes,
        _Import(deps, target, window, conclude),
    )


class _Import(Progress):
    """An import as pull.py runs it: stops when somebody else moved the cursor, shows how far it has come."""

    def __init__(self, deps: Deps, target: Target, window: Window, conclude: Conclude) -> None:
        self._deps = deps
        self._target = target
        self._window = window
        self._conclude = conclude

    def folded(self, folded: Folded) -> None:
        meet(self._deps, self._target.item_id, folded.told_accounts, folded.named_accounts)

    def begins(self, connection: Connection) -> None:
        if connection.execute(_STILL_WANTED, self._bound(window_id=self._window.id)).first() is None:
            raise CursorMoved

    def stored(self, connection: Connection, rows: int, oldest: date | None) -> None:
        connection.execute(_STORED, self._bound(rows_stored=rows, stored_from=oldest))

    def ends(self, connection: Connection, applied: Applied, folded: Folded, update_status: str) -> None:
        if keeps(self._deps, applied):
            kept_pages.close(connection, self._target.item_id, self._window.id)
        else:
            kept_pages.drop_open(connection, self._target.item_id)
        connection.execute(_DONE, self._bound())
        self._conclude(connection, applied, folded, update_status)

    def _bound(self, **more: Any) -> dict[str, Any]:
        return {"item_id": self._target.item_id, "cursor": self._target.cursor, "now": self._deps.now(), **more}


def _know_all_accounts(deps: Deps, target: Target, folded: Folded) -> None:
    with transaction(deps.engine) as connection:
        here = connection.execute(_ACCOUNTS, {"item_id": target.item_id}).scalars().all()
    if folded.named_accounts - folded.told_accounts - set(here):
        raise PlaidContract("a transaction names an account that Plaid did not send")


@contextmanager
def _own_connection(engine: Engine) -> Iterator[Connection]:
    """A connection that is closed, not handed back: its temporary tables outlive its transactions."""
    with engine.connect() as connection:
        connection.detach()
        yield connection
