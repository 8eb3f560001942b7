"""The local Firestore answers random programs as the vendor's emulator does, or the difference is explained.

The vendor's answers are recorded, so this holds on every machine. Where the emulator is on the machine, new programs
are played on both as well: DIFFERENTIAL_SEEDS=200 plays so many of each kind, from DIFFERENTIAL_FROM on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.servers import vendors_emulator
from local.firestore import server
from tests.differential.firestore.compare import differences
from tests.differential.firestore.contention import count_together
from tests.differential.firestore.explained import REASONS
from tests.differential.firestore.player import VENDORS_ATTEMPTS, play
from tests.differential.firestore.programs import KINDS, draw
from tests.differential.firestore.recorded import recorded

pytestmark = pytest.mark.ours_only("plays on ours and the emulator by itself")
DOCS = Path(__file__).parents[3] / "docs" / "local-firestore.md"
SEEDS = int(os.environ.get("DIFFERENTIAL_SEEDS", "1"))
FROM = int(os.environ.get("DIFFERENTIAL_FROM", "1000"))


@pytest.fixture
def ours(firestore_process: server.RunningFirestore) -> str:
    firestore_process.clear()
    firestore_process.load_rules(None)
    return firestore_process.address


@pytest.fixture(scope="module")
def emulator_address() -> Iterator[str | None]:
    """The vendor's emulator, one of these tests' own: one that has served for long breaks off many streams."""
    with vendors_emulator() as running:
        yield None if running is None else f"127.0.0.1:{running.port}"


@pytest.mark.parametrize("kind", KINDS)
def test_it_answers_as_the_vendor_was_recorded(ours: str, kind: str) -> None:
    unexplained = []
    for seed, entry in recorded()[kind].items():
        program = draw(kind, seed)
        assert program.fingerprint() == entry["fingerprint"], "the program has changed: record the answers anew"
        found = differences(program, play(ours, program), entry["answers"])
        unexplained += [each.print() for each in found if each.reason is None]
    assert not unexplained, "\n".join(unexplained)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", KINDS)
def test_it_answers_new_programs_as_the_vendor_does(ours: str, emulator_address: str | None, kind: str) -> None:
    """Without the emulator the second player is the stand-in itself: what it answers must not depend on the run."""
    unexplained = []
    for seed in range(FROM, FROM + SEEDS):
        program = draw(kind, seed)
        theirs = play(emulator_address, program, VENDORS_ATTEMPTS) if emulator_address else play(ours, program)
        found = differences(program, play(ours, program), theirs)
        unexplained += [each.print() for each in found if each.reason is None]
    assert not unexplained, "\n".join(unexplained)


def test_transactions_in_each_others_way_lose_nothing(ours: str, emulator_address: str | None) -> None:
    for address in filter(None, (ours, emulator_address)):
        assert count_together(address, people=3, times=2) == 6


def test_a_wrong_answer_is_a_difference_that_nothing_explains(ours: str) -> None:
    entry = recorded()["data"][0]
    program = draw("data", 0)
    answers = play(ours, program)
    wrong = [
        {**answer, "found": [{"path": "c/nowhere", "fields": {}}]} if "found" in answer else answer
        for answer in answers
    ]
    found = differences(program, wrong, entry["answers"])
    assert [each for each in found if each.reason is None]


def test_every_explained_difference_is_documented_and_recorded(ours: str) -> None:
    names = {reason.name for reason in REASONS}
    section = DOCS.read_text().split("## Where it differs")[1].split("\n## ")[0]
    documented = {match[1] for match in re.finditer(r"^\| ([^|]+?) \|", section, re.MULTILINE)}
    assert names <= documented, f"no row in docs/local-firestore.md: {sorted(names - documented)}"
    shown = set()
    for kind, seeds in recorded().items():
        for seed, entry in seeds.items():
            program = draw(kind, seed)
            found = differences(program, play(ours, program), entry["answers"])
            shown |= {each.reason.name for each in found if each.reason}
    assert shown == names, f"explained, and never seen in a recorded program: {sorted(names - shown)}"
