"""The rhythm of one bank: what is usual, when to look, and what its user is told. Pure: no I/O, no clock.

A bank brings changes at gaps of its own; the latest twenty are kept. Their middle says when to look without having
been asked, and nine of ten of them are usual: later than that a bank is quiet if Plaid reaches it, and stale if the
promise does not hold. Order statistics and not means: one outage of two weeks moves nothing, a bank that is silent at
every weekend has the weekend among its usual gaps, and a new rhythm has taken over after twenty changes.
Called by freshness.py, which stores what this file answers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_GAPS_KEPT = 20
_GAPS_TO_TRUST = 4
_LATE = 1.25
_BOUND = 0.75
_SPREAD = 0.15


@dataclass(frozen=True)
class Freshness:
    """What is known about one item; `state`, `bank_updated_at` and `changed_at` are what the user sees."""

    state: str = "ok"
    bank_updated_at: datetime | None = None
    changed_at: datetime | None = None
    looked_at: datetime | None = None
    asked_at: datetime | None = None
    bank_failed_at: datetime | None = None
    gaps: tuple[int, ...] = ()
    empty_looks: int = 0
    look_at: datetime | None = None
    ask_at: datetime | None = None
    quiet_at: datetime | None = None
    stale_at: datetime | None = None

    def turn_at(self) -> datetime | None:
        """When the state changes if nothing else happens."""
        turns = {"ok": (self.quiet_at, self.stale_at), "quiet": (self.stale_at,)}.get(self.state, ())
        return min((at for at in turns if at is not None), default=None)


class Told(NamedTuple):
    """What Plaid told of an item: its last good and last bad update at the bank, its last webhook, its error."""

    updated_at: datetime | None
    failed_at: datetime | None
    webhook_at: datetime | None
    error_code: str | None

    def is_news(self, known: Freshness) -> bool:
        """Whether there may be something that no pull has seen."""
        late = is_newer(self.updated_at, known.looked_at) or is_newer(self.webhook_at, known.looked_at)
        return late or self.error_code is not None


def after_pull(
    known: Freshness, item_id: UUID, now: datetime, promise: timedelta, *, changed: bool, webhook_at: datetime | None
) -> Freshness:
    """What is known after a pull that went well; `webhook_at` is when the item's last webhook came."""
    told_at = webhook_at if webhook_at is not None and is_newer(webhook_at, known.looked_at) else None
    if changed:
        known = _after_change(known, min(told_at or now, now))
    elif told_at is not None:
        known = replace(known, bank_updated_at=_moved(known.bank_updated_at, told_at), bank_failed_at=None)
    elif known.look_at is not None and known.look_at <= now:
        known = _after_empty_look(known, now)
    known = replace(known, looked_at=now, look_at=now + look_after(known, item_id, promise))
    return _judged(known, now, promise)


def after_answer(known: Freshness, now: datetime, promise: timedelta, told: Told) -> Freshness:
    """What is known after Plaid told how it gets on with the bank, which it tries at least once a day."""
    failing = told.failed_at if is_newer(told.failed_at, told.updated_at) else None
    if failing is None and told.updated_at is not None and now - told.updated_at > _DAY + promise:
        failing = now
    bank_updated_at = _moved(known.bank_updated_at, told.updated_at)
    known = replace(known, asked_at=now, ask_at=None, bank_updated_at=bank_updated_at, bank_failed_at=failing)
    return _judged(known, now, promise)


def look_after(known: Freshness, item_id: UUID, promise: timedelta) -> timedelta:
    """How long after a pull to look again: when the next change is a quarter of its typical gap late.

    Each empty look in a row doubles it, up to three quarters of the promise: the last quarter is for failures. An item
    has its own share of up to 15 % taken off, so that items pulled together do not stay together.
    """
    bound = promise * _BOUND
    late = _gap(known.gaps, 0.5) * _LATE * 2.0 ** min(known.empty_looks, 10)
    share = 1 - _SPREAD * (item_id.int % 10_007) / 10_007
    return max(min(late, bound), min(_HOUR, bound)) * share


def quiet_after(known: Freshness) -> timedelta:
    """How long without a change is longer than usual; never less than a day and a quarter."""
    return max(_gap(known.gaps, 0.9), _DAY) * _LATE


def is_newer(one: datetime | None, other: datetime | None) -> bool:
    """Whether there is one, and it is later than the other if there is another."""
    return one is not None and (other is None or one > other)


def _gap(gaps: tuple[int, ...], share: float) -> timedelta:
    """The gap that this share of the kept ones does not exceed; a day until there are enough to trust."""
    if len(gaps) < _GAPS_TO_TRUST:
        return _DAY
    return timedelta(seconds=sorted(gaps)[math.ceil(len(gaps) * share) - 1])


def _after_change(known: Freshness, at: datetime) -> Freshness:
    changed_at, gaps = _moved(known.changed_at, at), known.gaps
    if known.changed_at is not None and changed_at != known.changed_at:  # within an hour it is one and the same change
        gaps = (*gaps, int((at - known.changed_at).total_seconds()))[-_GAPS_KEPT:]
    return replace(
        known,
        bank_updated_at=_moved(known.bank_updated_at, at),
        changed_at=changed_at,
        bank_failed_at=None,
        gaps=gaps,
        empty_looks=0,
        ask_at=None,
    )


def _after_empty_look(known: Freshness, now: datetime) -> Freshness:
    asked_lately = known.asked_at is not None and now - known.asked_at < _HOUR
    return replace(known, empty_looks=known.empty_looks + 1, ask_at=known.ask_at if asked_lately else now)


def _judged(known: Freshness, now: datetime, promise: timedelta) -> Freshness:
    """With the times at which the state turns by itself, and the state that they make now."""
    if known.changed_at is not None or known.quiet_at is None:
        known = replace(known, quiet_at=(known.changed_at or now) + quiet_after(known))
    had_at = (known.bank_updated_at or known.bank_failed_at) if known.bank_failed_at else known.looked_at
    stale_at = (had_at or now) + promise
    quiet = known.quiet_at is not None and known.quiet_at <= now
    state = "stale" if stale_at <= now else "quiet" if quiet else "ok"
    return replace(known, state=state, stale_at=stale_at)


def _moved(was: datetime | None, to: datetime | None) -> datetime | None:
    """A time that the user sees moves by an hour or more, or every pull would rewrite a document."""
    return to if to is not None and (was is None or to - was >= _HOUR) else was
