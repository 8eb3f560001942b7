"""What happens at the bank: rows appear, change, post and vanish. Each is a change in the item's log and a webhook.

While an item is not ready, or its login is broken, Plaid cannot see the bank: new rows are held and delivered later.
The caller holds the transaction and rings `world.wake` after it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from local.plaid import changelog, merchants, personas, postings, rows, streams, webhooks, wire
from local.plaid.changelog import Entry
from local.plaid.errors import PlaidError
from local.plaid.rows import Row
from local.plaid.users import dynamic_row
from local.plaid.world import READINESS, World


def entries(world: World, placed: Sequence[tuple[Row, str]]) -> list[Entry]:
    """Rows with the accounts they belong to become transactions with ids of their own."""
    ids = list(world.mint.ids("transaction", len(placed))) if placed else []
    both = list(zip(ids, placed, strict=True))
    postings.note(world, [(one, account_id, row.posts_on) for one, (row, account_id) in both if row.posts_on])
    return [
        Entry(
            transaction_id,
            account_id,
            wire.dumps(rows.body(row, transaction_id, account_id)),
            wire.dumps(row.description),
            row.pending,
        )
        for transaction_id, (row, account_id) in both
    ]


def hold(world: World, item: int, kept: Iterable[tuple[Entry, date]]) -> None:
    """Keeps transactions back, each with its day, until `release`."""
    first = int(world.store.value("select coalesce(max(number), 0) + 1 from held where item = ?", item))
    lines = (
        (item, number, entry.transaction_id, entry.account_id, entry.body, entry.original, entry.pending, str(day))
        for number, (entry, day) in enumerate(kept, start=first)
    )
    world.store.run_many("insert into held values (?, ?, ?, ?, ?, ?, ?, ?)", lines)


def release(world: World, item: int, *, since: date | None) -> int:
    """Delivers held rows, all or those of `since` and later, oldest first; answers how many. Rows of an account that
    the user does not share stay held."""
    first = since.isoformat() if since else ""
    count = changelog.append_held(world.store, item, first)
    world.store.run(
        "delete from held where item = ?1 and day >= ?2"
        " and account_id in (select account_id from shared_accounts where item = ?1)",
        item,
        first,
    )
    if count:
        touch_updated(world, item)
    return count


def touch_updated(world: World, item: int) -> None:
    world.store.run("update items set updated_at = ? where item = ?", wire.timestamp(world.clock.now()), item)


def is_visible(item: sqlite3.Row) -> bool:
    """Whether Plaid sees what happens at the bank right now."""
    return item["error"] is None and item["readiness"] != READINESS[0]


def add(world: World, item: sqlite3.Row, added: Sequence[Entry], *, notify: bool = True) -> None:
    """New transactions at the bank. Held back while Plaid cannot see it."""
    if not is_visible(item):
        hold(world, item["item"], [(entry, world.clock.today()) for entry in added])
        return
    changelog.append(world.store, item["item"], added)
    tell(world, item, new=len(added), removed=(), notify=notify)


def add_many(world: World, item: sqlite3.Row, added: Iterable[tuple[Entry, date]], *, notify: bool = True) -> list[str]:
    """Thousands of new transactions at the bank, each with its day; answers their ids."""
    ids: list[str] = []

    def noted() -> Iterator[tuple[Entry, date]]:
        for entry, day in added:
            ids.append(entry.transaction_id)
            yield entry, day

    if not is_visible(item):
        hold(world, item["item"], noted())
        return ids
    changelog.append_new(world.store, item["item"], (entry for entry, _ in noted()))
    tell(world, item, new=len(ids), removed=(), notify=notify)
    return ids


def default_purchase(world: World, currency: str = "USD") -> Row:
    """A believable purchase of today; the next one each time it is asked for, the same in every run."""
    number = world.store.count_up("default-purchase")
    dice = world.mint.dice("purchase", number)
    merchant = merchants.EVERYDAY[dice.randrange(len(merchants.EVERYDAY))]
    today = world.clock.today()
    return Row(
        0,
        merchant.amount(dice, currency),
        merchant.description,
        today,
        today,
        currency,
        merchant=merchant.name,
        channel=merchant.channel,
    )


def modify(world: World, transaction_id: str, fields: dict[str, Any], *, notify: bool = True) -> dict[str, Any]:
    """Changes keys of a live transaction's body; with none it is a touch: `modified`, yet the same."""
    item, entry = live(world, transaction_id)
    body = read(entry) | fields
    pending = bool(body.get("pending"))
    changelog.append(
        world.store,
        item["item"],
        [Entry(transaction_id, entry.account_id, wire.dumps(body), entry.original, pending)],
    )
    tell(world, item, new=0, removed=(), notify=notify)
    return body


