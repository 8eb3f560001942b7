"""All pages of one update from Plaid, or none.

Plaid's pages belong together: a failure on any of them, and above all "the data changed while you paged", means that
the pages already read are worth nothing. They are thrown away and the loop begins again at the cursor it started with.
Nothing is written here, so a crash costs time only. Called by pull.py without any lock on the ledger.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sync.errors import PlaidContract, PlaidMutation, PlaidTransient
from sync.pages import Page, Update, fold
from sync.plaid import Plaid
from sync.plaid_codes import FLOORS

RESTARTS = 5
_TRANSIENT_RESTARTS = 2
_LONGEST_UPDATE = 2000


@dataclass
class Run:
    """The account of one pull, successful or not: what its row in sync_runs says."""

    started_at: datetime
    start_cursor: str | None
    pages: int = 0
    restarts: int = 0
    request_ids: list[str] = field(default_factory=list)


def fetch(plaid: Plaid, token: str, run: Run) -> Update:
    """Answers the whole update after the run's start cursor; raises the PlaidError that ended the last attempt."""
    while True:
        try:
            return fold(list(_pages(plaid, token, run)))
        except (PlaidTransient, PlaidMutation) as error:
            if run.restarts >= _restarts_for(error):
                raise
            run.restarts += 1
            if not isinstance(error, PlaidMutation):
                time.sleep(random.uniform(0.05, 0.2) * 2**run.restarts)  # noqa: S311 - jitter, no secret


def _restarts_for(error: PlaidTransient | PlaidMutation) -> int:
    if isinstance(error, PlaidMutation):
        return RESTARTS
    return 0 if error.plaid_code in FLOORS else _TRANSIENT_RESTARTS


def _pages(plaid: Plaid, token: str, run: Run) -> Iterator[Page]:
    cursor = run.start_cursor
    asked = {"", cursor}
    run.pages = 0
    while run.pages < _LONGEST_UPDATE:
        page = plaid.transactions_sync(token, cursor)
        run.pages += 1
        run.request_ids.append(page.request_id)
        if page.has_more and page.next_cursor in asked:
            raise PlaidContract("there are more pages, but the cursor does not move on")
        if not page.next_cursor and run.start_cursor is not None:
            raise PlaidContract("an update after a cursor ends without one")
        yield page
        if not page.has_more:
            return
        cursor = page.next_cursor
        asked.add(cursor)
    raise PlaidContract("the pages do not end")
