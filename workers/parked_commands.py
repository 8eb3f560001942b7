"""`livespend mirror parked`: documents that Firestore refuses for their content, looked at and dealt with."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import click

from workers.mirror_commands import quiet

if TYPE_CHECKING:
    from sync.mirror.changes import Connection

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
_BY = click.option("--by", "actor", default=getpass.getuser, help="Who does it, for the audit log (default: you).")


@click.group()
def parked() -> None:
    """Documents that Firestore refuses for their content: look, edit, retry, drop."""


@parked.command(name="list")
@click.option("--user", help="This user only.")
@_JSON
def list_(user: str | None, as_json: bool) -> None:
    """Every parked document with its error, the longest parked first."""
    from sync.mirror.parked import list_parked

    with _connection() as connection, connection, connection.cursor() as cursor:
        rows = list_parked(cursor, user)
    dropped = sum(row["droppedAt"] is not None for row in rows)
    if as_json:
        click.echo(json.dumps({"parked": len(rows), "dropped": dropped, "documents": rows}, default=str))
        return
    for row in rows:
        click.echo(row["path"])
        click.echo(f"  parked {row['parkedAt']:%Y-%m-%d %H:%M:%S} UTC, {row['code']}: {_cut(row['message'], 300)}")
        if row["droppedAt"]:
            click.echo(f"  dropped {row['droppedAt']:%Y-%m-%d %H:%M:%S} UTC by {row['droppedBy']}")
    click.echo(f"{len(rows)} parked, {dropped} dropped")


@parked.command()
@click.argument("path")
@_JSON
def show(path: str, as_json: bool) -> None:
    """One parked document: its error, the content that the ledger gives it, what can be edited, who did what."""
    from sync.mirror.parked import show as read

    with _connection() as connection:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with connection, connection.cursor() as cursor:
            found = read(cursor, path)
    if as_json:
        click.echo(json.dumps(found, default=str))
        return
    for name, value in found.items():
        nested = isinstance(value, dict | list)
        shown = json.dumps(value, default=str, indent=2, ensure_ascii=False) if nested else str(value)
        click.echo(f"{name}: {_cut(shown)}")


@parked.command()
@click.argument("path")
@_BY
@_JSON
def retry(path: str, actor: str, as_json: bool) -> None:
    """Have Firestore asked once more; undoes a drop."""
    from sync.mirror.parked import retry as again

    with _connection() as connection:
        again(connection, path, actor)
    _tell(as_json, path=path, action="retry", done=True)


@parked.command()
@click.argument("path")
@_BY
@_JSON
def drop(path: str, actor: str, as_json: bool) -> None:
    """Take the document off the page until it is retried; totals keep counting its row."""
    from sync.mirror.parked import drop as leave_out

    with _connection() as connection:
        done = leave_out(connection, path, actor)
    _tell(as_json, path=path, action="drop", done=done)


@parked.command()
@click.argument("path")
@click.option("--note", help='Of a transaction: the user\'s note; "" clears it.')
@click.option("--category", help='Of a transaction: the user\'s category; "" leaves it to rule and bank.')
@click.option("--no-splits", "joined", is_flag=True, help="Of a transaction: takes its parts together again.")
@click.option("--name", help="Of a category or a user: the name.")
@click.option("--limit", help="Of a budget: the limit.")
@_BY
@_JSON
def edit(
    *,
    path: str,
    note: str | None,
    category: str | None,
    joined: bool,
    name: str | None,
    limit: str | None,
    actor: str,
    as_json: bool,
) -> None:
    """Correct the user's own word as the user would, then retry. What the bank tells cannot be edited: drop it."""
    from dataclasses import replace

    from sync.db import make_engine
    from sync.deps import build_deps
    from sync.mirror.parked import Edit
    from sync.mirror.parked import edit as correct
    from sync.settings import NEEDS, read_settings

    given = Edit(note, category, joined, name, _amount(limit))
    settings = read_settings(os.environ, needs=NEEDS["mirror"] | {"API_DATABASE_URL"})
    engine = make_engine(settings.api_database_url, role_hint="operator")
    try:
        with _connection() as connection:
            api = replace(build_deps(settings, door="mirror"), engine=engine, firestore=None)
            correct(connection, api, path, given, actor)
    finally:
        engine.dispose()
    _tell(as_json, path=path, action="edit", done=True)


def _amount(given: str | None) -> Decimal | None:
    try:
        return None if given is None else Decimal(given)
    except InvalidOperation:
        raise click.BadParameter("must be a decimal number", param_hint="--limit") from None


def _tell(as_json: bool, **done: Any) -> None:
    if as_json:
        click.echo(json.dumps(done))
    else:
        click.echo(f"{done['action']} {done['path']}: {'done' if done['done'] else 'it was so already'}")


def _cut(text: str, most: int = 4000) -> str:
    return text if len(text) <= most else f"{text[:most]} … ({len(text)} characters)"


@contextmanager
def _connection() -> Iterator[Connection]:
    from sync.mirror.session import connect
    from workers.mirror_process import mirror_deps

    with mirror_deps(quiet()) as deps:
        url = deps.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        connection = connect(url, name="livespend-operator")
        try:
            yield connection
        finally:
            connection.close()
