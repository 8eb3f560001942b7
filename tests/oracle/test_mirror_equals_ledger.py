"""After any history, every row of the bank is in the ledger, and every Firestore document equals a plain SQL query.

Fixed seeds and a fresh one; the seed is printed and `ORACLE_SEED=... make test` runs that one alone.
"""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from local.listener import owner_client
from local.person import Person
from local.stack import Stack
from tests.oracle import plain_sql
from tests.oracle.program import Program, custom_bank

_STEPS = int(os.environ.get("ORACLE_STEPS", "300"))
_CATCH_UP_SECONDS = 120


def seeds() -> list[int]:
    chosen = os.environ.get("ORACLE_SEED")
    return [int(chosen)] if chosen else [20260101, secrets.randbelow(10**9)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("position", range(len(seeds())), ids=lambda position: f"seed-{position}")
def test_ledger_equals_bank_and_every_document_equals_plain_sql_after_a_random_history(
    position: int, stack: Stack, new_person: Callable[[], Person]
):
    seed = seeds()[position]
    print(f"ORACLE_SEED={seed}")
    people = [new_person() for _ in range(3)]
    for number, person in enumerate(people):
        person.link_bank("user_custom", custom_bank(seed + number))
    program = Program(stack, people, random.Random(seed))

    problems = live_through(program, _STEPS)

    print(program.story())
    assert not problems, f"ORACLE_SEED={seed}\n" + "\n".join(problems[:20])


def live_through(program: Program, steps: int) -> list[str]:
    """Runs a history to its end and lets everything catch up; names all that is not as it should be."""
    program.run(steps)
    program.settle()
    program.wait_until_mirrored(_CATCH_UP_SECONDS)
    problems = program.mend()
    for owner in program.homes.owners:
        problems += differences(program.stack, owner)
    for person in program.people:
        problems += differences(program.stack, f"users/{person.uid}")
        problems += program.bank_differences(person)
        problems += program.rule_differences(person)
    return problems


def differences(stack: Stack, mine: str) -> list[str]:
    """Names each document of an owner that is missing, not expected, or different."""
    expected = {
        p: d for p, d in plain_sql.documents(stack.database_url()).items() if p == mine or p.startswith(f"{mine}/")
    }
    found = documents(stack, mine)
    problems = [f"missing: {path}" for path in sorted(expected.keys() - found.keys())]
    problems += [f"not expected: {path}" for path in sorted(found.keys() - expected.keys())]
    for path in sorted(expected.keys() & found.keys()):
        held = {name: found[path].get(name, "(absent)") for name in expected[path]}
        if held != expected[path]:
            parts = [
                f"{name}: {held[name]!r} should be {value!r}"
                for name, value in expected[path].items()
                if held[name] != value
            ]
            problems.append(f"different: {path}: {'; '.join(parts)}")
    return problems


def documents(stack: Stack, mine: str) -> dict[str, dict[str, Any]]:
    """Reads everything below one owner with the vendor's client."""
    client = owner_client(stack.firestore, stack.project)
    try:
        head = client.document(mine)
        there = head.get()
        found = {head.path: _plain(there.to_dict() or {})} if there.exists else {}
        for collection in head.collections():
            found |= {f"{head.path}/{collection.id}/{s.id}": _plain(s.to_dict()) for s in collection.stream()}
        return found
    finally:
        client.close()


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if not isinstance(value, datetime)}
