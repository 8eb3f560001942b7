"""What the API answers: the fields of the documents (docs/documents.md) under the same names, plus the id.

Money is there twice: an exact decimal string, and integer minor units of its ISO currency; an unofficial currency
has no minor units. Every answer to a write carries `marked`: path and version of each document the edit marked,
empty when nothing changed. A model is filled from what `sync` returns and refuses what does not fit.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from sync.db import Mark
from sync.tracing import current_id

Exact = Annotated[
    str, WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]*[1-9])?$", "examples": ["12.34"]})
]
Day = date  # under another name, for a model has a field called date
MonthName = Annotated[
    str, WithJsonSchema({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$", "examples": ["2026-11"]})
]


class Answer(BaseModel):
    """The common form: camelCase out, filled from mappings or objects of `sync`."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, from_attributes=True)


class Version(Answer):
    """A document's version; it only grows."""

    epoch: int
    number: int


class Marked(Answer):
    """A document that the edit marked, and the version at or after which it shows the edit."""

    path: str
    version: Version


class WriteAnswer(Answer):
    """What every write answers, alone or beside what it made. `trace` follows the edit to the screens."""

    marked: list[Marked]
    trace: str | None = Field(default_factory=current_id)


class Profile(Answer):
    """The signed-in user."""

    id: str
    email: str | None
    display_name: str | None


class ProfileAnswer(Answer):
    """The profile."""

    user: Profile


class ProfileWritten(ProfileAnswer, WriteAnswer):
    """The profile as it is now."""


class ErasureAnswer(Answer):
    """The erasure that has begun: what to name when asking how far it is."""

    erasure: str


class LinkToken(Answer):
    """What opens Link; `hostedLinkUrl` only when it was asked for, to be opened in a tab of its own."""

    session_id: UUID
    link_token: str
    expiration: datetime
    hosted_link_url: str | None


class LinkSession(Answer):
    """How a use of Link stands. `problem` is a code of docs/errors.md, `itemId` the bank that it ended in or hit."""

    id: UUID
    mode: Literal["new", "update"]
    state: Literal["open", "finished", "failed", "expired"]
    item_id: UUID | None
    problem: str | None


class LinkSessionAnswer(Answer):
    """One use of Link."""

    session: LinkSession


class Item(Answer):
    """A linked bank."""

    id: UUID
    institution_id: str | None
    institution_name: str | None
    status: Literal["ok", "login_required", "pending_disconnect", "revoked", "error"]
    error_code: str | None
    message: str | None
    consent_expires_at: datetime | None
    freshness: Literal["ok", "quiet", "stale", "broken"]
    bank_updated_at: datetime | None
    changed_at: datetime | None


class ItemsAnswer(Answer):
    """The linked banks."""

    items: list[Item]


class ItemWritten(WriteAnswer):
    """A bank as it is now."""

    item: Item


class Account(Answer):
    """A bank account with its last known balances."""

    id: UUID
    item_id: UUID
    name: str
    official_name: str | None
    mask: str | None
    type: str
    subtype: str | None
    currency: str | None
    unofficial_currency: str | None
    currency_digits: int | None
    current: Exact | None
    current_minor: int | None
    available: Exact | None
    available_minor: int | None
    limit: Exact | None
    limit_minor: int | None
    closed: bool
    balance_state: Literal["balanced", "gap"] | None
    gap: Exact | None
    gap_minor: int | None
    gap_since: Day | None
    gap_likely: list[UUID]
    gap_reason: Literal["counted-but-not-moved", "wrong-direction", "missing-row"] | None


class Refreshed(Answer):
    """Whether the bank itself was asked for news, or only Plaid for what it has."""

    asked: bool


class AccountsAnswer(Answer):
    """The accounts of all linked banks."""

    accounts: list[Account]


class Split(Answer):
    """A part that the user carved out of a transaction."""

    category_id: str
    amount_minor: int | None
    amount: Exact
    note: str | None


class TransactionReview(Answer):
    """The question whether a posted transaction is a pending one that the bank dropped; the rest is the pending's."""

    id: UUID
    state: Literal["open", "confirmed", "undone"]
    other_entry_id: UUID
    name: str
    amount_minor: int | None
    amount: Exact
    currency: str | None
    unofficial_currency: str | None
    currency_digits: int | None
    date: Day


class Transaction(Answer):
    """One real-world transaction, under the id of its entry: the same from pending to posted."""

    id: UUID
    month: MonthName
    date: Day
    bank_date: Day
    authorized_date: Day | None
    name: str
    merchant_name: str | None
    amount: Exact
    amount_minor: int | None
    currency: str | None
    unofficial_currency: str | None
    currency_digits: int | None
    category_id: str
    category_owner: Literal["user", "rule", "bank"]
    bank_category: str | None
    note: str | None
    pending: bool
    source: Literal["bank", "manual"]
    account_id: UUID | None
    payment_channel: str | None
    splits: list[Split]
    remainder_minor: int | None
    remainder: Exact
    splits_exceed: bool
    expired: bool
    review: TransactionReview | None


