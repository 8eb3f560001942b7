"""A ledger built again from the bank's kept pages, through the very code that pulls run through.

The pages of each update are fed in the order in which they came, with what happened in between at its time: banks that
were unlinked, accounts that came under new ids, reviews that were confirmed. What users said is carried over
(carry.py). Ends with the same digest (ledger_digest.py), or names each item that differs and why. The source is read
in one snapshot and never written; the target has to be empty and is nobody's until this has ended: after a crash begin
with a new one. Called by the operator.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from sync import migrate
from sync.banks import accounts as bank_accounts
from sync.banks import purge
from sync.db import lock_owners, make_engine, snapshot, transaction
from sync.deps import Deps
from sync.errors import LedgerNotEmpty, MigrationFailed, PagesDamaged, PlaidContract, UserNotFound
from sync.ledger import lineage
from sync.pull import kept_pages
from sync.pull.apply import Target
from sync.pull.fold_kept import Folded
from sync.pull.imports import SIZES, Sizes
from sync.pull.pages import Page
from sync.pull.store_kept import Progress, store_window
from sync.rebuild.carry import carry_account, carry_after, carry_before, carry_cursor
from sync.rebuild.ledger_digest import LedgerDigest, bank_lines, digest_on

Told = Callable[[int, int], None]

_SECONDS = 24 * 3600.0
_CARRY_SECONDS = 3600.0
_NAMED_AT_MOST = 10
_ROWS_OF_AN_ACCOUNT = 20

_EMPTY = text("select not exists (select from users) and not exists (select from items)")
_USERS = text("select id from users where cast(:user_id as text) is null or id = :user_id order by id")
_ITEMS = text("""
    select i.id, i.user_id, i.removed_at, i.purged_at, i.successor_id, k.forgotten, k.item_id is not null as kept,
        (select p.start_cursor is null from plaid_pages as p where p.item_id = i.id and p.position = 1) as from_start
    from items as i left join page_keys as k on k.item_id = i.id
    where i.user_id = any (:users)
""")
# An item's windows keep their order, whatever the clocks said.
_WINDOWS = text("""
    select p.item_id, i.user_id, p.window_id, count(*) as pages, bool_or(p.start_cursor is null) as from_start,
        max(max(p.fetched_at)) over (partition by p.item_id order by min(p.position)) as at
    from plaid_pages as p join items as i on i.id = p.item_id
    where p.position is not null and i.user_id = any (:users) and p.item_id <> all (cast(:damaged as uuid[]))
    group by p.item_id, i.user_id, p.window_id
    order by at, p.item_id, min(p.position)
""")
_CONFIRMED = text("""
    select user_id, pending_entry_id, posted_entry_id, decided_at as at from reviews
    where user_id = any (:users) and state = 'confirmed' order by decided_at
""")
_BOTH_THERE = text("select count(distinct entry_id) = 2 from transactions where entry_id in (:pending, :posted)")
_CURSOR = text("select cursor from items where id = :item_id")
_JOINED = text("""
    update reviews set state = 'confirmed', pending_words = :pending_words, posted_words = :posted_words
    where pending_entry_id = :pending and posted_entry_id = :posted
""").bindparams(bindparam("pending_words", type_=JSONB), bindparam("posted_words", type_=JSONB))

_HERE = text("select plaid_account_id from accounts where item_id = :item_id and plaid_account_id = any (:named)")
_ACCOUNT = text("""
    select id from accounts where plaid_account_id = :plaid_id and user_id = :user_id
    union all
    (select account_id from transactions where plaid_transaction_id = any (:rows) and user_id = :user_id limit 1)
    limit 1
""")
_KNOWN = text("select item_id from accounts where id = :id")
_MOVES = text("select kind, settled_at from account_moves where account_id = :id order by id")
_NOTE_MOVE = text("""
    insert into account_moves (user_id, account_id, from_item_id, kind)
    select user_id, id, item_id, :kind from accounts where id = :id returning id
