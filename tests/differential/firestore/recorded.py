"""The vendor's answers, recorded: what proves something where its emulator is not on the machine.

`python -m tests.differential.firestore --record` writes them anew; a program that has changed makes its record stale.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from tests.differential.firestore.program import Program

FILE = Path(__file__).parents[2] / "data" / "firestore_answers.json.gz"


@cache
def recorded() -> dict[str, dict[int, dict[str, Any]]]:
    """By kind and seed: the program's fingerprint and the answers to its steps."""
    content = json.loads(gzip.decompress(FILE.read_bytes()))
    return {kind: {int(seed): entry for seed, entry in seeds.items()} for kind, seeds in content.items()}


def record(played: Iterable[tuple[Program, list[Any]]]) -> int:
    """Replaces the record; answers the size of the file in bytes."""
    content: dict[str, dict[str, Any]] = {}
    for program, answers in played:
        entry = {"fingerprint": program.fingerprint(), "answers": answers}
        content.setdefault(program.kind, {})[str(program.seed)] = entry
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    FILE.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    return FILE.stat().st_size
