"""docs/documents.md describes exactly the fields that are emitted."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_PAGE = Path(__file__).parents[3] / "docs" / "documents.md"
_ALIKE = {"months", "budgets", "categories"}
_MAPS = {"currencies", "unofficial", "categories", "outside"}


def described() -> dict[str, set[str]]:
    """The fields of each kind, as the page has them."""
    kinds: dict[str, set[str]] = defaultdict(set)
    kind = ""
    for line in _PAGE.read_text().splitlines():
        if line.startswith("## "):
            path = re.search(r"`(users/\{uid\}|households/\{hid\})(?:/(\w+))?", line)
            kind = _kind(path.group(1).split("/")[0], path.group(2) or "head") if path else "unshowable"
        elif field := re.match(r"\| `([^`]+)` \|", line):
            kinds[kind].add(field.group(1))
    return dict(kinds)


def _kind(root: str, kind: str) -> str:
    """Of households, three kinds have the fields of a user's."""
    return kind if root == "users" or kind in _ALIKE else f"household {kind}"


def fields(document: Any, prefix: str = "") -> Iterator[str]:
    """Names every field, with * for the keys of maps and [] for the elements of lists."""
    for key, value in document.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            open_map = key in _MAPS
            for inner_key, inner in value.items():
                if open_map:
                    yield from fields(inner, f"{name}.*.")
                else:
                    yield from fields({inner_key: inner}, f"{name}.")
        elif isinstance(value, list):
            for inner in value:
                yield from fields(inner, f"{name}[].") if isinstance(inner, dict) else [name]
        else:
            yield name


def emitted(documents: dict[str, dict[str, Any]]) -> dict[str, set[str]]:
    kinds: dict[str, set[str]] = defaultdict(set)
    for path, document in documents.items():
        segments = path.split("/")
        kind = _kind(segments[0], "head" if len(segments) == 2 else segments[2])
        kind = "unshowable" if "unshowable" in document else kind
        kinds[kind] |= set(fields(document))
    return dict(kinds)


def test_every_emitted_field_is_described_and_every_described_field_is_emitted(
    books, mirrored, firestore_server, database
):
    ada = books()
    rows = ada.add(3)
    ada.add(1, bank_category_id="INCOME")
    ada.add(1, iso_currency=None, unofficial_currency="BTC")
    database.sql("insert into categories (id, user_id, name) values ('own', 'ada', 'Plants')")
    database.sql(
        "insert into budgets (user_id, category_id, iso_currency, limit_amount, starts_month) "
        "values ('ada', 'FOOD_AND_DRINK', 'USD', 100, '2026-11-01')"
    )
    database.sql(
        "insert into imports (item_id, user_id, window_id, phase, pages, rows, stored_from, started_at, told_at) "
        "values (%s, 'ada', gen_random_uuid(), 'storing', 7, 3500, '2026-11-01', now(), now())",
        ada.item,
    )
    database.sql(
        "insert into balance_checks (id, user_id, state, gap, since_day, until_day, likely, reason, checked_at) "
        "select id, user_id, 'gap', 5, '2026-11-01', '2026-11-02', array[%s::uuid], 'missing-row', now() from accounts",
        rows[1],
    )
    database.sql(
        "insert into recurring_streams (user_id, item_id, account_id, plaid_stream_id, direction, description, "
        "frequency, status, active, first_date, last_date, bank_category_id, transaction_count, content_sha256) "
        "select user_id, item_id, id, 's', 'out', 'Rent', 'MONTHLY', 'MATURE', true, '2026-11-01', '2026-11-01', "
        "'OTHER', 3, '' from accounts"
    )
    database.sql(
        "insert into intents_applied (id, user_id, device, sequence, kind, outcome, marked) values (gen_random_uuid(), "
        "'ada', 'd', 1, 'set-note', 'applied', '[{\"path\": \"p\", \"version\": {\"epoch\": 1, \"number\": 2}}]')"
    )
    ada.split(rows[1], ("TRAVEL", "2.5"))
    database.sql(
        "insert into reviews (user_id, pending_entry_id, posted_entry_id, score, name, amount, iso_currency, date) "
        "values ('ada', %s, %s, 1, 'x', 1, 'USD', '2026-11-01')",
        *rows[1:],
    )
    database.sql("update transactions set name = repeat('n', 1100000) where entry_id = %s", rows[0])

    database.sql("insert into households (id, name) values ('home', 'Home')")
    database.sql("insert into household_members (household_id, user_id, shares_all) values ('home', 'ada', true)")
    database.sql(
        "insert into household_budgets (household_id, category_id, iso_currency, limit_amount, starts_month) "
        "values ('home', 'FOOD_AND_DRINK', 'USD', 100, '2026-11-01')"
    )
    ada.categorize(rows[2], "own")

    mirrored()

    assert emitted(firestore_server.documents()) == described()