""")
_RENAME = text("""
    update accounts set plaid_account_id = :plaid_id, item_id = :item_id, closed_at = null, removed_at = null
    where id = :id
""")
_SETTLE = text("update account_moves set settled_at = now() where id = :id")


@dataclass(frozen=True)
class Difference:
    """An item that is not the same in both ledgers: why, as far as that is known, and which of its lines differ."""

    item_id: UUID
    user_id: str
    reasons: tuple[str, ...]
    missing: int
    extra: int
    different: int
    named: tuple[str, ...]


@dataclass(frozen=True)
class Rebuilt:
    """How a rebuild ended. `own_differs` = users whose own words are not the same."""

    source: LedgerDigest
    target: LedgerDigest
    windows: int
    pages: int
    differences: tuple[Difference, ...]
    own_differs: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether both ledgers have the same digests, and all pages were whole."""
        return (self.source.bank, self.source.own) == (self.target.bank, self.target.own) and not self.differences


def rebuild(
    deps: Deps, into: str, user_id: str | None = None, *, told: Told | None = None, sizes: Sizes = SIZES
) -> Rebuilt:
    """Builds one user's ledger or all into an empty migrated database, whose owner's address is `into`.

    `told` hears how many windows of how many are in. Raises LedgerNotEmpty, MigrationFailed, UserNotFound.
    """
    if migrate.check(into):
        raise MigrationFailed("the target has another schema than this code: run `livespend migrate` there first")
    engine = make_engine(into, role_hint="rebuild")
    try:
        with snapshot(deps.engine, statement_seconds=_SECONDS) as source:
            return _Rebuild(deps, replace(deps, engine=engine), source, sizes).run(user_id, told or _silent)
    finally:
        engine.dispose()


def _silent(done: int, total: int) -> None:
    """Nobody listens."""


