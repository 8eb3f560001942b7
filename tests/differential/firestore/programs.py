"""Draws the program of a seed: always the same one."""

from __future__ import annotations

from random import Random
from typing import Any

from local.firestore import pb
from tests.differential.firestore import queries, writes
from tests.differential.firestore.program import DATABASE, Program, Step
from tests.differential.firestore.ruled import ruled_steps
from tests.differential.firestore.transacted import transacted_steps


def draw(kind: str, seed: int) -> Program:
    """The program of a kind and a seed."""
    rng = Random(f"{kind} {seed}")
    return Program(kind, seed, tuple(KINDS[kind](rng)))


def _data_steps(rng: Random) -> list[Step]:
    steps = [writes.writing(rng) for _ in range(12)]
    for _ in range(45):
        steps.append(writes.writing(rng) if rng.random() < 0.3 else queries.reading(rng))
    return steps


def _listened_steps(rng: Random) -> list[Step]:
    steps, open_targets, number = [writes.writing(rng) for _ in range(6)], list[int](), 0
    for _ in range(28):
        if len(open_targets) < 4 and rng.random() < 0.3:
            number += 1
            steps.append(follow(rng, number))
            open_targets.append(number)
        elif open_targets and rng.random() < 0.08:
            steps.append(leave(open_targets.pop(rng.randrange(len(open_targets)))))
        else:
            steps.append(writes.writing(rng))
    return steps


def follow(rng: Random, number: int, user: str = "owner") -> Step:
    """A target on a random query, or on documents."""
    request = pb.ListenRequest(database=DATABASE)
    request.add_target.target_id = number
    if rng.random() < 0.15:
        names: Any = queries.names(rng)
        request.add_target.documents.documents.extend(names)
    else:
        parent, query = queries.structured(rng)
        request.add_target.query.parent = parent
        request.add_target.query.structured_query.CopyFrom(query)
    return Step("Follow", request, user)


def leave(number: int, user: str = "owner") -> Step:
    return Step("Leave", pb.ListenRequest(database=DATABASE, remove_target=number), user)


KINDS: dict[str, Any] = {
    "data": _data_steps,
    "listen": _listened_steps,
    "transactions": transacted_steps,
    "rules": ruled_steps,
}
