"""`livespend mirror`: run a mirror, ask how far behind it is. Comparing and repairing: reconcile_commands.py."""

from __future__ import annotations

import json
from typing import Any

import click

from workers.shape_commands import shape, shapes_of


@click.group(invoke_without_command=True)
@click.option("--until-clean", is_flag=True, help="End when nothing is left to mirror.")
@click.pass_context
def mirror(context: click.Context, until_clean: bool) -> None:
    """Mirror the ledger into Firestore until stopped. Any number may run."""
    if context.invoked_subcommand is None:
        from workers.mirror_process import run

        run(until_clean=until_clean, shapes=shapes_of(context))


mirror.add_command(shape)


@mirror.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def status(as_json: bool) -> None:
    """How far behind the mirror is, how many mirrors listen, what is parked, who is above a cap."""
    from sync.mirror.status import read_status
    from workers.mirror_process import mirror_deps

    with mirror_deps(quiet()) as deps:
        connection = deps.engine.raw_connection()
        try:
            found = read_status(connection.cursor(), deps.settings)  # type: ignore[arg-type]
        finally:
            connection.close()
    print_found(found, as_json)


def print_found(found: dict[str, Any], as_json: bool) -> None:
    """Prints one JSON object, or a line for each of its parts."""
    if as_json:
        click.echo(json.dumps(found, default=str))
        return
    for key, value in found.items():
        click.echo(f"{key}: {value}")


def quiet() -> dict[str, str]:
    """The environment, with logs out of the way of the answer on stdout."""
    import os

    return {**os.environ, "LOG_LEVEL": "ERROR"}