@dataclass
class _Rebuild:
    """One rebuild: the ledger's snapshot, the target's dependencies, and what is known of each item by now."""

    deps: Deps
    into: Deps
    source: Connection
    sizes: Sizes
    reasons: dict[UUID, list[str]] = field(default_factory=dict)
    unsettled: list[tuple[datetime, int]] = field(default_factory=list)

    def run(self, user_id: str | None, told: Told) -> Rebuilt:
        users = self._users(user_id)
        items = self.source.execute(_ITEMS, {"users": users}).all()
        damaged = [item.id for item in items if not self._whole(item)]
        for user in users:
            self._in_target(user, partial(carry_before, self.source, user_id=user))
        windows = self.source.execute(_WINDOWS, {"users": users, "damaged": damaged}).all()
        self._feed(windows, items, users, told)
        for user in users:
            self._in_target(user, partial(carry_after, self.source, user_id=user))
        for item in items:
            self._hide(item)
        return self._compare(user_id, windows)

    def _users(self, user_id: str | None) -> list[str]:
        with transaction(self.into.engine) as target:
            if not target.execute(_EMPTY).scalar():
                raise LedgerNotEmpty
        users = list(self.source.execute(_USERS, {"user_id": user_id}).scalars())
        if user_id is not None and not users:
            raise UserNotFound
        return users

    def _in_target(self, user_id: str, work: Callable[[Connection], None]) -> None:
        with transaction(self.into.engine, statement_seconds=_CARRY_SECONDS) as target:
            lock_owners(target, [f"users/{user_id}"])
            work(target)

    def _whole(self, item: Row[Any]) -> bool:
        """Follows the chain of an item's pages; notes what is missing. Only damaged pages are not fed."""
        if not item.kept:
            if item.purged_at is None:
                self._note(item.id, "no page of it was kept")
            return True
        if item.forgotten:
            self._note(item.id, f"its first {item.forgotten} pages are forgotten (PLAID_PAGES_DAYS)")
        elif item.from_start is False:
            self._note(item.id, "its first updates were not kept")
        try:
            kept_pages.verify_chain(self.deps, item.id)
        except PagesDamaged as damage:
            self._note(item.id, str(damage))
            return False
        return True

    def _note(self, item_id: UUID, reason: str) -> None:
        self.reasons.setdefault(item_id, []).append(reason)

    def _feed(self, windows: Sequence[Row[Any]], items: Sequence[Row[Any]], users: list[str], told: Told) -> None:
        unlinked = [item for item in items if item.removed_at and item.successor_id is None and not item.purged_at]
        confirmed = self.source.execute(_CONFIRMED, {"users": users}).all()
        happened: list[tuple[datetime, Callable[[], None]]] = [
            *((item.removed_at, partial(self._unlink, item)) for item in unlinked),
            *((review.at, partial(self._confirm, review)) for review in confirmed),
        ]
        happened.sort(key=lambda event: event[0])
        for number, window in enumerate(windows, start=1):
            while happened and happened[0][0] <= window.at:
                happened.pop(0)[1]()
            self._settle_moves(window.at)
            self._window(window)
            told(number, len(windows))
        for _, event in happened:
            event()

    def _window(self, window: Row[Any]) -> None:
        with transaction(self.into.engine) as target:
            cursor = target.execute(_CURSOR, {"item_id": window.item_id}).scalar()
        resync = bool(window.from_start) and cursor is not None
        into = Target(window.item_id, window.user_id, cursor, resync=resync)
        accounts = _Accounts(self, window)
        try:
            store_window(self.into, into, accounts.read, self.sizes, accounts)
        except PlaidContract as refused:
            self._note(window.item_id, f"window {window.window_id} does not go in: {refused}")

    def meet(self, target: Connection, window: Row[Any], plaid_id: str, rows: list[str]) -> None:
        """Brings an account that the pages name into the target, or under its new id there."""
        bound = {"plaid_id": plaid_id, "user_id": window.user_id, "rows": rows}
        account_id = self.source.execute(_ACCOUNT, bound).scalar()
        if account_id is None:
            return
        if target.execute(_KNOWN, {"id": account_id}).scalar() is None:
            carry_account(self.source, target, account_id, plaid_id, window.item_id)
            return
        self._note_move(target, account_id)
        target.execute(_RENAME, {"id": account_id, "plaid_id": plaid_id, "item_id": window.item_id})

    def _note_move(self, target: Connection, account_id: UUID) -> None:
        moves = self.source.execute(_MOVES, {"id": account_id}).all()
        done = len(target.execute(_MOVES, {"id": account_id}).all())
        if done < len(moves):
            number = target.execute(_NOTE_MOVE, {"id": account_id, "kind": moves[done].kind}).scalar_one()
            if moves[done].settled_at is not None:
                self.unsettled.append((moves[done].settled_at, number))

    def _settle_moves(self, until: datetime) -> None:
        due = [number for at, number in self.unsettled if at <= until]
        self.unsettled = [(at, number) for at, number in self.unsettled if at > until]
        for number in due:
            with transaction(self.into.engine) as target:
                target.execute(_SETTLE, {"id": number})

    def _unlink(self, item: Row[Any]) -> None:
        self._in_target(item.user_id, partial(purge.tombstone, item_id=item.id))
        purge.purge_item(self.into, item.id)

    def _confirm(self, review: Row[Any]) -> None:
        sides = {"pending": review.pending_entry_id, "posted": review.posted_entry_id}

        def answer(target: Connection) -> None:
            if target.execute(_BOTH_THERE, sides).scalar():
                pending, posted = lineage.join(target, review.pending_entry_id, review.posted_entry_id)
                words = {"pending_words": lineage.stored(pending), "posted_words": lineage.stored(posted)}
                target.execute(_JOINED, sides | words)

        self._in_target(review.user_id, answer)

    def _hide(self, item: Row[Any]) -> None:
        """Rows of accounts that were de-selected or revoked are out of sight, as in the source."""
        if item.removed_at is None:
            bank_accounts.settle_rows(self.into, item.id)
            purge.purge_item(self.into, item.id)

    def _compare(self, user_id: str | None, windows: Sequence[Row[Any]]) -> Rebuilt:
        ours = digest_on(self.source, user_id)
        with snapshot(self.into.engine, statement_seconds=_SECONDS) as target:
            theirs = digest_on(target, user_id)
            differences = tuple(self._differences(target, ours, theirs))
        named = {difference.item_id for difference in differences}
        with transaction(self.into.engine) as target:
            for user in ours.users:
                for item in user.items:
                    if item.item_id not in named:
                        carry_cursor(self.source, target, item.item_id)
        own = {user.user_id: user.own for user in theirs.users}
        return Rebuilt(
            source=ours,
            target=theirs,
            windows=len(windows),
            pages=sum(window.pages for window in windows),
            differences=differences,
            own_differs=tuple(user.user_id for user in ours.users if own.get(user.user_id) != user.own),
        )

    def _differences(self, target: Connection, ours: LedgerDigest, theirs: LedgerDigest) -> Iterator[Difference]:
        built = {item.item_id: item.bank for user in theirs.users for item in user.items}
        for user in ours.users:
            for item in user.items:
                damaged = any(reason.startswith("pages-damaged") for reason in self.reasons.get(item.item_id, ()))
                if damaged or built.get(item.item_id) != item.bank:
                    yield self._difference(target, item.item_id, user.user_id)

    def _difference(self, target: Connection, item_id: UUID, user_id: str) -> Difference:
        ours, theirs = _by_id(self.source, item_id), _by_id(target, item_id)
        both = ours.keys() & theirs.keys()
        different = {key for key in both if ours[key] != theirs[key]}
        odd = sorted((ours.keys() ^ theirs.keys()) | different)
        return Difference(
            item_id=item_id,
            user_id=user_id,
            reasons=tuple(self.reasons.get(item_id, ["its pages tell another history"])),
            missing=len(ours) - len(both),
            extra=len(theirs) - len(both),
            different=len(different),
            named=tuple(" ".join(key) for key in odd[:_NAMED_AT_MOST]),
        )


