"""Reading the fields of a custom user's configuration: typed, and able to say which field is wrong.

Pure; a reader knows the path of its object, so that every message names the field in full.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from local.plaid.currencies import is_code
from local.plaid.rows import Amount

WITHOUT_EFFECT = frozenset(
    ("mfa", "holdings", "investment_transactions", "identity", "liability", "inflow_model", "income")
)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_LARGEST = Decimal(10) ** 15


class Unreadable(ValueError):
    """The configuration is not a valid custom user; the message says where and why."""


class Reader:
    """Reads fields of one object and knows where it stands, for the message when one is wrong."""

    def __init__(self, fields: Mapping[str, Any], path: str, warnings: list[str]) -> None:
        self._fields, self._path, self._warnings = fields, path, warnings

    def wrong(self, name: str, why: str) -> Unreadable:
        return Unreadable(f"{self._at(name)} {why}")

    def names(self, known: tuple[str, ...]) -> None:
        """Refuses a misspelt field; warns of one that is unknown or has no effect here."""
        for name in self._fields:
            if name in WITHOUT_EFFECT:
                self._warnings.append(f"{self._at(name)} has no effect in the stand-in")
            elif name not in known:
                missing = [candidate for candidate in known if candidate not in self._fields]
                if near := difflib.get_close_matches(name, missing, 1, 0.85):
                    raise self.wrong(name, f"is not a field of a custom user; did you mean {near[0]}?")
                self._warnings.append(f"{self._at(name)} is not a field that Plaid documents; it was ignored")

    def value(self, name: str) -> Any:
        return self._fields.get(name)

    def text(self, name: str) -> str | None:
        value = self.value(name)
        if value is not None and not isinstance(value, str):
            raise self.wrong(name, f"must be text, not {kind_of(value)}")
        return value

    def flag(self, name: str) -> bool:
        value = self.value(name)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(name, f"must be true or false, not {kind_of(value)}")
        return bool(value)

    def number(self, name: str) -> Amount | None:
        value = self.value(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            raise self.wrong(name, f"must be a number, not {kind_of(value)}")
        amount: Amount = value
        if not -_LARGEST < amount < _LARGEST:
            raise self.wrong(name, "is larger than any amount of money: below 10**15, please")
        return amount

    def required_number(self, name: str) -> Amount:
        value = self.number(name)
        if value is None:
            raise self.wrong(name, "is missing")
        return value

    def day(self, name: str) -> date:
        value = self.text(name)
        if value is None:
            raise self.wrong(name, "is missing")
        try:
            if not _DAY.fullmatch(value):
                raise ValueError
            return date.fromisoformat(value)
        except ValueError:
            raise self.wrong(name, f"must be a date like 2026-08-21, not {value[:40]!r}") from None

    def currency(self, name: str) -> str | None:
        value = self.text(name)
        if value is not None and not is_code(value := value.upper()):
            raise self.wrong(name, f"must be a currency code like USD, not {value[:40]!r}")
        return value

    def choice(self, name: str, allowed: Any, *, required: bool = False) -> str | None:
        value = self.text(name)
        if value is None and required:
            raise self.wrong(name, f"is missing; it is one of {', '.join(allowed)}")
        if value is not None and value not in allowed:
            raise self.wrong(name, f"must be one of {', '.join(sorted(allowed))}, not {value[:40]!r}")
        return value

    def object(self, name: str) -> Reader:
        value = self.value(name)
        if value is not None and not isinstance(value, dict):
            raise self.wrong(name, f"must be an object, not {kind_of(value)}")
        return Reader(value or {}, self._at(name), self._warnings)

    def objects(self, name: str) -> list[Reader] | None:
        value = self.value(name)
        if value is None:
            return None
        if not isinstance(value, list):
            raise self.wrong(name, f"must be a list, not {kind_of(value)}")
        for number, item in enumerate(value):
            if not isinstance(item, dict):
                raise self.wrong(f"{name}[{number}]", f"must be an object, not {kind_of(item)}")
        return [Reader(item, self._at(f"{name}[{number}]"), self._warnings) for number, item in enumerate(value)]

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name


def kind_of(value: Any) -> str:
    if value is None:
        return "null"
    names = {
        bool: "true or false",
        str: "text",
        list: "a list",
        dict: "an object",
        int: "a number",
        Decimal: "a number",
    }
    return names.get(type(value), type(value).__name__)
