"""Twins: a bank that the user has linked already, found by its accounts.

Asked twice. Before the public token is exchanged, with what the browser says: cheap, and nothing is spent, but anybody
can write it. After the exchange, with what Plaid says, under the owner's lock: that answer counts. Two users may have
the same joint account; they are no twins. Reads only. Called by links.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

HEALTHY = ("ok", "pending_disconnect")

# An account is the same by the id that some banks keep for ever, else by bank and fingerprint.
_HEALTHY_TWIN = text("""
    select i.id
    from items as i join accounts as a on a.item_id = i.id
    join unnest(cast(:persistent_account_id as text[]), cast(:name as text[]), cast(:mask as text[]),
        cast(:type as text[]), cast(:subtype as text[])) as told (persistent_account_id, name, mask, type, subtype)
      on case when num_nulls(a.persistent_account_id, told.persistent_account_id) = 0
            then a.persistent_account_id = told.persistent_account_id
            else i.institution_id = :institution_id
                and (a.name, a.mask, a.type, a.subtype) is not distinct from
                    (told.name, told.mask, told.type, told.subtype)
         end
    where i.user_id = :user_id and i.removed_at is null and a.removed_at is null and i.status = any (:healthy)
    order by i.created_at, i.id
    limit 1
""")


class Told(NamedTuple):
    """An account as Link or Plaid tells it: the fields by which it is known again."""

    name: str | None
    mask: str | None
    type: str | None
    subtype: str | None
    persistent_account_id: str | None = None


def healthy_twin(
    connection: Connection, user_id: str, institution_id: str | None, accounts: Iterable[Told]
) -> UUID | None:
    """The user's linked and working item that has one of these accounts, the oldest of them; None when there is none.

    One whose sign-in is broken is no twin: it may be linked anew.
    """
    told = list(accounts)
    columns = {name: [getattr(account, name) for account in told] for name in Told._fields}
    bound = {"user_id": user_id, "institution_id": institution_id, "healthy": list(HEALTHY)}
    found: UUID | None = connection.execute(_HEALTHY_TWIN, bound | columns).scalar()
    return found
