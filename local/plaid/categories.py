"""Descriptions to personal finance categories (v2): a table of keyword rules, tried in order; the first hit decides.

A description is lower-cased and every run of characters that are neither letters nor digits becomes one space. A rule
hits when one of its phrases stands in it as whole words; a phrase that ends in `*` matches the beginning of a word.
Nothing else counts: not the sign, not the account, not the currency. No hit: OTHER / OTHER_OTHER.
docs/local-plaid.md prints this table; a test keeps the two alike.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

TAXONOMY: dict[str, list[str]] = json.loads((Path(__file__).parent / "taxonomy.json").read_text("ascii"))
NO_MATCH = "OTHER_OTHER"


def _read_rules() -> tuple[tuple[str, tuple[str, ...]], ...]:
    lines = (Path(__file__).parent / "keywords.txt").read_text("utf-8").splitlines()
    split = (line.split(": ", 1) for line in lines if line)
    return tuple((detailed, tuple(phrases.split(", "))) for detailed, phrases in split)


RULES = _read_rules()


@dataclass(frozen=True, slots=True)
class Category:
    """A personal finance category as a transaction carries it."""

    primary: str
    detailed: str
    confidence: str

    def as_json(self) -> dict[str, str]:
        return {
            "primary": self.primary,
            "detailed": self.detailed,
            "confidence_level": self.confidence,
            "version": "v2",
        }


def category(detailed: str, confidence: str = "VERY_HIGH") -> Category:
    """The category of a detailed code; raises KeyError for a code outside the taxonomy."""
    return Category(_PRIMARIES[detailed], detailed, confidence)


@lru_cache(maxsize=4096)
def describe(description: str) -> Category:
    """The category that the table gives to a description."""
    words = f" {_plain(description)} "
    for detailed, patterns in _PATTERNS:
        if any(pattern in words for pattern in patterns):
            return category(detailed, "HIGH")
    return category(NO_MATCH, "LOW")


def _plain(text: str) -> str:
    return " ".join("".join(letter if letter.isalnum() else " " for letter in text.casefold()).split())


def _pattern(phrase: str) -> str:
    return f" {_plain(phrase)}" if phrase.endswith("*") else f" {_plain(phrase)} "


_PRIMARIES = {f"{primary}_{suffix}": primary for primary, suffixes in TAXONOMY.items() for suffix in suffixes}
_PATTERNS = tuple((detailed, tuple(map(_pattern, phrases))) for detailed, phrases in RULES)
