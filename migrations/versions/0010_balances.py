"""Balance snapshots and recurring streams.

Reason: opening plus transactions has to equal the balance, and the bank knows what comes next.
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql((_SQL / "0010_balances.sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    raise RuntimeError("migrations go forward only: restore a backup instead")
