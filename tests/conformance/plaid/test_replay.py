"""Recorded pages served cursor by cursor, as they were."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.conformance.plaid import schema
from tests.conformance.plaid.conftest import Receiver, read_update
from tests.fixtures.plaid import AdminRefused, PlaidServer


def _record(server: PlaidServer, token: str, count: int) -> list[dict[str, Any]]:
    """All raw pages of an item, from the beginning."""
    pages, cursor = [], ""
    while True:
        pages.append(server.call("/transactions/sync", access_token=token, cursor=cursor, count=count))
        cursor = pages[-1]["next_cursor"]
        if not pages[-1]["has_more"]:
            return pages


def test_recorded_pages_are_served_as_they_were(plaid_server: PlaidServer) -> None:
    source, _ = plaid_server.item("ada", days=90)
    plaid_server.buy("ada", amount="10.0215210")
    pages = _record(plaid_server, source, 100)
    assert len(pages) > 2
    token, item_id = plaid_server.custom_item({"override_accounts": [{"type": "depository"}]}, user="bea")
    assert plaid_server.admin("replay", item_id=item_id, pages=pages)["pages"] == len(pages)
    assert _record(plaid_server, token, 500) == pages
    accounts = plaid_server.call("/accounts/get", access_token=token)
    assert schema.problems("AccountsGetResponse", accounts) == []
    assert {one["mask"] for one in accounts["accounts"]} == {"0000", "1111", "3333"}
    last = pages[-1]["next_cursor"]
    after = plaid_server.call("/transactions/sync", access_token=token, cursor=last)
    assert schema.problems("TransactionsSyncResponse", after) == []
    assert (after["added"], after["next_cursor"], after["has_more"]) == ([], last, False)
    wrong = plaid_server.call("/transactions/sync", access_token=token, cursor="elsewhere")
    assert wrong["error_code"] == "INVALID_FIELD"


def test_pages_for_the_same_cursor_and_recorded_errors_come_in_order(plaid_server: PlaidServer) -> None:
    token, item_id = plaid_server.item()
    page = {"accounts": [], "added": [], "modified": [], "removed": [], "has_more": False}
    page |= {"next_cursor": "C1", "transactions_update_status": "HISTORICAL_UPDATE_COMPLETE"}
    error = {"error_code": "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION", "error_type": "TRANSACTIONS_ERROR"}
    plaid_server.admin("replay", item_id=item_id, cursor="C0", pages=[error, {"cursor": "C0", "page": page}])
    answers = [plaid_server.call("/transactions/sync", access_token=token, cursor="C0") for _ in range(3)]
    assert [answer.get("error_code") for answer in answers] == [error["error_code"], None, None]
    plaid_server.admin("replay", item_id=item_id, append=True, pages=[{**page, "next_cursor": "C2"}])
    assert plaid_server.call("/transactions/sync", access_token=token, cursor="C1")["next_cursor"] == "C2"


def test_loading_rings_and_loading_nothing_returns_to_the_log(plaid_server: PlaidServer, receiver: Receiver) -> None:
    token, item_id = plaid_server.item(webhook=receiver.url)
    before = read_update(plaid_server, token)
    page = {"next_cursor": "X", "has_more": False, "added": [{"amount": Decimal("1.10")}], "modified": []}
    plaid_server.admin("replay", item_id=item_id, pages=[page])
    receiver.wait_for_codes("SYNC_UPDATES_AVAILABLE")
    assert str(plaid_server.call("/transactions/sync", access_token=token)["added"][0]["amount"]) == "1.10"
    plaid_server.admin("replay", item_id=item_id, pages=[])
    assert read_update(plaid_server, token).added_ids == before.added_ids


def test_a_page_that_leads_nowhere_is_refused(plaid_server: PlaidServer) -> None:
    _, item_id = plaid_server.item()
    for page in ({"added": []}, 5):
        with pytest.raises(AdminRefused, match=r"pages\[0\]"):
            plaid_server.admin("replay", item_id=item_id, pages=[page])
