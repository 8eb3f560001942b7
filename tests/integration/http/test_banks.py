"""Linking a bank over HTTP, from Link's token to the end, at the local Plaid."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fixtures.auth import AuthServer
from tests.fixtures.deps import DepsFor
from tests.fixtures.plaid import PlaidServer
from tests.integration.http.conftest import House, Person


@pytest.fixture
def alice(
    house_of: Callable[..., House], deps_for: DepsFor, auth_server: AuthServer, plaid_server: PlaidServer
) -> Person:
    return house_of(deps_for("api"), auth_server).person("alice")


def test_a_bank_is_linked_and_its_first_pull_is_rung(alice: Person, plaid_server: PlaidServer, deps_for: DepsFor):
    opened = alice("POST", "/api/link-tokens", {})
    public_token = plaid_server.connect(opened.json["linkToken"])
    linked = alice("POST", "/api/items", {"publicToken": public_token}, Idempotency_Key="link-1")

    assert linked.status_code == 201
    item = linked.json["item"]
    assert (item["status"], item["institutionName"]) == ("ok", "First Platypus Bank")
    assert alice("GET", "/api/items").json["items"] == [item]
    accounts = alice("GET", "/api/accounts").json["accounts"]
    assert {mark["path"].split("/", 2)[2] for mark in linked.json["marked"]} == {
        f"items/{item['id']}",
        *(f"accounts/{account['id']}" for account in accounts),
    }
    assert deps_for.bells == [("pull_item", {"item_id": item["id"]})]


def test_a_retry_of_a_link_gets_the_first_answer(alice: Person, plaid_server: PlaidServer):
    public_token = plaid_server.connect(alice("POST", "/api/link-tokens", {}).json["linkToken"])
    first = alice("POST", "/api/items", {"publicToken": public_token}, Idempotency_Key="link-1")
    again = alice("POST", "/api/items", {"publicToken": public_token}, Idempotency_Key="link-1")

    assert (again.status_code, again.json) == (201, first.json)
    assert len(alice("GET", "/api/items").json["items"]) == 1


def test_a_public_token_that_plaid_does_not_know_is_refused(alice: Person):
    answer = alice("POST", "/api/items", {"publicToken": "public-sandbox-00000000"})

    assert (answer.status_code, answer.json["code"]) == (422, "plaid-public-token")
    assert "public-sandbox" not in answer.text


def test_a_bank_is_repaired_through_update_mode(alice: Person, plaid_server: PlaidServer, deps_for: DepsFor):
    public_token = plaid_server.connect(alice("POST", "/api/link-tokens", {}).json["linkToken"])
    item = alice("POST", "/api/items", {"publicToken": public_token}).json["item"]["id"]
    opened = alice("POST", "/api/link-tokens", {"itemId": item})
    repaired = alice("POST", f"/api/items/{item}/repaired")

    assert opened.status_code == 200
    assert (repaired.status_code, repaired.json["item"]["status"]) == (200, "ok")
    assert [name for name, _ in deps_for.bells] == ["pull_item", "refresh_accounts", "pull_item"]


def test_update_mode_for_nobodys_bank_is_refused(alice: Person):
    answer = alice("POST", "/api/link-tokens", {"itemId": "00000000-0000-4000-8000-000000000000"})

    assert (answer.status_code, answer.json["code"]) == (404, "item-not-found")


def test_an_unlinked_bank_is_removed_at_plaid_later(alice: Person, plaid_server: PlaidServer, deps_for: DepsFor):
    public_token = plaid_server.connect(alice("POST", "/api/link-tokens", {}).json["linkToken"])
    item = alice("POST", "/api/items", {"publicToken": public_token}).json["item"]["id"]
    answer = alice("DELETE", f"/api/items/{item}")

    assert answer.status_code == 200
    assert f"users/{alice.user_id}/items/{item}" in {mark["path"] for mark in answer.json["marked"]}
    assert deps_for.bells[-1] == ("remove_item", {"item_id": item})
    assert alice("GET", "/api/items").json["items"] == []


def told(alice: Person, item_id: str) -> list[dict[str, object]]:
    """The accounts of a bank as Link tells them to the page."""
    accounts = [one for one in alice("GET", "/api/accounts").json["accounts"] if one["itemId"] == item_id]
    return [{name: account[name] for name in ("name", "mask", "type", "subtype")} for account in accounts]


def test_a_bank_that_is_linked_already_is_refused_with_its_id_and_nothing_is_spent(
    alice: Person, plaid_server: PlaidServer
):
    opened = alice("POST", "/api/link-tokens", {}).json
    first = {"publicToken": plaid_server.connect(opened["linkToken"]), "linkToken": opened["linkToken"]}
    item = alice("POST", "/api/items", first).json["item"]["id"]
    again = alice("POST", "/api/link-tokens", {}).json["linkToken"]
    body = {"publicToken": plaid_server.connect(again), "linkToken": again}
    answer = alice("POST", "/api/items", body | {"institutionId": "ins_109508", "accounts": told(alice, item)})

    assert (answer.status_code, answer.json["code"], answer.json["itemId"]) == (409, "item-already-linked", item)
    assert len(plaid_server.requests("/item/public_token/exchange")) == 1
    assert plaid_server.call("/item/public_token/exchange", public_token=body["publicToken"])["item_id"]


def test_what_link_tells_in_no_shape_we_know_does_not_keep_a_bank_from_being_linked(
    alice: Person, plaid_server: PlaidServer
):
    public_token = plaid_server.connect(alice("POST", "/api/link-tokens", {}).json["linkToken"])
    strange = {"name": 7, "mask": None, "type": "x" * 900, "subtype": "\u0000"}
    answer = alice("POST", "/api/items", {"publicToken": public_token, "institutionId": {}, "accounts": [strange]})

    assert answer.status_code == 201


def test_update_mode_may_choose_accounts_and_its_public_token_is_not_exchanged(
    alice: Person, plaid_server: PlaidServer
):
    public_token = plaid_server.connect(alice("POST", "/api/link-tokens", {}).json["linkToken"])
    item = alice("POST", "/api/items", {"publicToken": public_token}).json["item"]["id"]
    opened = alice("POST", "/api/link-tokens", {"itemId": item, "accountSelection": True}).json
    session = alice("GET", f"/api/link-sessions/{opened['sessionId']}").json["session"]
    body = {"publicToken": plaid_server.connect(opened["linkToken"]), "linkToken": opened["linkToken"]}
    refused = alice("POST", "/api/items", body)

    assert (session["mode"], session["state"], session["itemId"]) == ("update", "open", item)
    assert (refused.status_code, refused.json["code"]) == (409, "update-mode-token")
    alice("POST", f"/api/items/{item}/repaired")
    assert alice("GET", f"/api/link-sessions/{opened['sessionId']}").json["session"]["state"] == "finished"


def test_anothers_use_of_link_answers_like_an_unknown_one(
    house_of: Callable[..., House], deps_for: DepsFor, auth_server: AuthServer, plaid_server: PlaidServer
):
    house = house_of(deps_for("api"), auth_server)
    alice, bob = house.person("alice"), house.person("bob")
    opened = alice("POST", "/api/link-tokens", {}).json
    public_token = plaid_server.connect(opened["linkToken"])

    for path in (opened["sessionId"], "00000000-0000-4000-8000-000000000000"):
        answer = bob("GET", f"/api/link-sessions/{path}")
        assert (answer.status_code, answer.json["code"]) == (404, "link-session-not-found")
    stolen = bob("POST", "/api/items", {"publicToken": public_token, "linkToken": opened["linkToken"]})
    assert (stolen.status_code, stolen.json["code"]) == (404, "link-session-not-found")
    assert plaid_server.requests("/item/public_token/exchange") == []
