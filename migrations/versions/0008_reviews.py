"""Reviews of unmatched pendings.

Reason: a posted row that names no pending row is paired by a person, never silently.
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql((_SQL / "0008_reviews.sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    raise RuntimeError("migrations go forward only: restore a backup instead")
