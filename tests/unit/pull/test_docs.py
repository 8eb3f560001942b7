"""docs/pull.md names every code that has an effect."""

from __future__ import annotations

from pathlib import Path

from sync.inbox import EFFECTS
from sync.plaid_codes import KINDS

PAGE = (Path(__file__).parents[3] / "docs" / "pull.md").read_text()


def test_every_error_code_with_an_effect_is_documented() -> None:
    assert [code for code in KINDS if f"`{code}`" not in PAGE] == []


def test_every_webhook_code_with_an_effect_is_documented() -> None:
    assert [code for _, code in EFFECTS if f"`{code}`" not in PAGE] == []