class _Accounts(Progress):
    """Reads a window, and has the accounts that it names in the target before it is stored, as the source has them."""

    def __init__(self, rebuilding: _Rebuild, window: Row[Any]) -> None:
        self._rebuilding = rebuilding
        self._window = window
        self._rows: dict[str, list[str]] = defaultdict(list)

    def read(self, _: Connection) -> Iterator[Page]:
        """The window's pages; notes some rows of each account by the way."""
        rebuilding, window = self._rebuilding, self._window
        key = kept_pages.open_key(rebuilding.deps, window.item_id)
        for page in kept_pages.read_window(rebuilding.source, key, window.item_id, window.window_id):
            for row in (*page.added, *page.modified):
                if len(rows := self._rows[row.plaid_account_id]) < _ROWS_OF_AN_ACCOUNT:
                    rows.append(row.plaid_transaction_id)
            yield page

    def folded(self, folded: Folded) -> None:
        named = sorted(folded.told_accounts | folded.named_accounts)
        with transaction(self._rebuilding.into.engine) as target:
            lock_owners(target, [f"users/{self._window.user_id}"])
            here = set(target.execute(_HERE, {"item_id": self._window.item_id, "named": named}).scalars())
            for plaid_id in named:
                if plaid_id not in here:
                    self._rebuilding.meet(target, self._window, plaid_id, self._rows[plaid_id])


def _by_id(connection: Connection, item_id: UUID) -> dict[tuple[str, str], list[Any]]:
    return {(line[0], line[1]): line for line in bank_lines(connection, item_id)}
