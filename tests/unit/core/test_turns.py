"""Whose turn it is: order, fairness, bounds, waiting."""

from __future__ import annotations

import dataclasses
import uuid
from datetime import UTC, datetime, timedelta

from sync.intents.intent_envelope import Intent
from sync.intents.turns import Turns

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def intent(user: str, sequence: int = 1, device: str = "d") -> Intent:
    return Intent(user, uuid.uuid4(), NOW, NOW, device, sequence)


def turns(**given: int) -> tuple[Turns, list[float]]:
    clock = [100.0]
    return Turns(**given, clock=lambda: clock[0]), clock


def users(found: list[Intent]) -> list[str]:
    return [one.user_id for one in found]


def test_a_turn_is_one_users_in_the_order_of_the_device() -> None:
    queue, _ = turns(size=3)
    ours = [intent("ada", sequence) for sequence in (4, 2, 1, 3)]
    for one in ours:
        queue.add(one)

    assert [one.sequence for one in queue.take(0)] == [1, 2, 3]


def test_a_flood_costs_another_user_one_turn() -> None:
    queue, _ = turns(size=2)
    for sequence in range(100):
        queue.add(intent("flood", sequence))
    assert users(queue.take(0)) == ["flood"] * 2
    queue.add(intent("bob"))
    queue.finish("flood")

    assert users(queue.take(0)) == ["bob"]


def test_a_user_in_somebodys_hands_is_not_given_to_another() -> None:
    queue, _ = turns(size=1)
    queue.add(intent("ada", 1))
    queue.add(intent("ada", 2))
    queue.take(0)

    assert queue.take(0) == []
    queue.finish("ada")
    assert [one.sequence for one in queue.take(0)] == [2]


def test_what_is_known_is_not_taken_in_again_but_what_was_written_anew_is() -> None:
    queue, _ = turns()
    one = intent("ada")
    queue.add(one)
    queue.add(one)
    assert queue.take(0) == [one]
    queue.add(one)
    anew = dataclasses.replace(one, update_time=NOW + timedelta(seconds=1))
    queue.add(anew)
    queue.finish("ada")

    assert queue.take(0) == [anew]


def test_what_waits_is_left_alone_until_its_time_or_until_something_new_comes() -> None:
    queue, clock = turns()
    late = intent("ada", 2)
    queue.add(late)
    queue.finish("ada", queue.take(0), after=5)

    queue.add(late)  # the poll finds it again
    assert queue.take(0) == []
    clock[0] += 5
    assert queue.take(0) == [late]
    queue.finish("ada", [late], after=5)
    first = intent("ada", 1)
    queue.add(first)
    assert queue.take(0) == [first, late]


def test_of_one_user_so_many_are_kept_and_the_rest_is_fetched_when_they_are_done() -> None:
    queue, _ = turns(size=2, held=2)
    for sequence in range(5):
        queue.add(intent("ada", sequence))
    assert len(queue) == 2

    queue.take(0)
    assert queue.finish("ada") is True
    assert len(queue) == 0
    queue.add(intent("ada"))
    queue.take(0)
    assert queue.finish("ada") is False


def test_closing_wakes_who_waits() -> None:
    queue, _ = turns()
    queue.add(intent("ada"))
    queue.close()

    assert queue.take(10) == []
