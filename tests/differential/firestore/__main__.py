"""Plays programs on the local Firestore and the vendor's emulator, prints where they differ, records the answers."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from typing import Any

from rich.console import Console
from rich.progress import track

from bench.servers import vendors_emulator
from local.firestore import server
from tests.differential.firestore.compare import Difference, differences, signature
from tests.differential.firestore.explained import REASONS
from tests.differential.firestore.player import VENDORS_ATTEMPTS, play
from tests.differential.firestore.program import Program
from tests.differential.firestore.programs import KINDS, draw
from tests.differential.firestore.recorded import record

_RECORDED_SEEDS = 6
_SEARCHED_SEEDS = 60


def main() -> int:
    options = _parse()
    ours = server.start()
    try:
        with vendors_emulator() as theirs:
            if theirs is None:
                print("The vendor's emulator is not on this machine.", file=sys.stderr)
                return 2
            address = f"127.0.0.1:{theirs.port}"
            return _record(ours.address, address) if options.record else _compare(options, ours.address, address)
    finally:
        ours.stop()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=[*KINDS], action="append")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--most", type=int, default=1, help="differences of one sort to print")
    parser.add_argument("--record", action="store_true", help="write the emulator's answers to the data file")
    return parser.parse_args()


def _compare(options: argparse.Namespace, ours: str, theirs: str) -> int:
    kinds = options.kind or KINDS
    seeds = [(kind, seed) for kind in kinds for seed in range(options.seed, options.seed + options.seeds)]
    counts, sorts = Counter[str](), Counter[str]()
    for kind, seed in track(seeds, console=Console(stderr=True)):
        program = draw(kind, seed)
        for each in differences(program, play(ours, program), play(theirs, program, VENDORS_ATTEMPTS)):
            counts[each.reason.name if each.reason else "UNEXPLAINED"] += 1
            if each.reason is None:
                _show(each, sorts, options.most)
        counts["steps"] += len(program.steps)
    for sort, count in sorts.most_common():
        print(f"{count:6} {sort}")
    print(dict(counts))
    return 1 if counts["UNEXPLAINED"] else 0


def _show(difference: Difference, sorts: Counter[str], most: int) -> None:
    sorts[signature(difference)] += 1
    if sorts[signature(difference)] <= most:
        print(difference.print(), flush=True)


def _record(ours: str, theirs: str) -> int:
    """Records the first seeds of each kind, and whatever more it takes to show every reason once."""
    kept: list[tuple[Program, list[Any]]] = []
    shown: set[str] = set()
    for seed in track(range(_SEARCHED_SEEDS), console=Console(stderr=True)):
        for kind in KINDS:
            program = draw(kind, seed)
            answers = play(theirs, program, VENDORS_ATTEMPTS)
            found = differences(program, play(ours, program), answers)
            new = {each.reason.name for each in found if each.reason} - shown
            if new or seed < _RECORDED_SEEDS:
                kept.append((program, answers))
                shown |= new
        if seed >= _RECORDED_SEEDS and len(shown) == len(REASONS):
            break
    print(f"{len(kept)} programs in {record(kept)} bytes; reasons without a record: {missing(shown)}")
    return 0


def missing(shown: set[str]) -> list[str]:
    return sorted({reason.name for reason in REASONS} - shown)


sys.exit(main())
