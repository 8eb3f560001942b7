"""`livespend mirror verify | rebuild | audit | window`: compare, mend, mirror anew, and say which months are shown."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from workers.mirror_commands import print_found, quiet
from workers.shape_commands import shapes_of
from workers.tables import print_rows

if TYPE_CHECKING:
    from sync.deps import Deps

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
_USER = click.option("--user", help="This user only.")
_DAMAGE = ("missing", "ghosts", "different")
_LOOK_SECONDS = 0.5


@click.command()
@_USER
@click.option("--sample", type=click.FloatRange(0, 100, min_open=True), default=100.0, help="So many percent of users.")
@click.option("--repair", is_flag=True, help="Mark what differs, so that the mirror mends it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, every differing path in it.")
def verify(user: str | None, sample: float, repair: bool, as_json: bool) -> None:
    """Compare Firestore with the ledger. Exit status: 0 equal (or all marked for repair), 1 different, 3 only some
    documents not judged yet."""
    from sync.audit.verify import verify as compare
    from workers.mirror_process import mirror_deps

    with (
        mirror_deps(quiet(), shapes=shapes_of(click.get_current_context())) as deps,
        bar("users", hidden=as_json) as told,
    ):
        report = compare(deps, user, sample=sample, mend=repair, told=told)
    print_found(report if as_json else {key: value for key, value in report.items() if key != "perUser"}, as_json)
    left = sum(report[kind] for kind in _DAMAGE) - report["repaired"]
    sys.exit(1 if left else 3 if report["notJudged"] else 0)


@click.command()
@_USER
@click.option("--all", "everybody", is_flag=True, help="All users.")
@click.option("--no-wait", is_flag=True, help="Only mark; the mirror does it in its own time.")
@_JSON
def rebuild(user: str | None, everybody: bool, no_wait: bool, as_json: bool) -> None:
    """Have the mirror write every document again, as after an emptied or restored Firestore."""
    from sync.audit.remirror import remirror
    from workers.mirror_process import mirror_deps

    if (user is not None) is everybody:
        raise click.UsageError("say one of --user, --all")
    with mirror_deps(quiet()) as deps, bar("documents", hidden=as_json) as told:
        done = remirror(deps, user, wait=not no_wait, told=told)
    print_found(done, as_json)


@click.command()
@_USER
@click.option("--last", type=click.IntRange(1, 10_000), default=20, help="So many audits and repairs.")
@_JSON
def audit(user: str | None, last: int, as_json: bool) -> None:
    """The newest audits and repairs, the reads of today, and whether everybody is read often enough."""
    from sync.audit.audit import recent_audits
    from sync.audit.repair import note_mended, recent_repairs
    from sync.audit.verify import ledger_url
    from sync.mirror.asked import owner_of
    from sync.mirror.session import connect
    from workers.mirror_process import mirror_deps

    owner = owner_of(user) if user else None
    with mirror_deps(quiet()) as deps:
        connection = connect(ledger_url(deps))
        try:
            note_mended(connection, owner)
            found = recent_audits(connection, deps.now(), deps.settings.audit_full_days, owner, last)
            with connection, connection.cursor() as cursor:
                repairs = recent_repairs(cursor, owner, last)
        finally:
            connection.close()
    if as_json:
        print_found({**found, "repairs": repairs}, as_json)
        return
    audits = found.pop("audits")
    columns = ("owner", "auditedAt", "level", "outcome", "documents", "damaged", "repaired", "reads", "fullWaitsFor")
    print_rows("audits", audits, columns, as_json=False, **found)
    print_rows("repairs", repairs, ("path", "kind", "foundAt", "mendedAt"), as_json=False, repairs=len(repairs))


@click.command()
@click.option("--months", type=click.IntRange(1, 240), help="Mirror so many months from now on, whatever is set.")
@click.option("--by-setting", is_flag=True, help="Go by MIRROR_WINDOW_MONTHS again; the worker moves it.")
@_JSON
def window(months: int | None, by_setting: bool, as_json: bool) -> None:
    """Which months are mirrored row by row, and how far a change of that has come. Follows it, unless --json says so;
    whoever stops watching stops nothing."""
    from sync.mirror.window import order_window, read_progress
    from workers.mirror_process import mirror_deps

    if months is not None and by_setting:
        raise click.UsageError("say one of --months, --by-setting")
    with mirror_deps(quiet()) as deps:
        if months is not None or by_setting:
            order_window(deps, months)
        if months is not None:
            with bar("users", hidden=as_json) as told:
                _move(deps, told)
        elif not as_json:
            with bar("users", hidden=False) as told:
                _follow(deps, told)
        print_found(read_progress(deps), as_json)


def _move(deps: Deps, told: Callable[[int, int], None]) -> None:
    """Moves the owners itself; the worker's job may be at it too."""
    from sync.mirror.window import move_window, read_progress

    while True:
        move_window(deps, told=lambda progress: _tell(progress, told))
        progress = read_progress(deps)
        _tell(progress, told)
        if not progress["left"]:
            return
        time.sleep(_LOOK_SECONDS)


def _follow(deps: Deps, told: Callable[[int, int], None]) -> None:
    from sync.mirror.window import read_progress

    while (progress := read_progress(deps))["left"]:
        _tell(progress, told)
        time.sleep(_LOOK_SECONDS)
    _tell(progress, told)


def _tell(progress: dict[str, Any], told: Callable[[int, int], None]) -> None:
    told(progress["owners"] - progress["left"], progress["owners"])


@contextmanager
def bar(words: str, *, hidden: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error; call what it yields with done and total."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), disable=hidden) as progress:
        task = progress.add_task(words, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
