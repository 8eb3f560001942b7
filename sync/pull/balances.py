"""Balances per account and day, and whether the transactions explain how they moved.

The store step keeps the last balance of each day an account was told on. Between two days a depository account falls
by what went out, a card or a loan rises by it; only posted rows count, each on its bank date. What is left over is the
gap. Rows of the boundary days may lie on either side of them and pending rows may be in the balance already, so those
that would close the gap are looked for first. Many banks' balances follow another clock than their rows: a gap is told
only for an account that has balanced before. Nothing is read beyond the last weeks, so cost does not grow with history.
Called by apply.py (snapshot) and by the worker's task (check_balances); a crash costs one check.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from sync import log
from sync.db import lock_owners, retrying, transaction
from sync.deps import Deps

_log = log.get(__name__)

WINDOW = timedelta(days=40)
_AT_ONCE = 500
_MOST_CANDIDATES, _MOST_TOGETHER, _MOST_NAMED = 24, 3, 5

_SNAPSHOT = text("""
    insert into balance_snapshots as b (account_id, day, user_id, current_balance, available_balance, iso_currency,
        unofficial_currency, taken_at)
    select a.id, (now() at time zone 'utc')::date, a.user_id, p.current_balance, p.available_balance, p.iso_currency,
        p.unofficial_currency, now()
    from pulled_accounts as p join accounts as a on a.plaid_account_id = p.plaid_account_id and a.item_id = :item_id
    where p.current_balance is not null
    on conflict (account_id, day) do update set
        current_balance = excluded.current_balance, available_balance = excluded.available_balance,
        iso_currency = excluded.iso_currency, unofficial_currency = excluded.unofficial_currency,
        taken_at = excluded.taken_at
    where (b.current_balance, b.available_balance, b.iso_currency, b.unofficial_currency) is distinct from
        (excluded.current_balance, excluded.available_balance, excluded.iso_currency, excluded.unofficial_currency)
""")
_DUE = text("""
    select a.id, a.user_id, a.type, a.iso_currency, a.unofficial_currency, c.state, c.proven
    from accounts as a
    join lateral (select max(taken_at) as taken_at from balance_snapshots as b where b.account_id = a.id) as b on true
    left join balance_checks as c on c.id = a.id
    where a.removed_at is null and a.closed_at is null and b.taken_at > coalesce(c.checked_at, '-infinity')
    order by b.taken_at
    limit :at_once
""")
_BALANCES = text("""
    select day, current_balance from balance_snapshots
    where account_id = :account_id and day >= :from_day
      and (iso_currency, unofficial_currency) is not distinct from (:iso_currency, :unofficial_currency)
    order by day
""")
# By the months' index: as many rows as the last weeks have, whatever the account's history is.
_ROWS = text("""
    select t.entry_id, t.amount, t.date, t.pending
    from transactions as t
    where t.user_id = :user_id and t.month >= date_trunc('month', cast(:from_day as date) - 31) and t.removed_at is null
      and t.account_id = :account_id and (t.date >= :from_day or t.pending)
      and (t.iso_currency, t.unofficial_currency) is not distinct from (:iso_currency, :unofficial_currency)
    order by t.date desc, t.entry_id
""")
_STORE = text("""
    insert into balance_checks as c (id, user_id, state, gap, since_day, until_day, likely, reason, proven, checked_at)
    values (:id, :user_id, :state, :gap, :since_day, :until_day, cast(:likely as uuid[]), :reason, :proven, :now)
    on conflict (id) do update set state = excluded.state, gap = excluded.gap, since_day = excluded.since_day,
        until_day = excluded.until_day, likely = excluded.likely, reason = excluded.reason,
        proven = c.proven or excluded.proven, checked_at = excluded.checked_at
