"""The ledger and the mirror of one user side by side, each asked in its own words: plain SQL, and the documents."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg2

from local.listener import owner_client

if TYPE_CHECKING:
    from local.stack import Stack

_TOTALS = """
select to_char(date_trunc('month', coalesce(t.authorized_date, t.date)), 'YYYY-MM'),
       coalesce(t.iso_currency, t.unofficial_currency), piece.category, sum(piece.amount), count(distinct t.id)
from transactions t join entries e on e.id = t.entry_id
cross join lateral (
    select s.category_id, s.amount from splits s where s.entry_id = e.id
    union all
    select coalesce(e.user_category_id, e.rule_category_id, t.bank_category_id), t.amount - coalesce(sum(s.amount), 0)
    from splits s where s.entry_id = e.id having count(*) = 0 or t.amount <> sum(s.amount)
) as piece(category, amount)
where t.user_id = %(uid)s and t.removed_at is null and e.removed_at is null and t.iso_currency is not null
group by 1, 2, 3 order by 1, 2, 3
"""
_COUNTS = """
select count(t.id), count(t.id) filter (where coalesce(t.authorized_date, t.date) < w.first_month),
       count(distinct date_trunc('month', coalesce(t.authorized_date, t.date)))
from owners w
left join (transactions t join entries e on e.id = t.entry_id and e.removed_at is null)
    on t.user_id = %(uid)s and t.removed_at is null
where w.owner = 'users/' || %(uid)s
group by w.first_month
"""
_SUMS = """
select to_char(date_trunc('month', coalesce(t.authorized_date, t.date)), 'YYYY-MM'),
       coalesce(t.iso_currency, t.unofficial_currency), sum(t.amount)
from transactions t join entries e on e.id = t.entry_id
where t.user_id = %(uid)s and t.removed_at is null and e.removed_at is null
group by 1, 2
"""
_OTHERS = """
select (select count(*) from accounts where user_id = %(uid)s and removed_at is null),
       (select count(*) from items where user_id = %(uid)s and removed_at is null),
       (select to_char(first_month, 'YYYY-MM') from owners where owner = 'users/' || %(uid)s)
"""

_COUNTED = ("transactions", "accounts", "items")

Totals = dict[str, dict[str, dict[str, dict[str, Any]]]]


@dataclass(frozen=True)
class BothSides:
    """What each side holds, and where they differ."""

    ledger: dict[str, Any]
    mirror: dict[str, Any]
    verify: dict[str, Any]
    window_months: int
    problems: list[str]

    def report(self) -> dict[str, Any]:
        """The part of the proof's JSON that speaks of contents."""
        kinds = ("transactions", "months", "accounts", "items")
        digests = {side: _digest(held["totals"]) for side, held in self._sides().items()}
        return {
            "counts": {kind: {side: held[kind] for side, held in self._sides().items()} for kind in kinds}
            | {"outsideWindow": self.ledger["outsideWindow"]},
            "windowMonths": self.window_months,
            "firstMonth": self.ledger["firstMonth"],
            "totals": {side: held["totals"] for side, held in self._sides().items()},
            "digest": digests | {"equal": digests["postgres"] == digests["firestore"]},
            "verify": self.verify,
        }

    def _sides(self) -> dict[str, dict[str, Any]]:
        return {"postgres": self.ledger, "firestore": self.mirror}


def compare(stack: Stack, uid: str) -> BothSides:
    """Reads both sides of one user and names every difference. Changes nothing."""
    ledger, mirror, verify = _ledger(stack, uid), _mirror(stack, uid), _verify(stack, uid)
    expected = ledger | {"transactions": ledger["transactions"] - ledger["outsideWindow"]}
    problems = [
        f"{kind}: {expected[kind]} expected from the ledger, {mirror[kind]} in Firestore"
        for kind in ("transactions", "months", "accounts", "items")
        if expected[kind] != mirror[kind]
    ]
    problems += _differences(ledger["totals"], mirror["totals"])
    if not verify.get("equal"):
        problems.append("`livespend mirror verify` finds the mirror different from the ledger")
    window = int(stack.environment().get("MIRROR_WINDOW_MONTHS", "13"))
    return BothSides(ledger, mirror, verify, window, problems)


def _ledger(stack: Stack, uid: str) -> dict[str, Any]:
    with psycopg2.connect(stack.database_url()) as connection, connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"uid": uid})
        transactions, outside, months = cursor.fetchone() or (0, 0, 0)
        cursor.execute(_OTHERS, {"uid": uid})
        accounts, items, first_month = cursor.fetchone() or (0, 0, None)
        cursor.execute(_SUMS, {"uid": uid})
        sums = {(month, currency): amount for month, currency, amount in cursor.fetchall()}
        cursor.execute(_TOTALS, {"uid": uid})
        totals: Totals = defaultdict(lambda: defaultdict(dict))
        for month, currency, category, amount, count in cursor.fetchall():
            totals[month][currency][category] = {"amount": plain(amount), "count": count}
    return {"transactions": transactions, "outsideWindow": outside, "months": months, "accounts": accounts,
            "items": items, "firstMonth": first_month, "sums": sums, "totals": _undefaulted(totals)}  # fmt: skip


def _undefaulted(totals: Totals) -> Totals:
    return {month: {currency: dict(held) for currency, held in there.items()} for month, there in totals.items()}


def _mirror(stack: Stack, uid: str) -> dict[str, Any]:
    client = owner_client(stack.firestore, stack.project)
    try:
        user = client.collection("users").document(uid)
        held: dict[str, Any] = {
            kind: sum(1 for _ in user.collection(kind).select([]).stream())
            for kind in ("transactions", "accounts", "items")
        }
        months = [(snapshot.id, snapshot.to_dict()) for snapshot in user.collection("months").stream()]
    finally:
        client.close()
    return held | {"months": len(months), "totals": {month: _month(fields) for month, fields in sorted(months)}}


def _month(fields: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    return {
        currency: {
            category: {"amount": total["amount"], "count": total["count"]}
            for category, total in sorted((held["categories"] | held["outside"]).items())
        }
        for currency, held in sorted(fields["currencies"].items())
    }


def _verify(stack: Stack, uid: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "workers.cli", "mirror", "verify", "--json", "--user", uid]
    done = subprocess.run(command, env=stack.environment(), capture_output=True, text=True, timeout=300)
    try:
        found = dict(json.loads(done.stdout))
    except ValueError:
        return {"equal": False, "detail": done.stderr[-2000:]}
    return found | {"equal": done.returncode == 0}


def _differences(ledger: Totals, mirror: Totals) -> list[str]:
    found = []
    for month in sorted(ledger.keys() | mirror.keys()):
        here, there = ledger.get(month, {}), mirror.get(month, {})
        # A month of unofficial currencies alone has a document and no official total.
        if here != there and (here or there):
            found.append(f"{month}: the ledger sums to {json.dumps(here)}, the screen to {json.dumps(there)}")
    return found


def plain(amount: Decimal) -> str:
    """The exact decimal without exponent or trailing zeros, as the documents write it."""
    text = format(amount, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def _digest(totals: Totals) -> str:
    kept = {month: currencies for month, currencies in totals.items() if currencies}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
