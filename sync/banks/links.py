"""Linking: a public token becomes an item, or nothing of it is left at Plaid.

Commit the intent, exchange, commit the access token, ask Plaid about the bank, store everything with the intent's end
in one transaction. A crash at any point leaves an open intent: the sweep rings `settle_link`, which goes on with a
Hosted Link session (its user waits) and takes back what a request had begun (its user was told that it failed). Plaid
is never called while a transaction is open here. Called by items.py (API), hosted_link.py and the worker's task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import Connection, Engine

from sync import log
from sync.banks import link_intents, link_sessions
from sync.banks.link_intents import Intent
from sync.banks.linked_bank import LinkedBank, VeryItem, ask, store
from sync.banks.twins import Told, healthy_twin
from sync.db import Mark, edit, lock_owners, retrying, transaction
from sync.deps import Deps
from sync.errors import (
    DatabaseBusy,
    DatabaseUnavailable,
    ItemAlreadyLinked,
    LinkUnderWay,
    LivespendError,
    PlaidError,
    PlaidPublicToken,
    PlaidRateLimited,
    PlaidRefused,
    PlaidTransient,
    VaultUnavailable,
)
from sync.keys.vault import Vault
from sync.pull.relink import Merged
from sync.steps import step

if TYPE_CHECKING:
    from sync.pull.plaid import Plaid

_log = log.get(__name__)

_PASSING = (PlaidTransient, PlaidRateLimited, DatabaseUnavailable, DatabaseBusy, VaultUnavailable)
_PATIENCE = 20  # tries, hours in all: then a Hosted Link session has failed
_REMEMBERED = timedelta(days=30)

Opening = Callable[[Engine, str], AbstractContextManager[tuple[Connection, list[Mark]]]]


def link(
    deps: Deps, user_id: str, session_id: UUID | None, public_token: str, told: tuple[str | None, Sequence[Told]]
) -> tuple[UUID, list[Mark]]:
    """Links a bank for whoever waits for it; answers the item. Twice is safe: a public token is one item.

    `told` is what the browser says of bank and accounts. If it is one that is linked and works: ItemAlreadyLinked, and
    the public token is not exchanged. Raises also LinkUnderWay and PlaidError; then nothing is left at Plaid, now or,
    if nobody tries again what may pass by itself, after the sweep.
    """
    if (item_id := link_intents.stored(deps, user_id, public_token)) is not None:
        return item_id, []
    with transaction(deps.engine, user_id) as connection:
        if (twin := healthy_twin(connection, user_id, *told)) is not None:
            raise ItemAlreadyLinked(twin)
    intent = link_intents.begin(deps, user_id, session_id, public_token)
    try:
        if intent.state == "unwanted":
            raise PlaidPublicToken("This public token was used already.")
        intent = _exchanged(deps, intent)
        return intent.id, _finish(deps, intent, edit)
    except LinkUnderWay:
        raise
    except BaseException as error:
        _let_go(deps, intent, error)
        raise


def settle_link(deps: Deps, intent_id: UUID) -> None:
    """Brings an open intent to its end, or nearer to it; failures are recorded with their retry. Twice is safe."""
    intent = link_intents.take(deps, intent_id)
    if intent is None:
        return
    try:
        if intent.state == "asked":
            intent = _exchanged(deps, intent)
        if intent.hosted and intent.state == "exchanged":
            _finish(deps, intent, as_worker)
        else:
            _give_back(deps, intent, None)
    except LinkUnderWay:
        return
    except LivespendError as error:
        _failed(deps, intent, error)


def forget_old(deps: Deps) -> int:
    """Forgets what was closed a month ago; answers how many rows. Twice is safe."""
    with transaction(deps.engine) as connection:
        intents = link_intents.forget_old(connection, deps, _REMEMBERED)
        return intents + link_sessions.forget_old(connection, deps, _REMEMBERED)


def _let_go(deps: Deps, intent: Intent, why: BaseException) -> None:
    """After a request has failed: whoever sends it again may go on, else the sweep ends it. Raises nothing of ours."""
    if intent.state != "asked" and not isinstance(why, _PASSING):
        _give_back(deps, intent, why)
        return
    try:
        link_intents.release(deps, intent)
    except LivespendError as trouble:
        _log.warning("link_left_to_the_sweep", intent_id=str(intent.id), reason=trouble.code)


def _failed(deps: Deps, intent: Intent, error: LivespendError) -> None:
    if isinstance(error, PlaidPublicToken):
        return  # closed by _exchanged
    if intent.state == "asked" or (isinstance(error, _PASSING) and intent.tries < _PATIENCE):
        link_intents.postpone(deps, intent, error.code)
        _log.warning("link_postponed", intent_id=str(intent.id), reason=error.code)
        return
    _give_back(deps, intent, error)


def _exchanged(deps: Deps, intent: Intent) -> Intent:
    """Exchanges the public token and commits what Plaid answered; an intent that is past that is answered as it is."""
    if intent.state != "asked":
        return intent
    plaid, vault = _bank(deps)
    public_token = _open(vault, intent)
    envelope = vault.envelope(intent.id)  # now: what Plaid answers must not wait for a key service
    step("link:asked")
    try:
        access_token, plaid_item_id = plaid.exchange(public_token)
    except (PlaidPublicToken, PlaidRefused) as error:
        if isinstance(error, PlaidPublicToken) or not intent.refusal_is_a_loss:
            _close_refused(deps, intent, error)
        raise
    step("link:answered")
    try:
        intent = link_intents.exchanged(deps, intent, envelope.seal(access_token), plaid_item_id)
    except BaseException:
        _end_unseen(plaid, access_token)
        raise
    step("link:exchanged")
    return intent


def _finish(deps: Deps, intent: Intent, opening: Opening) -> list[Mark]:
    plaid, vault = _bank(deps)
    assert intent.plaid_item_id is not None
    bank = ask(plaid, _open(vault, intent), intent.plaid_item_id)
    marked, merged = _store(deps, intent, bank, opening)
    step("link:stored")
    deps.ring("pull_item", {"item_id": str(intent.id)})
    for retired in merged.retired:
        deps.ring("remove_item", {"item_id": str(retired)})
    _log.info("linked", item_id=str(intent.id), accounts=len(bank.accounts), replaces=len(merged.retired))
    return marked


@retrying
def _store(deps: Deps, intent: Intent, bank: LinkedBank, opening: Opening) -> tuple[list[Mark], Merged]:
    with opening(deps.engine, intent.user_id) as (connection, marked):
        merged = store(connection, intent.user_id, intent.id, bank, intent.sealed)
        link_sessions.end(connection, intent.session_id, item_id=intent.id)
        link_intents.close(connection, deps, intent, "stored")
    return marked, merged


def _give_back(deps: Deps, intent: Intent, why: BaseException | None) -> None:
    """Ends the item at Plaid; what does not work now is left to the sweep. Raises nothing of ours."""
    problem = why.code if isinstance(why, LivespendError) else "abandoned" if why is None else LivespendError.code
    twin = why.item_id if isinstance(why, ItemAlreadyLinked) else None
    try:
        with transaction(deps.engine, intent.user_id) as connection:
            if isinstance(why, VeryItem):
                link_intents.close(connection, deps, intent, "refused", problem)
            else:
                link_intents.unwanted(connection, intent, problem)
            link_sessions.end(connection, intent.session_id, problem=problem, item_id=twin)
        if not isinstance(why, VeryItem):
            _end_at_plaid(deps, intent, problem)
    except LivespendError as trouble:
        _log.warning("link_left_to_the_sweep", intent_id=str(intent.id), reason=trouble.code)


def _end_at_plaid(deps: Deps, intent: Intent, problem: str) -> None:
    plaid, vault = _bank(deps)
    try:
        plaid.item_remove(_open(vault, intent))
    except PlaidError as error:
        link_intents.postpone(deps, intent, error.code)
        raise
    with transaction(deps.engine, intent.user_id) as connection:
        link_intents.close(connection, deps, intent, "removed")
    _log.info("link_given_back", intent_id=str(intent.id), reason=problem)


def _end_unseen(plaid: Plaid, access_token: str) -> None:
    """The ledger did not take the access token: after this line nobody knows it."""
    try:
        plaid.item_remove(access_token)
    except PlaidError as error:
        _log.error("item_left_behind", reason=error.code, request_id=error.request_id)


def _close_refused(deps: Deps, intent: Intent, error: PlaidError) -> None:
    lost = intent.refusal_is_a_loss
    with transaction(deps.engine, intent.user_id) as connection:
        link_intents.close(connection, deps, intent, "lost" if lost else "refused", error.code)
        link_sessions.end(connection, intent.session_id, problem=error.code)
    if lost:
        _log.error("link_lost", intent_id=str(intent.id), hosted=intent.hosted, tries=intent.tries)


def _open(vault: Vault, intent: Intent) -> str:
    return vault.decrypt(intent.id, intent.sealed)


def _bank(deps: Deps) -> tuple[Plaid, Vault]:
    assert deps.plaid is not None
    assert deps.vault is not None
    return deps.plaid, deps.vault


@contextmanager
def as_worker(engine: Engine, user_id: str) -> Iterator[tuple[Connection, list[Mark]]]:
    """What `edit` is for a user, for the worker: the owner is locked first; marks are told to nobody."""
    with transaction(engine) as connection:
        lock_owners(connection, [f"users/{user_id}"])
        yield connection, []
