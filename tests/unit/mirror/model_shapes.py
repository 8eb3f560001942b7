"""The model with a change of shape: a second edition of the documents is built, turned to, and one of them swept.

The steps are those of sync/shapes/reshape.py, each one transaction: the row changes with its epoch, and a pass marks
what the step asks for. What marks ask for, which shape a head names and which marks go is the product's own spread,
pointer and served (docs/consistency.md, section 7). Promised besides: a page that follows the head sees the same in
either shape, and of a shape that was swept nothing is left, whatever late commit still lands.
"""

from __future__ import annotations

from collections.abc import Iterator

from sync.mirror.changes import Live
from tests.unit.mirror.model import (
    successors,
    went_back,
)
from tests.unit.mirror.model_plan import (
    digest_of,
    head_digest,
)
from tests.unit.mirror.model_world import (
    HEAD,
    ONE,
    Flaws,
    Life,
    State,
    contents_of,
    marked_anew,
)

ONE_2 = "users/u/categories_v2/one"
_NAMES = {1: "categories_v1", 2: "categories_v2"}
_PLACES = {1: ONE, 2: ONE_2}
_WAITS = ("building", "flipping", "returning", "sweeping")
_FOLLOWING = {
    "still": ("building",),
    "building": ("flipping", "sweeping"),
    "flipping": ("flipped",),
    "flipped": ("sweeping", "returning"),
    "returning": ("sweeping",),
    "sweeping": ("still",),
}
# What a page reads may be either shape from here until the other one is dropped.
_BOTH = ("flipping", "flipped", "returning")


def steps(state: State, flaws: Flaws) -> Iterator[tuple[str, State]]:
    """The mirrors' steps, and those of the operator's commands, while changes of the row are left."""
    yield from successors(state, flaws)
    live = state.life.live
    if live.state in _WAITS and not state.life.passed:
        yield f"the pass of {live.state}", _pass(state, flaws)
    for following in _FOLLOWING[live.state] if state.life.steps else ():
        if live.state == "still" and live.epoch > 1:
            continue  # once is enough
        aborts = live.state == "building" and following == "sweeping"
        if aborts or live.state not in _WAITS or (state.life.passed and _is_done(state, flaws)):
            yield f"{live.state} → {following}", _changed(state, following)


def _is_done(state: State, flaws: Flaws) -> bool:
    """Whether the mirrors are through with what the pass has marked."""
    if state.life.live.state == "building":
        return not any("_v2/" in path for path, _ in state.marks)
    turned = state.life.noted is not None and state.life.noted[1] == state.life.live.epoch
    if state.life.live.state != "sweeping":
        return turned
    dropped = dict(state.held).get(_PLACES[3 - state.life.live.shape])
    return (turned or flaws.drop_without_heads) and (dropped is None or dropped.gone)


def promise(before: State, after: State) -> str | None:
    """What a page reads is the ledger's; nothing goes back; nothing is left of what was swept."""
    live, store, marked = after.life.live, dict(after.store), {path for path, _ in after.marks}
    for number in _required(live):
        place = _PLACES[number]
        if not marked & {ONE, f"users/u/{_NAMES[number]}/one"} and not _is_ledgers(after, place):
            return f"{place} should hold {contents_of(after)[0]}"
    if live.state == "still" and _PLACES[3 - live.shape] in store:
        return f"{_PLACES[3 - live.shape]} was swept"
    if live.state in _BOTH and HEAD in store and _page_misses(after):
        return "a page that follows the head sees another state"
    return went_back(before, after)


def _required(live: Live) -> tuple[int, ...]:
    """The shapes whose unmarked documents have to be there."""
    return (1, 2) if live.state in _BOTH else (live.shape,)


def _is_ledgers(state: State, place: str) -> bool:
    content, shown = contents_of(state)[0], dict(state.store).get(place)
    if shown is None or content is None:
        return shown is None and content is None
    return shown.digest == digest_of(content, shown.version)


def _page_misses(state: State) -> bool:
    """Whether the shape that the head names is behind the other one."""
    store = dict(state.store)
    if store[HEAD].digest != head_digest(2):
        return False
    one, two = store.get(ONE), store.get(ONE_2)
    return one is not None and (two is None or two.version < one.version)


def _pass(state: State, flaws: Flaws) -> State:
    live, held = state.life.live, dict(state.held)
    there = {number for number, place in _PLACES.items() if place in held and not held[place].gone}
    if live.state == "building":
        asked = [ONE_2] if 1 in there else []
    elif live.state == "sweeping":
        dropped = 3 - live.shape
        asked = [f"users/u/{_NAMES[dropped]}/one"] if dropped in there else []
        asked += [] if flaws.drop_without_heads else [HEAD]
    else:
        asked = [HEAD]
    marked = marked_anew(state, *asked) if asked else state
    return marked._replace(life=state.life._replace(passed=True))


def _changed(state: State, following: str) -> State:
    live, noted = state.life.live, state.life.noted
    epoch, shape, other = live.epoch + 1, live.shape, live.other
    if following == "building":
        other = 2
    elif following == "flipped" or (live.state == "flipped" and following == "returning"):
        shape, other = other or 0, shape
        noted = noted or (shape, 0)
    elif following == "still":
        other = None
    own = (_NAMES[other],) if other else ()
    return state._replace(life=Life(Live(epoch, shape, other, following, own), False, noted, state.life.steps - 1))
