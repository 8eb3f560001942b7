"""The documents, built purely from ledger rows: which fields there are, and how money is rounded.

No I/O and no clock. Money is summed exactly and rounded once to minor units; what cannot be built raises
ArithmeticError or ValueError, and projection.py answers an Unshowable instead. plan.py adds versions and times. Every
field is described in docs/documents.md, held to it by a test. Called by projection.py, plan.py and the modules behind
the API, whose answers have the same fields.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from sync.mirror.changes import OwnerRow, Version
from sync.money import added, digits, exact, minor
from sync.paths import kind_of

Document: TypeAlias = dict[str, Any]


class Unshowable(NamedTuple):
    """Stands for a document that should exist and cannot be built, such as one with an amount that is no number."""

    reason: str
    month: str | None


def window_of(first_month: date | None) -> str | None:
    """Names the first mirrored month."""
    return None if first_month is None else month_name(first_month)


@lru_cache(2000)
def month_name(month: date) -> str:
    """yyyy-mm, as documents and paths have it."""
    return f"{month.year:04}-{month.month:02}"


def head_document(owner: OwnerRow) -> Document:
    """An owner's own document; a household's is named, and has one shape."""
    window = {"firstMonth": window_of(owner.first_month)}
    if owner.owner.startswith("households/"):
        return {"schemaVersion": 1, "name": owner.display_name, "window": window}
    return {
        "schemaVersion": owner.shape,
        "email": owner.email,
        "displayName": owner.display_name,
        "window": window,
    }


_ITEM = ("institutionId", "institutionName", "status", "errorCode", "message", "consentExpiresAt", "freshness",
         "bankUpdatedAt", "changedAt")  # fmt: skip


def item_document(row: Sequence[Any]) -> Document:
    """A linked bank: how its connection is, and how fresh what came from it."""
    return dict(zip(_ITEM, row, strict=True))


def transaction_document(row: Sequence[Any]) -> Document:
    """A transaction of a month inside the window."""
    (month, spent_on, bank_date, authorized, name, merchant, amount, iso, unofficial, by_user, by_rule, by_bank,
     detailed, note, pending, source, account_id, channel, splits, expired, *review) = row  # fmt: skip
    whole, text = None if iso is None else minor(amount, iso), exact(amount)
    parts = [(category, Decimal(part), note) for category, part, note in splits] if splits else ()
    return {
        "month": month_name(month),
        "date": spent_on.isoformat(),
        "bankDate": bank_date.isoformat(),
        "authorizedDate": None if authorized is None else authorized.isoformat(),
        "name": name,
        "merchantName": merchant,
        "amountMinor": whole,
        "amount": text,
        "currency": iso,
        "unofficialCurrency": unofficial,
        "currencyDigits": None if iso is None else digits(iso),
        "categoryId": by_user or by_rule or by_bank,
        "categoryOwner": "user" if by_user else "rule" if by_rule else "bank",
        "bankCategory": detailed,
        "note": note,
        "pending": pending,
        "source": source,
        "expired": expired,
        "accountId": account_id,
        "paymentChannel": channel,
        **(_split(amount, iso, parts) if parts else _unsplit(whole, text)),
        "review": None if review[0] is None else review_document(review),
    }


def _unsplit(whole: int | None, text: str) -> Document:
    """Nothing is carved out: all of the amount is left."""
    return {"splits": [], "remainderMinor": whole, "remainder": text, "splitsExceed": False}


def _split(amount: Decimal, iso: str | None, parts: Sequence[tuple[str, Decimal, str | None]]) -> Document:
    """The parts that the user carved out, and what is left of the bank's amount in the transaction's own category."""
    if not parts:
        return _unsplit(None if iso is None else minor(amount, iso), exact(amount))
    carved = added(part for _, part, _ in parts)
    remainder = added((amount, -carved))
    return {
        "splits": [
            {
                "categoryId": category,
                "amountMinor": None if iso is None else minor(part, iso),
                "amount": exact(part),
                "note": note,
            }
            for category, part, note in parts
        ],
        "remainderMinor": None if iso is None else minor(remainder, iso),
        "remainder": exact(remainder),
        "splitsExceed": remainder != 0 and carved != 0 and (remainder < 0) is not (carved < 0),
    }


def shared_transaction_document(row: Sequence[Any]) -> Document:
    """What a household is shown of a member's transaction: nothing private, and no account."""
    (member_id, month, spent_on, name, merchant, amount, iso, unofficial, category_id, pending, splits, expired) = row
    split = _split(amount, iso, [(category, Decimal(part), None) for category, part in splits or ()])
    for part in split["splits"]:
        del part["note"]
    return {
        "memberId": member_id,
        "month": month_name(month),
        "date": spent_on.isoformat(),
        "name": name,
        "merchantName": merchant,
        "amountMinor": None if iso is None else minor(amount, iso),
        "amount": exact(amount),
        "currency": iso,
        "unofficialCurrency": unofficial,
        "currencyDigits": None if iso is None else digits(iso),
        "categoryId": category_id,
        "pending": pending,
        "expired": expired,
        **split,
    }


