"""How fresh each bank is.

Reason: a lost webhook is noticed by the bank's own rhythm.
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql((_SQL / "0005_freshness.sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    raise RuntimeError("migrations go forward only: restore a backup instead")
