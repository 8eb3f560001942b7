"""Rate limits: the published tables, per item and per client, on the stand-in's clock; and the knobs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.plaid import schema
from tests.fixtures.plaid import FIRST_PLATYPUS, PlaidServer, start_plaid, stop_plaid
from tests.fixtures.waiting import eventually


@pytest.fixture
def limited() -> Iterator[PlaidServer]:
    """A stand-in with the limits of production."""
    started = start_plaid(knobs={"limits": "production"})
    yield started
    stop_plaid(started)


def _until_refused(server: PlaidServer, path: str, body: dict[str, Any], most: int) -> tuple[int, dict[str, Any]]:
    """How many calls went through, and the answer that refused."""
    for count in range(most + 1):
        answer = server.call(path, **body)
        if answer.get("error_type") == "RATE_LIMIT_EXCEEDED":
            return count, answer
    raise AssertionError(f"{path} was never refused")


@pytest.mark.parametrize(
    ("path", "allowed", "code"),
    [
        ("/transactions/sync", 50, "TRANSACTIONS_SYNC_LIMIT"),
        ("/transactions/refresh", 2, "TRANSACTIONS_REFRESH_LIMIT"),
        ("/accounts/get", 15, "ACCOUNTS_LIMIT"),
        ("/accounts/balance/get", 5, "BALANCE_LIMIT"),
        ("/item/get", 15, "ITEM_GET_LIMIT"),
    ],
)
def test_an_item_has_its_calls_a_minute_and_then_the_endpoints_own_code(
    limited: PlaidServer, path: str, allowed: int, code: str
) -> None:
    token, _ = limited.item()
    count, answer = _until_refused(limited, path, {"access_token": token}, allowed)
    assert (count, answer["error_code"]) == (allowed, code)
    assert schema.problems("PlaidError", answer) == []
    limited.admin("clock", seconds=59)
    assert limited.call(path, access_token=token)["error_code"] == code
    limited.admin("clock", seconds=1)
    assert "error_code" not in limited.call(path, access_token=token)


def test_a_refused_call_is_a_429_without_a_header_that_tells_when(limited: PlaidServer) -> None:
    token, _ = limited.item()
    keys = {"PLAID-CLIENT-ID": limited.client_id, "PLAID-SECRET": limited.secret}
    body = f'{{"access_token": "{token}"}}'
    answers = [
        limited.http.request("POST", limited.url + "/transactions/refresh", body=body, headers=keys) for _ in range(3)
    ]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert "Retry-After" not in answers[2].headers


def test_one_items_calls_are_not_anothers(limited: PlaidServer) -> None:
    ada, _ = limited.item("ada")
    bea, _ = limited.item("bea")
    _until_refused(limited, "/transactions/refresh", {"access_token": ada}, 2)
    assert "error_code" not in limited.call("/transactions/refresh", access_token=bea)


def test_the_client_has_a_limit_over_all_items(limited: PlaidServer) -> None:
    limited.admin("limits", own={"/accounts/balance/get": {"client": 3}})
    tokens = [limited.item(f"user-{number}")[0] for number in range(4)]
    answers = [limited.call("/accounts/balance/get", access_token=token) for token in tokens]
    assert [answer.get("error_code") for answer in answers] == [None, None, None, "ACCOUNTS_BALANCE_GET_LIMIT"]


def test_an_endpoint_without_items_has_a_limit_of_the_client(limited: PlaidServer) -> None:
    limited.admin("limits", published="sandbox")
    body = {"count": 1, "offset": 0, "country_codes": ["US"]}
    assert _until_refused(limited, "/institutions/get", body, 10)[0] == 10


def test_there_are_no_limits_unless_asked_for_and_they_end_when_told(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item()
    for _ in range(60):
        assert "error_code" not in plaid_server.call("/item/get", access_token=token)
    plaid_server.admin("limits", published="sandbox")
    assert _until_refused(plaid_server, "/item/get", {"access_token": token}, 40)[0] == 40
    plaid_server.admin("limits", published="none")
    assert "error_code" not in plaid_server.call("/item/get", access_token=token)


def test_the_limits_in_force_and_what_is_used_can_be_read(limited: PlaidServer) -> None:
    token, item_id = limited.item()
    limited.call("/item/get", access_token=token)
    shown = limited.look("limits")
    assert shown["limits"]["/transactions/sync"] == {"item": 50, "client": 2500}
    assert {"path": "/item/get", "item_id": item_id, "calls": 1} in shown["used"]


def test_a_clock_that_runs_gives_the_calls_back_by_itself(limited: PlaidServer) -> None:
    token, _ = limited.item()
    _until_refused(limited, "/transactions/refresh", {"access_token": token}, 2)
    limited.admin("clock", rate=1000)
    eventually(lambda: "error_code" not in limited.call("/transactions/refresh", access_token=token))


def test_the_knobs_and_the_clock_are_kept_with_the_data(tmp_path: Path) -> None:
    server = start_plaid(data=tmp_path, knobs={"limits": "sandbox"})
    server.admin("knobs", page_size=7)
    server.admin("clock", days=3)
    stop_plaid(server)
    server = start_plaid(data=tmp_path)
    knobs = server.look("knobs")["knobs"]
    assert (knobs["limits"], knobs["page_size"]) == ("sandbox", 7)
    assert server.look("health")["today"] == "2026-11-23"
    stop_plaid(server)


def test_the_page_size_on_demand_is_smaller_than_what_was_asked_for(plaid_server: PlaidServer) -> None:
    plaid_server.admin("knobs", page_size=3)
    token, _ = plaid_server.item()
    page = plaid_server.call("/transactions/sync", access_token=token, count=500)
    assert (len(page["added"]), page["has_more"]) == (3, True)


def test_a_knob_that_is_not_there_and_a_wrong_value_are_refused(plaid_server: PlaidServer) -> None:
    for given, named in (({"lmits": "none"}, "lmits"), ({"page_size": 501}, "page_size"), ({"latency": -1}, "latency")):
        with pytest.raises(AssertionError, match=named):
            plaid_server.admin("knobs", **given)
    with pytest.raises(ValueError, match="limits"):
        start_plaid(knobs={"limits": "some"})


def test_a_latency_holds_every_call(plaid_server: PlaidServer) -> None:
    plaid_server.admin("knobs", latency=0.2)
    before = time.monotonic()
    plaid_server.call("/institutions/get_by_id", institution_id=FIRST_PLATYPUS, country_codes=["US"])
    assert time.monotonic() - before >= 0.2
