"""What a client may send: one model per body or query string, strict, nothing unknown accepted.

Names are camelCase on the wire and snake_case inside. A model checks shape only (is this an amount, a month, a
text of that length); whether a category exists or an expense may be deleted is for `sync` to say.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from api.fields import Amount, CategoryName, Currency, Day, Hint, Identifier, Month, Name, Note, Token

LONGEST_PAGE = 200


def parse_uuid(value: Any) -> UUID:
    """A UUID from its text."""
    try:
        return UUID(value)
    except (ValueError, TypeError, AttributeError):
        raise PydanticCustomError("uuid", "must be an id of the ledger, a UUID") from None


def parse_limit(value: Any) -> int:
    """A page size from a query string, where everything is text."""
    if isinstance(value, str) and re.fullmatch("[0-9]{1,3}", value) and 1 <= int(value) <= LONGEST_PAGE:
        return int(value)
    raise PydanticCustomError("limit", "must be a whole number from 1 to {most}", {"most": LONGEST_PAGE})


Id = Annotated[UUID, BeforeValidator(parse_uuid), WithJsonSchema({"type": "string", "format": "uuid"})]
Limit = Annotated[
    int,
    BeforeValidator(parse_limit),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": LONGEST_PAGE, "default": 100}),
]

NameMatch = Literal["contains", "equals", "starts"]
Direction = Literal["in", "out"]


class Body(BaseModel):
    """The strictness that every body and query string shares."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=to_camel)

    def given(self) -> dict[str, Any]:
        """The fields the client sent, null included; what it left out is left out."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class ProfileBody(Body):
    """The name to show; the e-mail address always comes from the ID token."""

    display_name: Name | None = None


class LinkTokenBody(Body):
    """With an item: update mode, to repair its sign-in or choose its accounts anew; without: link a new bank.

    `hosted` asks for an address of Plaid's to open, for a page that cannot load Link.
    """

    item_id: Id | None = None
    account_selection: bool = False
    hosted: bool = False


class LinkedAccountBody(Body):
    """An account as Link tells it; what is not text is as if it were not told."""

    name: Hint = None
    mask: Hint = None
    type: Hint = None
    subtype: Hint = None


class NewItemBody(Body):
    """What Link hands to the page on success, and the token that opened it.

    Institution and accounts are believed only to refuse a bank that is linked already; what is stored is asked of
    Plaid, never of the browser.
    """

    public_token: Token
    link_token: Token | None = None
    institution_id: Hint = None
    accounts: list[LinkedAccountBody] = Field(default_factory=list, max_length=200)


class TransactionsQuery(Body):
    """One month, newest first, a page at a time."""

    month: Month
    limit: Limit = 100
    cursor: Identifier | None = None


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


class RuleBody(Body):
    """A category rule: every condition that is given must hold, and at least one is."""

    category_id: Identifier
    name_match: NameMatch | None = None
    name_text: Name | None = None
    account_id: Id | None = None
    direction: Direction | None = None
    min_amount: Amount | None = None
    max_amount: Amount | None = None
    bank_category_id: Identifier | None = None


class RuleEditBody(Body):
    """What may change on a rule; null drops a condition, `position` 1 puts the rule first."""

    category_id: Identifier | None = None
    name_match: NameMatch | None = None
    name_text: Name | None = None
    account_id: Id | None = None
    direction: Direction | None = None
    min_amount: Amount | None = None
    max_amount: Amount | None = None
    bank_category_id: Identifier | None = None
    position: Annotated[int, Field(ge=1)] | None = None


class CategoryBody(Body):
    """A category of the user's own."""

    name: CategoryName


Milliseconds = Annotated[float, Field(ge=0, le=600_000, strict=False, allow_inf_nan=False)]


class ShownVersion(Body):
    """A version that a screen showed: how long before the telling it was received, and drawn."""

    epoch: Annotated[int, Field(ge=1, lt=2**31)]
    number: Annotated[int, Field(ge=0, lt=2**53)]
    received_ms_ago: Milliseconds
    rendered_ms_ago: Milliseconds


class AcknowledgementsBody(Body):
    """What a screen showed. `screen` is a random name for one opening of the page; `roundTripMs` the quickest seen."""

    screen: Annotated[str, Field(pattern="^[0-9A-Za-z-]{8,64}$")]
    round_trip_ms: Milliseconds = 0
    versions: Annotated[list[ShownVersion], Field(min_length=1, max_length=100)]


class RepairBody(Body):
    """Days of a month that a page could not verify, and the entries it shows on them."""

    month: Month
    days: Annotated[list[Day], Field(max_length=31)]
    shown: Annotated[list[Id], Field(max_length=500)]


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
