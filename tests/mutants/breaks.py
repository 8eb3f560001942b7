"""What a rule of docs/consistency.md looks like broken, and the test that has to fail then.

The list stands in rules_1_to_4.py, rules_5_to_8.py and rules_9_to_11.py; prove.py runs it, test_breaks.py holds it to
the documentation and to the code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOC = ROOT / "docs" / "consistency.md"


@dataclass(frozen=True)
class Edit:
    """In this file, once, the one text in place of the other."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Break:
    """One deliberate fault: the rule it breaks, in words what is wrong, the test that notices, the edits."""

    rule: str
    fault: str
    test: str
    edits: tuple[Edit, ...]

    @property
    def name(self) -> str:
        return f"{self.rule}: {self.fault}"


def broken(rule: str, fault: str, test: str, file: str, old: str, new: str, *more: Edit) -> Break:
    """A break of one edit, or of several."""
    return Break(rule, fault, test, (Edit(file, old, new), *more))


def numbered_rules() -> dict[str, str]:
    """The rules of the documentation's tables: number → the last column, which names the tests."""
    rows = re.findall(r"^\| (\d+\.\d+[a-z]?) .*\|([^|]*)\|$", DOC.read_text(), re.M)
    return dict(rows)
