"""What a client may send: one model per body or query string, strict, nothing unknown accepted.

Names are camelCase on the wire and snake_case inside. A model checks shape only (is this an amount, a month, a
text of that length); whether a category exists or an expense may be deleted is for `sync` to say. The bodies of edits
that may come offline too live in `sync/ledger/bodies.py`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from sync.ledger.bodies import Body, Id
from sync.ledger.edit_fields import Amount, CategoryName, Day, Hint, Identifier, Month, Name, Token

LONGEST_PAGE = 200
SHARED_AT_MOST = 200


def parse_limit(value: Any) -> int:
    """A page size from a query string, where everything is text."""
    if isinstance(value, str) and re.fullmatch("[0-9]{1,3}", value) and 1 <= int(value) <= LONGEST_PAGE:
        return int(value)
    raise PydanticCustomError("limit", "must be a whole number from 1 to {most}", {"most": LONGEST_PAGE})


Limit = Annotated[
    int,
    BeforeValidator(parse_limit),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": LONGEST_PAGE, "default": 100}),
]

NameMatch = Literal["contains", "equals", "starts"]
Direction = Literal["in", "out"]


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
    """What a screen showed. `screen` is a random name for one opening of the page; `roundTripMs` the quickest seen.

    `household`: the versions are of this household's documents.
    """

    screen: Annotated[str, Field(pattern="^[0-9A-Za-z-]{8,64}$")]
    round_trip_ms: Milliseconds = 0
    versions: Annotated[list[ShownVersion], Field(min_length=1, max_length=100)]
    household: Identifier | None = None


class RepairBody(Body):
    """Days of a month that a page could not verify, and the entries it shows on them."""

    month: Month
    days: Annotated[list[Day], Field(max_length=31)]
    shown: Annotated[list[Id], Field(max_length=500)]
    household: Identifier | None = None


class HouseholdBody(Body):
    """A household's name."""

    name: CategoryName


class InvitationCodeBody(Body):
    """The code of an invitation."""

    code: Identifier


class SharesBody(Body):
    """What the user shows in a household: these accounts, or everything."""

    everything: bool = False
    accounts: list[Id] = Field(default_factory=list, max_length=SHARED_AT_MOST)
