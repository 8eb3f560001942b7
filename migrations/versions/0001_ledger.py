"""The first ledger.

Reason: tables, marking triggers, roles' rights and row-level security belong together; no state without them is safe.
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for part in ("0001_tables.sql", "0001_marks.sql", "0001_access.sql"):
        op.get_bind().exec_driver_sql((_SQL / part).read_text().replace("%", "%%"))


def downgrade() -> None:
    raise RuntimeError("the first migration has no way back: drop the database instead")
