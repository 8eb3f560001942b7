"""What happens as the clock goes on: rows post, banks bring news, logins and consents run out, histories get ready.

Day by day, so that a jump of weeks ends as if they had passed one by one; webhooks of changed data go out once per item
and jump. `bank_updates` lets every bank bring the new rows of its users' lives one to four times a day; without it
nothing new comes by itself. Expiry: see `expiry`. The caller holds the transaction and rings `world.wake` after it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from local.plaid import bank, expiry, history, items, personas, wire
from local.plaid.rows import Row
from local.plaid.users import DYNAMIC
from local.plaid.world import World

_META = "caught-up"


@dataclass
class _News:
    new: int = 0
    removed: list[str] = field(default_factory=list)


def catch_up(world: World) -> None:
    """Lets everything happen that was due between the last time and now; twice is safe."""
    now = world.clock.now()
    before = datetime.fromisoformat(world.store.meta(_META, now.isoformat()))
    if now <= before:
        return
    news: dict[int, _News] = {}
    since = before
    while since < now:
        until = min(_end_of(since.date()), now)
        _pass(world, since, until, news)
        since = until
    world.store.keep(_META, now.isoformat())
    items.due_on_clock(world)
    for number, found in news.items():
        item = items.by_number(world, number)
        if found.new or found.removed:
            bank.tell(world, item, new=found.new, removed=found.removed, notify=True)


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def _pass(world: World, since: datetime, until: datetime, news: dict[int, _News]) -> None:
    """One day, or what is left of it."""
    living = "select item from items where access_token is not null and removed_at is null order by item"
    for number in [row[0] for row in world.store.all(living)]:
        expiry.pass_by(world, items.by_number(world, number), until)
        item = items.by_number(world, number)
        found = news.setdefault(number, _News())
        if world.knobs.posting and bank.is_visible(item):
            posted = bank.post_due(world, item, (until - timedelta(microseconds=1)).date())
            found.new, found.removed = found.new + len(posted), found.removed + posted
        _updates(world, item, since, until, found)


def _updates(world: World, item: sqlite3.Row, since: datetime, until: datetime, news: _News) -> None:
    """The moments of a day at which Plaid looks at the bank, one to four; the day's rows are dealt among them.

    Without the knob `bank_updates` the looks find nothing new, and are told of all the same.
    """
    moments = _moments(world, item, since.date())
    for turn, moment in enumerate(moments):
        if not since < moment <= until:
            continue
        if item["error"]:
            world.store.run("update items set failed_at = ? where item = ?", wire.timestamp(moment), item["item"])
        if world.knobs.bank_updates:
            rows = _life(world, item, since.date())[turn :: len(moments)]
            news.new += bank.happen(world, item, rows, since.date())
            if item["username"] == DYNAMIC and turn == 0 and bank.is_visible(item):
                bank.refresh_dynamic(world, item, notify=False)
                news.new += 1
        if bank.is_visible(item):
            world.store.run("update items set updated_at = ? where item = ?", wire.timestamp(moment), item["item"])


def _moments(world: World, item: sqlite3.Row, day: date) -> list[datetime]:
    dice = world.mint.dice("updates", item["item_id"], day)
    hours = sorted(dice.sample(range(1, 23), dice.randint(1, 4)))
    return [datetime.combine(day, time(hour, dice.randrange(60)), UTC) for hour in hours]


def _life(world: World, item: sqlite3.Row, day: date) -> list[Row]:
    """What the item's user does on a day, all of it not posted yet; nothing for who has no life of their own."""
    life = item["life"]
    if life in personas.NAMES:
        return list(personas.history(world.mint.dice, life, day, day))
    return list(history.generate(world.mint.dice, life, day, day)) if life else []
