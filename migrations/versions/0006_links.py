"""Link sessions and their intents.

Reason: a crash between exchange and insert leaves no item behind at Plaid.
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql((_SQL / "0006_links.sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    raise RuntimeError("migrations go forward only: restore a backup instead")
