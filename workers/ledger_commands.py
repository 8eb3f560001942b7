"""`livespend ledger`: the digest of what the ledger holds; the ledger built again from the bank's kept pages."""

from __future__ import annotations

import json

import click

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
    from sync.ledger_digest import digest_ledger
    from workers.app import deps

    found = digest_ledger(deps().engine, user)
    if as_json:
        click.echo(json.dumps(found.as_json(), default=str))
        return
    rows = [{"user": one.user_id, "banks": len(one.items), "bank": one.bank, "own": one.own} for one in found.users]
    print_rows("users", rows, ("user", "banks", "bank", "own"), as_json=False, users=len(rows))
    click.echo(f"bank {found.bank}\nown  {found.own}")
