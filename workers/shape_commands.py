"""`livespend mirror shape`: build a new shape of the documents beside the old one, flip, sweep the old, or abort."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sync.deps import Deps
    from sync.shapes.reshape import Standing
    from sync.shapes.shapes import Shape

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
_YES = click.option("--yes", is_flag=True, help="Do not ask.")
_NEXT = {
    "still": "livespend mirror shape build N",
    "building": "livespend mirror shape build N goes on",
    "built": "livespend mirror shape build N verifies it",
    "verified": "livespend mirror shape flip",
    "flipping": "livespend mirror shape flip goes on",
    "flipped": "livespend mirror shape sweep",
    "returning": "livespend mirror shape abort goes on",
    "sweeping": "livespend mirror shape sweep goes on",
}


def shapes_of(context: click.Context) -> Mapping[int, Shape]:
    """The shapes that this command's release knows."""
    from sync.shapes.shapes import SHAPES

    return context.obj or SHAPES


@click.group()
def shape() -> None:
    """Change what documents look like while pages are open (docs/shapes.md)."""


@shape.command()
@_JSON
def status(as_json: bool) -> None:
    """Which shapes live, how far the change has come, what comes next."""
    from sync.shapes.reshape import read_standing

    with _deps() as deps:
        _print(read_standing(deps), as_json)


@shape.command()
@click.argument("number", type=click.IntRange(1))
@_JSON
def plan(number: int, as_json: bool) -> None:
    """What building, flipping to and sweeping for this shape would take."""
    from sync.shapes.reshape_cost import estimate

    with _deps() as deps:
        found = estimate(deps, number)
    if as_json:
        click.echo(json.dumps(found.as_json(), default=str))
    else:
        _print_estimate(found.as_json())


@shape.command()
@click.argument("number", type=click.IntRange(1))
@_YES
@_JSON
def build(number: int, yes: bool, as_json: bool) -> None:
    """Build this shape beside the living one and verify it. Stopped, it goes on when it is called again."""
    from sync.shapes import reshape
    from sync.shapes.reshape_cost import estimate

    with _deps() as deps:
        if not yes and reshape.read_standing(deps).live.state == "still":
            _print_estimate(estimate(deps, number).as_json())
            click.confirm(f"Build shape {number}?", abort=True, err=True)
        _print(_watched(as_json, lambda told: reshape.build(deps, number, told)), as_json)


@shape.command()
@_YES
@_JSON
def flip(yes: bool, as_json: bool) -> None:
    """Have every page read the shape that was built and verified."""
    from sync.shapes import reshape

    with _deps() as deps:
        if not yes:
            click.confirm("Turn every head to the new shape?", abort=True, err=True)
        _print(_watched(as_json, lambda told: reshape.flip(deps, told)), as_json)


@shape.command()
@_YES
@_JSON
def sweep(yes: bool, as_json: bool) -> None:
    """Delete the documents of the shape that nobody reads any more. After this there is no way back but a new build."""
    from sync.shapes import reshape

    with _deps() as deps:
        if not yes:
            click.confirm("Delete the old shape's documents? There is no way back.", abort=True, err=True)
        _print(_watched(as_json, lambda told: reshape.sweep(deps, told)), as_json)


@shape.command()
@_YES
@_JSON
def abort(yes: bool, as_json: bool) -> None:
    """Go back to the old shape and delete the new one's documents."""
    from sync.shapes import reshape

    with _deps() as deps:
        if not yes:
            click.confirm("Go back to the old shape?", abort=True, err=True)
        _print(_watched(as_json, lambda told: reshape.abort(deps, told)), as_json)


@contextmanager
def _deps() -> Iterator[Deps]:
    import os

    from workers.mirror_process import mirror_deps

    context = click.get_current_context()
    with mirror_deps({**os.environ, "LOG_LEVEL": "ERROR"}, shapes=shapes_of(context)) as deps:
        yield deps


def _watched(quiet: bool, work: Callable[[Callable[[str, int, int], None]], Standing]) -> Standing:
    """Does it with a progress bar on stderr."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), disable=quiet) as bar:
        task = bar.add_task("begins", total=None)
        return work(lambda state, done, total: bar.update(task, description=state, completed=done, total=total))


def _print(standing: Standing, as_json: bool) -> None:
    live = standing.live
    found: dict[str, Any] = {
        "state": live.state, "shape": live.shape, "other": live.other, "editions": list(live.own), "epoch": live.epoch,
        "owners": standing.owners, "marked": standing.marked, "left": standing.left,
        "startedAt": standing.started_at, "changedAt": standing.changed_at, "next": _NEXT[live.state],
    }  # fmt: skip
    if as_json:
        click.echo(json.dumps(found, default=str))
        return
    for name, value in found.items():
        click.echo(f"{name}: {value}")


def _print_estimate(found: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    counts = ("writes", "deletes", "reads", "expectedReads", "bytes")
    table = Table(
        "step", "writes", "deletes", "reads", "pages' reads", "bytes", f"cost ({found['currency']})",
        box=None, pad_edge=False,
    )  # fmt: skip
    for row in [*found["steps"], {"step": "in all", **found}]:
        table.add_row(row["step"], *(f"{row[name]:,}" for name in counts), f"{row['cost']:.6f}")
    Console(stderr=True, soft_wrap=True).print(table)
    own = ", ".join(found["editions"]) or "none of its own"
    click.echo(f"shape {found['shape']} beside {found['living']}: {found['owners']:,} owners, editions {own}", err=True)
