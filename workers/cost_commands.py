"""`livespend cost`: what mirroring cost in Firestore, by day, user or kind of document."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import click

_BAR = 24
_DAYS = 30


@click.command()
@click.option("--user", help="This user only.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help=f"From this UTC day on (default: {_DAYS} days).")
@click.option("--by", type=click.Choice(["day", "user", "kind"]), default="day", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object; amounts are exact decimals in strings.")
def cost(user: str | None, since: datetime | None, by: str, as_json: bool) -> None:
    """What mirroring cost in Firestore: counted writes and deletes, expected reads, at the prices of the settings."""
    from sync.mirror.cost_report import report
    from workers.mirror_commands import quiet
    from workers.mirror_process import mirror_deps

    first = since.date() if since else (datetime.now(UTC) - timedelta(days=_DAYS - 1)).date()
    with mirror_deps(quiet()) as deps:
        connection = deps.engine.raw_connection()
        try:
            found = report(
                connection.cursor(),  # type: ignore[arg-type]
                deps.settings,
                by=by,  # type: ignore[arg-type]
                since=first,
                user_id=user,
            )
        finally:
            connection.close()
    if as_json:
        click.echo(json.dumps(found, default=str))
    else:
        _show(found)


def _show(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    prices, by = found["prices"], found["by"]
    names = ("changes", "writes", "deletes", "expectedReads", "KiB", "indexEntries")
    table = Table(by, *names, prices["currency"], "", box=None, pad_edge=False)
    for column in table.columns[1:-1]:
        column.justify = "right"
    most = max((row["cost"] for row in found["rows"]), default=Decimal(0))
    for row in found["rows"]:
        shown = {**row, "KiB": f"{row['bytes'] / 1024:,.0f}"}
        cells = (shown[name] if name == "KiB" else f"{shown[name]:,}" for name in names)
        table.add_row(row[by], *cells, f"{row['cost']:.6f}", _bar(row["cost"], most))
    if found["rows"]:
        Console(soft_wrap=True).print(table)
    ratio = found["writesPerChangedTransaction"]
    of_whom = f"{found['users']} users, {found['days']} days"
    click.echo(f"{found['cost']:.6f} {prices['currency']} since {found['since']} ({of_whom})")
    click.echo(f"{'no' if ratio is None else ratio} writes per changed transaction")
    taken = ", ".join(f"{name} {prices[name]}" for name in ("writes", "deletes", "reads"))
    click.echo(f"per 100,000: {taken} {prices['currency']}; {prices['listeners']} open pages per user assumed")


def _bar(amount: Decimal, most: Decimal) -> str:
    return "█" * max(1, round(_BAR * amount / most)) if amount else ""
