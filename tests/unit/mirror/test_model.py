"""The protocol, walked exhaustively: no schedule of two mirrors, lost answers, late commits and crashes breaks it."""

from __future__ import annotations

import pytest

from tests.unit.mirror import model_erase, model_repair, model_shapes
from tests.unit.mirror.model import (
    broken_promise,
    explore,
    explore_from,
    first_state,
    successors,
)
from tests.unit.mirror.model_world import (
    HEAD,
    MADE_AND_TAKEN,
    ONE,
    PATHS,
    THERE_AND_BACK,
    TWO,
    Flaws,
    Life,
    Script,
    State,
    marked_anew,
)

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
    pytest.param((EDITED, MADE_AND_TAKEN), 0, 1, id="one edited, one made and taken away"),
    pytest.param((THERE_AND_BACK, MADE_AND_TAKEN), 0, 0, id="both there and back"),
]


def unmade(script: Script, crashes: int) -> State:
    """Both documents are marked and not there yet; one mirror, and whoever comes after it."""
    start = first_state(script, 0, crashes)
    head = start.store[:1]
    return marked_anew(start._replace(store=head, held=head, mirrors=start.mirrors[:1]), ONE, TWO)


def test_what_a_dead_mirror_has_made_beside_a_part_that_is_claimed_is_not_forgotten():
    """Read with the head that it has moved; removed before its own claim it would stay for ever (rule 2.5)."""
    states, broken = explore_from(unmade((STILL, TAKEN), 1), Flaws(), successors, broken_promise)

    assert broken is None
    assert states > 100


@pytest.mark.parametrize(("script", "cuts", "crashes"), SCHEDULES)
def test_no_schedule_shows_anything_older_or_leaves_a_difference_unmarked(script: Script, cuts: int, crashes: int):
    states, broken = explore(script, cuts=cuts, crashes=crashes)

    assert broken is None
    assert states > 100


FLAWS = [
    pytest.param(Flaws(learned_when_sent=True), (THERE_AND_BACK, NEVER), id="update times are read when it is sent"),
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


# --- with an auditor ---

EDITED_AND_TAKEN: tuple[str | None, ...] = ("A", "B", None)


def audited(script: Script, prey: tuple[str, ...], cuts: int = 0, times: int = 1) -> State:
    """Somebody may change so many documents among these, and so many audits may follow."""
    return first_state(script, cuts, 0)._replace(audits=times, vandals=times, prey=prey)


AUDITS = [
    pytest.param(audited((EDITED, NEVER), PATHS), id="beside an edit"),
    pytest.param(audited((EDITED, NEVER), (ONE,), cuts=1), id="beside an edit whose commit is cut off"),
    pytest.param(audited((STILL, MADE_AND_TAKEN), (HEAD,)), id="a damaged head, one made and taken away"),
    pytest.param(audited((TAKEN, NEVER), PATHS), id="beside a deletion"),
    pytest.param(audited((EDITED_AND_TAKEN, NEVER), (ONE,)), id="edited and taken away"),
    pytest.param(audited((STILL, NEVER), (TWO,), times=2), id="a ghost, twice"),
]


@pytest.mark.parametrize("start", AUDITS)
def test_no_audit_breaks_a_promise_or_repairs_what_nobody_has_changed(start: State):
    states, broken = explore_from(start, Flaws(), model_repair.steps, model_repair.promise)

    assert broken is None
    assert states > 100


UNAUDITED = [
    pytest.param(
        Flaws(repair_head_beside_marks=True), audited((STILL, MADE_AND_TAKEN), (HEAD,)), id="6.5: a head beside marks"
    ),
    pytest.param(Flaws(repair_what_moved=True), audited((EDITED_AND_TAKEN, NEVER), (ONE,)), id="6.4: over what moved"),
    pytest.param(Flaws(judge_what_moved=True), audited((EDITED, NEVER), ()), id="6.2: mirrored since the reading"),
    pytest.param(Flaws(forget_what_is_gone=True), audited((TAKEN, NEVER), PATHS), id="5: read to be gone, not stored"),
]


@pytest.mark.parametrize(("flaws", "start"), UNAUDITED)
def test_the_exploration_finds_each_known_flaw_of_an_audit(flaws: Flaws, start: State):
    assert explore_from(start, flaws, model_repair.steps, model_repair.promise)[1] is not None


# --- with a change of shape ---


def changing(script: tuple[str | None, ...], changes: int, cuts: int = 0) -> State:
    """The row of the living shapes may change so often."""
    return first_state((script, NEVER), cuts, 0)._replace(life=Life(steps=changes))


def two_made(changes: int) -> State:
    """Two documents are marked and not there yet: one mirror may claim them in parts while the row changes."""
    return unmade((STILL, STILL), 0)._replace(life=Life(steps=changes))


LIVES = [
    pytest.param(changing(EDITED, 1), id="built beside an edit"),
    pytest.param(changing(STILL, 3, cuts=1), id="built, turned to, or dropped, a commit cut off"),
    pytest.param(changing(STILL, 6), id="the whole life, and back"),
    pytest.param(two_made(2), id="turned while two are made"),
]


@pytest.mark.parametrize("start", LIVES)
def test_no_change_of_shape_shows_another_state_or_leaves_anything(start: State):
    states, broken = explore_from(start, Flaws(), model_shapes.steps, model_shapes.promise)

    assert broken is None
    assert states > 100


MISSHAPEN = [
    pytest.param(Flaws(acknowledge_any_epoch=True), changing(MADE, 2), id="7.2: acknowledged under another epoch"),
    pytest.param(Flaws(drop_without_heads=True), changing(STILL, 3), id="7.3: dropped without moving heads"),
    pytest.param(Flaws(turn_beside_marks=True), two_made(2), id="7.4: turned beside marks"),
    pytest.param(Flaws(older_of_two=True), changing(EDITED, 1), id="7.6: the older of two marks"),
]


@pytest.mark.parametrize(("flaws", "start"), MISSHAPEN)
def test_the_exploration_finds_each_known_flaw_of_a_change_of_shape(flaws: Flaws, start: State):
    assert explore_from(start, flaws, model_shapes.steps, model_shapes.promise)[1] is not None


# --- with an erasure ---

ERASURES = [
    pytest.param(model_erase.new_user((STILL, NEVER), 1, 1), id="of somebody who has just signed up"),
    pytest.param(first_state((STILL, MADE), 0, 0), id="beside a document that is made"),
    pytest.param(first_state((STILL, NEVER), 1, 1), id="a commit cut off"),
]


@pytest.mark.parametrize("start", ERASURES)
def test_nothing_of_an_erased_user_comes_back(start: State):
    states, broken = explore_from(start, Flaws(), model_erase.steps, model_erase.promise)

    assert broken is None
    assert states > 100


UNERASED = [
    pytest.param(Flaws(head_with_the_rest=True), id="10.2: the head goes with the rest"),
    pytest.param(Flaws(read_at_once=True), id="10.3: no wait before the reading"),
    pytest.param(Flaws(sign_unread=True), id="10.3: signed unread"),
]


@pytest.mark.parametrize("flaws", UNERASED)
def test_the_exploration_finds_each_known_flaw_of_an_erasure(flaws: Flaws):
    start = model_erase.new_user((STILL, NEVER), 1, 1)

    assert explore_from(start, flaws, model_erase.steps, model_erase.promise)[1] is not None
