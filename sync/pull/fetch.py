"""All pages of one update from Plaid, or as many as the rate limit lets through.

Plaid's pages belong together: a failure on any of them, and above all "the data changed while you paged", means that
the pages already read are worth nothing. They are thrown away and the loop begins again at the cursor it started with.
Only a limit that is reached breaks nothing: the pages stay on the shelf and the next pull goes on behind them. Few
pages stay in memory, many go to the shelf as they come, so a crash costs time only. Called by pull.py without any lock
on the ledger.
"""

from __future__ import annotations

import random
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sync.errors import PlaidContract, PlaidMutation, PlaidPaced, PlaidRateLimited, PlaidTransient
from sync.pull.kept_pages import Window
from sync.pull.pages import UnreadPage
from sync.pull.plaid import Plaid
from sync.pull.plaid_codes import FLOORS
from sync.tracing import span

RESTARTS = 5
_TRANSIENT_RESTARTS = 2
_LONGEST_UPDATE = 2000
_PATIENCE_SECONDS = 2.0  # slept for our own pace in one run, all waits together: the worker serves others meanwhile


class Shelf(Protocol):
    """Where the pages of an update go that is too long for memory, or has to wait."""

    def offer(self, window: Window) -> None:
        """Moves the window's pages from memory to the shelf if they have become too many."""

    def put(self, window: Window) -> None:
        """Moves the window's pages from memory to the shelf."""

    def clear(self) -> None:
        """Throws away what is on the shelf."""


@dataclass
class Run:
    """The account of one pull, successful or not: what its row in sync_runs says, pages since the last restart."""

    started_at: datetime
    start_cursor: str | None
    pages: int = 0
    restarts: int = 0
    request_ids: list[str] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)
    wanted_at: datetime | None = None
    fetched_at: datetime | None = None
    patience: float = _PATIENCE_SECONDS


def fetch(plaid: Plaid, token: str, run: Run, window: Window, shelf: Shelf) -> None:
    """Brings the window to its last page; raises the PlaidError that ended the last attempt.

    After PlaidRateLimited, which PlaidPaced is too, all pages so far are on the shelf; after another error none.
    """
    while True:
        try:
            return _to_the_end(plaid, token, run, window, shelf)
        except PlaidRateLimited:
            shelf.put(window)
            raise
        except (PlaidTransient, PlaidMutation) as error:
            if window.shelved:
                shelf.clear()
            window.begin_again()
            if run.restarts >= _restarts_for(error):
                raise
            run.restarts += 1
            run.pages = 0
            if not isinstance(error, PlaidMutation):
                time.sleep(random.uniform(0.05, 0.2) * 2**run.restarts)  # noqa: S311 - jitter, no secret


def _restarts_for(error: PlaidTransient | PlaidMutation) -> int:
    if isinstance(error, PlaidMutation):
        return RESTARTS
    return 0 if error.plaid_code in FLOORS else _TRANSIENT_RESTARTS


def _to_the_end(plaid: Plaid, token: str, run: Run, window: Window, shelf: Shelf) -> None:
    with ThreadPoolExecutor(1) as ahead:  # the next page is on its way while one is read
        coming: Future[UnreadPage] | None = None
        while window.has_more:
            if window.count >= _LONGEST_UPDATE:
                raise PlaidContract("the pages do not end")
            unread = coming.result() if coming else _ask(plaid, token, window.next_cursor, run)
            follows = unread.follows
            leads_on = follows and follows not in window.cursors
            coming = ahead.submit(copy_context().run, _ask, plaid, token, follows, run) if leads_on else None
            page = unread.read()
            run.pages += 1
            run.request_ids.append(page.request_id)
            window.add(page)
            shelf.offer(window)


def _ask(plaid: Plaid, token: str, cursor: str | None, run: Run) -> UnreadPage:
    while True:
        try:
            with span("page"):
                return plaid.transactions_sync(token, cursor)
        except PlaidPaced as paced:
            if paced.seconds > run.patience:
                raise
            run.patience -= paced.seconds
            time.sleep(paced.seconds)
