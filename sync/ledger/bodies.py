"""The bodies of a user's edits: one model each, strict, nothing unknown accepted, whichever door an edit comes through.

Names are camelCase on the wire and snake_case inside. A model checks shape only (is this an amount, a month, a text of
that length); whether a category exists or an expense may be removed is for the ledger to say. Pure. Called by the API,
which adds the bodies of its other requests, and by intent_kinds.py.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from sync.ledger.edit_fields import Amount, Currency, Day, Identifier, Month, Name, Note


def parse_uuid(value: Any) -> UUID:
    """A UUID from its text."""
    try:
        return UUID(value)
    except (ValueError, TypeError, AttributeError):
        raise PydanticCustomError("uuid", "must be an id of the ledger, a UUID") from None


Id = Annotated[UUID, BeforeValidator(parse_uuid), WithJsonSchema({"type": "string", "format": "uuid"})]


class Body(BaseModel):
    """The strictness that every body and query string shares."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=to_camel)

    def given(self) -> dict[str, Any]:
        """The fields the client sent, null included; what it left out is left out."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class NewExpenseBody(Body):
    """A manual expense. Money out is positive, a refund negative."""

    amount: Amount
    currency: Currency
    date: Day
    name: Name
    category_id: Identifier
    note: Note | None = None


class EntryEditBody(Body):
    """The user's own fields of an entry; null hands the category back to rule and bank, or clears the note."""

    category_id: Identifier | None = None
    note: Note | None = None


class SplitPart(Body):
    """One part of a split: money out positive, in the transaction's currency."""

    category_id: Identifier
    amount: Amount
    note: Note | None = None


class SplitsBody(Body):
    """All parts of an entry, in order; an empty list joins it together again."""

    splits: list[SplitPart]


class NewBudgetBody(Body):
    """A monthly limit for one category and currency, from a month on."""

    category_id: Identifier
    currency: Currency
    limit: Amount
    starts_month: Month


class BudgetEditBody(Body):
    """What may change on a budget."""

    limit: Amount | None = None
    starts_month: Month | None = None
