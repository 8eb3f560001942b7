"""More pages than memory should hold, folded in temporary tables and cut into steps.

Pages are read one by one into the tables of a connection that the caller holds; the same decisions as in fold.py make
one row, or its removal, of all that was told of an id. The rows are then cut into steps of a bounded size: removals
first, then rows, newest day first. A chain of rows for one real-world transaction is never split, nor is a day that
fits into a step. Nothing here touches the ledger; a crash leaves nothing behind. Called by imports.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, text

from sync.pull.apply import ACCOUNT_COLUMNS, ROW_COLUMNS, Staged, Target, compare, copy_rows, open_stages
from sync.pull.fold import Told, decide, root_of, tie
from sync.pull.pages import BankAccount, BankRow, Page
from sync.pull.resync import spill_untold

_TABLES = text("""
    create temporary table told_rows (
        like pulled_rows, place bigint generated always as identity, gone boolean not null default false);
    create temporary table told_links (
        plaid_transaction_id text collate "C", claims text collate "C", heir text collate "C", root text collate "C");
""")
_TOLD_COLUMNS = ", ".join(BankRow._fields)
_LAST_WORD = text("""
    create index on told_rows (plaid_transaction_id, place);
    analyze told_rows (plaid_transaction_id, place);
    delete from told_rows as r using told_rows as later
    where later.plaid_transaction_id = r.plaid_transaction_id and later.place > r.place;
""")
_COUNT = text("select count(*) from told_rows")
# `pending_told`: the row it names is told of too, so it may be the first of their chain.
_PAIRS = text("""
    select r.plaid_transaction_id, r.pending_transaction_id, p.plaid_transaction_id is not null as pending_told
    from told_rows as r
    left join told_rows as p on p.plaid_transaction_id = r.pending_transaction_id and not p.gone
    where r.pending_transaction_id is not null and not r.gone
    order by r.place
""")
_NAMED_ACCOUNTS = text("select distinct plaid_account_id from told_rows where not gone")
_STEPS = text("""
    create temporary table told_steps as
    with chained as (
        select r.plaid_transaction_id, r.place, coalesce(l.root, r.plaid_transaction_id) as root, l.claims, l.heir,
            max(r.date) over (partition by coalesce(l.root, r.plaid_transaction_id)) as day
        from told_rows as r left join told_links as l on l.plaid_transaction_id = r.plaid_transaction_id
        where not r.gone
    ), placed as (
        select *, (row_number() over (partition by day order by root collate "C", place) - 1) / :step_rows as part
        from chained
    ), parted as (
        select *, min(part) over (partition by root) as chain_part from placed
    ), numbered as (
        select *, row_number() over (order by day desc, chain_part, root collate "C", place) as number from parted
    ), cut as (
        select *, (min(number) over (partition by day, chain_part) - 1) / :step_rows as rough from numbered
    ), removals as (
        select g.plaid_transaction_id, (row_number() over (order by g.place) - 1) / :step_rows as step
        from told_rows as g
        where g.gone and not exists (select from cut where cut.claims = g.plaid_transaction_id)
    ), after_removals as (
        select coalesce(max(step) + 1, 0) as step from removals
    ), row_steps as (
        select plaid_transaction_id, claims, heir, root,
            (select step from after_removals) + dense_rank() over (order by rough) - 1 as step
        from cut
    )
    select plaid_transaction_id, claims, heir, root, step, false as gone from row_steps
    union all
    select g.plaid_transaction_id, null, null, null, r.step, true
    from told_rows as g join row_steps as r on r.claims = g.plaid_transaction_id where g.gone
    union all
    select plaid_transaction_id, null, null, null, step, true from removals;
    create index on told_steps (step);
    analyze told_steps;
""")
_SIZE = text("""
    select count(*) filter (where not gone) as told, count(*) filter (where gone) as removals,
        coalesce(max(step) + 1, 1) as steps
    from told_steps
