"""The exchange of a bank token for a new one at Plaid, such that a crash in between is known and never hidden.

Plaid kills the old token with its answer, so the intent is committed before Plaid is asked, the data key for the new
token is made before too, and the new token and the intent's end are one transaction. A crash in between leaves the
intent open over a dead token: the next pull, or the sweep's second try, is refused by Plaid, ends the intent as lost,
and the item asks for its user. An intent that Plaid never heard of is simply asked again.
Called by the worker's task and the operator's command; pull.py asks `lost` what a refused token means.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from sync import log
from sync.banks.item_lock import hold_item
from sync.db import retrying, transaction
from sync.deps import Deps
from sync.errors import (
    DatabaseBusy,
    DatabaseUnavailable,
    PlaidContract,
    PlaidError,
    PlaidItemGone,
    PlaidLoginRequired,
    PlaidRateLimited,
    PlaidTransient,
    TokenLost,
)
from sync.keys.vault import Sealed
from sync.steps import step

_log = log.get(__name__)

STALE_AFTER = timedelta(minutes=5)
_STORE_SECONDS = 300.0
_JUST_NOW = timedelta(minutes=1)
_DEAD_TOKEN = "INVALID_ACCESS_TOKEN"  # noqa: S105 - Plaid's name for it

_ITEM = text("""
    select i.id, i.user_id, i.plaid_item_id, t.key_id, t.nonce, t.ciphertext, t.wrapped_key,
        exists (select from token_rotations as r where r.item_id = i.id and r.state = 'asked') as begun
    from items as i join item_tokens as t on t.item_id = i.id
    where i.id = :item_id and i.removed_at is null
""")
_ASK = text("""
    insert into token_rotations (item_id, user_id, asked_at) values (:item_id, :user_id, :now)
    on conflict (item_id) where state = 'asked' do update set asked_at = excluded.asked_at
""")
_END = text("""
    update token_rotations set state = :state, ended_at = :now, request_id = coalesce(:request_id, request_id)
    where item_id = :item_id and state = 'asked'
""")
# What was thought lost is found: the answer came after somebody else had given up.
_FOUND = text("""
    update token_rotations set state = 'stored', ended_at = :now, request_id = :request_id
    where id = (select max(id) from token_rotations where item_id = :item_id)
""")
_REPLACE = text("""
    update item_tokens set key_id = :key_id, nonce = :nonce, ciphertext = :ciphertext, wrapped_key = :wrapped_key,
        created_at = :now
    where item_id = :item_id
""")
_WANT = text("""
    update item_pulls set wanted = wanted + 1, failures = 0, retry_at = null where item_id = :item_id
""")
_LAST = text("select state, ended_at from token_rotations where item_id = :item_id order by id desc limit 1")
_LAST_STATE = text("select state from token_rotations where item_id = :item_id order by id desc limit 1")
_STALE = text("""
    select item_id from token_rotations where state = 'asked' and asked_at < :before order by asked_at limit :at_once
""")
_ROTATABLE = text("""
    select i.id from items as i join item_tokens as t on t.item_id = i.id
    where i.removed_at is null and (cast(:item_id as uuid) is null or i.id = cast(:item_id as uuid))
      and (cast(:user_id as text) is null or i.user_id = cast(:user_id as text))
    order by t.created_at, i.id
""")


def rotatable(deps: Deps, *, item_id: UUID | None = None, user_id: str | None = None) -> list[UUID]:
    """The linked items that have a token, the oldest token first: of one id, of one user, or all."""
    with transaction(deps.engine) as connection:
        return list(connection.execute(_ROTATABLE, {"item_id": item_id, "user_id": user_id}).scalars())


def stale(deps: Deps, before: datetime, at_once: int) -> list[UUID]:
    """Items whose exchange began before a time and has no end: somebody has to ask again."""
    with transaction(deps.engine) as connection:
        return list(connection.execute(_STALE, {"before": before, "at_once": at_once}).scalars())


def was_lost(deps: Deps, item_id: UUID) -> bool:
    """Whether the item's token is known to be dead, and the one after it was never stored."""
    with transaction(deps.engine) as connection:
        return connection.execute(_LAST_STATE, {"item_id": item_id}).scalar() == "lost"


def explains(deps: Deps, user_id: str, item_id: UUID) -> PlaidError | None:
    """Why a user's item refuses its token, if its exchange is the reason: under way, just done, or lost."""
    with transaction(deps.engine, user_id) as connection:
        last = connection.execute(_LAST, {"item_id": item_id}).first()
    if last is not None and last.state == "lost":
        return TokenLost()
    if last is not None and (last.ended_at is None or deps.now() - last.ended_at < _JUST_NOW):
        return PlaidTransient("the token of this bank is being renewed: try again in a moment")
    return None


