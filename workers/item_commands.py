"""`livespend items`: how each bank connection stands; pull one now, or tell one anew from its beginning."""

from __future__ import annotations

from uuid import UUID

import click

from workers.tables import print_rows

_COLUMNS = ("id", "user_id", "institution", "status", "error_code", "owed", "failures", "retry_at", "last_pulled_at")


@click.group()
def items() -> None:
    """Bank connections: list them, pull one, resync one."""


@items.command(name="list")
@click.option("--user", help="This user only.")
@click.option("--broken", is_flag=True, help="Only those that are not ok or whose last pull failed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def list_them(user: str | None, broken: bool, as_json: bool) -> None:
    """How each bank connection stands. Tokens are never shown."""
    from sync.banks.standing import standing_of_items
    from workers.app import deps

    found = standing_of_items(deps(), user, only_broken=broken)
    print_rows("items", found, _COLUMNS, as_json=as_json, shown=len(found))


@items.command()
@click.argument("item_id", type=click.UUID)
def pull(item_id: UUID) -> None:
    """Ask for a pull of one item now, whatever its retry time is. Twice is safe."""
    from sync.banks.standing import want_pull_now
    from workers.app import deps

    want_pull_now(deps(), item_id)
    click.echo("a pull is wanted")


@items.command()
@click.argument("item_id", type=click.UUID)
def resync(item_id: UUID) -> None:
    """Ask the bank for everything anew; rows it does not tell any more leave the live set, edits stay."""
    from sync.pull.resync import resync_item
    from workers.app import deps

    resync_item(deps(), item_id)
    click.echo("a full resync is wanted")
