"""A full resync: the bank tells everything anew, and what it does not tell any more leaves the ledger's live set.

Wanted when a page contradicted itself, when Plaid refused the stored cursor, or by the operator. The pull then begins
without a cursor, folds and stores as ever (rows that are the same write nothing), and stages a removal for each live
row inside the span that was told and is not in it. Only a complete history may say so; accounts that the bank shares no
more keep theirs, and rows from an earlier link of the bank are relink.py's to judge. A crash leaves the want. Called by
pull.py, apply.py and fold_kept.py.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, text

from sync.db import transaction
from sync.deps import Deps
from sync.errors import ItemNotFound

_WANT = text("""
    update item_pulls set resync = true, wanted = wanted + 1, failures = 0, retry_at = null
    where item_id = :item_id and exists (select from items where id = :item_id and removed_at is null)
""")
_UNTOLD = """
    insert into {into}
    select t.plaid_transaction_id{gone}
    from transactions as t join accounts as a on a.id = t.account_id
    where a.item_id = :item_id and a.closed_at is null and a.removed_at is null and t.removed_at is null
      and t.date >= (select min(date) from {told})
      and not exists (select from {told} as s where s.plaid_transaction_id = t.plaid_transaction_id)
      and not exists (
        select from account_moves as m
        where m.account_id = t.account_id and m.kind <> 'renumbered' and t.created_at <= m.moved_at)
"""
_REMOVE_UNTOLD = text(_UNTOLD.format(into="pulled_removals", gone="", told="pulled_rows"))
_SPILL_UNTOLD = text(_UNTOLD.format(into="told_rows (plaid_transaction_id, gone)", gone=", true", told="told_rows"))


def want_resync(connection: Connection, item_id: UUID) -> bool:
    """Asks for a full resync with the next pull; answers whether there is such an item. Twice is safe."""
    return connection.execute(_WANT, {"item_id": item_id}).rowcount == 1


def resync_item(deps: Deps, item_id: UUID) -> None:
    """Asks for a full resync and rings; raises ItemNotFound."""
    with transaction(deps.engine) as connection:
        if not want_resync(connection, item_id):
            raise ItemNotFound
    deps.ring("pull_item", {"item_id": str(item_id)})


def stage_untold(connection: Connection, item_id: UUID) -> int:
    """Stages the removal of live rows that the staged update should have told and did not; answers how many."""
    return connection.execute(_REMOVE_UNTOLD, {"item_id": item_id}).rowcount


def spill_untold(connection: Connection, item_id: UUID) -> None:
    """The same for an update that is folded in temporary tables."""
    connection.execute(_SPILL_UNTOLD, {"item_id": item_id})
