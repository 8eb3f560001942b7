"""Alembic's entry: runs the migrations on the connection it is handed, else on MIGRATION_DATABASE_URL.

One transaction per migration, lock and statement time limits on each, so a migration that would wait behind a long
transaction fails in seconds instead of queueing every other session behind itself. Needs only a checkout.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from alembic import context
from sqlalchemy import Connection, create_engine, text

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sync import models
from sync.db import psycopg2_url
from sync.settings import NEEDS, read_settings

LOCK_TIMEOUT = "4s"
STATEMENT_TIMEOUT = "300s"


def run(connection: Connection) -> None:
    """Runs what is asked of Alembic on this connection."""
    connection.execute(
        text("select set_config('lock_timeout', :lock, false), set_config('statement_timeout', :statement, false)"),
        {"lock": LOCK_TIMEOUT, "statement": STATEMENT_TIMEOUT},
    )
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=models.metadata,
        transaction_per_migration=True,
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


handed = context.config.attributes.get("connection")
if handed is not None:
    run(handed)
elif context.is_offline_mode():
    raise SystemExit("migrations run on a connection: triggers and grants are made by looking at the catalogue")
else:
    settings = read_settings(os.environ, needs=NEEDS["migrate"])
    with create_engine(psycopg2_url(settings.migration_database_url)).connect() as own:
        run(own)
