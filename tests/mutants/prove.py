"""Shows of every rule of docs/consistency.md that a test fails without it: breaks the code, runs the test, mends it.

    python -m tests.mutants.prove [--rule 2.5 ...] [--jobs N] [--json] [--keep FOLDER]

Each break (breaks.py) is made in a copy of the tree, never in the tree itself. First all named tests run on the sound
copy: a test that fails anyway proves nothing. A break is *noticed* when the test fails by an assertion of its own or by
a deadline; *unnoticed* when it passes; *void* when the test could not even begin (a typing error proves nothing).
Progress goes to stderr; exit status 1 if anything is not noticed. Called by `make prove-rules`.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from tests.mutants.breaks import ROOT, Break
from tests.mutants.rules import BREAKS

_PATIENCE_SECONDS = 240
_BESIDE = (".venv", "frontend/node_modules", "frontend/dist")


@dataclass(frozen=True)
class Proof:
    """What became of one break, and the last words of its test."""

    broken: Break
    outcome: str
    seconds: float
    words: str

    def as_json(self) -> dict[str, object]:
        files = [edit.file for edit in self.broken.edits]
        return {
            "rule": self.broken.rule, "fault": self.broken.fault, "files": files, "test": self.broken.test,
            "outcome": self.outcome, "seconds": round(self.seconds, 1), "words": self.words,
        }  # fmt: skip


def main() -> int:
    """Runs what was asked for; answers the exit status."""
    asked = _arguments()
    breaks = [one for one in BREAKS if not asked.rule or one.rule in asked.rule or one.name in asked.rule]
    with tempfile.TemporaryDirectory(prefix="livespend-prove-", dir=asked.within) as folder:
        copies: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(asked.jobs):
            copies.put(copy_tree(Path(folder) / f"copy-{number}"))
        proofs = prove_all(breaks, copies, asked.jobs, sound=not asked.trust)
    tell(proofs, as_json=asked.json)
    return 0 if all(proof.outcome == "noticed" for proof in proofs) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants.prove")
    parser.add_argument("--rule", action="append", help="only this rule, or `rule: fault`; several times")
    parser.add_argument("--jobs", type=int, default=1, help="so many copies at once")
    parser.add_argument("--within", help="where the copies are made")
    parser.add_argument("--trust", action="store_true", help="do not run the tests on the sound tree first")
    parser.add_argument("--json", action="store_true", help="one JSON line in place of the table")
    return parser.parse_args()


def copy_tree(to: Path) -> Path:
    """The tracked files and new ones as they are now; what is installed is shared."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for line in listed.splitlines():
        if (ROOT / line).is_file():
            (to / line).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / line, to / line)
    for name in _BESIDE:
        if (ROOT / name).exists():
            (to / name).symlink_to(ROOT / name)
    return to


def prove_all(breaks: list[Break], copies: queue.SimpleQueue[Path], jobs: int, *, sound: bool) -> list[Proof]:
    """Runs every break in one of the copies, with a progress bar."""

    def one(broken: Break) -> Proof:
        copy = copies.get()
        try:
            proof = prove(broken, copy)
        finally:
            copies.put(copy)
        bar.advance(task)
        if proof.outcome != "noticed" or not bar.console.is_terminal:
            bar.console.print(f"{proof.outcome}: {broken.name}\n  {broken.test}\n  {proof.words}", markup=False)
        return proof

    with Progress(console=Console(stderr=True)) as bar, ThreadPoolExecutor(jobs) as pool:
        task = bar.add_task("sound", total=len(breaks))
        if sound:
            copy = copies.get()
            for test in sorted({broken.test for broken in breaks}):
                outcome, words = run_test(test, copy)
                if outcome != "unnoticed":
                    raise SystemExit(f"{test} fails as it is: {words}")
            copies.put(copy)
        bar.update(task, description="broken")
        return list(pool.map(one, breaks))


def prove(broken: Break, copy: Path) -> Proof:
    """Breaks the copy, runs the test, mends the copy."""
    began = time.monotonic()
    before = {edit.file: (copy / edit.file).read_text() for edit in broken.edits}
    try:
        for edit in broken.edits:
            text = (copy / edit.file).read_text()
            if text.count(edit.old) != 1:
                return Proof(broken, "void", 0.0, f"{edit.file} says it {text.count(edit.old)} times")
            (copy / edit.file).write_text(text.replace(edit.old, edit.new))
        outcome, words = run_test(broken.test, copy)
    finally:
        for file, text in before.items():
            (copy / file).write_text(text)
    return Proof(broken, outcome, time.monotonic() - began, words)


def run_test(test: str, copy: Path) -> tuple[str, str]:
    """Answers how the test took it, and its last words."""
    if test.startswith("frontend/"):
        command, place = ["npx", "vitest", "run", test.removeprefix("frontend/")], copy / "frontend"
    else:
        command, place = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *test.split(" ")], copy
    env = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1", "CI": "1"}
    running = subprocess.Popen(
        command, cwd=place, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    try:
        told, _ = running.communicate(timeout=_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        return "void", "it never ended"
    return _judged(running.returncode, told), _words(told)


def _judged(status: int, told: str) -> str:
    if status == 0:
        return "unnoticed"
    failed = any(line.lstrip().startswith(("FAILED", "FAIL ")) for line in told.splitlines())
    return "noticed" if status == 1 and failed else "void"


def _words(told: str) -> str:
    lines = told.splitlines()
    said = [line for line in lines if line.startswith("E  ")] or lines[-3:]
    return " ".join(said[:2]).strip()[:300]


def tell(proofs: list[Proof], *, as_json: bool) -> None:
    """Prints the table, or one JSON line."""
    counts = {name: sum(proof.outcome == name for proof in proofs) for name in ("noticed", "unnoticed", "void")}
    if as_json:
        rules = len({proof.broken.rule for proof in proofs})
        print(json.dumps({"rules": rules, **counts, "breaks": [proof.as_json() for proof in proofs]}))
        return
    for proof in proofs:
        print(f"{proof.outcome:9} {proof.seconds:5.1f} s  {proof.broken.name}  ({proof.broken.test})")
    print(", ".join(f"{number} {name}" for name, number in counts.items()))


if __name__ == "__main__":
    sys.exit(main())
