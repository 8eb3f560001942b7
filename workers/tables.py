"""What the operator's commands print: a table for people, one JSON object for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import click


def print_rows(
    name: str, rows: Sequence[Mapping[str, Any]], columns: Iterable[str], *, as_json: bool, **sums: Any
) -> None:
    """Prints rows as a table with these columns, or as {name: rows, **sums}; a table is followed by the sums."""
    if as_json:
        click.echo(json.dumps({**sums, name: [dict(row) for row in rows]}, default=str))
        return
    from rich.console import Console
    from rich.table import Table

    names = list(columns)
    table = Table(*names, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(_shown(row[column]) for column in names))
    if rows:
        Console(soft_wrap=True).print(table)
    click.echo(", ".join(f"{value} {label}" for label, value in sums.items()))


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)
