"""`livespend ledger`: the digest of what the ledger holds; the ledger built again from the bank's kept pages."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

import click

from workers.quiet import quiet_deps
from workers.tables import print_rows

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
_USER = click.option("--user", help="This user only.")


@click.group()
def ledger() -> None:
    """The system of record: compare it, rebuild it."""


@ledger.command()
@_USER
@_JSON
def digest(user: str | None, as_json: bool) -> None:
    """Two digests per user and in all: what the banks told, and what the users said. Equal ledgers have equal ones."""
    from sync.rebuild.ledger_digest import digest_ledger

    with quiet_deps() as deps:
        found = digest_ledger(deps.engine, user)
    if as_json:
        click.echo(json.dumps(found.as_json(), default=str))
        return
    rows = [{"user": one.user_id, "banks": len(one.items), "bank": one.bank, "own": one.own} for one in found.users]
    print_rows("users", rows, ("user", "banks", "bank", "own"), as_json=False, users=len(rows))
    click.echo(f"bank {found.bank}\nown  {found.own}")


@ledger.command()
@click.option("--from-pages", is_flag=True, required=True, help="From the bank's kept pages, the only way there is.")
@click.option("--into", "url", required=True, help="Address of an empty migrated database, as its owner.")
@_USER
@_JSON
def rebuild(from_pages: bool, url: str, user: str | None, as_json: bool) -> None:
    """Build the ledger again into an empty database. Exit status 1 unless both have the same digests."""
    from sync.rebuild.rebuild import rebuild as build

    with quiet_deps() as deps, _progress(quiet=as_json) as told:
        found = build(deps, url, user, told=told)
    if as_json:
        click.echo(json.dumps({**asdict(found), "equal": found.equal}, default=str))
    else:
        rows = [{**asdict(one), "reasons": "; ".join(one.reasons)} for one in found.differences]
        columns = ("item_id", "user_id", "missing", "extra", "different", "reasons", "named")
        print_rows("differences", rows, columns, as_json=False, windows=found.windows, pages=found.pages)
        for one in found.own_differs:
            click.echo(f"the user's own words differ: {one}")
        click.echo("the digests are the same" if found.equal else "the digests are not the same")
    sys.exit(0 if found.equal else 1)


@ledger.command(name="raise-epoch")
@_USER
@click.option("--yes", is_flag=True, help="Do not ask.")
@_JSON
def raise_epoch(user: str | None, yes: bool, as_json: bool) -> None:
    """After a restore or a failover that lost commits: raise every version above all that were lost. Each document is
    written anew; then `livespend mirror verify --repair` removes what only Firestore has left."""
    from sync.audit.epochs import raise_epochs
    from workers.mirror_commands import quiet
    from workers.mirror_process import mirror_deps

    if not yes:
        click.confirm("Write every document anew?", abort=True, err=True)
    with mirror_deps(quiet()) as deps, _progress(quiet=as_json) as told:
        owners, documents = raise_epochs(deps, user, told)
    if as_json:
        click.echo(json.dumps({"owners": owners, "documents": documents}))
    else:
        click.echo(f"{documents} documents of {owners} owners are marked at a new epoch")


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), disable=quiet) as bar:
        task = bar.add_task("windows", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
