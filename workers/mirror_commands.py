"""`livespend mirror`: run a mirror, ask how far behind it is, compare Firestore with the ledger."""

from __future__ import annotations

import json
import sys
from typing import Any

import click


@click.group(invoke_without_command=True)
@click.option("--until-clean", is_flag=True, help="End when nothing is left to mirror.")
@click.pass_context
def mirror(context: click.Context, until_clean: bool) -> None:
    """Mirror the ledger into Firestore until stopped. Any number may run."""
    if context.invoked_subcommand is None:
        from workers.mirror_process import run

        run(until_clean=until_clean)


@mirror.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def status(as_json: bool) -> None:
    """How far behind the mirror is, how many mirrors listen, what is parked."""
    from sync.status import read_status
    from workers.mirror_process import mirror_deps

    with mirror_deps(_quiet()) as deps:
        connection = deps.engine.raw_connection()
        try:
            found = read_status(connection.cursor())  # type: ignore[arg-type]
        finally:
            connection.close()
    _print(found, as_json)


@mirror.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object, every differing path in it.")
@click.option("--user", help="This user only.")
def verify(as_json: bool, user: str | None) -> None:
    """Compare Firestore with the ledger. Exit status: 0 equal, 1 different, 3 only some documents not judged yet."""
    from sync.reconcile import verify as compare
    from workers.mirror_process import mirror_deps

    with mirror_deps(_quiet()) as deps:
        report = compare(deps, user)
    _print(report if as_json else {key: value for key, value in report.items() if key != "perUser"}, as_json)
    sys.exit(0 if report["equal"] else 1 if any(report[kind] for kind in ("missing", "ghosts", "different")) else 3)


def _print(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found, default=str))
        return
    for key, value in found.items():
        click.echo(f"{key}: {value}")


def _quiet() -> dict[str, str]:
    """The environment, with logs out of the way of the answer on stdout."""
    import os

    return {**os.environ, "LOG_LEVEL": "ERROR"}
