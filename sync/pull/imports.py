"""Updates too large for memory or for the rate limit: their pages while they come in, and how far they have come.

The first few pages of an update stay in memory. From then on, and whenever a limit makes us wait, each page is
committed as it comes, and the next pull of the item goes on behind the last one. The table `imports` is the document
that the page shows; it goes a while after the import is over. A crash leaves an open window: whole pages, gone on with
by the next pull, or thrown away once they are stale. Called by pull.py, store_kept.py and the hourly task.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from sync import log
from sync.banks.item_lock import hold_item
from sync.db import lock_owners, retrying, transaction
from sync.deps import Deps
from sync.keys.vault import DataKey
from sync.pull import kept_pages
from sync.pull.apply import Applied
from sync.pull.kept_pages import Window
from sync.steps import step as named_step

_log = log.get(__name__)

_STATEMENT_SECONDS, _LOCK_SECONDS = 120.0, 60.0
# A cursor inside an update may die at Plaid. Pages that are all there wait longer: they need Plaid no more.
_STALE_AFTER, _UNSTORED_AFTER = timedelta(hours=1), timedelta(days=2)
_SHOWN_FOR = timedelta(minutes=10)

_TELL = text("""
    insert into imports as i (item_id, user_id, window_id, phase, pages, rows, started_at, told_at)
    values (:item_id, :user_id, :window_id, :phase, :pages, :rows, :now, :now)
    on conflict (item_id) do update set
        window_id = excluded.window_id, phase = excluded.phase, pages = excluded.pages, rows = excluded.rows,
        started_at = case when i.window_id = excluded.window_id then i.started_at else excluded.started_at end,
        told_at = excluded.told_at, rows_stored = 0, stored_from = null, finished_at = null,
        storing_since = case when i.window_id = excluded.window_id then i.storing_since end
    where i.window_id <> excluded.window_id or i.phase <> excluded.phase
       or i.told_at <= excluded.told_at - interval '1 second'
""")
_UNFINISHED = text("""
    select i.storing_since, exists (select from plaid_pages as p where p.item_id = :item_id and p.position is null)
        as open
    from (select 1) as one left join imports as i on i.item_id = :item_id and i.phase <> 'done'
""")
_TAKE_BACK = text("""
    update transactions as t set removed_at = now()
    from accounts as a
    where a.id = t.account_id and a.item_id = :item_id and t.source = 'bank' and t.created_at >= :since
      and t.removed_at is null
""")
_FORGET = text("delete from imports where item_id = :item_id and phase <> 'done'")
_ABANDONED = text("""
    select i.id, i.user_id
    from items as i join (
        select item_id, max(fetched_at) as fetched_at, bool_and(has_more) as has_more
        from plaid_pages where position is null group by item_id
    ) as p on p.item_id = i.id
    where i.removed_at is not null or p.fetched_at < :unstored or p.has_more and p.fetched_at < :stale
""")
_OVER = text("""
    select item_id, user_id from imports as i
    where finished_at < :shown
       or phase <> 'done' and not exists (select from plaid_pages as p where p.item_id = i.item_id and position is null)
""")
_END_SHOW = text("""
    delete from imports as i
    where item_id = :item_id and (finished_at < :shown or phase <> 'done' and not exists (
        select from plaid_pages as p where p.item_id = i.item_id and position is null))
