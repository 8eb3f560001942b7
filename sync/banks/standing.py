"""How each item stands, for the operator: status, what is owed, when it was pulled; and asking for a pull by hand.

Reads only, but for the one want. No token, no name of an account and no row is ever in the answer. Who may call: the
operator's commands, as the worker.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text

from sync.db import transaction
from sync.deps import Deps
from sync.errors import ItemNotFound

_STANDING = text("""
    select i.id::text, i.user_id, i.institution_name as institution, i.status, i.error_code, i.update_status,
        p.wanted > p.done as owed, p.failures, p.resync, p.retry_at, p.last_webhook_at, p.last_pulled_at
    from items as i join item_pulls as p on p.item_id = i.id
    where i.removed_at is null and (cast(:user_id as text) is null or i.user_id = :user_id)
      and (not :only_broken or i.status <> 'ok' or p.failures > 0)
    order by i.user_id, i.created_at, i.id
""")
_WANT = text("""
    update item_pulls set wanted = wanted + 1, failures = 0, retry_at = null
    where item_id = :item_id and exists (select from items where id = :item_id and removed_at is null)
""")


def standing_of_items(deps: Deps, user_id: str | None = None, *, only_broken: bool = False) -> list[dict[str, Any]]:
    """Every live item, or one user's, or only those that are not well."""
    with transaction(deps.engine) as connection:
        rows = connection.execute(_STANDING, {"user_id": user_id, "only_broken": only_broken})
        return [dict(row) for row in rows.mappings()]


def want_pull_now(deps: Deps, item_id: UUID) -> None:
    """Asks for a pull whatever the item's retry time is, and rings; raises ItemNotFound. Twice is safe."""
    with transaction(deps.engine) as connection:
        if connection.execute(_WANT, {"item_id": item_id}).rowcount == 0:
            raise ItemNotFound
    deps.ring("pull_item", {"item_id": str(item_id)})
