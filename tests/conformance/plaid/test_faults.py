"""Faults, odd rows and lying answers on demand; and what of it survives a restart."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import urllib3

from local.plaid.oddities import BROKEN, ODDITIES
from tests.conformance.plaid import schema
from tests.conformance.plaid.conftest import read_update
from tests.fixtures.plaid import PlaidServer, start_plaid, stop_plaid


@pytest.fixture
def item(plaid_server: PlaidServer) -> tuple[str, str]:
    """A linked item: (access_token, item_id)."""
    return plaid_server.item()


def _sync(server: PlaidServer, token: str, cursor: str = "", count: int = 500) -> dict[str, Any]:
    return server.call("/transactions/sync", access_token=token, cursor=cursor, count=count)


def _problems(answer: dict[str, Any]) -> list[str]:
    return schema.problems("TransactionsSyncResponse", answer)


@pytest.mark.parametrize(
    "field",
    ["next_cursor", "has_more", "request_id", "added.0.amount", "added.3.location", "accounts.0.balances.limit"],
)
def test_a_missing_field_breaks_the_contract_once(plaid_server: PlaidServer, item: tuple[str, str], field: str) -> None:
    plaid_server.fault("missing_field", field=field)
    problems = _problems(_sync(plaid_server, item[0]))
    assert len(problems) == 1
    assert field.rpartition(".")[2] in problems[0]
    assert _problems(_sync(plaid_server, item[0])) == []


def test_a_field_of_any_endpoint_is_replaced_exactly(plaid_server: PlaidServer, item: tuple[str, str]) -> None:
    plaid_server.fault("replace_field", field="added.0.amount", value=Decimal("90071992547409.93"))
    assert str(_sync(plaid_server, item[0])["added"][0]["amount"]) == "90071992547409.93"
    plaid_server.fault("replace_field", path="/accounts/get", field="accounts.0.mask", value=None)
    assert plaid_server.call("/accounts/get", access_token=item[0])["accounts"][0]["mask"] is None
    plaid_server.fault("replace_field", field="added.99999.amount", value=1)
    assert _sync(plaid_server, item[0])["error_code"] == "INVALID_FIELD"


def test_unknown_fields_and_enums_are_what_a_reader_must_stand(
    plaid_server: PlaidServer, item: tuple[str, str]
) -> None:
    plaid_server.fault("unknown_field")
    answer = _sync(plaid_server, item[0])
    assert {part["moon_phase"] for part in (answer, *answer["added"], *answer["accounts"])} == {"full"}
    plaid_server.fault("unknown_enum")
    assert {row["payment_channel"] for row in _sync(plaid_server, item[0])["added"]} == {"by owl"}


def test_categories_may_be_null_or_unknown(plaid_server: PlaidServer, item: tuple[str, str]) -> None:
    plaid_server.fault("null_category")
    answer = _sync(plaid_server, item[0])
    assert {row["personal_finance_category"] for row in answer["added"]} == {None}
    assert _problems(answer) == []
    plaid_server.fault("unknown_category")
    details = {row["personal_finance_category"]["detailed"] for row in _sync(plaid_server, item[0])["added"]}
    assert details == {"FOOD_AND_DRINK_MOON"}


def test_a_phantom_is_removed_that_never_was(plaid_server: PlaidServer, item: tuple[str, str]) -> None:
    cursor = read_update(plaid_server, item[0]).cursor
    plaid_server.fault("phantom_removed")
    answer = _sync(plaid_server, item[0], cursor)
    (phantom,) = answer["removed"] if answer["removed"] else [{"transaction_id": ""}]
    assert phantom["transaction_id"] not in plaid_server.live(item[1])
    assert phantom["transaction_id"]


@pytest.mark.parametrize("also", ["removed", "modified"])
def test_the_same_id_stands_in_two_arrays(plaid_server: PlaidServer, item: tuple[str, str], also: str) -> None:
    plaid_server.fault("same_id_twice", also=also)
    answer = _sync(plaid_server, item[0])
    assert answer[also][0]["transaction_id"] == answer["added"][0]["transaction_id"]
    assert _problems(answer) == []


def test_a_page_ends_between_the_removal_and_what_was_posted(plaid_server: PlaidServer, item: tuple[str, str]) -> None:
    bought = plaid_server.buy(pending=True, amount="20")
    cursor = read_update(plaid_server, item[0]).cursor
    plaid_server.buy(amount="1")
    plaid_server.admin("post", transaction_id=bought["transaction_id"], amount="24")
    plaid_server.fault("split")
    first = _sync(plaid_server, item[0], cursor)
    assert ([row["amount"] for row in first["added"]], first["has_more"]) == ([1], True)
    assert [gone["transaction_id"] for gone in first["removed"]] == [bought["transaction_id"]]
    second = _sync(plaid_server, item[0], first["next_cursor"])
    assert [row["pending_transaction_id"] for row in second["added"]] == [bought["transaction_id"]]
    assert (second["removed"], second["has_more"]) == ([], False)


def test_what_was_posted_may_come_in_a_later_update(plaid_server: PlaidServer, item: tuple[str, str]) -> None:
    bought = plaid_server.buy(pending=True, amount="20")
    cursor = read_update(plaid_server, item[0]).cursor
    posted = plaid_server.admin("post", transaction_id=bought["transaction_id"], apart=True)["transaction"]
    first = read_update(plaid_server, item[0], cursor)
    assert (first.added, first.removed) == ([], [bought["transaction_id"]])
    assert plaid_server.admin("deliver", item_id=item[1])["delivered"] == 1
    assert read_update(plaid_server, item[0], first.cursor).added == [posted]


def test_an_answer_is_cut_off_in_the_middle(plaid_server: PlaidServer, item: tuple[str, str]) -> None:
    plaid_server.fault("cut")
    with pytest.raises(urllib3.exceptions.ProtocolError):
        _sync(plaid_server, item[0])
    assert _problems(_sync(plaid_server, item[0])) == []


def test_a_flood_of_modified_rows_that_are_the_same(plaid_server: PlaidServer, item: tuple[str, str]) -> None:
    first = read_update(plaid_server, item[0])
    assert plaid_server.admin("flood", item_id=item[1], count=108)["modified"] == 108
    update = read_update(plaid_server, item[0], first.cursor)
    before = {row["transaction_id"]: row for row in first.added}
    assert len(update.modified) == 108
    assert all(before[row["transaction_id"]] == row for row in update.modified)


@pytest.mark.parametrize("kind", ODDITIES)
def test_odd_rows_are_sent_exactly_as_they_are(plaid_server: PlaidServer, item: tuple[str, str], kind: str) -> None:
    cursor = read_update(plaid_server, item[0]).cursor
    plaid_server.admin("odd-rows", item_id=item[1], kinds=[kind])
    answer = _sync(plaid_server, item[0], cursor)
    (row,) = answer["added"]
    if kind in BROKEN:
        assert _problems(answer)
        return
    assert f"{Decimal(row['amount']):f}" == ODDITIES[kind]["amount"]
    code = ODDITIES[kind].get("currency", "USD")
    assert code in (row["iso_currency_code"], row["unofficial_currency_code"])
    assert (row["iso_currency_code"] is None) == (code == "BTC")
    if kind not in ("unknown_enum",):
        assert _problems(answer) == []


def test_all_odd_rows_at_once_fit_the_contract_but_for_the_unknown_enum(
    plaid_server: PlaidServer, item: tuple[str, str]
) -> None:
    cursor = read_update(plaid_server, item[0]).cursor
    made = plaid_server.admin("odd-rows", item_id=item[1])["transaction_ids"]
    assert set(made) == set(ODDITIES) - set(BROKEN)
    answer = _sync(plaid_server, item[0], cursor)
    assert len(answer["added"]) == len(made)
    assert len(_problems(answer)) == 1


def test_faults_and_the_request_log_survive_a_restart(tmp_path: Path) -> None:
    server = start_plaid(data=tmp_path)
    token, _ = server.item()
    server.fault("error", error_code="INSTITUTION_DOWN", after=1, times=2)
    assert "error_code" not in _sync(server, token)
    calls = len(server.requests())
    stop_plaid(server)
    server = start_plaid(data=tmp_path)
    assert len(server.requests()) == calls
    assert [_sync(server, token).get("error_code") for _ in range(3)] == ["INSTITUTION_DOWN", "INSTITUTION_DOWN", None]
    numbers = [request["n"] for request in server.requests()]
    assert numbers == sorted(set(numbers))
    assert server.requests()[-2]["error_code"] == "INSTITUTION_DOWN"
    assert server.look("faults")["faults"] == []
    stop_plaid(server)
