"""Text that strains Postgres and Firestore, fields and values that nobody has seen."""

from __future__ import annotations

from tests.integration.pull.bank import account, page, row
from tests.integration.pull.conftest import Linked
from tests.integration.pull.vectors.conftest import Screen


def test_every_name_is_the_same_in_both_stores(linked: Linked, screen: Screen) -> None:
    """Vector 75: emoji, RTL text, 300 chars, U+0000; ids that differ only in case stay distinct."""
    names = {
        "abc": "Caf\u00e9 \U0001f35c",
        "ABC": "\u0645\u0637\u0639\u0645 \u202eabc",
        "long": "x" * 300,
        "nul": "Bad\0Shop\0",
        "half": "half \ud83d",
    }
    rows = [row(plaid_id, name=name, merchant_name=name) for plaid_id, name in names.items()]
    linked.bank.at(None, page(added=rows))

    linked.pull()

    expected = names | {"nul": "BadShop", "half": "half \ufffd"}
    assert dict(linked.database.sql("select plaid_transaction_id, name from transactions")) == expected
    shown = screen.rows()
    assert {
        plaid_id: (shown[str(linked.entry(plaid_id))]["name"], shown[str(linked.entry(plaid_id))]["merchantName"])
        for plaid_id in names
    } == {plaid_id: (name, name) for plaid_id, name in expected.items()}


def test_new_fields_and_values_are_no_failure(linked: Linked, screen: Screen) -> None:
    """Vector 48: unknown fields and enum values, in the row, its account and the page."""
    strange = row("a", payment_channel="telepathy", transaction_type="dream", brand_new={"deep": [None, 1.5]})
    kind = account(type="hoard", subtype="dragon", brand_new=True)
    linked.bank.at(None, page(added=[strange], accounts=[kind], status="BEYOND_HISTORY") | {"brand_new": []})

    linked.pull()

    assert linked.database.sql("select payment_channel from transactions") == [("telepathy",)]
    assert linked.database.sql("select type, subtype from accounts") == [("hoard", "dragon")]
    assert (linked.item("update_status"), len(screen.rows())) == ("UNKNOWN", 1)