def touch(world: World, item: sqlite3.Row, count: int, *, notify: bool = True) -> int:
    """Reports the newest rows as modified though they are the same; answers how many."""
    newest = changelog.live(world.store, item["item"])[-count:]
    changelog.append(world.store, item["item"], newest)
    tell(world, item, new=0, removed=(), notify=notify)
    return len(newest)


def remove(world: World, transaction_ids: Sequence[str], *, notify: bool = True) -> None:
    """Removes live transactions, of one item or of several."""
    gone: dict[int, list[str]] = {}
    for transaction_id in transaction_ids:
        item, entry = live(world, transaction_id)
        changelog.append(world.store, item["item"], [Entry(transaction_id, entry.account_id, None)])
        gone.setdefault(item["item"], []).append(transaction_id)
    postings.forget(world, transaction_ids)
    for number, ids in gone.items():
        tell(world, _item(world, number), new=0, removed=ids, notify=notify)


def post(
    world: World,
    transaction_id: str,
    *,
    amount: Decimal | int | None = None,
    day: date | None = None,
    name: str | None = None,
    link: bool = True,
    apart: bool = False,
    notify: bool = True,
) -> dict[str, Any]:
    """A pending transaction posts: it is removed and a new one comes, tied to it unless `link` is false; with
    `apart` it is held back until `release`."""
    item, entry = live(world, transaction_id)
    if not entry.pending:
        raise PlaidError("INVALID_FIELD", f"transaction {transaction_id} is not pending")
    old, new = _posted(world, entry, amount=amount, day=day, name=name, link=link)
    changelog.append(world.store, item["item"], [old] if apart else [old, new])
    if apart:
        hold(world, item["item"], [(new, world.clock.today())])
    tell(world, item, new=0 if apart else 1, removed=[transaction_id], notify=notify)
    return read(new)


def _posted(
    world: World,
    entry: Entry,
    *,
    amount: Decimal | int | None = None,
    day: date | None = None,
    name: str | None = None,
    link: bool = True,
) -> tuple[Entry, Entry]:
    body = read(entry)
    body["transaction_id"] = world.mint.id("transaction")
    body["pending"], body["pending_transaction_id"] = False, entry.transaction_id if link else None
    body["date"] = day or max(world.clock.today(), date.fromisoformat(body["date"]))
    body["amount"] = body["amount"] if amount is None else amount
    body["name"] = name or body["name"]
    new = Entry(body["transaction_id"], entry.account_id, wire.dumps(body), entry.original)
    postings.forget(world, [entry.transaction_id])
    return Entry(entry.transaction_id, entry.account_id, None), new


def post_due(world: World, item: sqlite3.Row, day: date) -> list[str]:
    """Posts what is due on a day or before; tells nobody. Answers the ids of the pending ones, now gone."""
    made: list[Entry] = []
    gone: list[str] = []
    for row in postings.due(world, item["item"], day):
        _, entry = live(world, row["transaction_id"])
        made += _posted(world, entry, day=date.fromisoformat(row["day"]))
        gone.append(entry.transaction_id)
    if made:
        changelog.append(world.store, item["item"], made)
        touch_updated(world, item["item"])
    return gone


