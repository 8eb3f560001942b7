"""Every answer has the shape that Plaid promises, and the real client reads it."""

from __future__ import annotations

import inspect
import re
from typing import Any

import plaid
import pytest
from plaid.api import plaid_api

from local.plaid import shapes
from local.plaid.endpoints import DOCUMENTED, SERVED
from local.plaid.fields import Shape
from tests.conformance.plaid import schema
from tests.fixtures.plaid import FIRST_PLATYPUS, PlaidServer

_LINK = {
    "client_name": "Livespend",
    "language": "en",
    "country_codes": ["US"],
    "products": ["transactions"],
    "user": {"client_user_id": "user-1"},
    "transactions": {"days_requested": 730},
}
_CLASSES = {
    "/link/token/create": "LinkTokenCreate",
    "/link/token/get": "LinkTokenGet",
    "/sandbox/public_token/create": "SandboxPublicTokenCreate",
    "/item/public_token/exchange": "ItemPublicTokenExchange",
    "/item/get": "ItemGet",
    "/item/remove": "ItemRemove",
    "/item/webhook/update": "ItemWebhookUpdate",
    "/item/access_token/invalidate": "ItemAccessTokenInvalidate",
    "/accounts/get": "AccountsGet",
    "/accounts/balance/get": "AccountsBalanceGet",
    "/institutions/get_by_id": "InstitutionsGetById",
    "/institutions/get": "InstitutionsGet",
    "/transactions/sync": "TransactionsSync",
    "/transactions/refresh": "TransactionsRefresh",
    "/transactions/recurring/get": "TransactionsRecurringGet",
    "/webhook_verification_key/get": "WebhookVerificationKeyGet",
    "/sandbox/item/fire_webhook": "SandboxItemFireWebhook",
    "/sandbox/item/reset_login": "SandboxItemResetLogin",
    "/sandbox/transactions/create": "SandboxTransactionsCreate",
}


def _requests(server: PlaidServer) -> dict[str, dict[str, Any]]:
    """A right request for every endpoint; each destructive one has an item of its own."""
    first, second, third, fourth = (server.item(f"user-{n}", webhook="http://127.0.0.1:9/")[0] for n in range(4))
    today = "2026-11-20"
    row = {"date_transacted": today, "date_posted": today, "amount": 1.5, "description": "COFFEE"}
    link_token = server.call("/link/token/create", **_LINK)["link_token"]
    server.connect(link_token)
    kid = server.admin("rotate-key")["key_id"]
    country = {"country_codes": ["US"]}
    return {
        "/link/token/create": _LINK,
        "/link/token/get": {"link_token": link_token},
        "/sandbox/public_token/create": {
            "institution_id": FIRST_PLATYPUS,
            "initial_products": ["transactions"],
            "options": {"webhook": "http://127.0.0.1:9/"},
        },
        "/item/public_token/exchange": {"public_token": server.link("user-5")},
        "/item/get": {"access_token": first},
        "/item/remove": {"access_token": second, "reason_code": "OTHER"},
        "/item/webhook/update": {"access_token": first, "webhook": "http://127.0.0.1:9/new"},
        "/item/access_token/invalidate": {"access_token": third},
        "/accounts/get": {"access_token": first},
        "/accounts/balance/get": {"access_token": first},
        "/institutions/get_by_id": {
            "institution_id": FIRST_PLATYPUS,
            "options": {"include_optional_metadata": True},
            **country,
        },
        "/institutions/get": {"count": 10, "offset": 0, **country},
        "/transactions/sync": {
            "access_token": first,
            "count": 500,
            "options": {"include_original_description": True, "personal_finance_category_version": "v2"},
        },
        "/transactions/refresh": {"access_token": first},
        "/transactions/recurring/get": {"access_token": first},
        "/webhook_verification_key/get": {"key_id": kid},
        "/sandbox/item/fire_webhook": {"access_token": first, "webhook_code": "DEFAULT_UPDATE"},
        "/sandbox/item/reset_login": {"access_token": fourth},
        "/sandbox/transactions/create": {"access_token": first, "transactions": [row]},
    }


def test_every_answer_fits_the_schema_of_the_installed_client(plaid_server: PlaidServer) -> None:
    requests = _requests(plaid_server)
    assert set(requests) == set(SERVED) == set(_CLASSES)
    for path, body in requests.items():
        answer = plaid_server.call(path, **body)
        name = _CLASSES[path].replace("AccountsBalanceGet", "AccountsGet") + "Response"
        assert "error_code" not in answer, (path, answer)
        assert schema.problems(name, answer) == [], path