""")
_OWED_TYPES = frozenset({"credit", "loan"})


@dataclass(frozen=True)
class Balance:
    """What an account held on a day, in its currency; of cards and loans what is owed."""

    day: date
    amount: Decimal


@dataclass(frozen=True)
class Booked:
    """A live row of the account, money out positive."""

    entry_id: UUID
    amount: Decimal
    day: date
    pending: bool


@dataclass(frozen=True)
class Verdict:
    """Whether the rows explain the balance; `gap` is money out that they do not explain (negative: money in)."""

    state: str
    gap: Decimal | None = None
    since_day: date | None = None
    likely: tuple[UUID, ...] = ()
    reason: str | None = None
    proven: bool = False


def snapshot(connection: Connection, item_id: UUID, user_id: str) -> None:
    """Keeps today's balances of the staged accounts; equal ones write nothing. The caller holds the owner's lock."""
    connection.execute(_SNAPSHOT, {"item_id": item_id})


def check_balances(deps: Deps) -> int:
    """Checks every account whose balance was told since its last check; answers how many. Twice is safe."""
    with transaction(deps.engine) as connection:
        due = connection.execute(_DUE, {"at_once": _AT_ONCE}).all()
    for account in due:
        _check(deps, account)
    if due:
        _log.info("balances_checked", accounts=len(due))
    return len(due)


@retrying
def _check(deps: Deps, account: Row[Any]) -> None:
    from_day = deps.now().date() - WINDOW
    bound = {
        "account_id": account.id,
        "user_id": account.user_id,
        "from_day": from_day,
        "iso_currency": account.iso_currency,
        "unofficial_currency": account.unofficial_currency,
    }
    with transaction(deps.engine) as connection:
        lock_owners(connection, [f"users/{account.user_id}"])
        balances = [Balance(*row) for row in connection.execute(_BALANCES, bound)]
        if not balances:
            return
        rows = [Booked(*row) for row in connection.execute(_ROWS, bound)]
        verdict = judge(account.type, balances, rows, proven=bool(account.proven))
        connection.execute(
            _STORE,
            {
                **verdict.__dict__,
                "likely": list(verdict.likely),
                "id": account.id,
                "user_id": account.user_id,
                "until_day": balances[-1].day,
                "now": deps.now(),
            },
        )


def judge(account_type: str, balances: Sequence[Balance], rows: Sequence[Booked], *, proven: bool) -> Verdict:
    """Holds each balance against the oldest of the window; `balances` are in order of their days.

    The newest of them has to be explained, or there is a gap since the last one that is: it stays until a row that
    the bank told late explains it, or until it leaves the window. An account that never balanced over days with rows
    is unknown: its bank's data does not allow the check.
    """
    first, now = balances[0], balances[-1]
    explained = first
    for balance in balances[1:]:
        gap = _gap(account_type, first, balance, rows)
        if gap == 0 or _closing(gap, first, balance, rows):
            explained = balance
            proven = proven or (gap == 0 and _moved(first, balance, rows))
    if explained is now:
        return Verdict("balanced" if proven else "unknown", proven=proven)
    if not proven:
        return Verdict("unknown")
    return _told(_gap(account_type, first, now, rows), explained, now, rows)


def _moved(then: Balance, now: Balance, rows: Sequence[Booked]) -> bool:
    return any(not row.pending and then.day < row.day <= now.day for row in rows)


def _gap(account_type: str, then: Balance, now: Balance, rows: Sequence[Booked]) -> Decimal:
    out = sum((row.amount for row in rows if not row.pending and then.day < row.day <= now.day), Decimal(0))
    fell = now.amount - then.amount if account_type in _OWED_TYPES else then.amount - now.amount
    return fell - out


def _closing(gap: Decimal, then: Balance, now: Balance, rows: Sequence[Booked]) -> tuple[UUID, ...]:
    """Rows that close the gap if they are counted on the other side of a boundary day, or as booked: up to three."""
    signed = [(row.entry_id, effect) for row in rows if (effect := _other_side(row, then, now)) is not None]
    return _sum_to(gap, signed[:_MOST_CANDIDATES])


def _other_side(row: Booked, then: Balance, now: Balance) -> Decimal | None:
    """What the gap loses if this row is counted the other way; None for rows that lie on no boundary."""
    if row.pending or row.day == then.day:
        return row.amount
    return -row.amount if row.day == now.day else None


def _sum_to(target: Decimal, signed: Sequence[tuple[UUID, Decimal]]) -> tuple[UUID, ...]:
    for size in range(1, _MOST_TOGETHER + 1):
        for together in combinations(signed, size):
            if sum((amount for _, amount in together), Decimal(0)) == target:
                return tuple(entry_id for entry_id, _ in together)
    return ()


def _told(gap: Decimal, then: Balance, now: Balance, rows: Sequence[Booked]) -> Verdict:
    """A gap with the rows that a person would look at: those that are it, or would be it the other way round."""
    between = [row for row in rows if then.day <= row.day <= now.day]
    same = [row.entry_id for row in between if row.amount == -gap]
    turned = [row.entry_id for row in between if row.amount * 2 == -gap]
    likely, reason = next(
        ((found, why) for found, why in ((same, "counted-but-not-moved"), (turned, "wrong-direction")) if found),
        ([], "missing-row"),
    )
    return Verdict("gap", gap, then.day, tuple(likely[:_MOST_NAMED]), reason, proven=True)
