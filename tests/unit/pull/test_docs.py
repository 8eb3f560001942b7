"""docs/pull.md names every code that has an effect, and every vector with the test that proves it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from sync.banks import webhook_codes
from sync.pull import conditions, plaid_codes

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "pull.md").read_text()
VECTORS = re.findall(r"^\| (\d+) \| [^|]+ \| ([^|]+) \|$", PAGE.split("\n## Vectors\n")[1].split("\n## ")[0], re.M)


@pytest.mark.parametrize(
    "printed",
    [conditions.statuses_table(), conditions.table(), webhook_codes.table(), plaid_codes.table()],
    ids=["statuses", "transitions", "webhooks", "errors"],
)
def test_the_tables_of_the_page_are_those_of_the_code(printed: str) -> None:
    assert printed in PAGE, f"print them anew: python -m sync.pull.plaid_codes\n{printed}"


def test_the_page_says_what_the_table_says() -> None:
    page = (ROOT / "frontend" / "src" / "features" / "banks" / "item-status.ts").read_text()
    told = [status.told for status in conditions.STATUSES.values()] + list(conditions.TOLD_OF_CODE.values())

    assert [words for words in told if f'"{words}"' not in page] == []
    assert [code for code in conditions.TOLD_OF_CODE if f"{code}:" not in page] == []


def test_every_vector_is_in_the_table_with_a_test_or_with_what_is_missing() -> None:
    assert [int(number) for number, _ in VECTORS] == list(range(1, 76))
    assert [number for number, told in VECTORS if "`test_" not in told and "not yet: " not in told] == []


def test_every_test_that_a_vector_names_exists() -> None:
    named = {name for _, told in VECTORS for name in re.findall(r"`(\w+)`", told)}

    assert named - set(_tests(ROOT / "tests")) == set()


def test_every_test_of_a_vector_stands_in_its_row() -> None:
    table = dict(VECTORS)
    told = _tests(ROOT / "tests" / "integration" / "pull" / "vectors")
    numbers = {name: re.match(r"Vector (\d+): ", docstring) for name, docstring in told.items()}

    assert numbers != {}
    assert [name for name, number in numbers.items() if not number or f"`{name}`" not in table[number[1]]] == []


def _tests(folder: Path) -> dict[str, str]:
    """The tests below a folder, with their docstrings."""
    found = {}
    for module in folder.rglob("test_*.py"):
        for node in ast.parse(module.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found[node.name] = ast.get_docstring(node) or ""
    return found
