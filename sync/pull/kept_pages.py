"""Plaid's raw pages, kept: compressed, sealed under a key of their item, chained by digest.

The pages of one update are a window. Of a large update each page is committed as it comes, open: a worker that has to
wait for the rate limit, or dies, goes on behind the last one. With the commit that brings a window into the ledger its
pages get their places in the item's chain, whose digest tells a page that is missing or altered. Pages are deleted
after PLAID_PAGES_DAYS, the oldest first; deleting an item's row of page_keys shreds all of its pages. A crash leaves
whole pages. Called by pull.py and imports.py; verify_chain by the operator.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import zstandard
from sqlalchemy import Connection, Row, text

from sync.db import transaction
from sync.deps import Deps
from sync.errors import PagesDamaged, PlaidContract, VaultFailed
from sync.keys.vault import DataKey, WrappedKey
from sync.pull.pages import Page, parse_json, read_page

SealedPage = dict[str, Any]

_QUICK = 1  # zstd's level, of 22: pages are sealed beside the store step, on processor time that it needs

_KEY = text("select key_id, wrapped from page_keys where item_id = :item_id")
_NEW_KEY = text("""
    insert into page_keys (item_id, key_id, wrapped) values (:item_id, :key_id, :wrapped) on conflict do nothing
""")
_CHAIN_END = text("select chained, chain_sha256 from page_keys where item_id = :item_id for update")
_MOVE_CHAIN_END = text("""
    update page_keys set chained = :position, chain_sha256 = :chain_sha256 where item_id = :item_id
""")
_INSERT = text("""
    insert into plaid_pages (item_id, window_id, ordinal, position, start_cursor, next_cursor, has_more, request_id,
        fetched_at, rows, sha256, chain_sha256, sealed)
    values (:item_id, :window_id, :ordinal, :position, :start_cursor, :next_cursor, :has_more, :request_id,
        :fetched_at, :rows, :sha256, :chain_sha256, :sealed)
""")
_OPEN = text("""
    select window_id, ordinal, start_cursor, next_cursor, has_more, rows, fetched_at
    from plaid_pages where item_id = :item_id and position is null
    order by window_id, ordinal
""")
_DROP_OPEN = text("delete from plaid_pages where item_id = :item_id and position is null")
_DIGESTS = text("""
    select ordinal, sha256 from plaid_pages where item_id = :item_id and window_id = :window_id order by ordinal
""")
_CHAIN = text("""
    update plaid_pages as p set position = c.position, chain_sha256 = c.chain_sha256
    from unnest(cast(:ordinals as integer[]), cast(:positions as bigint[]), cast(:chains as bytea[]))
        as c(ordinal, position, chain_sha256)
    where p.item_id = :item_id and p.window_id = :window_id and p.ordinal = c.ordinal
""")
_PAGE = text("""
    select window_id, ordinal, start_cursor, next_cursor, has_more, sha256, chain_sha256, sealed
    from plaid_pages where item_id = :item_id and window_id = :window_id and ordinal = :ordinal
""")
_WINDOWS = text("""
    select window_id from plaid_pages
    where item_id = :item_id and position is not null group by window_id order by min(position)
""")
_ENDS = text("""
    select chained, chain_sha256, forgotten, forgotten_sha256 from page_keys where item_id = :item_id
""")
_CHAINED = text("""
    select window_id, ordinal, sha256, chain_sha256, sealed from plaid_pages
    where item_id = :item_id and position = :position
""")
# Whole windows, and the chain up to the last one that is old: it goes on from there.
_FORGET = text("""
    with old as (
        select distinct on (item_id) item_id, position, chain_sha256 from plaid_pages
        where fetched_at < :before and position is not null and not has_more
        order by item_id, position desc
    ), moved as (
        update page_keys as k set forgotten = old.position, forgotten_sha256 = old.chain_sha256
        from old where k.item_id = old.item_id
    )
    delete from plaid_pages as p using old where p.item_id = old.item_id and p.position <= old.position
