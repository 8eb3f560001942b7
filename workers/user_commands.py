"""`livespend users`: erase a user, see how far erasures are, hand out and check their signed records."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import click

from workers.quiet import quiet_deps
from workers.tables import print_rows

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
_COLUMNS = ("id", "user_id", "asked_by", "asked_at", "step", "due_at", "failures", "problem", "finished_at")


@click.group()
def users() -> None:
    """Users: erase one, and prove that nothing is left."""


@users.command()
@click.argument("user")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_JSON
def erase(user: str, yes: bool, as_json: bool) -> None:
    """Erase a user from both stores; twice goes on where it was. Exit status 3: not through yet, the worker goes on."""
    from sync.erase import erase as erasing
    from sync.erase import erasures

    if not yes:
        click.confirm(f"Erase {user}: banks, ledger, mirror, sign-in? There is no way back", abort=True, err=True)
    with quiet_deps() as deps, _progress(list(erasing.STEPS), quiet=as_json) as told:
        erasure_id = erasures.ask(deps, user)
        found = erasing.drive(deps, erasure_id, told)
    shown = {"erasure": str(erasure_id), "step": found.step, "waitsUntil": found.waits_until, "problem": found.problem}
    if as_json:
        click.echo(json.dumps(shown, default=str))
    else:
        for name, value in shown.items():
            click.echo(f"{name}: {'-' if value is None else value}")
    sys.exit(0 if found.step == "done" else 3)


@users.command(name="erasures")
@_JSON
def list_them(as_json: bool) -> None:
    """Every erasure and how far it is. Of finished ones the user's id is gone, too."""
    from sync.erase.erasures import list_all

    with quiet_deps() as deps:
        found = list_all(deps)
    rows = [{name: row[name] for name in (*_COLUMNS, "user_sha256", "deleted")} for row in found]
    print_rows("erasures", rows, _COLUMNS, as_json=as_json, shown=len(rows))


@users.command()
@click.argument("erasure_id", type=click.UUID)
def record(erasure_id: UUID) -> None:
    """Print the signed record of a finished erasure, as the file that `verify-record` reads."""
    from sync.erase.erasure_records import as_file
    from sync.erase.erasures import find
    from sync.errors import ErasureNotFound

    with quiet_deps() as deps:
        found = find(deps, erasure_id)
        if found.record is None:
            raise ErasureNotFound(f"This erasure is not finished: it is at the step {found.step}.")
        click.echo(json.dumps(as_file(deps, found.record, found.signature, found.signing_key_id), indent=2))


@users.command(name="verify-record")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--user", help="Also check that the record is of this user.")
def verify_record(file: Path, user: str | None) -> None:
    """Check that a record was signed here and not changed since. Exit status 1 if not."""
    from sync.erase.erasure_records import read_file

    with quiet_deps() as deps:
        found = read_file(deps, file.read_text(), user)
    click.echo(f"signed here, unchanged: {found['erasure']}, read again {found['readAt']}, nothing left")


@contextmanager
def _progress(steps: list[str], *, quiet: bool) -> Iterator[Callable[[str], None]]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), disable=quiet) as bar:
        task = bar.add_task("erase", total=len(steps))

        def told(step: str) -> None:
            done = steps.index(step) if step in steps else len(steps)
            bar.update(task, completed=done, description=f"erase: {step}")

        yield told
