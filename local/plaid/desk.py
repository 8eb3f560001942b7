"""The bank's desk: rows appear, change, vanish and post, as a person at the bank or a test wants it.

Amounts may come as JSON numbers or as text; both stay exact. `notify: false` makes a change without a webhook.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from local.plaid import bank, bank_rows, views, wire
from local.plaid.admin_call import NOTIFY, WHERE, Admin, Table, word
from local.plaid.errors import PlaidError
from local.plaid.fields import Shape, anything, day, each, flag, nested, one_of, optional, required, text, whole
from local.plaid.oddities import BROKEN, ODDITIES
from local.plaid.world import World

_RAW: Shape = {"raw": optional(anything), "without": optional(each(word))}
_ROW: Shape = {
    "amount": required(bank_rows.money),
    "description": optional(text()),
    "date": optional(day),
    "authorized_date": optional(day, nullable=True),
    "currency": optional(bank_rows.currency_code),
    "pending": optional(flag),
    "posts_on": optional(day),
    "account": optional(word),
    "merchant_name": optional(word, nullable=True),
    "category": optional(bank_rows.detailed_category),
    "pending_transaction_id": optional(word, nullable=True),
    **_RAW,
}


def purchases(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """A purchase (or, with a negative amount, a refund) at the user's bank."""
    item = views.item_of(world, ask)
    entry = bank_rows.purchase(world, item, ask)
    bank.add(world, item, [entry], notify=ask.get("notify", True))
    return {
        "transaction": wire.Verbatim(entry.body or ""),
        "item_id": item["item_id"],
        "held": not bank.is_visible(item),
    }


def transactions(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Many rows at once: `rows` as they are, or `count` believable ones."""
    item = views.item_of(world, ask)
    if ("rows" in ask) == ("count" in ask):
        raise PlaidError("INVALID_FIELD", "exactly one of rows and count must be given")
    notify = ask.get("notify", True)
    if "rows" in ask:
        made = bank_rows.explicit(world, item, ask["rows"])
        bank.add(world, item, made, notify=notify)
        ids = [entry.transaction_id for entry in made]
    else:
        ids = bank.add_many(world, item, bank_rows.generated(world, item, ask), notify=notify)
    return {"transaction_ids": ids, "item_id": item["item_id"], "held": not bank.is_visible(item)}


def modify(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Changes a live transaction; without any field it is reported as modified, yet the same."""
    changed = bank_rows.changed_fields(ask)
    body = bank.modify(world, ask["transaction_id"], changed, notify=ask.get("notify", True))
    return {"transaction": body}


def remove(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Removes live transactions, as a bank drops a pending one."""
    bank.remove(world, ask["transaction_ids"], notify=ask.get("notify", True))
    return {"removed": ask["transaction_ids"]}


def post(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """A pending transaction posts under a new id; `apart` removes it now and keeps the new one back for `deliver`."""
    body = bank.post(
        world,
        ask["transaction_id"],
        amount=bank_rows.exact(ask["amount"]) if "amount" in ask else None,
        day=date.fromisoformat(ask["date"]) if "date" in ask else None,
        name=ask.get("name"),
        link=ask.get("link", True),
        apart=ask.get("apart", False),
        notify=ask.get("notify", True),
    )
    return {"transaction": body}


def odd_rows(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Rows as banks send them once in a while, one of each of the `kinds`, all but the broken ones if none is named."""
    item = views.item_of(world, ask)
    kinds = ask.get("kinds") or [name for name in ODDITIES if name not in BROKEN]
    made = bank_rows.explicit(world, item, [ODDITIES[kind] for kind in kinds])
    bank.add(world, item, made, notify=ask.get("notify", True))
    return {"transaction_ids": dict(zip(kinds, (entry.transaction_id for entry in made), strict=True))}


def flood(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """The newest `count` rows are reported as modified, though they are the same."""
    item = views.item_of(world, ask)
    return {"modified": bank.touch(world, item, ask["count"], notify=ask.get("notify", True))}


def deliver(world: World, ask: dict[str, Any]) -> dict[str, Any]:
    """Delivers what is held back of an item, such as a row posted `apart`."""
    item = views.item_of(world, ask)
    count = bank.release(world, item["item"], since=None)
    bank.tell(world, item, new=count, removed=(), notify=ask.get("notify", True))
    return {"delivered": count}


TABLE: Table = {
    ("POST", "/_local/odd-rows"): Admin(
        {**WHERE, "kinds": optional(each(one_of(*ODDITIES), least=1)), **NOTIFY}, odd_rows
    ),
    ("POST", "/_local/flood"): Admin({**WHERE, "count": required(whole(1, 500_000)), **NOTIFY}, flood),
    ("POST", "/_local/deliver"): Admin({**WHERE, **NOTIFY}, deliver),
    ("POST", "/_local/purchases"): Admin({**WHERE, **_ROW, "amount": optional(bank_rows.money), **NOTIFY}, purchases),
    ("POST", "/_local/transactions"): Admin(
        {
            **WHERE,
            **NOTIFY,
            "rows": optional(each(nested(_ROW))),
            "count": optional(whole(1, 500_000)),
            "first_date": optional(day),
            "last_date": optional(day),
            "account": optional(word),
        },
        transactions,
    ),
    ("GET", "/_local/transactions"): Admin(WHERE, views.list_transactions),
    ("POST", "/_local/modify"): Admin(
        {
            "transaction_id": required(word),
            **{name: field for name, field in _ROW.items() if name not in ("account", "amount", "without", "posts_on")},
            "amount": optional(bank_rows.money),
            **NOTIFY,
        },
        modify,
    ),
    ("POST", "/_local/remove"): Admin({"transaction_ids": required(each(word, least=1)), **NOTIFY}, remove),
    ("POST", "/_local/post"): Admin(
        {
            "transaction_id": required(word),
            "amount": optional(bank_rows.money),
            "date": optional(day),
            "name": optional(word),
            "link": optional(flag),
            "apart": optional(flag),
            **NOTIFY,
        },
        post,
    ),
}