def member_document(row: Sequence[Any]) -> Document:
    """A member of a household."""
    display_name, role, shares_all, joined_at = row
    return {"displayName": display_name, "role": role, "sharesAll": shares_all, "joinedAt": joined_at}


def review_document(row: Sequence[Any]) -> Document:
    """The question whether a posted row is a pending one, as the transaction that it is about shows it."""
    review_id, state, other_entry_id, name, amount, iso, unofficial, day = row
    return {
        "id": review_id,
        "state": state,
        "otherEntryId": other_entry_id,
        "name": name,
        "amountMinor": None if iso is None else minor(amount, iso),
        "amount": exact(amount),
        "currency": iso,
        "unofficialCurrency": unofficial,
        "currencyDigits": None if iso is None else digits(iso),
        "date": day.isoformat(),
    }


class Total(NamedTuple):
    """One month, currency and category: `rows` are its entries' own, `parts` all transactions with money in it."""

    iso: str | None
    unofficial: str | None
    category_id: str
    outside: bool
    amount: Decimal
    rows: int
    pending: int
    parts: int
    expired: int


class Budget(NamedTuple):
    """A live budget."""

    id: str
    category_id: str
    iso: str
    limit: Decimal
    starts_month: date


def month_document(month: date, totals: Sequence[Total], budgets: Sequence[Budget], first: date | None) -> Document:
    """A month's totals: exact sums, rounded once to minor units."""
    by_currency: dict[str, list[Total]] = defaultdict(list)
    counted = [total for total in totals if total.rows or total.parts]
    for total in counted:
        if total.iso is not None:
            by_currency[total.iso].append(total)
    return {
        "month": month_name(month),
        "currencies": {iso: _currency(iso, rows) for iso, rows in by_currency.items()},
        "unofficial": _unofficial([total for total in counted if total.iso is None]),
        "count": sum(total.rows for total in totals),
        "pendingCount": sum(total.pending for total in totals),
        "expiredCount": sum(total.expired for total in totals),
        "budgets": [_progress(budget, totals) for budget in budgets if budget.starts_month <= month],
        "inWindow": first is not None and month >= first,
        "complete": True,
    }


def _currency(iso: str, totals: Sequence[Total]) -> Document:
    shown = [total for total in totals if total.parts]
    inside = [total for total in shown if not total.outside]
    spend = added(total.amount for total in inside)
    return {
        "digits": digits(iso),
        "spendMinor": minor(spend, iso),
        "spend": exact(spend),
        "count": sum(total.rows for total in totals),
        "pendingCount": sum(total.pending for total in totals),
        "categories": {total.category_id: _category(iso, total) for total in inside},
        "outside": {total.category_id: _category(iso, total) for total in shown if total.outside},
    }


def _category(iso: str, total: Total) -> Document:
    return {"minor": minor(total.amount, iso), "amount": exact(total.amount), "count": total.parts}


def _unofficial(totals: Sequence[Total]) -> Document:
    shown: dict[str, Document] = {}
    for code in sorted({str(total.unofficial) for total in totals}):
        rows = [total for total in totals if total.unofficial == code]
        spend = added(total.amount for total in rows if not total.outside)
        shown[code] = {"spend": exact(spend), "count": sum(total.rows for total in rows)}
    return shown


def _progress(budget: Budget, totals: Sequence[Total]) -> Document:
    spent = added(
        total.amount for total in totals if (total.iso, total.category_id) == (budget.iso, budget.category_id)
    )
    return {
        "budgetId": budget.id,
        "categoryId": budget.category_id,
        "currency": budget.iso,
        "limitMinor": minor(budget.limit, budget.iso),
        "limit": exact(budget.limit),
        "spentMinor": minor(spent, budget.iso),
        "spent": exact(spent),
    }


