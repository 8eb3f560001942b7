"""`livespend mirror verify`: compare Firestore with the ledger, and have the mirror mend what differs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from workers.mirror_commands import print_found, quiet
from workers.shape_commands import shapes_of

_USER = click.option("--user", help="This user only.")
_DAMAGE = ("missing", "ghosts", "different")


@click.command()
@_USER
@click.option("--sample", type=click.FloatRange(0, 100, min_open=True), default=100.0, help="So many percent of users.")
@click.option("--repair", is_flag=True, help="Mark what differs, so that the mirror mends it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, every differing path in it.")
def verify(user: str | None, sample: float, repair: bool, as_json: bool) -> None:
    """Compare Firestore with the ledger. Exit status: 0 equal (or all marked for repair), 1 different, 3 only some
    documents not judged yet."""
    from sync.verify import verify as compare
    from workers.mirror_process import mirror_deps

    with (
        mirror_deps(quiet(), shapes=shapes_of(click.get_current_context())) as deps,
        bar("users", hidden=as_json) as told,
    ):
        report = compare(deps, user, sample=sample, mend=repair, told=told)
    print_found(report if as_json else {key: value for key, value in report.items() if key != "perUser"}, as_json)
    left = sum(report[kind] for kind in _DAMAGE) - report["repaired"]
    sys.exit(1 if left else 3 if report["notJudged"] else 0)


@contextmanager
def bar(words: str, *, hidden: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error; call what it yields with done and total."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), disable=hidden) as progress:
        task = progress.add_task(words, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
