"""Closed, de-selected and re-linked accounts, and purges.

Reason: account ids change and access ends, and neither may count a row twice or keep data without right.
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql((_SQL / "0007_accounts.sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    raise RuntimeError("migrations go forward only: restore a backup instead")
