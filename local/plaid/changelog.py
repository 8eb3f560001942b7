"""The change log: per item an append-only list of what happened to its transactions, and the pages cut from it.

Every change gets the item's next sequence number; a removal is a change without a body. A page shows the net effect of
a window (low, high] for each transaction: new, changed, gone, or nothing when it came and went inside the window. The
caller holds the transaction; pages are pure reads, so asking twice answers the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from local.plaid.store import Store

_BLOCK = 2000
_INSERT = (
    "insert into changes (item, seq, transaction_id, account_id, body, original, pending) values (?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One change: the transaction as it is from now on, or gone when `body` is None."""

    transaction_id: str
    account_id: str
    body: str | None
    original: str | None = None
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Effect:
    """What became of one transaction between two moments: its body before existed, its body now may be None."""

    seq: int
    transaction_id: str
    account_id: str
    body: str | None
    original: str | None
    existed: bool


def append(store: Store, item: int, entries: Sequence[Entry]) -> int:
    """Adds changes to an item's log; answers its new head."""
    head = int(store.value("select head from items where item = ?", item))
    rows, links = [], []
    for seq, entry in enumerate(entries, start=head + 1):
        links.append((seq, item, entry.transaction_id))
        rows.append((item, seq, entry.transaction_id, entry.account_id, entry.body, entry.original, entry.pending))
    superseding = "update changes set next_seq = ? where item = ? and transaction_id = ? and next_seq is null"
    for link, row in zip(links, rows, strict=True):
        store.run(superseding, *link)
        store.run(_INSERT, *row)
    store.run("update items set head = ? where item = ?", head + len(entries), item)
    return head + len(entries)


def append_new(store: Store, item: int, entries: Iterable[Entry]) -> int:
    """Adds transactions that nobody has seen yet, in blocks; answers how many. For many at once."""
    head = first = int(store.value("select head from items where item = ?", item))
    numbered = enumerate(entries, start=head + 1)
    while block := list(itertools.islice(numbered, _BLOCK)):
        head = block[-1][0]
        store.run_many(
            _INSERT,
            [
                (item, seq, one.transaction_id, one.account_id, one.body, one.original, one.pending)
                for seq, one in block
            ],
        )
    store.run("update items set head = ? where item = ?", head, item)
    return head - first


_DELIVER = """
insert into changes (item, seq, transaction_id, account_id, body, original, pending)
select item, :head + row_number() over (order by number), transaction_id, account_id, body, original, pending
from held where item = :item and day >= :first
  and account_id in (select account_id from shared_accounts where item = :item)
"""


def append_held(store: Store, item: int, first: str) -> int:
    """Adds the held transactions of a day and later to the log, in the order they were held; answers how many."""
    head = int(store.value("select head from items where item = ?", item))
    count = store.named(_DELIVER, {"item": item, "first": first, "head": head}).rowcount
    store.run("update items set head = ? where item = ?", head + count, item)
    return count


_EFFECTS = """
select seq, transaction_id, account_id, body, original, existed from (
  select c.seq, c.transaction_id, c.account_id, c.body, c.original,
    (select p.body is not null from changes p
      where p.item = c.item and p.transaction_id = c.transaction_id and p.seq <= :low
      order by p.seq desc limit 1) as existed
  from changes c
  where c.item = :item and c.seq > :position and c.seq <= :high and (c.next_seq is null or c.next_seq > :high)
    and (:account is null or c.account_id = :account)
    and c.account_id in (select account_id from shared_accounts where item = :item))
where body is not null or existed = 1
order by seq limit :count
"""


def effects(
    store: Store, item: int, *, low: int, high: int, position: int, count: int, account_id: str | None = None
) -> list[Effect]:
    """The next net effects of the window after `position`, in the order of the last change of each."""
    values = {"item": item, "low": low, "high": high, "position": position, "count": count, "account": account_id}
    rows = store.named(_EFFECTS, values)
    return [Effect(row[0], row[1], row[2], row[3], row[4], bool(row[5])) for row in rows]


def current(store: Store, transaction_id: str) -> tuple[int, Entry] | None:
    """The live state of a transaction and its item; None when it never was or is gone."""
    row = store.one(
        "select item, account_id, body, original, pending from changes"
        " where transaction_id = ? and next_seq is null and body is not null",
        transaction_id,
    )
    if row is None:
        return None
    return row[0], Entry(transaction_id, row[1], row[2], row[3], bool(row[4]))


def live(store: Store, item: int, *, pending_only: bool = False) -> list[Entry]:
    """All live transactions of an item that its user shares, oldest change first."""
    rows = store.each(
        "select transaction_id, account_id, body, original, pending from changes"
        " where item = ?1 and next_seq is null and body is not null and pending >= ?2"
        " and account_id in (select account_id from shared_accounts where item = ?1) order by seq",
        item,
        int(pending_only),
    )
    return [Entry(row[0], row[1], row[2], row[3], bool(row[4])) for row in rows]


def live_of(store: Store, item: int, account_id: str | None = None) -> list[Entry]:
    """All live transactions of one account, or of all, shared or not; oldest change first."""
    rows = store.each(
        "select transaction_id, account_id, body, original, pending from changes"
        " where item = ?1 and (?2 is null or account_id = ?2) and next_seq is null and body is not null order by seq",
        item,
        account_id,
    )
    return [Entry(row[0], row[1], row[2], row[3], bool(row[4])) for row in rows]


def bump(store: Store, item: int) -> None:
    """Moves the log on without a change: what pages show has become another, so open windows die."""
    store.run("update items set head = head + 1 where item = ?", item)
