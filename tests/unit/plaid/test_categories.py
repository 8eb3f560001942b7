"""The table of keywords: every phrase reaches its own category, and the merchants of the generated data agree."""

from __future__ import annotations

import pytest

from local.plaid import history, merchants
from local.plaid.categories import NO_MATCH, RULES, TAXONOMY, category, describe
from local.plaid.mint import Mint
from local.plaid.store import Store
from tests.fixtures.plaid import PLAID_TODAY

_PHRASES = [(phrase, detailed) for detailed, phrases in RULES for phrase in phrases]
_MERCHANTS = [*merchants.BY_NAME.values()]


@pytest.mark.parametrize(("phrase", "detailed"), _PHRASES)
def test_every_phrase_of_the_table_is_alive(phrase: str, detailed: str) -> None:
    """A phrase that an earlier rule always catches could never hit."""
    assert describe(phrase.replace("*", "")).detailed == detailed


@pytest.mark.parametrize("merchant", _MERCHANTS, ids=lambda merchant: merchant.name)
def test_a_merchants_text_maps_to_its_category(merchant: merchants.Merchant) -> None:
    assert describe(merchant.description).detailed == merchant.detailed


def test_all_generated_rows_have_a_category() -> None:
    mint = Mint("seed", Store(None))
    rows = history.generate(mint.dice, "user_good", PLAID_TODAY.replace(year=2025), PLAID_TODAY)
    assert {row.description for row in rows if describe(row.description).detailed == NO_MATCH} == set()


@pytest.mark.parametrize(
    ("description", "detailed"),
    [
        ("", NO_MATCH),
        ("WRSGTKIUYPKF", NO_MATCH),
        ("starbucks", "FOOD_AND_DRINK_COFFEE"),
        ("SQ*STARBUCKS/0042", "FOOD_AND_DRINK_COFFEE"),
        ("CAFÉ ÉTOILE", "FOOD_AND_DRINK_COFFEE"),
        ("current account", NO_MATCH),
        ("PARENTAL", NO_MATCH),
        ("AMZN Mktp US*123", "GENERAL_MERCHANDISE_ONLINE_MARKETPLACES"),
        ("AMAZON WEB SERVICES", "GENERAL_SERVICES_OTHER_GENERAL_SERVICES"),
        ("UBER EATS", "FOOD_AND_DRINK_RESTAURANT"),
        ("UBER TRIP", "TRANSPORTATION_TAXIS_AND_RIDE_SHARES"),
        ("CREDIT CRD AUTOPAY 29812", "LOAN_PAYMENTS_CREDIT_CARD_PAYMENT"),
    ],
)
def test_descriptions_match_whole_words_in_any_case(description: str, detailed: str) -> None:
    assert describe(description).detailed == detailed


def test_every_rule_names_a_category_of_the_taxonomy() -> None:
    assert (len(TAXONOMY), sum(map(len, TAXONOMY.values()))) == (18, 123)
    for detailed, phrases in RULES:
        assert category(detailed).primary in TAXONOMY
        assert all(phrases)
    assert describe("nothing of the kind").as_json() == {
        "primary": "OTHER",
        "detailed": "OTHER_OTHER",
        "confidence_level": "LOW",
        "version": "v2",
    }
