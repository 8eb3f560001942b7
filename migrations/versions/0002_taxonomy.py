"""The taxonomy: Plaid's primary categories, card payments, and what counts outside spend.

Reason: every bank row names a category, so the ledger needs them before its first row. Card payments are a category
of their own because they move money between a user's own accounts, unlike the other loan payments. The names are
frozen here: a later edition of the taxonomy is a later migration.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, MetaData, Table, Text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_CATEGORIES = {
    "INCOME": "Income",
    "LOAN_DISBURSEMENTS": "Loan disbursements",
    "LOAN_PAYMENTS": "Loan payments",
    "LOAN_PAYMENTS_CREDIT_CARD_PAYMENT": "Credit card payments",
    "TRANSFER_IN": "Transfers in",
    "TRANSFER_OUT": "Transfers out",
    "BANK_FEES": "Bank fees",
    "ENTERTAINMENT": "Entertainment",
    "FOOD_AND_DRINK": "Food and drink",
    "GENERAL_MERCHANDISE": "Shopping",
    "HOME_IMPROVEMENT": "Home improvement",
    "MEDICAL": "Medical",
    "PERSONAL_CARE": "Personal care",
    "GENERAL_SERVICES": "Services",
    "GOVERNMENT_AND_NON_PROFIT": "Government and non-profit",
    "TRANSPORTATION": "Transportation",
    "TRAVEL": "Travel",
    "RENT_AND_UTILITIES": "Rent and utilities",
    "OTHER": "Other",
    "UNCATEGORIZED": "Uncategorized",
}
_OUTSIDE_SPEND = ("INCOME", "TRANSFER_IN", "TRANSFER_OUT", "LOAN_DISBURSEMENTS", "LOAN_PAYMENTS_CREDIT_CARD_PAYMENT")

_tables = MetaData()
_categories = Table("categories", _tables, Column("id", Text), Column("name", Text))
_exclusions = Table("spend_exclusions", _tables, Column("category_id", Text))


def upgrade() -> None:
    op.bulk_insert(_categories, [{"id": category, "name": name} for category, name in _CATEGORIES.items()])
    op.bulk_insert(_exclusions, [{"category_id": category} for category in _OUTSIDE_SPEND])


def downgrade() -> None:
    raise RuntimeError("ledger rows name these categories: there is no way back")
