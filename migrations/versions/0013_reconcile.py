"""Audits and repairs of the mirror, and a window of months per owner.

Reason: drift has to be found and mended all the time, inside a budget of reads, with a record of each repair; and a
change of the window must not be one transaction that holds every user's lock.
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql((_SQL / "0013_reconcile.sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    raise RuntimeError("migrations go forward only: restore a backup instead")
