"""`livespend trace`: where the milliseconds of one change went."""

from __future__ import annotations

import json
import os
from typing import Any

import click

_BAR = 30


@click.command()
@click.argument("trace_id")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def trace(trace_id: str, as_json: bool) -> None:
    """Print each hop of a change with its milliseconds.

    TRACE_ID is what an answer of the API says in `Traceparent` and `trace`, or a webhook's `trace_id` in the inbox.
    """
    from sync.db import make_engine
    from sync.passports import read_trace
    from sync.settings import read_settings

    settings = read_settings(os.environ, needs=frozenset({"WORKER_DATABASE_URL"}))
    engine = make_engine(settings.worker_database_url, role_hint="trace")
    try:
        found = read_trace(engine, trace_id.strip().lower())
    finally:
        engine.dispose()
    if as_json:
        click.echo(json.dumps(found, default=str))
    else:
        _print(found)


def _print(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("hop", "at (UTC)", "ms", "", "", box=None, pad_edge=False, title_justify="left")
    table.columns[2].justify = "right"
    longest = max([line["ms"] for line in found["hops"]] + [0.01])
    for line in found["hops"]:
        bar = "█" * round(_BAR * line["ms"] / longest)
        table.add_row(line["hop"], line["at"].strftime("%H:%M:%S.%f")[:-3], f"{line['ms']:.1f}", bar, line["detail"])
    Console(soft_wrap=True).print(table)
    click.echo(f"{found['ms']:.1f} ms from {found['hops'][0]['hop']} to {found['hops'][-1]['hop']}")
