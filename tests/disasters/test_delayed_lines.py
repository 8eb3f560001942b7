"""The model's schedules, drawn at random, against real mirror processes, over lines that delay, cut and swallow.

Two mirrors as processes of their own stand behind one gate, which lets each commit through, delays it, cuts its line
before or after it is applied, or keeps it back to let it land at a later time, when its sender may be dead. One mirror
after the other is killed outright and started again. The seed is printed with a failure; LIVESPEND_SEED draws it again.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from sync.audit.verify import verify
from tests.disasters.test_two_mirrors import write
from tests.fixtures.gate import Gate, Refusal, Seen
from tests.fixtures.mirror import Books

_ROOT = Path(__file__).parents[2]
_FIXED = (11, 12)


def seeds() -> list[int]:
    """The fixed ones and a fresh one."""
    drawn = os.environ.get("LIVESPEND_SEED")
    return [int(drawn)] if drawn else [*_FIXED, random.SystemRandom().randrange(1_000_000)]


class Weather:
    """What happens to each commit at the gate, drawn from a seed."""

    def __init__(self, gate: Gate, seed: int) -> None:
        self._gate, self._dice, self._lock = gate, random.Random(seed), threading.Lock()
        self._calm = threading.Event()
        self.fates: list[str] = []
        gate.before, gate.holds, gate.after = self._before, self._holds, self._after

    def _holds(self, seen: Seen) -> bool:
        return self._draw(seen) == "kept back"

    def _draw(self, seen: Seen) -> str:
        if self._calm.is_set():
            return "through"
        with self._lock:
            fate = self._dice.choices(
                ("through", "delayed", "cut before", "cut after", "kept back"), (10, 4, 2, 3, 3)
            )[0]  # fmt: skip
            self.fates.append(fate)
        seen.fate = fate
        return fate

    def _before(self, seen: Seen) -> None:
        if seen.fate == "delayed":
            self._calm.wait(0.05 * self._dice.random())
        if seen.fate == "cut before":
            raise Refusal(grpc.StatusCode.UNAVAILABLE, "the line was cut before")

    def _after(self, seen: Seen) -> None:
        if seen.fate == "cut after":
            raise Refusal(grpc.StatusCode.UNAVAILABLE, "the line was cut after")

    def end(self) -> None:
        """From now on everything goes through."""
        self._calm.set()


@pytest.fixture
def mirror_process(database, firestore_server, gate) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts mirrors as processes, behind the gate."""
    started: list[subprocess.Popen[bytes]] = []
    env = {
        "PATH": os.environ["PATH"], "APP_ENV": "local", "MIRROR_DATABASE_URL": database.url("mirror"),
        "FIREBASE_PROJECT_ID": firestore_server.project, "FIRESTORE_EMULATOR_HOST": gate.address,
        "MIRROR_MONTH_INTERVAL_SECONDS": "0", "SWEEP_SECONDS": "0.3",
    }  # fmt: skip

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "workers.cli", "mirror"]
        started.append(subprocess.Popen(command, cwd=_ROOT, env=env, stdout=subprocess.DEVNULL))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait(30)


@pytest.mark.parametrize("position", range(len(seeds())), ids=lambda position: f"seed-{position}")
def test_lines_that_delay_cut_and_swallow_leave_both_stores_equal(
    position: int, books, mirror_process, mirror_deps, gate, database, eventually, clean, assert_mirrored
):
    seed = seeds()[position]
    print(f"LIVESPEND_SEED={seed}")
    people = [books(name) for name in ("ada", "bob")]
    rows = {person.user: person.add(5) for person in people}
    weather = Weather(gate, seed)
    mirrors = [mirror_process(), mirror_process()]
    with writing(database.url(), people, rows):
        eventually(lambda: gate.held, 120)
        for place in (0, 1):  # killed with commits in the air
            before = len(weather.fates)
            mirrors[place].kill()
            mirrors[place].wait(30)
            mirrors[place] = mirror_process()
            eventually(lambda seen=before: len(weather.fates) >= seen + 5, 120)
    gate.release()  # the dead senders' commits arrive while the mirrors are at work
    weather.end()

    eventually(clean, 90)
    gate.release()

    assert clean(), f"seed {seed}"
    report = verify(mirror_deps())
    assert report["equal"], (seed, weather.fates, report)
    assert_mirrored()


@contextlib.contextmanager
def writing(url: str, people: list[Books], rows: dict[str, list[str]]) -> Iterator[None]:
    """Everybody edits all the while."""
    ended = threading.Event()

    def go_on(person: Books) -> None:
        while not ended.wait(0.5):
            write(url, person, rows[person.user])

    writers = [threading.Thread(target=go_on, args=(person,)) for person in people]
    for writer in writers:
        writer.start()
    try:
        yield
    finally:
        ended.set()
        for writer in writers:
            writer.join(60)
