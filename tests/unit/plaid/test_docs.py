"""docs/local-plaid.md tells the truth: endpoints, admin calls, faults and the table of keywords come from the code."""

from __future__ import annotations

from pathlib import Path

from local.plaid.documentation import render

_PAGE = Path(__file__).parents[3] / "docs" / "local-plaid.md"


def test_the_page_is_the_one_that_the_code_prints() -> None:
    """Stale? `python -m local.plaid.documentation > docs/local-plaid.md` prints it anew."""
    assert _PAGE.read_text("utf-8") == render()
