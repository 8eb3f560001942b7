"""Days on which pending transactions post by themselves, once the clock gets there. The caller has the transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import date

from local.plaid.world import World


def note(world: World, planned: Iterable[tuple[str, str, date]]) -> None:
    """Remembers (transaction_id, account_id, day); a later day takes the place of an earlier one."""
    lines = [(transaction_id, account_id, str(day)) for transaction_id, account_id, day in planned]
    world.store.run_many("insert or replace into postings values (?, ?, ?)", lines)


def copy(world: World, ids: Mapping[str, str], account_ids: Mapping[str, str]) -> None:
    """The same days for the same rows under new ids, in accounts under new ids."""
    for old, new in ids.items():
        row = world.store.one("select * from postings where transaction_id = ?", old)
        if row is not None:
            note(world, [(new, account_ids[row["account_id"]], date.fromisoformat(row["day"]))])


def follow(world: World, account_id: str, new_id: str) -> None:
    """Rows held for an account go with it to its new id."""
    world.store.run(
        "update postings set account_id = ? where account_id = ? and transaction_id in"
        " (select transaction_id from held)",
        new_id,
        account_id,
    )


def forget(world: World, transaction_ids: Iterable[str]) -> None:
    """These posted or vanished; once is enough, twice is safe."""
    world.store.run_many("delete from postings where transaction_id = ?", [(one,) for one in transaction_ids])


def due(world: World, item: int, day: date) -> list[sqlite3.Row]:
    """An item's rows that post on a day or before and that Plaid already knows of."""
    return world.store.all(
        "select p.transaction_id, p.day from postings p join shared_accounts a on a.account_id = p.account_id"
        " join changes c on c.transaction_id = p.transaction_id and c.next_seq is null and c.body is not null"
        " where a.item = ? and p.day <= ? order by p.day, c.seq",
        item,
        str(day),
    )
