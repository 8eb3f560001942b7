"""The protocol, walked exhaustively: no schedule of two mirrors, lost answers, late commits and crashes breaks it."""

from __future__ import annotations

import pytest

from tests.unit.mirror.model import MADE_AND_TAKEN, THERE_AND_BACK, Flaws, Script, explore

STILL: tuple[str | None, ...] = ("A",)
NEVER: tuple[str | None, ...] = (None,)
EDITED: tuple[str | None, ...] = ("A", "B")
MADE: tuple[str | None, ...] = (None, "A")
TAKEN: tuple[str | None, ...] = ("A", None)

SCHEDULES = [
    pytest.param((THERE_AND_BACK, NEVER), 2, 2, id="an edit there and back"),
    pytest.param((STILL, MADE_AND_TAKEN), 2, 2, id="made and taken away"),
    pytest.param((EDITED, MADE), 1, 1, id="one edited, one made"),
    pytest.param((TAKEN, MADE), 1, 0, id="one taken away, one made"),
    pytest.param((EDITED, MADE_AND_TAKEN), 1, 0, id="one edited, one made and taken away"),
    pytest.param((THERE_AND_BACK, MADE_AND_TAKEN), 0, 0, id="both there and back"),
]


@pytest.mark.parametrize(("script", "cuts", "crashes"), SCHEDULES)
def test_no_schedule_shows_anything_older_or_leaves_a_difference_unmarked(script: Script, cuts: int, crashes: int):
    states, broken = explore(script, cuts=cuts, crashes=crashes)

    assert broken is None
    assert states > 100


FLAWS = [
    pytest.param(Flaws(no_guard=True), (STILL, MADE_AND_TAKEN), id="no head guards what is absent"),
    pytest.param(Flaws(skip_unchanged=True), (THERE_AND_BACK, NEVER), id="unchanged content is not written"),
    pytest.param(Flaws(acknowledge_any_version=True), (THERE_AND_BACK, NEVER), id="marks are deleted by path"),
    pytest.param(Flaws(skip_strangers_commit=True), (EDITED, MADE_AND_TAKEN), id="a stranger's commit is skipped"),
    pytest.param(Flaws(read_head_last=True), (EDITED, MADE_AND_TAKEN), id="the head is read last"),
]


@pytest.mark.parametrize(("flaws", "script"), FLAWS)
def test_the_exploration_finds_each_known_flaw(flaws: Flaws, script: Script):
    """A check that finds nothing when a rule is broken proves nothing when it is kept."""
    _, broken = explore(script, flaws, cuts=1)

    assert broken is not None
