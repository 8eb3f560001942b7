"""`livespend trace` on a running stack: from the bank's webhook to the acknowledged screen, each hop in its order."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from local.person import Person
from local.stack import Stack
from tests.fixtures.waiting import eventually

pytestmark = pytest.mark.timeout(180)
ROOT = Path(__file__).parents[3]


def ask(stack: Stack, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with psycopg2.connect(stack.database_url()) as connection, connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def trace(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workers.cli", "trace", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=stack.environment(), capture_output=True, text=True, timeout=60, check=False
    )


def show(person: Person, stack: Stack, trace_id: str) -> None:
    """What an open page would tell of the trace's versions."""
    versions = ask(stack, "select distinct epoch, number from trace_hops where trace_id = %s", trace_id)
    told = [{"epoch": e, "number": n, "receivedMsAgo": 3, "renderedMsAgo": 1} for e, n in versions]
    assert person.post("/api/acknowledgements", {"screen": "a-test-screen", "versions": told}) == {
        "noted": len(versions)
    }


@pytest.fixture
def person(new_person: Callable[[], Person]) -> Person:
    """Somebody with a linked bank, whose history has arrived."""
    made = new_person()
    made.link_bank("user_good", "pass_good")
    made.wait_until_mirrored()
    return made


def test_a_purchase_is_followed_from_its_webhook_to_the_screen(stack: Stack, person: Person):
    person.buy(amount="12.34", description="STARBUCKS STORE 0042", pending=False)
    ((trace_id,),) = eventually(
        lambda: ask(
            stack,
            "select h.trace_id from trace_hops as h join webhook_inbox as w using (trace_id) where h.owner = %s "
            "order by h.acknowledged_at desc limit 1",
            f"users/{person.uid}",
        )
    )
    person.wait_until_mirrored()
    show(person, stack, trace_id)

    found = json.loads(trace(stack, trace_id, "--json").stdout)

    hops = [line["hop"] for line in found["hops"]]
    way = ["webhook", "pull began", "pages fetched", "ledger written", "marked", "claimed", "built", "sent"]
    way += ["committed", "received", "rendered"]
    assert [hop for hop in dict.fromkeys(hops) if hop in way] == way
    assert "acknowledged" in hops
    times = [line["at"] for line in found["hops"]]
    assert times == sorted(times)
    assert all(line["ms"] >= 0 for line in found["hops"])
    assert found["ms"] == pytest.approx(sum(line["ms"] for line in found["hops"]), abs=0.5)


def test_an_edit_is_followed_by_the_trace_of_its_answer(stack: Stack, person: Person):
    listed = person.get("/api/months")["months"][0]["month"]
    entry = person.get(f"/api/transactions?month={listed}")["transactions"][0]["id"]
    trace_id = person.patch(f"/api/transactions/{entry}", {"categoryId": "TRAVEL"})["trace"]
    eventually(lambda: ask(stack, "select from trace_hops where trace_id = %s", trace_id))

    found = json.loads(trace(stack, trace_id, "--json").stdout)
    table = trace(stack, trace_id).stdout

    assert [line["hop"] for line in found["hops"]] == [
        "began", "marked", "claimed", "built", "sent", "committed", "acknowledged",
    ]  # fmt: skip
    assert found["hops"][0]["detail"] == "PATCH /api/transactions/<uuid:entry_id>"
    for line in found["hops"]:
        assert line["hop"] in table
        assert f"{line['ms']:.1f}" in table


def test_a_trace_that_nobody_knows_is_said_to_be_unknown(stack: Stack):
    done = trace(stack, "12345678901234567890123456789012")

    assert done.returncode == 1
    assert done.stderr.startswith("trace-not-found: ")
