"""Locks: who waits for whom, and that nobody waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.firestore.errors import FirestoreError
from local.firestore.locks import Holder, Locks


def _run(story: Coroutine[Any, Any, None]) -> None:
    # In a thread: where a browser was started before, this one has a running loop already.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, asyncio.wait_for(story, 30)).result()


async def _turns(number: int = 5) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def test_a_reader_waits_behind_a_waiting_writer():
    async def story() -> None:
        locks, order = Locks(lambda: None), []
        first, writer, late = Holder(1), Holder(2), Holder(3)
        await locks.take(first, ["a"], exclusive=False)

        async def take(holder: Holder, name: str, *, exclusive: bool) -> None:
            await locks.take(holder, ["a"], exclusive=exclusive)
            order.append(name)

        waiting = [asyncio.ensure_future(take(writer, "writer", exclusive=True))]
        await _turns()
        waiting.append(asyncio.ensure_future(take(late, "late", exclusive=False)))
        await _turns()
        assert order == []
        locks.release(first)
        await _turns()
        assert order == ["writer"]
        locks.release(writer)
        await asyncio.gather(*waiting)
        locks.release(late)
        assert order == ["writer", "late"]
        assert locks.idle

    _run(story())


def test_whoever_waits_too_long_is_aborted_and_stands_in_nobodys_way():
    async def story() -> None:
        locks = Locks(lambda: None, wait_seconds=0.02)
        holder, writer, reader = Holder(1), Holder(2), Holder(3)
        await locks.take(holder, ["a"], exclusive=False)
        with pytest.raises(FirestoreError, match="lock timeout"):
            await locks.take(writer, ["a"], exclusive=True)
        await locks.take(reader, ["a"], exclusive=False)

    _run(story())


def test_the_youngest_of_a_circle_is_aborted_whoever_closed_it():
    async def story() -> None:
        locks = Locks(lambda: None)
        old, young = Holder(1), Holder(2)
        await locks.take(old, ["a"], exclusive=False)
        await locks.take(young, ["a"], exclusive=False)
        waiting = asyncio.ensure_future(locks.take(young, ["a"], exclusive=True))
        await _turns()
        upgrade = asyncio.ensure_future(locks.take(old, ["a"], exclusive=True))
        with pytest.raises(FirestoreError, match="contention"):
            await waiting
        locks.release(young)
        await upgrade
        locks.release(old)
        assert locks.idle

    _run(story())


def test_what_has_expired_is_looked_for_while_somebody_waits():
    async def story() -> None:
        gone = Holder(1)
        locks = Locks(lambda: locks.release(gone), wait_seconds=5)
        await locks.take(gone, ["a"], exclusive=False)
        await locks.take(Holder(2), ["a"], exclusive=True)

    _run(story())


_steps = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", "c"]), st.booleans()), min_size=1, max_size=25
)


@settings(max_examples=150, deadline=None)
@given(_steps)
def test_no_two_ever_hold_what_only_one_may_and_all_come_to_an_end(steps):
    async def story() -> None:
        locks = Locks(lambda: None, wait_seconds=10)
        shared: dict[str, set[int]] = {name: set() for name in "abc"}
        alone: dict[str, int | None] = dict.fromkeys("abc")

        async def live(number: int) -> None:
            holder = Holder(number)
            try:
                for who, path, exclusive in steps:
                    if who != number:
                        continue
                    await locks.take(holder, [path], exclusive=exclusive)
                    (alone.__setitem__(path, number) if exclusive else shared[path].add(number))
                    assert alone[path] in (None, number)
                    assert not exclusive or shared[path] <= {number}
                    await asyncio.sleep(0)
            except FirestoreError:
                pass
            finally:
                for path in "abc":
                    shared[path].discard(number)
                    alone[path] = None if alone[path] == number else alone[path]
                locks.release(holder)

        await asyncio.gather(*(live(number) for number in range(4)))
        assert locks.idle

    _run(story())