def rotate_token(deps: Deps, item_id: UUID) -> str:
    """Exchanges the item's token; answers how it ended, raises VaultFailed before anything was asked.

    stored: done. kept: Plaid refused, nothing changed. later: Plaid wants fewer calls. lost: both tokens are dead, the
    user links again. unknown: no answer came, the sweep asks again. busy: a pull holds the item. gone: there is no
    such item, or it has no token. Twice is safe.
    """
    with hold_item(deps.engine, item_id) as alone:
        outcome = _rotate(deps, item_id) if alone else "busy"
    if outcome in ("kept", "lost"):
        deps.ring("pull_item", {"item_id": str(item_id)})
    return outcome


def lost(deps: Deps, item_id: UUID, refusal: PlaidError) -> PlaidError:
    """What a refusal of the stored token means: TokenLost if an exchange of it has no end, else the refusal itself.

    The caller holds the item's lock, so nobody is about to end that exchange. Twice is safe.
    """
    if refusal.plaid_code != _DEAD_TOKEN:
        return refusal
    with transaction(deps.engine) as connection:
        state = connection.execute(_LAST_STATE, {"item_id": item_id}).scalar()
        if state not in ("asked", "lost"):
            return refusal
        ended = {"item_id": item_id, "state": "lost", "now": deps.now(), "request_id": refusal.request_id}
        newly = connection.execute(_END, ended).rowcount
    if newly:
        _log.error("token_lost", item_id=str(item_id), request_id=refusal.request_id, advice="the user links again")
    return TokenLost("Plaid killed the old token, the new one was not stored")


def _rotate(deps: Deps, item_id: UUID) -> str:
    assert deps.plaid is not None
    assert deps.vault is not None
    with transaction(deps.engine) as connection:
        item = connection.execute(_ITEM, {"item_id": item_id}).first()
    if item is None:
        _end(deps, item_id)
        return "gone"
    old = deps.vault.decrypt(item_id, Sealed.of(item))
    envelope = deps.vault.envelope(item_id)  # before Plaid is asked: afterwards nothing may stand in the way
    _ask(deps, item)
    step("rotate:asked")
    try:
        new, request_id = deps.plaid.invalidate_token(old)
    except PlaidError as error:
        return _refused(deps, item, error)
    step("rotate:answered")
    _persist(lambda: _store(deps, item, new, envelope.seal(new), request_id))
    step("rotate:stored")
    return "stored"


@retrying
def _ask(deps: Deps, item: Row[Any]) -> None:
    with transaction(deps.engine) as connection:
        connection.execute(_ASK, {"item_id": item.id, "user_id": item.user_id, "now": deps.now()})


def _persist(store: Callable[[], None]) -> None:
    """The new token is nowhere but in this process: a database that is away for minutes must not cost it."""
    patiently = Retrying(
        stop=stop_after_delay(_STORE_SECONDS),
        wait=wait_random_exponential(multiplier=0.1, max=5),
        retry=retry_if_exception_type((DatabaseUnavailable, DatabaseBusy)),
        reraise=True,
    )
    patiently(store)


@retrying
def _store(deps: Deps, item: Row[Any], new: str, sealed: Sealed, request_id: str | None) -> None:
    assert deps.plaid is not None
    ended = {"item_id": item.id, "now": deps.now(), "request_id": request_id}
    with transaction(deps.engine) as connection:
        kept = connection.execute(_REPLACE, ended | sealed.__dict__).rowcount
        if not connection.execute(_END, ended | {"state": "stored"}).rowcount:
            connection.execute(_FOUND, ended)
            connection.execute(_WANT, ended)
    if kept:
        _log.info("token_rotated", item_id=str(item.id), request_id=request_id)
    else:  # unlinked meanwhile with the dead token: the item lives on at Plaid, and only this process can end it
        deps.plaid.item_remove(new)


def _refused(deps: Deps, item: Row[Any], error: PlaidError) -> str:
    """Ends the intent where the refusal says what became of the token; else it stays open for the next try."""
    _log.warning("token_not_rotated", item_id=str(item.id), reason=error.code, plaid_code=error.plaid_code)
    if isinstance(error, PlaidTransient | PlaidContract):
        return "unknown"
    if item.begun and lost(deps, item.id, error) is not error:
        _want(deps, item.id)
        return "lost"
    told = isinstance(error, PlaidItemGone | PlaidLoginRequired)
    if item.begun and not told:
        return "unknown"
    _end(deps, item.id)
    if told:
        _want(deps, item.id)  # what it means for the item, the pull finds out
    return "later" if isinstance(error, PlaidRateLimited) else "kept"


@retrying
def _end(deps: Deps, item_id: UUID) -> None:
    with transaction(deps.engine) as connection:
        connection.execute(_END, {"item_id": item_id, "state": "kept", "now": deps.now(), "request_id": None})


@retrying
def _want(deps: Deps, item_id: UUID) -> None:
    with transaction(deps.engine) as connection:
        connection.execute(_WANT, {"item_id": item_id})