def account_document(row: Sequence[Any]) -> Document:
    """A bank account with its last known balances."""
    (item_id, name, official, mask, kind, subtype, iso, unofficial, current, available, limit, closed,
     check, gap, gap_since, gap_likely, gap_reason) = row  # fmt: skip
    return {
        "itemId": item_id,
        "name": name,
        "officialName": official,
        "mask": mask,
        "type": kind,
        "subtype": subtype,
        "currency": iso,
        "unofficialCurrency": unofficial,
        "currencyDigits": None if iso is None else digits(iso),
        **_balance("current", current, iso),
        **_balance("available", available, iso),
        **_balance("limit", limit, iso),
        "closed": closed,
        "balanceState": None if check == "unknown" else check,
        **_balance("gap", gap, iso),
        "gapSince": None if gap_since is None else gap_since.isoformat(),
        "gapLikely": [str(entry_id) for entry_id in gap_likely or []],
        "gapReason": gap_reason,
    }


def _balance(name: str, amount: Decimal | None, iso: str | None) -> Document:
    return {
        name: None if amount is None else exact(amount),
        f"{name}Minor": None if amount is None or iso is None else minor(amount, iso),
    }


def recurring_document(row: Sequence[Any]) -> Document:
    """A stream of payments that come again and again, as the bank's data has it; money out positive."""
    (account_id, direction, description, merchant, frequency, status, active, first, last, following, average, latest,
     iso, unofficial, category_id, count) = row  # fmt: skip
    return {
        "accountId": account_id,
        "direction": direction,
        "description": description,
        "merchantName": merchant,
        "frequency": frequency,
        "status": status,
        "active": active,
        "firstDate": first.isoformat(),
        "lastDate": last.isoformat(),
        "nextDate": None if following is None else following.isoformat(),
        **_balance("average", average, iso),
        **_balance("last", latest, iso),
        "currency": iso,
        "unofficialCurrency": unofficial,
        "currencyDigits": None if iso is None else digits(iso),
        "categoryId": category_id,
        "count": count,
    }


def import_document(row: Sequence[Any]) -> Document:
    """How far a large update of one item has come."""
    phase, pages, rows, rows_stored, stored_from, started, finished = row
    return {
        "phase": phase,
        "pages": pages,
        "rows": rows,
        "rowsStored": rows_stored,
        "storedFrom": None if stored_from is None else month_name(stored_from),
        "startedAt": started,
        "finishedAt": finished,
    }


def receipt_document(row: Sequence[Any]) -> Document:
    """What became of an edit made offline."""
    device, sequence, kind, outcome, reason, detail, marked, applied_at = row
    return {
        "device": device,
        "sequence": sequence,
        "kind": kind,
        "outcome": outcome,
        "reason": reason,
        "detail": detail,
        "marked": marked,
        "appliedAt": applied_at,
    }


def budget_document(budget: Budget) -> Document:
    """A monthly limit."""
    return {
        "categoryId": budget.category_id,
        "currency": budget.iso,
        "limitMinor": minor(budget.limit, budget.iso),
        "limit": exact(budget.limit),
        "startsMonth": month_name(budget.starts_month),
    }


def versioned(version: Version, content: Document) -> Document:
    """A document with the version it is built at."""
    return {"version": {"epoch": version.epoch, "number": version.number}, **content}


def stand_in(path: str, version: Version, content: Document | Unshowable, owner: OwnerRow) -> Document:
    """What is shown in place of a document that Firestore refuses: that it exists, and when."""
    document = versioned(version, {"unshowable": True})
    if path == owner.owner:
        window = {"firstMonth": window_of(owner.first_month)}
        return {**document, "schemaVersion": owner.shape, "window": window}
    month = content.month if isinstance(content, Unshowable) else content.get("month")
    if month is None:
        return document
    if kind_of(path) != "transactions":
        return {**document, "month": month}
    # Firestore leaves a document without the field out of a query ordered by it: the row would vanish from the page.
    day = None if isinstance(content, Unshowable) else content.get("date")
    return {**document, "month": month, "date": day or f"{month}-01"}
