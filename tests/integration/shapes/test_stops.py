"""Stopped, killed or aborted at any step, a change of shape is gone on from, or undone, and loses nothing."""

from __future__ import annotations

import pytest

from sync.shapes import reshape
from tests.fixtures.shapes import TWO_SHAPES, shaped_process, untold

STEPS = [pytest.param(("build", "2"), step, id=step) for step in ("shape:begun", "shape:marked", "shape:built")] + [
    pytest.param(("flip",), "shape:flipping", id="shape:flipping"),
    pytest.param(("flip",), "shape:flipped", id="shape:flipped"),
    pytest.param(("sweep",), "shape:sweeping", id="shape:sweeping"),
    pytest.param(("sweep",), "shape:swept", id="shape:swept"),
]


def to_state(deps, state):
    """Brings the change of shape to where a step begins."""
    if state in ("flip", "sweep"):
        reshape.build(deps, 2, untold)
    if state == "sweep":
        reshape.flip(deps, untold)


@pytest.mark.parametrize(("command", "crash"), STEPS)
def test_a_command_killed_at_any_step_is_gone_on_from(
    command, crash, books, running_mirror, shaped, assert_shape, database, firestore_server, eventually, clean
):
    for name in ("ada", "bob"):
        books(name).add(3)
    running_mirror(shapes=TWO_SHAPES)
    eventually(clean)
    to_state(shaped, command[0])
    arguments = ("mirror", "shape", *command, "--yes", "--json")

    with shaped_process(database, firestore_server, *arguments, LIVESPEND_CRASH_AT=crash) as process:
        assert process.wait(60) == -9
    books("cyd").add(2)
    if crash != "shape:swept":
        for step in ("build", "flip", "sweep"):
            if reshape.read_standing(shaped).live.state not in NOT_YET[step]:
                (reshape.build(shaped, 2, untold) if step == "build" else getattr(reshape, step)(shaped, untold))
    eventually(clean)

    assert_shape(2)


# In these states the step has been taken already.
NOT_YET = {
    "build": {"verified", "flipping", "flipped", "returning", "sweeping"},
    "flip": {"flipped", "sweeping"},
    "sweep": set(),
}


@pytest.mark.parametrize("state", ["building", "built", "verified", "flipping", "flipped", "returning"])
def test_every_state_can_be_aborted_and_the_old_shape_is_whole(
    state, books, running_mirror, shaped, stopped, assert_shape, database, eventually, clean
):
    rows = {name: books(name).add(3) for name in ("ada", "bob", "cyd")}
    running_mirror(shapes=TWO_SHAPES)
    eventually(clean)

    if state == "building":
        stopped(reshape.build, 2, when=lambda state, done: True)
    else:
        reshape.build(shaped, 2, untold)
    if state == "built":
        database.sql("update live_shapes set state = 'built'")
    if state == "flipping":
        stopped(reshape.flip, when=lambda state, done: True)
    if state in ("flipped", "returning"):
        reshape.flip(shaped, untold)
    if state == "returning":
        stopped(reshape.abort, when=lambda state, done: state == "returning")
    assert reshape.read_standing(shaped).live.state == state
    database.sql("update entries set note = 'meanwhile' where id = %s", rows["ada"][0])
    reshape.abort(shaped, untold)
    eventually(clean)

    assert_shape(1)


def test_an_abort_that_is_killed_is_gone_on_from(
    books, running_mirror, shaped, assert_shape, database, firestore_server, eventually, clean
):
    books().add(3)
    running_mirror(shapes=TWO_SHAPES)
    eventually(clean)
    reshape.build(shaped, 2, untold)
    reshape.flip(shaped, untold)

    for crash in ("shape:returning", "shape:aborting"):
        arguments = ("mirror", "shape", "abort", "--yes", "--json")
        with shaped_process(database, firestore_server, *arguments, LIVESPEND_CRASH_AT=crash) as process:
            assert process.wait(60) == -9
    reshape.abort(shaped, untold)
    eventually(clean)

    assert_shape(1)


@pytest.mark.parametrize("crash", ["mirror:claimed", "mirror:built", "mirror:committed", "mirror:acknowledged"])
@pytest.mark.parametrize("way", ["on", "back"])
def test_a_mirror_killed_while_two_shapes_live_loses_and_doubles_nothing(
    crash, way, books, mirrored, running_mirror, shaped, stopped, assert_shape, database, firestore_server, eventually,
    clean,
):  # fmt: skip
    """Also what it made in the new shape and could not acknowledge, when that shape is dropped next."""
    ada = books()
    rows = ada.add(4)
    mirrored(shapes=TWO_SHAPES)
    stopped(reshape.build, 2)
    ada.categorize(rows[0], "TRAVEL")
    ada.add(2)
    with shaped_process(database, firestore_server, "mirror", "--until-clean", LIVESPEND_CRASH_AT=crash) as process:
        assert process.wait(60) == -9
    ada.remove(rows[1])

    running_mirror(shapes=TWO_SHAPES)
    if way == "back":
        reshape.abort(shaped, untold)
    else:
        for step in (lambda: reshape.build(shaped, 2, untold), lambda: reshape.flip(shaped, untold)):
            step()
        reshape.sweep(shaped, untold)
    eventually(clean)

    assert_shape(1 if way == "back" else 2)