def happen(world: World, item: sqlite3.Row, fresh: Sequence[Row], day: date) -> int:
    """Rows of a day of the user's life, held back while Plaid cannot see the bank; tells nobody. Answers how many came
    through."""
    sql = "select number, account_id from accounts where item = ? and state in ('open', 'offered')"
    into = {row["number"]: row["account_id"] for row in world.store.all(sql, item["item"])}
    added = entries(world, [(row, into[row.account]) for row in fresh if row.account in into])
    shared = {row[0] for row in world.store.all("select account_id from shared_accounts where item = ?", item["item"])}
    through = [entry for entry in added if is_visible(item) and entry.account_id in shared]
    changelog.append_new(world.store, item["item"], through)
    hold(world, item["item"], [(entry, day) for entry in added if entry not in through])
    return len(through)


def refresh_dynamic(world: World, item: sqlite3.Row, *, notify: bool = True) -> None:
    """What a refresh does for user_transactions_dynamic: all pending rows post, new pending rows come, and one old
    amount grows by 1.00."""
    pending = changelog.live(world.store, item["item"], pending_only=True)
    posted = [entry for entry in changelog.live(world.store, item["item"]) if not entry.pending]
    made = [half for entry in pending for half in _posted(world, entry)]
    dice = world.mint.dice("refresh", item["item_id"], world.store.count_up("refresh"))
    if posted:
        made.append(_one_more(dice.choice(posted)))
    sql = "select account_id from accounts where item = ? and state = 'open' order by number"
    into = [row[0] for row in world.store.each(sql, item["item"])]
    fresh = [dynamic_row(dice, world.clock.today(), pending=True) for _ in range(dice.randint(2, 4))]
    made += entries(world, [(row, into[min(row.account, len(into) - 1)]) for row in fresh])
    changelog.append(world.store, item["item"], made)
    removed = [entry.transaction_id for entry in pending]
    tell(world, item, new=len(fresh) + len(pending), removed=removed, notify=notify)


def refresh_persona(world: World, item: sqlite3.Row) -> None:
    """What a refresh does for a persona: sometimes new pending rows, and then what was pending posts."""
    dice = world.mint.dice("persona-refresh", item["item_id"], world.store.count_up("refresh"))
    fresh = personas.news(dice, item["username"], world.clock.today())
    if not fresh:
        return
    pending = changelog.live(world.store, item["item"], pending_only=True)
    made = [half for entry in pending for half in _posted(world, entry)]
    sql = "select account_id from accounts where item = ? and state = 'open' order by number"
    into = [row[0] for row in world.store.each(sql, item["item"])]
    made += entries(world, [(row, into[min(row.account, len(into) - 1)]) for row in fresh])
    changelog.append(world.store, item["item"], made)
    removed = [entry.transaction_id for entry in pending]
    tell(world, item, new=len(fresh) + len(pending), removed=removed, notify=True)


def _one_more(entry: Entry) -> Entry:
    body = read(entry)
    body["amount"] += Decimal("1.00")
    return Entry(entry.transaction_id, entry.account_id, wire.dumps(body), entry.original)


def live(world: World, transaction_id: str) -> tuple[sqlite3.Row, Entry]:
    found = changelog.current(world.store, transaction_id)
    if found is None:
        raise PlaidError("NOT_FOUND", f"there is no live transaction {transaction_id}")
    return _item(world, found[0]), found[1]


def read(entry: Entry) -> dict[str, Any]:
    assert entry.body is not None
    body: dict[str, Any] = wire.loads(entry.body)
    return body


def _item(world: World, number: int) -> sqlite3.Row:
    row = world.store.one("select * from items where item = ?", number)
    assert row is not None
    return row


def tell(world: World, item: sqlite3.Row, *, new: int, removed: Sequence[str], notify: bool) -> None:
    """Notes an update of the item, and sends its webhooks unless the login is broken."""
    touch_updated(world, item["item"])
    if notify and item["error"] is None:
        webhooks.data_changed(world, item, new=new, removed=removed)
        streams.tell(world, item)
