"""Intents that the rules must admit, and attacks on each of their clauses; every one is tried by every caller."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

# The evaluator's clock; over the wire `createdAt` is the server's own timestamp and `madeAt` follows the real clock.
NOW = datetime(2026, 11, 21, tzinfo=UTC)
ID = "0b0e2a4c-7a55-4b8e-9f59-3f0a4f0f7f11"
EXPENSE = {"amount": "4.5", "currency": "USD", "date": "2026-11-20", "name": "Coffee", "categoryId": "FOOD_AND_DRINK"}
BUDGET = {"categoryId": "TRAVEL", "currency": "USD", "limit": "100", "startsMonth": "2026-11"}
ENTRY, LIMIT = {"entryId": ID}, {"budgetId": ID}
Fields = dict[str, Any]


def intent(kind: Any, body: Any, **changed: Any) -> Fields:
    """A document as the page writes it."""
    return {
        "v": 1, "kind": kind, "device": "d-1", "sequence": 1, "base": {"epoch": 0, "number": 0}, "madeAt": NOW,
        "createdAt": NOW, "body": body, **changed,
    }  # fmt: skip


ADMITTED: dict[str, Fields] = {
    "an expense": intent("add-expense", EXPENSE | {"amount": "-123456789012345.0123456789", "name": "n" * 200}),
    "an expense of another day": intent("add-expense", EXPENSE | {"amount": "0", "date": "2019-09-09"}),
    "an expense of long ago": intent("add-expense", EXPENSE | {"amount": "9.0", "date": "1990-10-29", "name": "n"}),
    "a device with a short name": intent("remove-expense", ENTRY, device="d"),
    "a budget of another month": intent("add-budget", BUDGET | {"startsMonth": "2019-09"}),
    "a budget of a round year": intent("add-budget", BUDGET | {"startsMonth": "2090-10"}),
    "an expense with a note": intent("add-expense", EXPENSE | {"note": "n" * 500}),
    "a category": intent("set-category", ENTRY | {"categoryId": "c" * 128}),
    "a category given back": intent("set-category", ENTRY | {"categoryId": None}),
    "a note": intent("set-note", ENTRY | {"note": "n" * 500}),
    "no note": intent("set-note", ENTRY | {"note": None}),
    "parts": intent("put-splits", ENTRY | {"splits": "s" * 16000}),
    "an expense removed": intent("remove-expense", ENTRY),
    "an expense restored": intent("restore-expense", ENTRY),
    "a budget": intent("add-budget", BUDGET),
    "a budget changed": intent("change-budget", LIMIT | {"limit": "1"}),
    "a budget removed": intent("remove-budget", LIMIT),
    "a clock that is ahead": intent("remove-budget", LIMIT, madeAt=NOW + timedelta(hours=23, minutes=50)),
    "a device long offline": intent("remove-budget", LIMIT, madeAt=NOW - timedelta(days=300), sequence=10**12),
    "a version seen": intent("remove-budget", LIMIT, base={"epoch": 3, "number": 10**12}),
}

# Each is a sound intent but for one thing.
SOUND = ADMITTED["a category"]
WRONG_TYPES: tuple[Any, ...] = (None, True, 1, 1.0, "x y", b"x", [], ["x"], {}, {"x": 1}, NOW)


def _without(fields: Fields, name: str) -> Fields:
    return {key: value for key, value in fields.items() if key != name}


def _attacks() -> dict[str, Fields]:
    attacks: dict[str, Fields] = {
        "a field too many": SOUND | {"more": "u1"},
        "another user named in it": SOUND | {"userId": "u2"},
        "a status of its own": SOUND | {"status": "applied"},
        "another form": SOUND | {"v": 2},
        "a form with a fraction": SOUND | {"v": 1.0},
        "an unknown kind": intent("drop-everything", {}),
        "no kind": intent("", ENTRY),
        "sequence zero": SOUND | {"sequence": 0},
        "a negative sequence": SOUND | {"sequence": -1},
        "a sequence with a fraction": SOUND | {"sequence": 1.0},
        "a version without a number": SOUND | {"base": {"epoch": 1}},
        "a version without an epoch": SOUND | {"base": {"number": 1}},
        "a version with more": SOUND | {"base": {"epoch": 1, "number": 1, "more": 1}},
        "a negative epoch": SOUND | {"base": {"epoch": -1, "number": 1}},
        "a negative number": SOUND | {"base": {"epoch": 1, "number": -1}},
        "an epoch with a fraction": SOUND | {"base": {"epoch": 1.0, "number": 1}},
        "a number with a fraction": SOUND | {"base": {"epoch": 1, "number": 1.0}},
        "a device with a slash": SOUND | {"device": "a/b"},
        "a device too long": SOUND | {"device": "d" * 129},
        "a device without a name": SOUND | {"device": ""},
        "a clock a day ahead": SOUND | {"madeAt": NOW + timedelta(days=1)},
        "a clock more than a day ahead": SOUND | {"madeAt": NOW + timedelta(days=1, minutes=5)},
        "an arrival of its own making": SOUND | {"createdAt": NOW - timedelta(hours=1)},
        "an arrival in the future": SOUND | {"createdAt": NOW + timedelta(hours=1)},
    }
    attacks |= {f"no {name}": _without(SOUND, name) for name in SOUND}
    for name in SOUND:
        attacks |= {
            f"{name} of type {type(wrong).__name__} ({wrong!r})": SOUND | {name: wrong}
            for wrong in WRONG_TYPES
            if not (name == "v" and type(wrong) is int) and not (name in ("createdAt", "madeAt") and wrong is NOW)
            and not (name == "sequence" and type(wrong) is int)
        }  # fmt: skip
    for told, fields in ADMITTED.items():
        body = fields["body"]
        attacks[f"{told}, and more"] = fields | {"body": body | {"more": "x"}}
        for key in body:
            if not (fields["kind"] == "add-expense" and key == "note"):
                attacks[f"{told}, without {key}"] = fields | {"body": _without(body, key)}
            attacks |= {
                f"{told}, {key} of type {type(wrong).__name__} ({wrong!r})": fields | {"body": body | {key: wrong}}
                for wrong in WRONG_TYPES
                if not (wrong is None and fields["kind"] in ("set-category", "set-note") and key != "entryId")
                and not (type(wrong) is str and key in ("name", "note", "splits"))
            }
    for told, kind, body in (
        ("an amount with a comma", "add-expense", EXPENSE | {"amount": "4,5"}),
        ("an amount of 16 digits", "add-expense", EXPENSE | {"amount": "1" * 16}),
        ("an amount of 11 decimals", "add-expense", EXPENSE | {"amount": "1." + "1" * 11}),
        ("an amount with a letter", "add-expense", EXPENSE | {"amount": "1x"}),
        ("an amount with a letter behind the point", "add-expense", EXPENSE | {"amount": "1.x"}),
        ("an amount with a plus", "add-expense", EXPENSE | {"amount": "+1"}),
        ("an amount with two points", "add-expense", EXPENSE | {"amount": "1.2.3"}),
        ("an amount that ends in a point", "add-expense", EXPENSE | {"amount": "1."}),
        ("an amount that begins with a point", "add-expense", EXPENSE | {"amount": ".5"}),
        ("a year with a letter", "add-expense", EXPENSE | {"date": "20x6-11-20"}),
        ("a month with a letter", "add-expense", EXPENSE | {"date": "2026-1x-20"}),
        ("a day with a letter", "add-expense", EXPENSE | {"date": "2026-11-2x"}),
        ("a budget's year with a letter", "add-budget", BUDGET | {"startsMonth": "20x6-11"}),
        ("a budget's month with a letter", "add-budget", BUDGET | {"startsMonth": "2026-1x"}),
        ("an amount in hex", "add-expense", EXPENSE | {"amount": "0x1"}),
        ("a currency in small letters", "add-expense", EXPENSE | {"currency": "usd"}),
        ("a currency and a new line", "add-expense", EXPENSE | {"currency": "USD\n"}),
        ("a day of another form", "add-expense", EXPENSE | {"date": "20.11.2026"}),
        ("a name too long", "add-expense", EXPENSE | {"name": "n" * 201}),
        ("an empty name", "add-expense", EXPENSE | {"name": ""}),
        ("an expense's note too long", "add-expense", EXPENSE | {"note": "n" * 501}),
        ("an expense's note empty", "add-expense", EXPENSE | {"note": ""}),
        ("a category with a path in it", "set-category", ENTRY | {"categoryId": "../x"}),
        ("a category too long", "set-category", ENTRY | {"categoryId": "c" * 129}),
        ("an entry too long", "set-category", {"entryId": "e" * 100_000, "categoryId": None}),
        ("a note too long", "set-note", ENTRY | {"note": "n" * 501}),
        ("an empty note", "set-note", ENTRY | {"note": ""}),
        ("parts too long", "put-splits", ENTRY | {"splits": "s" * 16001}),
        ("no parts", "put-splits", ENTRY | {"splits": ""}),
        ("a month of another form", "add-budget", BUDGET | {"startsMonth": "2026-11-01"}),
        ("a limit in words", "change-budget", LIMIT | {"limit": "ten"}),
        ("the shape of another kind", "set-note", ENTRY | {"categoryId": "TRAVEL"}),
        ("an expense that names an entry", "add-expense", EXPENSE | ENTRY),
        ("an entry where a budget belongs", "remove-budget", ENTRY),
        ("a budget where an entry belongs", "remove-expense", LIMIT),
    ):
        attacks[told] = intent(kind, body)
    return attacks


DENIED = _attacks()
# Ids that the rules admit: all digits of an id in each of its groups.
GOOD_IDS = (ID, "09afbeef-09af-09af-09af-09afbeef0909", "90fa1234-90fa-90fa-90fa-567890fa1234")
# Ids that the rules refuse whatever lies there.
_GROUPS = ID.split("-")
BAD_IDS = (
    "1",
    f"{ID}x",
    "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    *("-".join([*_GROUPS[:n], "A" * len(_GROUPS[n]), *_GROUPS[n + 1 :]]) for n in range(5)),
    *("-".join([*_GROUPS[:n], f"{_GROUPS[n]}0", *_GROUPS[n + 1 :]]) for n in range(5)),
    *("-".join([*_GROUPS[:n], _GROUPS[n][1:], *_GROUPS[n + 1 :]]) for n in range(5)),
)
