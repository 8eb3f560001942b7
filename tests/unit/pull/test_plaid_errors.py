"""Each answer that is not a success becomes one kind of error; none of them carries a token."""

from __future__ import annotations

import pytest

from sync.errors import (
    PlaidItemGone,
    PlaidLoginRequired,
    PlaidMutation,
    PlaidPublicToken,
    PlaidRateLimited,
    PlaidRefused,
    PlaidTransient,
)
from sync.pull.conditions import after
from sync.pull.plaid import Plaid, translated
from sync.pull.plaid_codes import event_of
from tests.integration.pull.bank import error


@pytest.mark.parametrize(
    ("code", "kind", "status"),
    [
        ("TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION", PlaidMutation, None),
        ("ITEM_LOGIN_REQUIRED", PlaidLoginRequired, "login_required"),
        ("ITEM_LOCKED", PlaidLoginRequired, "login_required"),
        ("NO_ACCOUNTS", PlaidLoginRequired, "login_required"),
        ("ITEM_NOT_FOUND", PlaidItemGone, "revoked"),
        ("INVALID_ACCESS_TOKEN", PlaidItemGone, "revoked"),
        ("USER_PERMISSION_REVOKED", PlaidItemGone, "revoked"),
        ("INSTITUTION_DOWN", PlaidTransient, None),
        ("PRODUCTS_NOT_SUPPORTED", PlaidRefused, "error"),
        ("INSTITUTION_NO_LONGER_SUPPORTED", PlaidRefused, "error"),
        ("INVALID_API_KEYS", PlaidRefused, None),
        ("INVALID_PUBLIC_TOKEN", PlaidPublicToken, None),
        ("A_CODE_FROM_NEXT_YEAR", PlaidRefused, None),
    ],
)
def test_a_code_decides_the_kind_and_what_the_item_becomes(code: str, kind: type, status: str | None) -> None:
    failure = translated("transactions_sync", *error(code))

    assert (kind, code, "req-error") == (type(failure), failure.plaid_code, failure.request_id)
    event = event_of(code)
    assert (event and after("ok", event)) == status


@pytest.mark.parametrize(
    ("code", "kind", "http"),
    [
        ("TRANSACTIONS_SYNC_LIMIT", "RATE_LIMIT_EXCEEDED", 429),
        ("A_NEW_LIMIT", "RATE_LIMIT_EXCEEDED", 400),
        ("A_NEW_LIMIT", "API_ERROR", 429),
    ],
)
def test_a_rate_limit_is_known_by_code_type_or_status(code: str, kind: str, http: int) -> None:
    assert isinstance(translated("item_get", *error(code, kind=kind, status=http)), PlaidRateLimited)


@pytest.mark.parametrize("body", ["<html>Bad Gateway</html>", "", "[]", '{"error": 1}', None, b"\xff"])
def test_a_body_that_is_not_plaids_is_transient(body: str | bytes | None) -> None:
    assert type(translated("item_get", 502, body)) is PlaidTransient


def test_a_server_error_of_an_unknown_code_is_transient() -> None:
    assert type(translated("item_get", *error("HICCUP", kind="API_ERROR", status=500))) is PlaidTransient


def test_the_banks_words_for_the_user_ride_along() -> None:
    assert translated("x", *error("ITEM_LOCKED", said="Unlock it.\0")).display_message == "Unlock it."


def test_a_server_that_is_not_there_is_transient() -> None:
    plaid = Plaid(url="http://127.0.0.1:9", client_id="client", secret="hush-secret")

    with pytest.raises(PlaidTransient) as failure:
        plaid.item_get("access-sandbox-hush")

    assert "hush" not in f"{failure.value!r}{plaid!r}{failure.value.__cause__!r}"


def test_a_request_that_the_client_itself_refuses_is_our_fault() -> None:
    plaid = Plaid(url="http://127.0.0.1:9", client_id="client", secret="secret")

    with pytest.raises(PlaidRefused):
        plaid.transactions_sync("access-sandbox-x", None, count=501)
