"""Asking a bank for news now: by Plaid's /transactions/refresh where it is paid for, else by a pull alone.

The refresh answers at once and its effect comes by webhook, so nothing is stored here but the want of a pull. Plaid
allows two refreshes a minute per item; our own pace says so before Plaid does. Who may call: the API.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text

from sync.db import transaction
from sync.deps import Deps
from sync.errors import ItemNotFound
from sync.keys.vault import Sealed
from sync.ledger import fields

_TOKEN = text("""
    select t.key_id, t.nonce, t.ciphertext, t.wrapped_key
    from item_tokens as t join items as i on i.id = t.item_id
    where i.id = :id and i.removed_at is null
""")
_WANT = text("update item_pulls set wanted = wanted + 1, failures = 0, retry_at = null where item_id = :id")


def refresh_item(deps: Deps, user_id: str, item_id: UUID | str) -> dict[str, Any]:
    """Asks for news of one bank; answers whether the bank itself was asked. Twice costs a second call.

    Raises ItemNotFound, PlaidPaced or PlaidRateLimited (come back later), PlaidRefused (this bank cannot), and what
    else Plaid answers.
    """
    key = fields.key(item_id, ItemNotFound)
    with transaction(deps.engine, user_id) as connection:
        sealed = connection.execute(_TOKEN, {"id": key}).first()
    if sealed is None:
        raise ItemNotFound
    if deps.settings.plaid_refresh:
        assert deps.plaid is not None
        assert deps.vault is not None
        deps.plaid.refresh(deps.vault.decrypt(key, Sealed.of(sealed)))
    with transaction(deps.engine, user_id) as connection:
        connection.execute(_WANT, {"id": key})
    deps.ring("pull_item", {"item_id": str(key)})
    return {"asked": deps.settings.plaid_refresh}
