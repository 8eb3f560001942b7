"""`livespend links`: what linking has left open, and what was lost at Plaid."""

from __future__ import annotations

import json
import os
from typing import Any

import click

_COLUMNS = ("state", "user_id", "id", "plaid_item_id", "problem", "tries", "created_at", "due_at")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def links(as_json: bool) -> None:
    """List links that are open, which the worker brings to their end, and items that were lost at Plaid."""
    from sync.db import make_engine, transaction
    from sync.link_intents import open_or_lost
    from sync.settings import read_settings

    settings = read_settings(os.environ, needs=frozenset({"WORKER_DATABASE_URL"}))
    engine = make_engine(settings.worker_database_url, role_hint="links")
    try:
        with transaction(engine) as connection:
            found = open_or_lost(connection)
    finally:
        engine.dispose()
    lost = sum(intent["state"] == "lost" for intent in found)
    if as_json:
        click.echo(json.dumps({"open": len(found) - lost, "lost": lost, "links": found}, default=str))
        return
    _print_table(found)
    click.echo(f"{len(found) - lost} open, {lost} lost")


def _print_table(found: list[dict[str, Any]]) -> None:
    lines = [_COLUMNS, *([_shown(intent[column]) for column in _COLUMNS] for intent in found)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(_COLUMNS))]
    for line in lines if found else []:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return value.isoformat(timespec="seconds") if hasattr(value, "isoformat") else str(value)