""")


@dataclass
class Window:
    """The pages of one update as they come in: some on the shelf of plaid_pages, the latest ones in memory."""

    start_cursor: str | None
    id: UUID = field(default_factory=uuid4)
    shelved: int = 0
    rows: int = 0
    has_more: bool = True
    pages: list[Page] = field(default_factory=list)
    cursors: list[str | None] = field(default_factory=list)
    shelved_at: datetime | None = None

    def __post_init__(self) -> None:
        self.cursors = self.cursors or [self.start_cursor]

    @property
    def count(self) -> int:
        """How many pages there are so far."""
        return self.shelved + len(self.pages)

    @property
    def next_cursor(self) -> str | None:
        """The cursor to ask for the next page with."""
        return self.cursors[-1]

    def add(self, page: Page) -> None:
        """Takes in the page after `next_cursor`; raises PlaidContract when the pages lead nowhere."""
        if page.has_more and page.next_cursor in ("", *self.cursors):
            raise PlaidContract("there are more pages, but the cursor does not move on")
        if not page.next_cursor and self.start_cursor is not None:
            raise PlaidContract("an update after a cursor ends without one")
        self.pages.append(page)
        self.cursors.append(page.next_cursor)
        self.rows += page.rows
        self.has_more = page.has_more

    def begin_again(self) -> None:
        """Forgets all pages; what is on the shelf has to go too."""
        self.__dict__.update(Window(self.start_cursor).__dict__)


def open_key(deps: Deps, item_id: UUID) -> DataKey:
    """The key that seals the item's pages, made at first use; raises VaultFailed."""
    assert deps.vault is not None
    context = f"pages of {item_id}"
    with transaction(deps.engine) as connection:
        kept = connection.execute(_KEY, {"item_id": item_id}).first()
    if kept is None:
        key, wrapped = deps.vault.new_key(context)
        bound = {"item_id": item_id, "key_id": wrapped.key_id, "wrapped": wrapped.wrapped}
        with transaction(deps.engine) as connection:
            if connection.execute(_NEW_KEY, bound).rowcount:
                return key
            kept = connection.execute(_KEY, {"item_id": item_id}).one()
    return deps.vault.open_key(context, WrappedKey(kept.key_id, bytes(kept.wrapped)))


def find_open(connection: Connection, item_id: UUID) -> Window | None:
    """The item's open window as far as its pages have come; raises PagesDamaged if one of them is missing."""
    rows = connection.execute(_OPEN, {"item_id": item_id}).all()
    if not rows:
        return None
    whole = [row.ordinal for row in rows] == list(range(1, len(rows) + 1)) and all(row.has_more for row in rows[:-1])
    if not whole or any(row.next_cursor != after.start_cursor for row, after in pairwise(rows)):
        raise PagesDamaged("a page of an open window is missing")
    return Window(
        start_cursor=rows[0].start_cursor,
        id=rows[0].window_id,
        shelved=len(rows),
        rows=sum(row.rows for row in rows),
        has_more=rows[-1].has_more,
        cursors=[rows[0].start_cursor, *(row.next_cursor for row in rows)],
        shelved_at=rows[-1].fetched_at,
    )


def seal(key: DataKey, item_id: UUID, window: Window, now: datetime) -> list[SealedPage]:
    """The window's pages in memory, compressed and sealed, in order: what add_open and keep store."""
    asked: Sequence[str | None] = window.cursors[window.shelved :]
    return [
        {
            "item_id": item_id,
            "window_id": window.id,
            "ordinal": ordinal,
            "start_cursor": cursor,
            "next_cursor": page.next_cursor,
            "has_more": page.has_more,
            "request_id": page.request_id,
            "fetched_at": now,
            "rows": page.rows,
            "sha256": hashlib.sha256(page.raw).digest(),
            "sealed": key.seal(zstandard.compress(page.raw, _QUICK), _place(item_id, window.id, ordinal)),
        }
        for ordinal, (page, cursor) in enumerate(zip(window.pages, asked, strict=False), start=window.shelved + 1)
    ]


def add_open(connection: Connection, pages: Iterable[SealedPage]) -> None:
    """Puts a window's pages behind those on the shelf."""
    for page in pages:
        connection.execute(_INSERT, page | {"position": None, "chain_sha256": None})


def drop_open(connection: Connection, item_id: UUID) -> int:
    """Deletes the item's open pages; answers how many there were."""
    return connection.execute(_DROP_OPEN, {"item_id": item_id}).rowcount