""")


@dataclass(frozen=True)
class Sizes:
    """Where an update stops being small, and in what portions a large one is stored."""

    pages_in_memory: int = 10
    rows_at_once: int = 5_000
    rows_per_step: int = 1_000


SIZES = Sizes()


class Shelf:
    """Puts the pages of one item's update where they outlive this process; the document of the import tells of it."""

    def __init__(self, deps: Deps, item_id: UUID, user_id: str, sizes: Sizes) -> None:
        self._deps = deps
        self._item_id = item_id
        self._user_id = user_id
        self._sizes = sizes
        self._key: DataKey | None = None

    def offer(self, window: Window) -> None:
        """Puts the pages on the shelf once there are too many for memory."""
        if window.count > self._sizes.pages_in_memory:
            self.put(window)

    def put(self, window: Window) -> None:
        """Commits the pages that are in memory; they leave memory. Raises VaultFailed."""
        if not window.pages:
            return
        self._key = self._key or kept_pages.open_key(self._deps, self._item_id)
        now = self._deps.now()
        pages = kept_pages.seal(self._key, self._item_id, window, now)
        with transaction(self._deps.engine) as connection:
            kept_pages.add_open(connection, pages)
        window.shelved, window.shelved_at = window.count, now
        window.pages.clear()
        tell(self._deps, self._item_id, self._user_id, window, "fetching")
        named_step("pull:paged")

    def clear(self) -> None:
        """Throws the open window away."""
        discard(self._deps, self._item_id, self._user_id)


def resume(deps: Deps, item_id: UUID, user_id: str, start_cursor: str | None) -> Window:
    """The window to go on with: the open one if it began at this cursor and is not stale, else a new one.

    Raises PagesDamaged, after which `discard` makes room for a new one.
    """
    with transaction(deps.engine) as connection:
        window = kept_pages.find_open(connection, item_id)
    if window is None:
        return Window(start_cursor)
    idle_since = window.shelved_at
    stale = window.has_more and idle_since is not None and idle_since < deps.now() - _STALE_AFTER
    if window.start_cursor == start_cursor and not stale:
        return window
    discard(deps, item_id, user_id)
    return Window(start_cursor)


@retrying
def tell(deps: Deps, item_id: UUID, user_id: str, window: Window, phase: str) -> None:
    """Shows how many pages there are, at most once a second; a new phase at once."""
    with transaction(deps.engine) as connection:
        lock_owners(connection, [f"users/{user_id}"])
        connection.execute(
            _TELL,
            {
                "item_id": item_id,
                "user_id": user_id,
                "window_id": window.id,
                "phase": phase,
                "pages": window.count,
                "rows": window.rows,
                "now": deps.now(),
            },
        )


@retrying
def discard(deps: Deps, item_id: UUID, user_id: str) -> None:
    """Throws an open window away. Rows that it brought already leave the live set until they are told again.

    Twice is safe, and so is an item without one.
    """
    with deps.engine.connect() as connection:
        found = connection.execute(_UNFINISHED, {"item_id": item_id}).one()
    if not found.open and found.storing_since is None:
        return
    with transaction(deps.engine, statement_seconds=_STATEMENT_SECONDS, lock_seconds=_LOCK_SECONDS) as connection:
        lock_owners(connection, [f"users/{user_id}"])
        since = connection.execute(_UNFINISHED, {"item_id": item_id}).one().storing_since
        if since is not None:
            connection.execute(_TAKE_BACK, {"item_id": item_id, "since": since})
        dropped = kept_pages.drop_open(connection, item_id)
        connection.execute(_FORGET, {"item_id": item_id})
    _log.info("window_discarded", item_id=str(item_id), pages=dropped, half_stored=since is not None)


def keeps(deps: Deps, applied: Applied) -> bool:
    """Whether the pages of an update are kept: one that wrote nothing adds nothing to a ledger built from pages."""
    return deps.settings.plaid_pages_days > 0 and (applied.changes > 0 or applied.accounts > 0)


def forget_old(deps: Deps) -> None:
    """Ends what nobody goes on with: stale windows, and the documents of imports that are over. Twice is safe."""
    now = deps.now()
    bound = {"stale": now - _STALE_AFTER, "unstored": now - _UNSTORED_AFTER, "shown": now - _SHOWN_FOR}
    with transaction(deps.engine) as connection:
        abandoned = connection.execute(_ABANDONED, bound).all()
        over = connection.execute(_OVER, bound).all()
    for item in abandoned:
        with hold_item(deps.engine, item.id) as alone:
            if alone:
                discard(deps, item.id, item.user_id)
    for shown in over:
        with transaction(deps.engine) as connection:
            lock_owners(connection, [f"users/{shown.user_id}"])
            connection.execute(_END_SHOW, {"item_id": shown.item_id, **bound})