""")
_STAGE_ROWS = text(f"""
    insert into pulled_rows ({ROW_COLUMNS})
    select {", ".join(f"r.{name}" for name in BankRow._fields)}, s.claims, s.heir, s.root,
        md5(cast(:item_id as text) || ':' || s.root)::uuid
    from told_steps as s join told_rows as r on r.plaid_transaction_id = s.plaid_transaction_id
    where s.step = :step and not s.gone
""")  # noqa: S608 - names of columns
_STAGE_REMOVALS = text("""
    insert into pulled_removals select plaid_transaction_id from told_steps where step = :step and gone
""")
_OLDEST = text("select min(date_trunc('month', coalesce(authorized_date, date)::timestamp)::date) from pulled_rows")


@dataclass(frozen=True)
class Folded(Told):
    """A folded window: what the pages say beside their rows, and how many steps their rows make."""

    named_accounts: frozenset[str]
    rows: int
    removals: int
    steps: int


def fold_kept(connection: Connection, target: Target, pages: Iterable[Page], step_rows: int, at_once: int) -> Folded:
    """Folds the pages into temporary tables of this connection, once per connection; needs a transaction.

    Up to `at_once` rows make one step, more of them steps of about `step_rows`: less than twice as many, unless one
    chain of rows is longer.
    """
    open_stages(connection)
    connection.execute(_TABLES)
    told = _spill(connection, pages)
    connection.execute(_LAST_WORD)
    if target.resync and told.complete:
        spill_untold(connection, target.item_id)
    _link(connection)
    all_told = connection.execute(_COUNT).scalar_one()
    connection.execute(_STEPS, {"step_rows": step_rows if all_told > at_once else max(all_told, 1)})
    size = connection.execute(_SIZE).one()
    return Folded(
        **told.__dict__,
        named_accounts=frozenset(connection.execute(_NAMED_ACCOUNTS).scalars()),
        rows=size.told,
        removals=size.removals,
        steps=size.steps,
    )


def stage_step(connection: Connection, target: Target, folded: Folded, step: int) -> tuple[Staged, date | None]:
    """Stages one step, the accounts with the first; answers its size and the oldest month it has."""
    open_stages(connection)
    if step == 0:
        copy_rows(connection, "pulled_accounts", ACCOUNT_COLUMNS, folded.accounts)
    told = connection.execute(_STAGE_ROWS, {"step": step, "item_id": target.item_id}).rowcount
    removals = connection.execute(_STAGE_REMOVALS, {"step": step}).rowcount
    oldest = connection.execute(_OLDEST).scalar()
    return compare(connection, told, removals), oldest


def _spill(connection: Connection, pages: Iterable[Page]) -> Told:
    accounts: dict[str, BankAccount] = {}
    count = anomalies = 0
    page: Any = None
    for page in pages:
        count += 1
        accounts.update((account.plaid_account_id, account) for account in page.accounts)
        decided, odd = decide(page)
        anomalies += odd
        copy_rows(connection, "told_rows", _TOLD_COLUMNS, (row for row in decided.values() if row is not None))
        gone = ((plaid_id, "t") for plaid_id, row in decided.items() if row is None)
        copy_rows(connection, "told_rows", "plaid_transaction_id, gone", gone)
    return Told(list(accounts.values()), page.next_cursor or None, page.update_status, count, anomalies)


def _link(connection: Connection) -> None:
    pairs = connection.execute(_PAIRS).all()
    claims, heirs = tie((own, pending) for own, pending, _ in pairs)
    told = claims.keys() | {pending for _, pending, pending_told in pairs if pending_told}
    linked = claims.keys() | (heirs.keys() & told)
    rows = ((own, claims.get(own), heirs.get(own), root_of(own, claims, told)) for own in linked)
    copy_rows(connection, "told_links", "plaid_transaction_id, claims, heir, root", rows)
    connection.execute(text("analyze told_links"))