def keep(connection: Connection, item_id: UUID, pages: Iterable[SealedPage]) -> None:
    """Keeps all pages of a window; call it in the transaction that stores the update."""
    position, chain = connection.execute(_CHAIN_END, {"item_id": item_id}).one()
    for page in pages:
        position, chain = position + 1, _linked(chain, page["sha256"])
        connection.execute(_INSERT, page | {"position": position, "chain_sha256": chain})
    connection.execute(_MOVE_CHAIN_END, {"item_id": item_id, "position": position, "chain_sha256": chain})


def close(connection: Connection, item_id: UUID, window_id: UUID) -> None:
    """Gives the pages of an open window their places in the chain; call it in the transaction that ends its import."""
    position, chain = connection.execute(_CHAIN_END, {"item_id": item_id}).one()
    chained: list[tuple[int, int, bytes]] = []
    for ordinal, sha256 in connection.execute(_DIGESTS, {"item_id": item_id, "window_id": window_id}):
        position, chain = position + 1, _linked(chain, sha256)
        chained.append((ordinal, position, chain))
    columns = dict(zip(("ordinals", "positions", "chains"), map(list, zip(*chained, strict=True)), strict=True))
    connection.execute(_CHAIN, {"item_id": item_id, "window_id": window_id, **columns})
    connection.execute(_MOVE_CHAIN_END, {"item_id": item_id, "position": position, "chain_sha256": chain})


def windows(connection: Connection, item_id: UUID) -> list[UUID]:
    """The item's kept windows, in the order in which they came into the ledger."""
    return list(connection.execute(_WINDOWS, {"item_id": item_id}).scalars())


def read_window(connection: Connection, key: DataKey, item_id: UUID, window_id: UUID) -> Iterator[Page]:
    """The pages of a window, opened one by one; raises PagesDamaged when one is missing or altered."""
    ordinal, cursor = 0, None
    while True:
        ordinal += 1
        bound = {"item_id": item_id, "window_id": window_id, "ordinal": ordinal}
        row = connection.execute(_PAGE, bound).first()
        if row is None or (ordinal > 1 and row.start_cursor != cursor):
            raise PagesDamaged(f"page {ordinal} of window {window_id} is missing")
        raw = _opened(key, item_id, row)
        yield read_page(parse_json(raw), raw)
        if not row.has_more:
            return
        cursor = row.next_cursor


def verify_chain(deps: Deps, item_id: UUID) -> int:
    """Opens every kept page of an item and follows the chain to its end; answers how many, raises PagesDamaged."""
    key = open_key(deps, item_id)
    with transaction(deps.engine) as connection:
        ends = connection.execute(_ENDS, {"item_id": item_id}).one()
        chain = bytes(ends.forgotten_sha256)
        for position in range(ends.forgotten + 1, ends.chained + 1):
            row = connection.execute(_CHAINED, {"item_id": item_id, "position": position}).first()
            if row is None:
                raise PagesDamaged(f"page {position} of the chain is missing")
            _opened(key, item_id, row)
            chain = _linked(chain, row.sha256)
            if chain != bytes(row.chain_sha256):
                raise PagesDamaged(f"page {position} is not the one that was chained")
    if chain != bytes(ends.chain_sha256):
        raise PagesDamaged("the chain ends elsewhere")
    return int(ends.chained - ends.forgotten)


def forget_old(deps: Deps) -> int:
    """Deletes kept pages after PLAID_PAGES_DAYS, whole windows, oldest first; answers how many. Twice is safe."""
    before = deps.now() - timedelta(days=deps.settings.plaid_pages_days)
    with transaction(deps.engine) as connection:
        return connection.execute(_FORGET, {"before": before}).rowcount


def _opened(key: DataKey, item_id: UUID, row: Row[Any]) -> bytes:
    try:
        raw = zstandard.decompress(key.open(bytes(row.sealed), _place(item_id, row.window_id, row.ordinal)))
    except (VaultFailed, zstandard.ZstdError):
        raise PagesDamaged(f"page {row.ordinal} of window {row.window_id} does not open") from None
    if hashlib.sha256(raw).digest() != bytes(row.sha256):
        raise PagesDamaged(f"page {row.ordinal} of window {row.window_id} is not the one that was fetched")
    return raw


def _place(item_id: UUID, window_id: UUID, ordinal: int) -> str:
    return f"{item_id}/{window_id}/{ordinal}"


def _linked(chain: bytes, sha256: bytes) -> bytes:
    return hashlib.sha256(bytes(chain) + bytes(sha256)).digest()
