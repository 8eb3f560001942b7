"""No wake-up is lost: every interleaving of webhooks and workers, walked on a model of sync/pull/pull.py's steps.

The model is the protocol alone: `wanted` and `done` of one item, the session lock, the queue of doorbells, and what the
bank told. Whatever order the steps come in, and wherever a worker dies, the ledger holds the newest news when nobody
has anything left to do. The same model with one step left out loses news: so the walk can fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

WEBHOOKS, WORKERS = 3, 3


@dataclass(frozen=True)
class Worker:
    """One worker: its step, the `wanted` and the cursor it read before it fetched, and the news that it fetched."""

    step: str = "idle"
    wanted: int = 0
    cursor: int = 0
    fetched: int = 0


@dataclass(frozen=True)
class World:
    """One state of the model; `told` is the news of which a webhook was stored."""

    workers: tuple[Worker, ...]
    news: int = 0
    told: int = 0
    wanted: int = 0
    done: int = 0
    stored: int = 0
    bells: int = 0
    holder: int | None = None
    crashes: int = 0
    lost_bells: int = 0
    lapses: int = 0


@dataclass(frozen=True)
class Protocol:
    """The steps as built, or with a mistake in them."""

    looks_once_more: bool = True
    wanted_is_read_before_the_fetch: bool = True
    done_is_what_was_read: bool = True
    the_cursor_is_compared: bool = True


AS_BUILT = Protocol()


def _next(world: World, protocol: Protocol, crashes: int, lost_bells: int, lapses: int) -> Iterator[World]:
    if world.news < WEBHOOKS and world.news == world.told:
        yield replace(world, news=world.news + 1)
    if world.told < world.news:
        stored = replace(world, told=world.told + 1, wanted=world.wanted + 1)
        yield replace(stored, bells=world.bells + 1)
        if world.lost_bells < lost_bells:
            yield replace(stored, lost_bells=world.lost_bells + 1)
    if world.holder is not None and world.lapses < lapses:  # the lock's connection dies, its worker goes on
        yield replace(world, holder=None, lapses=world.lapses + 1)
    for number, worker in enumerate(world.workers):
        yield from _steps(world, number, worker, protocol)
        if worker.step != "idle" and world.crashes < crashes:
            dead = _put(world, number, Worker())
            holder = None if world.holder == number else world.holder
            yield replace(dead, holder=holder, bells=world.bells + 1, crashes=world.crashes + 1)


def _steps(world: World, number: int, worker: Worker, protocol: Protocol) -> Iterator[World]:
    match worker.step:
        case "idle" if world.bells:
            yield replace(_put(world, number, Worker("lock")), bells=world.bells - 1)
        case "lock" if world.holder is None:
            yield replace(_put(world, number, Worker("read")), holder=number)
        case "lock":
            yield _put(world, number, Worker())
        case "read" if world.wanted > world.done:
            yield _put(world, number, Worker("fetch", world.wanted, world.stored))
        case "read":
            yield _put(world, number, Worker("release"))
        case "fetch":
            wanted = worker.wanted if protocol.wanted_is_read_before_the_fetch else world.wanted
            yield _put(world, number, Worker("commit", wanted, worker.cursor, world.news))
        case "commit" if protocol.the_cursor_is_compared and world.stored != worker.cursor:
            yield _put(world, number, Worker("read"))
        case "commit":
            done = worker.wanted if protocol.done_is_what_was_read else world.wanted
            settled = replace(world, done=max(world.done, done), stored=worker.fetched)
            yield _put(settled, number, Worker("read"))
        case "release":
            step = "look" if protocol.looks_once_more else "idle"
            yield replace(_put(world, number, Worker(step)), holder=None if world.holder == number else world.holder)
        case "look":
            yield _put(world, number, Worker("lock" if world.wanted > world.done else "idle"))


def _put(world: World, number: int, worker: Worker) -> World:
    workers = list(world.workers)
    workers[number] = worker
    return replace(world, workers=tuple(workers))


def _walk(protocol: Protocol, crashes: int = 0, lost_bells: int = 0, lapses: int = 0) -> Iterator[tuple[World, bool]]:
    """Every state that can be reached, with whether it is one in which nothing can happen any more."""
    start = World(workers=(Worker(),) * WORKERS)
    seen, open_ = {start}, [start]
    while open_:
        world = open_.pop()
        following = list(_next(world, protocol, crashes, lost_bells, lapses))
        yield world, not following
        for one in following:
            if one not in seen:
                seen.add(one)
                open_.append(one)


def _forgets(world: World) -> bool:
    """Whether news that a webhook told of is not stored, and nothing in the ledger says that it is owed."""
    return world.wanted == world.done and world.stored < world.told


@pytest.mark.parametrize("crashes", [0, 2])
def test_no_order_of_steps_leaves_news_behind(crashes: int) -> None:
    ends = [world for world, ended in _walk(AS_BUILT, crashes) if ended]

    assert ends != []
    assert [world for world in ends if (world.stored, world.done) != (WEBHOOKS, world.wanted)] == []


def test_without_the_lock_the_cursor_alone_keeps_the_order() -> None:
    ends = [world for world, ended in _walk(AS_BUILT, lapses=1) if ended]
    careless = [world for world, ended in _walk(Protocol(the_cursor_is_compared=False), lapses=1) if ended]

    assert [world for world in ends if (world.stored, world.done) != (WEBHOOKS, world.wanted)] == []
    assert [world for world in careless if world.stored < WEBHOOKS] != []


def test_what_is_owed_is_always_to_be_seen_by_the_sweep() -> None:
    worlds = [world for world, _ in _walk(AS_BUILT, crashes=1, lost_bells=WEBHOOKS)]

    assert len(worlds) > 5_000
    assert [world for world in worlds if _forgets(world)] == []


@pytest.mark.parametrize(
    "mistake",
    [
        Protocol(looks_once_more=False),
        Protocol(wanted_is_read_before_the_fetch=False, done_is_what_was_read=False),
        Protocol(done_is_what_was_read=False),
    ],
    ids=["no last look", "wanted read late", "done set to the newest wanted"],
)
def test_a_protocol_with_a_mistake_loses_news(mistake: Protocol) -> None:
    lost = [world for world, ended in _walk(mistake) if ended and world.stored < WEBHOOKS]

    assert lost != []