class TransactionAnswer(Answer):
    """One transaction."""

    transaction: Transaction


class TransactionsAnswer(Answer):
    """A page of one month, newest first; `nextCursor` fetches the next page, null ends the list."""

    transactions: list[Transaction]
    next_cursor: str | None


class TransactionWritten(TransactionAnswer, WriteAnswer):
    """A transaction as it is now."""


class Category(Answer):
    """A category: the taxonomy's, or the user's own. `excluded`: its total is outside spend."""

    id: str
    name: str
    own: bool
    excluded: bool


class CategoriesAnswer(Answer):
    """Every category that an entry may have."""

    categories: list[Category]


class CategoryWritten(WriteAnswer):
    """A category as it is now."""

    category: Category


class Rule(Answer):
    """A category rule; of those that hold the one with the lowest position decides."""

    id: UUID
    position: int
    category_id: str
    name_match: Literal["contains", "equals", "starts"] | None
    name_text: str | None
    account_id: UUID | None
    direction: Literal["in", "out"] | None
    min_amount: Exact | None
    max_amount: Exact | None
    bank_category_id: str | None


class RulesAnswer(Answer):
    """The rules, the first to decide first."""

    rules: list[Rule]


class RulesApplied(WriteAnswer):
    """What an edit of rules changed: entries so far, and whether older ones are still being judged."""

    changed: int
    applying: bool


class RuleWritten(RulesApplied):
    """A rule as it is now."""

    rule: Rule


class RulePreview(Answer):
    """What a new rule would do: entries it holds for, entries it would move, and the newest 20 of those."""

    matches: int
    changes: int
    transactions: list[Transaction]


class Review(Answer):
    """A question and its answer so far; name, money and date are the pending row's when the question arose."""

    id: UUID
    state: Literal["open", "confirmed", "declined", "undone", "closed"]
    score: float
    pending_entry_id: UUID
    posted_entry_id: UUID
    name: str
    amount_minor: int | None
    amount: Exact
    currency: str | None
    unofficial_currency: str | None
    currency_digits: int | None
    date: Day
    created_at: datetime
    decided_at: datetime | None


class ReviewsAnswer(Answer):
    """The newest questions, whatever their state."""

    reviews: list[Review]


class ReviewWritten(WriteAnswer):
    """A question as it is now."""

    review: Review


class CategoryTotal(Answer):
    """The total of one category in one month and currency."""

    minor: int
    amount: Exact
    count: int


class CurrencyTotals(Answer):
    """One currency of a month: spend by category, and what lies outside spend."""

    digits: int
    spend_minor: int
    spend: Exact
    count: int
    pending_count: int
    categories: dict[str, CategoryTotal]
    outside: dict[str, CategoryTotal]


class UnofficialTotal(Answer):
    """One unofficial currency of a month; in no total."""

    spend: Exact
    count: int


class BudgetProgress(Answer):
    """A budget and what a month has used of it."""

    budget_id: UUID
    category_id: str
    currency: str
    limit_minor: int
    limit: Exact
    spent_minor: int
    spent: Exact


class Month(Answer):
    """The totals of one month."""

    month: MonthName
    currencies: dict[str, CurrencyTotals]
    unofficial: dict[str, UnofficialTotal]
    count: int
    pending_count: int
    expired_count: int
    budgets: list[BudgetProgress]
    in_window: bool


class MonthAnswer(Answer):
    """One month."""

    month: Month


class MonthsAnswer(Answer):
    """Every month with a live transaction, newest first."""

    months: list[Month]


class Budget(Answer):
    """A monthly limit for one category and currency."""

    id: UUID
    category_id: str
    currency: str
    limit_minor: int
    limit: Exact
    starts_month: MonthName


class BudgetsAnswer(Answer):
    """The budgets."""

    budgets: list[Budget]


class HouseholdMember(Answer):
    """A member of a household; `sharesAll`: every account, and expenses added by hand."""

    id: str
    display_name: str | None
    role: Literal["owner", "member"]
    shares_all: bool
    joined_at: datetime


class Household(Answer):
    """A household that the user is in; `accounts` are those that the user shows there."""

    id: str
    name: str
    members: list[HouseholdMember]
    accounts: list[UUID]


class HouseholdsAnswer(Answer):
    """The user's households."""

    households: list[Household]


class HouseholdWritten(WriteAnswer):
    """A household as it is now."""

    household: Household


class InvitationAnswer(WriteAnswer):
    """An invitation: its code is told this once."""

    code: str
    expires_at: datetime


class BudgetWritten(WriteAnswer):
    """A budget as it is now."""

    budget: Budget


def marked(marks: Iterable[Mark]) -> list[Marked]:
    """The marks of an edit as the browser reads them."""
    return [Marked(path=mark.path, version=Version(epoch=mark.epoch, number=mark.number)) for mark in marks]
