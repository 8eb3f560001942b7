"""The operator's command line, `livespend`: one group, each command a thin door into `sync`.

Errors of the product end as one line with their stable code and exit status 1; a wrong call exits with 2.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping

import click

from sync.errors import LivespendError
from sync.shapes.shapes import Shape
from workers.cost_commands import cost
from workers.incident_commands import incident
from workers.item_commands import items
from workers.keys_commands import keys, tokens
from workers.ledger_commands import ledger
from workers.link_commands import links
from workers.mirror_commands import mirror
from workers.parked_commands import parked
from workers.reconcile_commands import audit, rebuild, verify, window
from workers.trace_commands import trace
from workers.user_commands import users


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="livespend")
def livespend() -> None:
    """Keeps Firestore the live mirror of the Postgres ledger."""


livespend.add_command(mirror)
for reconciling in (verify, rebuild, audit, window):
    mirror.add_command(reconciling)
mirror.add_command(parked)
livespend.add_command(items)
livespend.add_command(links)
livespend.add_command(keys)
livespend.add_command(tokens)
livespend.add_command(ledger)
livespend.add_command(incident)
livespend.add_command(trace)
livespend.add_command(cost)
livespend.add_command(users)


@livespend.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def demo(arguments: tuple[str, ...]) -> None:
    """Start everything on this machine: servers, stand-ins, API, worker, mirror, page (`--once --json`: prove it)."""
    if importlib.util.find_spec("local") is None:
        raise click.ClickException("the stand-ins are not part of the installed product: run this from a checkout")
    os.execv(sys.executable, [sys.executable, "-m", "local.stack", *arguments])  # noqa: S606


@livespend.command()
@click.option("--create-roles", is_flag=True, help="First create roles and database, as ADMIN_DATABASE_URL.")
@click.option("--check", is_flag=True, help="Change nothing; fail where the schema and the models differ.")
def migrate(create_roles: bool, check: bool) -> None:
    """Bring the ledger's schema to the newest migration. Running it twice is safe."""
    from sync import migrate as migrations
    from sync.settings import read_settings

    needs = {"MIGRATION_DATABASE_URL"} | ({"ADMIN_DATABASE_URL"} if create_roles else set())
    settings = read_settings(os.environ, needs=frozenset(needs))
    if check:
        differences = migrations.check(settings.migration_database_url)
        for difference in differences:
            click.echo(difference, err=True)
        sys.exit(1 if differences else 0)
    if create_roles:
        migrations.create_roles(settings.admin_database_url)
    done = migrations.migrate(settings)
    click.echo(f"migrated to {done[-1]}" if done else "the schema is current")


@livespend.command()
def intents() -> None:
    """Apply edits that pages made offline, until stopped. Any number may run."""
    from workers.intents_process import run

    run()


@livespend.command(name="setup-key")
def setup_key() -> None:
    """Create the key file that bank tokens are encrypted with, unless it exists."""
    from sync.keys.key_file import create_key_file
    from sync.settings import read_settings

    settings = read_settings(os.environ, needs=frozenset({"TOKEN_KEY_FILE"}))
    created = create_key_file(settings.token_key_file)
    click.echo("the key file was created" if created else "the key file exists")


def main(shapes: Mapping[int, Shape] | None = None) -> None:
    """Entry point of the `livespend` script; `shapes` are another release's (sync/shapes/shapes.py has this one's)."""
    try:
        livespend(obj=shapes)
    except LivespendError as error:
        click.echo(f"{error.code}: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
