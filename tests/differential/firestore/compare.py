"""Where two runs of a program differ, and whether that is explained."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.differential.firestore.explained import Reason, reason_for
from tests.differential.firestore.program import Program, Step

_WRITING = {"Commit", "BatchWrite", "CreateDocument", "UpdateDocument", "DeleteDocument", "BeginTransaction"}


@dataclass(frozen=True)
class Difference:
    """One step that two servers answer differently."""

    program: Program
    number: int
    step: Step
    ours: Any
    theirs: Any
    reason: Reason | None

    def print(self) -> str:
        """The difference for people, with what plays it again."""
        again = f"python -m tests.differential.firestore --kind {self.program.kind} --seed {self.program.seed}"
        return (
            f"{self.program.kind} {self.program.seed}, step {self.number} ({again}):\n{self.step.print()}\n"
            f"  ours:   {self.ours}\n  theirs: {self.theirs}\n"
        )


def differences(program: Program, ours: Sequence[Any], theirs: Sequence[Any]) -> list[Difference]:
    """Every step whose answers differ; what differs only because an explained step did is left out."""
    found = []
    for number, (step, mine, other) in enumerate(zip(program.steps, ours, theirs, strict=True)):
        if comparable(mine) != comparable(other):
            reason = reason_for(step, mine, other)
            found.append(Difference(program, number, step, mine, other, reason))
            if reason.spreads if reason else step.method in _WRITING:
                break
    return found


def signature(difference: Difference) -> str:
    """What differences of one sort have in common."""
    texts = [
        re.sub(r"projects/\S+|\d+|'[^']*'|\"[^\"]*\"", "_", str(answer.get("message", "ok")))[:120]
        for answer in (difference.ours, difference.theirs)
    ]
    return f"{difference.step.method}: {texts[0]} | {texts[1]}"


def comparable(answer: Any) -> Any:
    """An answer without its error text: codes are the contract, texts are not."""
    return {key: value for key, value in answer.items() if key != "message"} if isinstance(answer, dict) else answer