def test_the_schema_notices_a_missing_key(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item()
    answer = plaid_server.call("/transactions/sync", access_token=token)
    del answer["added"][0]["payment_meta"]
    assert schema.problems("TransactionsSyncResponse", answer) == ["added/0: 'payment_meta' is a required property"]


def test_the_real_client_reads_every_answer(plaid_server: PlaidServer) -> None:
    client = plaid_server.client()
    for path, body in _requests(plaid_server).items():
        method = path.removeprefix("/").replace("/", "_")
        answer = getattr(client, method)(body)
        assert answer.request_id, path


def test_errors_have_plaids_shape_and_the_clients_exceptions(plaid_server: PlaidServer) -> None:
    client = plaid_server.client()
    with pytest.raises(plaid.ApiException) as caught:
        client.item_get({"access_token": "access-sandbox-nothing"})
    assert caught.value.status == 400
    answer = plaid_server.call("/item/get", access_token="access-sandbox-nothing")
    assert answer["error_code"] == "INVALID_ACCESS_TOKEN"
    assert answer["error_type"] == "INVALID_INPUT"
    assert answer["error_message"] == "could not find matching access token"
    assert schema.problems("PlaidError", answer) == []


def test_request_shapes_name_exactly_the_fields_of_the_client(subtests: pytest.Subtests) -> None:
    for path, name in _CLASSES.items():
        with subtests.test(path):
            _same_fields(schema.model(f"{name}Request"), SERVED[path].shape, top=True)


def _same_fields(found: Any, shape: Shape, *, top: bool) -> None:
    documented = set(found.attribute_map.values()) - ({"client_id", "secret"} if top else set())
    assert set(shape) == documented, found.__name__


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("LinkTokenCreateRequestUser", shapes._USER),
        ("TransactionsSyncRequestOptions", None),
        ("SandboxPublicTokenCreateRequestOptions", None),
        ("CustomSandboxTransaction", None),
    ],
)
def test_nested_shapes_name_exactly_the_fields_of_the_client(name: str, shape: Shape | None) -> None:
    nested = {
        "TransactionsSyncRequestOptions": shapes.TRANSACTIONS_SYNC["options"],
        "SandboxPublicTokenCreateRequestOptions": shapes.SANDBOX_PUBLIC_TOKEN_CREATE["options"],
    }
    if shape is None and name in nested:
        shape = inspect.getclosurevars(nested[name].check).nonlocals["shape"]
    if shape is None:
        item = inspect.getclosurevars(shapes.SANDBOX_TRANSACTIONS_CREATE["transactions"].check).nonlocals["check_item"]
        shape = inspect.getclosurevars(item).nonlocals["shape"]
    _same_fields(schema.model(name), shape, top=False)


def test_the_list_of_plaids_endpoints_is_that_of_the_client() -> None:
    source = inspect.getsource(plaid_api)
    assert set(re.findall(r"'endpoint_path': '([^']+)'", source)) == DOCUMENTED
    assert set(SERVED) <= DOCUMENTED


def test_an_endpoint_that_is_not_built_is_refused_by_name(plaid_server: PlaidServer) -> None:
    for path in sorted(DOCUMENTED - set(SERVED)):
        answer = plaid_server.call(path)
        assert answer["error_code"] == "UNIMPLEMENTED"
        assert path in answer["error_message"]


def test_an_unknown_path_is_not_found(plaid_server: PlaidServer) -> None:
    response = plaid_server.http.request("POST", plaid_server.url + "/transactions/typo", body=b"{}")
    assert response.status == 404
    assert response.json()["error_type"] == "INVALID_REQUEST"
    assert response.json()["error_code"] == "NOT_FOUND"


def test_big_answers_are_compressed_only_for_who_asks(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item()
    client = plaid_server.client()
    client.api_client.set_default_header("Accept-Encoding", "gzip")
    raw = client.transactions_sync({"access_token": token, "count": 500}, _preload_content=False)
    assert raw.headers["Content-Encoding"] == "gzip"
    plain = plaid_server.client().transactions_sync({"access_token": token, "count": 500}, _preload_content=False)
    assert "Content-Encoding" not in plain.headers
