"""The second lane leaves out by name: each test of what only the local Firestore has is in the table of the docs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
TESTS = ROOT / "tests"
DOCS = ROOT / "docs" / "local-firestore.md"
# How a test starts a Firestore, or reaches one, without a fixture of the lane.
BY_ITSELF = re.compile(
    r"from local\.firestore import .*\bserver\b|conformance\.firestore\.process import|local\.firestore\.pytest_plugin|"
    r"\bvendors_emulator\b|\"-m\", \"local\.firestore\"|workers\.cli\", \"demo\"|/_local/(documents|stats|page|export)"
)


def test_what_the_second_lane_leaves_out_is_in_the_table_with_its_reason() -> None:
    section = DOCS.read_text().split("### What the second lane leaves out")[1].split("\n#")[0]
    documented = dict(re.findall(r"^\| `(tests/[^`]+)` \| ([^|]+) \|$", section, re.MULTILINE))

    assert documented == dict(left_out())


def test_what_starts_a_firestore_by_itself_serves_the_lane_or_is_left_out_by_name() -> None:
    named = {name.partition("::")[0] for name, _ in left_out()}
    for file in (file for file in TESTS.rglob("test_*.py") if not file.is_relative_to(TESTS / "unit")):
        source, name = file.read_text(), str(file.relative_to(ROOT))
        assert not BY_ITSELF.search(source) or "on_emulator" in source or name in named, name


def left_out() -> Iterator[tuple[str, str]]:
    """Each file or test that is marked `ours_only`, and why."""
    for file in sorted(TESTS.rglob("test_*.py")):
        name = str(file.relative_to(ROOT))
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
                yield from ((name, reason) for reason in reasons(node.value))
            elif isinstance(node, ast.FunctionDef):
                marks = (reason for one in node.decorator_list for reason in reasons(one))
                yield from ((f"{name}::{node.name}", reason) for reason in marks)


def reasons(marked: ast.expr) -> Iterator[str]:
    """The reasons of the marks in an expression."""
    for node in ast.walk(marked):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.ours_only":
            yield str(ast.literal_eval(node.args[0]))
