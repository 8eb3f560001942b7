"""`livespend incident`: what a bank told, exported so that it tells of nobody, and replayed at the local Plaid."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import click

from workers.quiet import quiet_deps

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object.")


@click.group()
def incident() -> None:
    """Incidents: take one along without anybody's data, and look at it at home."""


@incident.command()
@click.option("--item", "item_id", type=click.UUID, required=True)
@click.option("--last", type=click.IntRange(min=1), help="Only the last so many updates.")
@click.option("--hide-amounts", is_flag=True, help="Multiply all amounts by one secret factor.")
@click.option("--shift-days", type=int, default=0, help="Move all dates by so many days.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="A file that does not exist yet.")
@_JSON
def export(item_id: UUID, output: Path, as_json: bool, last: int | None, **how: Any) -> None:
    """Write an item's kept pages to a file, with every name, id and number of an account replaced."""
    from sync.rebuild.incident import export as write
    from sync.rebuild.scramble import Scrambler

    with quiet_deps() as deps, _new_file(output) as file:
        done = write(deps, item_id, file, Scrambler(**how), last=last)
    _print(asdict(done), as_json)


@incident.command()
@click.argument("file", type=click.File("rb"))
@click.option("--plaid-url", help="The local Plaid, if it is not PLAID_URL.")
@_JSON
def replay(file: BinaryIO, plaid_url: str | None, as_json: bool) -> None:
    """Pull a file's pages into the ledger of a new test user. Exit status 1 if the ledger is not the file's."""
    from sync.rebuild.incident_replay import replay as tell

    settled = {} if plaid_url is None else {"plaid_url": plaid_url.rstrip("/")}
    with quiet_deps("api", **settled) as api, quiet_deps("worker", **settled) as worker:
        done = tell(api, worker, file)
    _print({**asdict(done), "equal": done.equal}, as_json)
    sys.exit(1 if done.equal is False else 0)


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """A file for its owner's eyes, gone again if it does not become whole."""
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise click.UsageError(f"{path} exists") from None
    try:
        with os.fdopen(number, "wb") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _print(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found, default=str))
        return
    for name, value in found.items():
        click.echo(f"{name}: {value}")
