"""Answers that break the contract on purpose: fields missing, unknown or strange, ids where they make no sense.

The data stay what they are; only one answer lies. Pure functions on the answer, before it is printed.
"""

from __future__ import annotations

from typing import Any

from local.plaid import wire
from local.plaid.errors import PlaidError
from local.plaid.faults import Fault
from local.plaid.mint import Mint

_ROWS = ("added", "modified")


def tamper(fault: Fault, answer: dict[str, Any], mint: Mint) -> dict[str, Any]:
    """The answer that this fault makes of it; raises INVALID_FIELD when the fault's field is not there."""
    answer = wire.loads(wire.dumps(answer))
    rows = [row for name in _ROWS for row in answer.get(name, ())]
    match fault.fault:
        case "missing_field":
            holder, key = _find(answer, fault.field or "next_cursor")
            del holder[key]
        case "replace_field":
            holder, key = _find(answer, fault.field or "added.0.amount")
            holder[key] = fault.value
        case "unknown_field":
            for part in (answer, *rows, *answer.get("accounts", ())):
                part["moon_phase"] = "full"
        case "unknown_enum":
            for row in rows:
                row |= {"payment_channel": "by owl", "transaction_code": "spell"}
        case "null_category":
            for row in rows:
                row |= {"personal_finance_category": None, "merchant_name": None}
        case "unknown_category":
            for row in rows:
                row["personal_finance_category"] |= {"detailed": "FOOD_AND_DRINK_MOON", "primary": "FOOD_AND_DRINK"}
        case "phantom_removed":
            owner = (rows or answer.get("accounts") or [{"account_id": "nobody"}])[0]["account_id"]
            answer["removed"].append({"transaction_id": mint.named("phantom", str(fault.id)), "account_id": owner})
        case "same_id_twice":
            _twice(answer, fault.also)
    return answer


def _twice(answer: dict[str, Any], also: str) -> None:
    """The first row of the answer stands in another array, too."""
    row = next((row for name in _ROWS for row in answer[name]), None)
    if row is None:
        return
    gone = {name: row[name] for name in ("transaction_id", "account_id")}
    answer[also].insert(0, gone if also == "removed" else row)


def _find(answer: Any, path: str) -> tuple[Any, Any]:
    """What holds a field like `added.0.amount`, and its key there."""
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    try:
        for step in steps:
            answer = answer[step]
        answer[last]
    except (KeyError, IndexError, TypeError):
        raise PlaidError("INVALID_FIELD", f"a fault's field {path} is not in the answer") from None
    return answer, last
