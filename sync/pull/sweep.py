"""The sweep: finds every item that is owed work, whether or not its doorbell was heard.

Doorbells live in a broker that may be wiped; what is owed lives in the ledger. Each sweep re-matches webhooks that
came before their item did, wants a pull of healthy items whose look is due (freshness.py), and rings for all that is
owed. It pulls nothing itself, so running it twice or in two places costs only a second ring: what it notes it notes in
short transactions of their own, and who noted the same first is waited for. Removal of items at Plaid rides along: an
item taken away here is asked for again until Plaid has let it go and its token is deleted; so do the daily look at each
item's accounts (accounts.py), purges (purge.py) and links that nobody brought to their end.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from sync import log
from sync.banks import accounts, hosted_link, purge, tokens
from sync.banks.item_lock import hold_item
from sync.db import retrying, transaction
from sync.deps import Deps
from sync.erase import erasures
from sync.errors import PlaidError, VaultFailed
from sync.keys.vault import Sealed
from sync.pull import freshness
from sync.pull.limits import limits_of

_log = log.get(__name__)

_AT_ONCE = 500
LONGEST_PAUSE = timedelta(hours=7)
_LOOKS_SHARE = 0.5

_REMATCH = text("""
    with matched as (
        update webhook_inbox as w set state = 'new'
        from items as i
        where w.state = 'unmatched' and i.plaid_item_id = w.plaid_item_id
        returning i.id
    )
    update item_pulls set wanted = wanted + 1 where item_id in (select id from matched)
""")
# Two indexes of item_pulls, each as small as what is owed. No pause is longer than six hours: a retry that is further
# away was noted by a clock that was wrong.
_OWED = text("""
    select p.item_id
    from (select item_id, retry_at, last_pulled_at from item_pulls
          where wanted > done and (failures = 0 or retry_at is null or retry_at <= :now or retry_at > :too_late)
          union all
          select item_id, retry_at, last_pulled_at from item_pulls
          where wanted = done and (retry_at <= :now or retry_at > :too_late)) as p
    join items as i on i.id = p.item_id
    where i.removed_at is null
    order by p.retry_at nulls first, p.last_pulled_at nulls first
    limit :at_once
""")
_TO_REMOVE = text("""
    select i.id
    from items as i join item_tokens as t on t.item_id = i.id join item_pulls as p on p.item_id = i.id
    where i.removed_at is not null
      and (p.failures = 0 or p.retry_at is null or p.retry_at <= :now or p.retry_at > :too_late)
    order by i.removed_at
    limit :at_once
""")
_TOKEN = text("""
    select t.key_id, t.nonce, t.ciphertext, t.wrapped_key
    from items as i join item_tokens as t on t.item_id = i.id
    where i.id = :item_id and i.removed_at is not null
""")
_FORGET_TOKEN = text("delete from item_tokens where item_id = :item_id")
_SETTLE = text("update item_pulls set done = wanted, failures = 0, retry_at = null where item_id = :item_id")
_POSTPONE = text("""
    update item_pulls set failures = failures + 1,
        retry_at = cast(:now as timestamptz)
            + least(5 * power(2, least(failures, 10)), 3600) * (0.5 + random()) * interval '1 second'
    where item_id = :item_id
""")


def sweep(deps: Deps) -> list[UUID]:
    """Rings for every item that is owed a pull or a removal; answers those owed a pull."""
    now = deps.now()
    bound = {"now": now, "too_late": now + LONGEST_PAUSE, "at_once": _AT_ONCE}
    _rematch(deps)
    freshness.want_looks(deps, _looks(deps))
    purge.ask(deps)
    with transaction(deps.engine) as connection:
        owed = list(connection.execute(_OWED, bound).scalars())
        to_remove = list(connection.execute(_TO_REMOVE, bound).scalars())
        to_ask = freshness.to_ask(connection, now)
        to_refresh = accounts.due(connection, now, _AT_ONCE)
        to_purge = purge.due(connection, now, _AT_ONCE)
        to_erase = erasures.due(connection, now)
    turned = freshness.turn(deps)
    for item_id in owed:
        deps.ring("pull_item", {"item_id": str(item_id)})
    for item_id in to_remove:
        deps.ring("remove_item", {"item_id": str(item_id)})
    for item_id in to_ask:
        deps.ring("ask_bank", {"item_id": str(item_id)})
    for item_id in to_refresh:
        deps.ring("refresh_accounts", {"item_id": str(item_id)})
    for item_id in to_purge:
        deps.ring("purge_item", {"item_id": str(item_id)})
    for erasure_id in to_erase:
        deps.ring("erase_user", {"erasure_id": str(erasure_id)})
    for item_id in tokens.stale(deps, now - tokens.STALE_AFTER, _AT_ONCE):
        deps.ring("rotate_token", {"item_id": str(item_id)})
    for task, arguments in hosted_link.owed(deps):
        deps.ring(task, arguments)
    if owed or to_remove or to_ask or turned:
        _log.info("swept", pulls=len(owed), removals=len(to_remove), questions=len(to_ask), turned=turned)
    return owed


@retrying
def _rematch(deps: Deps) -> None:
    with transaction(deps.engine) as connection:
        connection.execute(_REMATCH)


def _looks(deps: Deps) -> int:
    """How many looks one sweep may want: half of what Plaid allows until the next one, the rest is for webhooks."""
    allowed = limits_of(deps.settings.plaid_url, deps.settings.plaid_limits).get("transactions_sync")
    if allowed is None or allowed.client is None:
        return _AT_ONCE
    return min(_AT_ONCE, max(1, int(allowed.client * _LOOKS_SHARE * deps.settings.sweep_seconds / 60)))


def remove_item(deps: Deps, item_id: UUID) -> bool:
    """Ends a removed item at Plaid, then deletes its token; answers whether there is nothing left to do.

    A failure is recorded with its retry, which the sweep rings. Twice is safe: an item that is gone counts as ended,
    and one that is not removed here is left alone. While the item is held, by a pull or by the exchange of its token,
    nothing is done: a token about to die would look like an item that is gone.
    """
    with hold_item(deps.engine, item_id) as alone:
        return alone and _remove(deps, item_id)


def _remove(deps: Deps, item_id: UUID) -> bool:
    assert deps.plaid is not None
    assert deps.vault is not None
    with transaction(deps.engine) as connection:
        sealed = connection.execute(_TOKEN, {"item_id": item_id}).first()
    if sealed is None:
        return True
    try:
        deps.plaid.item_remove(deps.vault.decrypt(item_id, Sealed.of(sealed)))
    except (PlaidError, VaultFailed) as error:
        with transaction(deps.engine) as connection:
            connection.execute(_POSTPONE, {"item_id": item_id, "now": deps.now()})
        _log.warning("item_removal_postponed", item_id=str(item_id), reason=str(error))
        return False
    with transaction(deps.engine) as connection:
        connection.execute(_FORGET_TOKEN, {"item_id": item_id})
        connection.execute(_SETTLE, {"item_id": item_id})
    if tokens.was_lost(deps, item_id):
        _log.error("item_left_at_plaid", item_id=str(item_id), advice="its token was lost: have Plaid remove the item")
    _log.info("item_removed", item_id=str(item_id))
    return True
