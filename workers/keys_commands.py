"""`livespend keys` and `livespend tokens`: rotate what protects the bank tokens, and the tokens, while all runs."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from workers.quiet import quiet_deps

if TYPE_CHECKING:
    from sync.deps import Deps
    from sync.keys.rotation import Progress

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
_TRIES, _PAUSE_SECONDS = 30, 1.0
_DONE = ("stored", "gone")


@click.group()
def keys() -> None:
    """The keys that bank tokens and raw pages are sealed under."""


@keys.command()
@_JSON
def rotate(as_json: bool) -> None:
    """Make a new key in the key file and seal with it from now on. Running processes notice by themselves."""
    from sync.deps import utc_now
    from sync.keys.key_file import rotate_key_file
    from sync.settings import read_settings

    settings = read_settings(os.environ, needs=frozenset({"TOKEN_KEY_FILE"}))
    if settings.kms_key_id:
        raise click.ClickException(
            "keys of AWS KMS are made in AWS: point the alias, or KMS_KEY_ID, at the new one, "
            "then run `livespend keys rewrap`"
        )
    _print({"current": rotate_key_file(settings.token_key_file, utc_now())}, as_json)


@keys.command()
@_JSON
def rewrap(as_json: bool) -> None:
    """Bring everything under the current key, in small steps. Exit status 1 if something did not open."""
    from sync.keys import rotation

    with quiet_deps() as deps, _progress("rewrapping", quiet=as_json) as progress:
        done = rotation.rewrap(deps, progress)
    _print({"current": done.current, "moved": done.moved, "overtaken": done.overtaken, "failed": done.failed}, as_json)
    sys.exit(1 if done.failed else 0)


@keys.command()
@_JSON
def status(as_json: bool) -> None:
    """How many secrets are sealed under which key; opens each. Exit status 1 if one cannot be opened."""
    from sync.keys import rotation

    with quiet_deps() as deps, _progress("opening", quiet=as_json) as progress:
        assert deps.vault is not None
        found: dict[str, Any] = {"current": deps.vault.current(), "sealed": rotation.count_keys(deps)}
        found["unopened"] = rotation.find_unopened(deps, progress)
    _print(found, as_json)
    sys.exit(1 if found["unopened"] else 0)


@keys.command()
@click.argument("key_id")
def retire(key_id: str) -> None:
    """Take a key out of the key file for good. Refused while anything is sealed under it."""
    from sync.keys import rotation

    with quiet_deps() as deps:
        rotation.retire(deps, key_id)
    click.echo(f"{key_id} is retired")


@click.group()
def tokens() -> None:
    """The bank tokens themselves."""


@tokens.command(name="rotate")
@click.option("--item", type=click.UUID, help="This item only.")
@click.option("--user", help="All items of this user.")
@click.option("--all", "everything", is_flag=True, help="All items.")
@_JSON
def rotate_tokens(item: UUID | None, user: str | None, everything: bool, as_json: bool) -> None:
    """Exchange tokens at Plaid for new ones; the old ones are dead. Exit status 1 unless every one was stored."""
    from sync.banks.tokens import rotatable

    if [item is not None, user is not None, everything].count(True) != 1:
        raise click.UsageError("say one of --item, --user, --all")
    with quiet_deps() as deps, _progress("exchanging", quiet=as_json) as progress:
        chosen = rotatable(deps, item_id=item, user_id=user)
        outcomes = Counter(_exchange_all(deps, chosen, progress))
    _print({"items": len(chosen), **outcomes}, as_json)
    sys.exit(0 if chosen and all(outcome in _DONE for outcome in outcomes) else 1)


def _exchange_all(deps: Deps, chosen: list[UUID], progress: Progress) -> list[str]:
    """Exchanges each; what is held by a pull, or asks for patience, is tried again a second later."""
    from sync.banks.tokens import rotate_token

    ended: dict[UUID, str] = {}
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_PAUSE_SECONDS)
        for item_id in [item_id for item_id in chosen if ended.get(item_id, "busy") in ("busy", "later")]:
            ended[item_id] = rotate_token(deps, item_id)
            progress("tokens", sum(outcome not in ("busy", "later") for outcome in ended.values()), len(chosen))
        if not {"busy", "later"} & set(ended.values()):
            break
    return list(ended.values())


@contextmanager
def _progress(verb: str, *, quiet: bool) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), disable=quiet) as bar:
        tasks: dict[str, Any] = {}

        def show(table: str, done: int, total: int) -> None:
            if table not in tasks:
                tasks[table] = bar.add_task(f"{verb} {table}")
            bar.update(tasks[table], completed=done, total=total)

        yield show


def _print(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found))
        return
    for name, value in found.items():
        click.echo(f"{name}: {value}")
