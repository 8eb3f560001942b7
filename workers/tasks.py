"""The tasks, by name: each hands an id, or nothing, to one function of `sync`.

A task that fails is not retried by Celery: what is owed stands in the ledger with the time of its retry, and the sweep
rings for it. The one thing added here is impatience: a retry that is due within a minute is rung by this task itself.
"""

from __future__ import annotations

from uuid import UUID

from sync import idempotency, log, passports
from sync.banks import accounts, hosted_link, inbox, links, purge, tokens
from sync.erase import erase
from sync.intents import intents
from sync.ledger import pendings, rules
from sync.mirror import cost_report, window
from sync.pull import balances, freshness, imports, kept_pages, recurring
from sync.pull import pull as pulls
from sync.pull import sweep as sweeps
from sync.tracing import traced
from workers.app import app, deps

_SOON_SECONDS = 60.0


def pull_item(item_id: str) -> None:
    """Pulls one item until nothing is owed."""
    result = pulls.pull_item(deps(), UUID(item_id))
    if result.retry_at is not None:
        wait = (result.retry_at - deps().now()).total_seconds()
        if wait <= _SOON_SECONDS:
            _ring_later(item_id, max(wait, 0.0))


def remove_item(item_id: str) -> None:
    """Ends an item at Plaid and deletes its token."""
    sweeps.remove_item(deps(), UUID(item_id))


def purge_item(item_id: str) -> None:
    """Deletes what is due of an item whose access ended."""
    purge.purge_item(deps(), UUID(item_id))


def erase_user(erasure_id: str) -> None:
    """Does what can be done now to erase a user."""
    erase.drive(deps(), UUID(erasure_id))


def refresh_accounts(item_id: str) -> None:
    """Asks the bank which accounts the item has."""
    accounts.refresh_accounts(deps(), UUID(item_id))


def ask_bank(item_id: str) -> None:
    """Asks Plaid how it gets on with an item's bank."""
    freshness.ask(deps(), UUID(item_id))


def rotate_token(item_id: str) -> None:
    """Exchanges an item's token for a new one: again, where an exchange has no end."""
    tokens.rotate_token(deps(), UUID(item_id))


def settle_link(intent_id: str) -> None:
    """Brings an open link intent to its end."""
    links.settle_link(deps(), UUID(intent_id))


def finish_link(session_id: str) -> None:
    """Brings a Hosted Link session to its end."""
    hosted_link.finish_link(deps(), UUID(session_id))


def apply_rules(user_id: str) -> None:
    """Passes a user's changed rules over their older entries."""
    rules.apply_rules(deps(), user_id)


def sweep() -> None:
    """Rings for everything that is owed."""
    sweeps.sweep(deps())
    rules.ring_owed(deps())


def move_window() -> None:
    """Moves owners to the window of months that is wanted, for up to a minute."""
    window.move_window(deps())


def expire_pendings() -> None:
    """Takes pendings that never posted out of the totals."""
    pendings.expire_pendings(deps())


def check_balances() -> None:
    """Holds the balances that were told since against the transactions."""
    balances.check_balances(deps())


def read_recurring() -> None:
    """Reads the recurring streams of the items that are due."""
    recurring.read_due(deps())


def forget_keys() -> None:
    """Forgets idempotency keys that no client can still be retrying."""
    idempotency.forget_old(deps())


def forget_intents() -> None:
    """Forgets intents so old that they would be refused; their receipts go with them."""
    intents.forget_old(deps())


def forget_webhooks() -> None:
    """Forgets webhooks that were dealt with long ago."""
    inbox.forget_old(deps())


def forget_pages() -> None:
    """Forgets old pages of the bank's, imports that nobody goes on with, and the documents of those that are over."""
    kept_pages.forget_old(deps())
    imports.forget_old(deps())


def forget_links() -> None:
    """Forgets uses of Link and their intents that ended long ago."""
    links.forget_old(deps())


def forget_traces() -> None:
    """Forgets hops, acknowledgements of screens and repair requests of long ago."""
    passports.forget_old(deps())


def forget_costs() -> None:
    """Forgets the cost meter's sums of long ago."""
    cost_report.forget_old(deps())


def _ring_later(item_id: str, wait: float) -> None:
    try:
        app.send_task(
            "pull_item", kwargs={"item_id": item_id}, countdown=wait, expires=wait + _SOON_SECONDS, retry=False
        )
    except Exception as error:  # the sweep comes anyway
        log.get(__name__).warning("doorbell_lost", task="pull_item", item_id=item_id, reason=type(error).__name__)


for _body in (
    pull_item,
    remove_item,
    purge_item,
    erase_user,
    refresh_accounts,
    ask_bank,
    rotate_token,
    settle_link,
    finish_link,
    apply_rules,
    sweep,
    move_window,
    expire_pendings,
    check_balances,
    read_recurring,
    forget_keys,
    forget_intents,
    forget_webhooks,
    forget_pages,
    forget_links,
    forget_traces,
    forget_costs,
):
    app.task(traced(_body), name=_body.__name__)
