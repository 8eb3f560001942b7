"""`livespend links`: what linking has left open, and what was lost at Plaid."""

from __future__ import annotations

import os

import click

from workers.tables import print_rows

_COLUMNS = ("state", "user_id", "id", "plaid_item_id", "problem", "tries", "created_at", "due_at")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def links(as_json: bool) -> None:
    """List links that are open, which the worker brings to their end, and items that were lost at Plaid."""
    from sync.banks.link_intents import open_or_lost
    from sync.db import make_engine, transaction
    from sync.settings import read_settings

    settings = read_settings(os.environ, needs=frozenset({"WORKER_DATABASE_URL"}))
    engine = make_engine(settings.worker_database_url, role_hint="links")
    try:
        with transaction(engine) as connection:
            found = open_or_lost(connection)
    finally:
        engine.dispose()
    lost = sum(intent["state"] == "lost" for intent in found)
    print_rows("links", found, _COLUMNS, as_json=as_json, open=len(found) - lost, lost=lost)
