"""`make soak`: the oracle for as long as SOAK_MINUTES says, on one stack that lives through all of it.

Each round has people and a seed of its own, and lives through a random history of the oracle's, disasters included.
A line per round: what was done, how long it took, what every process holds in memory. A round that fails ends the
soak with its seed and how to repeat it. Run as `python -m tests.oracle.soak`; exit status 1 if a round failed.
"""

from __future__ import annotations

import os
import random
import secrets
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

from local.person import Person
from local.postgres import free_port
from local.stack import Stack
from sync import log
from tests.oracle.program import Program, custom_bank
from tests.oracle.test_mirror_equals_ledger import live_through

_STEPS = int(os.environ.get("ORACLE_STEPS", "300"))
_PEOPLE = 3


def main() -> int:
    """Soaks; answers the exit status."""
    minutes = float(os.environ.get("SOAK_MINUTES", "60"))
    fixed = os.environ.get("ORACLE_SEED")
    log.configure("CRITICAL", "console")
    with tempfile.TemporaryDirectory(prefix="livespend-soak-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        stack = Stack(Path(folder), free_port(), durable=False, sweep_seconds=2, restart_limit=1_000_000)
        try:
            for part in stack.start():
                _say(f"starting {part}")
            threading.Thread(target=stack.watch, args=(lambda words: None,), daemon=True).start()
            return _soak(stack, time.monotonic() + 60 * minutes, None if fixed is None else int(fixed))
        finally:
            stack.stop()


def _soak(stack: Stack, until: float, fixed: int | None) -> int:
    before: dict[str, int] = {}
    began, rounds = time.monotonic(), 0
    while rounds == 0 or (time.monotonic() < until and fixed is None):
        seed = secrets.randbelow(10**9) if fixed is None else fixed
        rounds += 1
        started = time.monotonic()
        try:
            program = _program(stack, seed, rounds)
            problems = live_through(program, _STEPS)
        except Exception:
            problems = [traceback.format_exc()]
        if problems:
            return _failed(stack, program, seed, problems)
        before = before or memory(stack)  # by now every process has done everything once
        _say(f"round {rounds}, seed {seed}: equal after {time.monotonic() - started:.0f} s; {_told(memory(stack))}")
    after = memory(stack)
    _say(f"{rounds} rounds of {_STEPS} steps in {(time.monotonic() - began) / 60:.0f} minutes, all equal")
    _say(f"memory after the first round: {_told(before)}")
    _say(f"memory at the end:            {_told(after)}")
    return 0


def _program(stack: Stack, seed: int, number: int) -> Program:
    people = [
        Person.sign_in_or_up(stack, f"soak-{number}-{one}@livespend.test", "correct horse") for one in range(_PEOPLE)
    ]
    for one, person in enumerate(people):
        person.introduce(f"Soak {number} {one}")
        person.link_bank("user_custom", custom_bank(seed + one))
    return Program(stack, people, random.Random(seed))


def _failed(stack: Stack, program: Program, seed: int, problems: list[str]) -> int:
    _say(program.story())
    for child in stack.children:
        _say(f"the end of {child.name}'s log:\n{child.tail()}")
    for problem in problems[:20]:
        _say(f"PROBLEM: {problem}")
    _say(f"repeat it: ORACLE_SEED={seed} ORACLE_STEPS={_STEPS} make soak")
    return 1


def memory(stack: Stack) -> dict[str, int]:
    """Megabytes that each process of the product holds now with its children; empty where there is no /proc."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
    held = {}
    for child in stack.children:
        if child.process is not None and child.process.poll() is None:
            family = _family(child.process.pid, parents)
            held[child.name] = sum(_resident(pid) for pid in family) // 1024
    return held


def _family(root: int, parents: dict[int, int]) -> set[int]:
    family = {root}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return family


def _resident(pid: int) -> int:
    """Kilobytes."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)


def _told(held: dict[str, int]) -> str:
    return ", ".join(f"{name} {megabytes} MB" for name, megabytes in held.items())


def _say(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {words}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
