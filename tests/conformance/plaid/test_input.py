"""Input is as strict as Plaid's: keys, fields, values, tokens."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.plaid import FIRST_PLATYPUS, PlaidServer

_LINK: dict[str, Any] = {
    "client_name": "Livespend",
    "language": "en",
    "country_codes": ["US"],
    "products": ["transactions"],
    "user": {"client_user_id": "user-1"},
}


def _post(server: PlaidServer, path: str, body: bytes, **headers: str) -> dict[str, Any]:
    answer: dict[str, Any] = server.http.request("POST", server.url + path, body=body, headers=headers).json()
    return answer


def test_keys_are_taken_from_the_headers_or_from_the_body(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item()
    headers = {"PLAID-CLIENT-ID": plaid_server.client_id, "PLAID-SECRET": plaid_server.secret}
    body = f'{{"access_token": "{token}"}}'.encode()
    assert "item" in _post(plaid_server, "/item/get", body, **headers)
    assert "item" in plaid_server.call("/item/get", access_token=token)


def test_missing_keys_are_named(plaid_server: PlaidServer) -> None:
    answer = _post(plaid_server, "/item/get", b"{}")
    assert answer["error_code"] == "MISSING_FIELDS"
    assert "client_id, secret" in answer["error_message"]


def test_wrong_keys_are_refused(plaid_server: PlaidServer) -> None:
    answer = plaid_server.call("/item/get", secret="another", access_token="access-sandbox-1")
    assert (answer["error_type"], answer["error_code"]) == ("INVALID_INPUT", "INVALID_API_KEYS")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"a": NaN}', b"\xff"])
def test_a_body_that_is_no_json_object_is_refused(plaid_server: PlaidServer, body: bytes) -> None:
    assert _post(plaid_server, "/item/get", body)["error_code"] == "INVALID_BODY"


@pytest.mark.parametrize(
    ("path", "body", "code", "named"),
    [
        ("/item/get", {}, "MISSING_FIELDS", "access_token"),
        ("/item/get", {"access_token": "a", "acess": 1}, "UNKNOWN_FIELDS", "acess"),
        ("/item/get", {"access_token": 5}, "INVALID_FIELD", "access_token"),
        ("/transactions/sync", {"access_token": "a", "count": 0}, "INVALID_FIELD", "count"),
        ("/transactions/sync", {"access_token": "a", "count": 501}, "INVALID_FIELD", "count"),
        ("/transactions/sync", {"access_token": "a", "count": "5"}, "INVALID_FIELD", "count"),
        ("/transactions/sync", {"access_token": "a", "count": True}, "INVALID_FIELD", "count"),
        ("/transactions/sync", {"access_token": "a", "cursor": None}, "INVALID_FIELD", "cursor"),
        ("/transactions/sync", {"access_token": "a", "cursor": "x" * 257}, "INVALID_FIELD", "cursor"),
        ("/transactions/sync", {"access_token": "a", "options": {"foo": 1}}, "UNKNOWN_FIELDS", "options.foo"),
        (
            "/transactions/sync",
            {"access_token": "a", "options": {"days_requested": 731}},
            "INVALID_FIELD",
            "options.days_requested",
        ),
        ("/link/token/create", {**_LINK, "country_codes": ["XX"]}, "INVALID_FIELD", "country_codes[0]"),
        ("/link/token/create", {**_LINK, "country_codes": []}, "INVALID_FIELD", "country_codes"),
        ("/link/token/create", {**_LINK, "products": ["nope"]}, "INVALID_FIELD", "products[0]"),
        ("/link/token/create", {**_LINK, "products": []}, "INVALID_FIELD", "products"),
        ("/link/token/create", {**_LINK, "products": ["transactions", "auth"]}, "INVALID_PRODUCT", "auth"),
        ("/link/token/create", {**_LINK, "user": {}}, "MISSING_FIELDS", "user.client_user_id"),
        ("/link/token/create", {**_LINK, "account_filters": {"depository": {}}}, "UNIMPLEMENTED", "account_filters"),
        ("/link/token/create", {**_LINK, "webhook": "not a url"}, "INVALID_FIELD", "webhook"),
        ("/link/token/create", {**_LINK, "redirect_uri": "http://x/y?z=1"}, "INVALID_FIELD", "redirect_uri"),
        ("/item/remove", {"access_token": "a", "reason_code": "BORED"}, "INVALID_FIELD", "reason_code"),
        ("/item/remove", {"access_token": "a", "reason_note": "x" * 513}, "INVALID_FIELD", "reason_note"),
        (
            "/sandbox/public_token/create",
            {"institution_id": FIRST_PLATYPUS, "initial_products": []},
            "INVALID_FIELD",
            "initial_products",
        ),
        (
            "/sandbox/public_token/create",
            {"institution_id": "ins_0", "initial_products": ["transactions"]},
            "INVALID_INSTITUTION",
            "institution",
        ),
    ],
)
def test_wrong_input_is_refused_and_named(
    plaid_server: PlaidServer, path: str, body: dict[str, Any], code: str, named: str
) -> None:
    answer = plaid_server.call(path, **body)
    assert answer["error_code"] == code
    assert named in answer["error_message"]


def test_a_token_of_another_environment_is_refused(plaid_server: PlaidServer) -> None:
    answer = plaid_server.call("/item/get", access_token="access-production-2a1b")
    assert answer["error_code"] == "INVALID_ACCESS_TOKEN"


def test_a_public_token_is_exchanged_once(plaid_server: PlaidServer) -> None:
    public = plaid_server.link()
    assert "access_token" in plaid_server.call("/item/public_token/exchange", public_token=public)
    again = plaid_server.call("/item/public_token/exchange", public_token=public)
    assert again["error_code"] == "INVALID_PUBLIC_TOKEN"


def test_a_public_token_lives_thirty_minutes(plaid_server: PlaidServer) -> None:
    first, second = plaid_server.link(), plaid_server.link()
    plaid_server.admin("clock", seconds=30 * 60 - 1)
    assert "access_token" in plaid_server.call("/item/public_token/exchange", public_token=first)
    plaid_server.admin("clock", seconds=1)
    answer = plaid_server.call("/item/public_token/exchange", public_token=second)
    assert answer["error_code"] == "INVALID_PUBLIC_TOKEN"


def test_a_link_token_lives_four_hours_and_half_an_hour_in_update_mode(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item()
    new = plaid_server.call("/link/token/create", **_LINK)
    update = plaid_server.call(
        "/link/token/create", **{name: value for name, value in _LINK.items() if name != "products"}, access_token=token
    )
    assert new["expiration"] == "2026-11-20T16:00:00Z"
    assert update["expiration"] == "2026-11-20T12:30:00Z"
    plaid_server.admin("clock", seconds=30 * 60)
    response = plaid_server.http.request(
        "POST",
        plaid_server.url + "/_local/link/session",
        body=f'{{"link_token": "{update["link_token"]}"}}',
        headers={"Content-Type": "application/json"},
    )
    assert response.json()["error_code"] == "INVALID_LINK_TOKEN"
    assert plaid_server.connect(new["link_token"]).startswith("public-sandbox-")


def test_an_invalidated_access_token_is_dead_and_the_new_one_opens_the_same_item(plaid_server: PlaidServer) -> None:
    token, item_id = plaid_server.item()
    renewed = plaid_server.call("/item/access_token/invalidate", access_token=token)["new_access_token"]
    assert plaid_server.call("/item/get", access_token=token)["error_code"] == "INVALID_ACCESS_TOKEN"
    assert plaid_server.call("/item/get", access_token=renewed)["item"]["item_id"] == item_id


def test_a_removed_item_is_not_found_by_any_call(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item()
    assert "error_code" not in plaid_server.call("/item/remove", access_token=token)
    for path in ("/item/get", "/transactions/sync", "/accounts/get", "/item/remove", "/transactions/refresh"):
        assert plaid_server.call(path, access_token=token)["error_code"] == "ITEM_NOT_FOUND"


def test_an_account_that_is_not_there_is_named(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item()
    answer = plaid_server.call("/accounts/get", access_token=token, options={"account_ids": ["0000"]})
    assert answer["error_code"] == "INVALID_ACCOUNT_ID"


@pytest.mark.parametrize(
    ("username", "password", "code"),
    [
        ("user_good", "wrong", "INVALID_CREDENTIALS"),
        ("nobody", "pass_good", "INVALID_CREDENTIALS"),
        ("user_good", "error_ITEM_LOCKED", "ITEM_LOCKED"),
        ("user_bank_income", "x", "UNIMPLEMENTED"),
        ("user_transactions_dynamic", " ", "INVALID_CREDENTIALS"),
    ],
)
def test_who_cannot_sign_in_gets_the_banks_error(
    plaid_server: PlaidServer, username: str, password: str, code: str
) -> None:
    options = {"override_username": username, "override_password": password}
    answer = plaid_server.call(
        "/sandbox/public_token/create",
        institution_id=FIRST_PLATYPUS,
        initial_products=["transactions"],
        options=options,
    )
    assert answer["error_code"] == code
    assert plaid_server.look("items")["items"] == []
