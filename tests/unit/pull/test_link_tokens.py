"""What Plaid is asked for when Link is opened, and how the ends of its uses are read."""

from __future__ import annotations

from typing import Any

import pytest

from sync.banks.link_tokens import LinkResult, UpdateMode, link_request, read_link_token, read_results
from sync.errors import PlaidContract

ADDED = {"item_add_results": [{"public_token": "p"}]}
WEBHOOK, REDIRECT = "https://us/webhooks", "https://us/back"
ANSWER = {"link_token": "link-1", "expiration": "2026-11-20T16:00:00Z"}


def asked(update: UpdateMode | None = None, *, hosted: bool = False) -> dict[str, Any]:
    return link_request(update, hosted=hosted, webhook=WEBHOOK, redirect=REDIRECT)


def test_a_new_bank_is_asked_for_two_years_of_transactions() -> None:
    assert asked() == {
        "products": ["transactions"],
        "transactions": {"days_requested": 730},
        "webhook": WEBHOOK,
        "redirect_uri": REDIRECT,
    }


def test_update_mode_names_its_item_no_products_and_the_redirect_again() -> None:
    assert asked(UpdateMode("access-1")) == {"access_token": "access-1", "redirect_uri": REDIRECT}


def test_update_mode_asks_for_accounts_and_for_consent_where_they_lack() -> None:
    request = asked(UpdateMode("access-1", account_selection=True, consent=True))

    assert request["update"] == {"account_selection_enabled": True}
    assert request["additional_consented_products"] == ["transactions"]


def test_hosted_link_names_the_webhook_that_tells_its_end_and_no_redirect() -> None:
    for request in (asked(hosted=True), asked(UpdateMode("access-1"), hosted=True)):
        assert (request["hosted_link"], request["webhook"], "redirect_uri" in request) == ({}, WEBHOOK, False)


@pytest.mark.parametrize(
    "answer",
    [
        {"expiration": "2026-11-20T16:00:00Z"},
        {"link_token": "link-1", "expiration": "soon"},
        {"link_token": "link-1", "expiration": "2026-11-20T16:00:00"},
    ],
)
def test_a_link_token_that_is_not_of_the_documented_shape_breaks_the_contract(answer: dict[str, Any]) -> None:
    with pytest.raises(PlaidContract):
        read_link_token(answer, hosted=False)


def test_hosted_link_without_an_address_breaks_the_contract() -> None:
    assert read_link_token(ANSWER, hosted=False).hosted_url is None
    with pytest.raises(PlaidContract):
        read_link_token(ANSWER, hosted=True)


@pytest.mark.parametrize(
    ("session", "ended"),
    [
        ({"finished_at": None, "results": ADDED}, []),
        ({"finished_at": "x", "results": ADDED}, [LinkResult(("p",), True)]),
        (
            {"finished_at": "x", "on_success": {"public_token": "p"}, "results": ADDED},
            [LinkResult(("p",), True)],
        ),
        ({"finished_at": "x", "exit": {"error": None}}, [LinkResult((), False)]),
        ({"finished_at": "x", "on_success": None, "results": None}, [LinkResult((), True)]),
    ],
)
def test_the_end_of_a_session_is_read(session: dict[str, Any], ended: list[LinkResult]) -> None:
    assert read_results({"link_sessions": [session]}) == ended


def test_no_token_is_in_a_repr() -> None:
    token = read_link_token(ANSWER | {"hosted_link_url": "https://h/secret"}, hosted=True)

    said = f"{token} {UpdateMode('access-1')} {LinkResult(('public-1',), True)}"
    assert not any(secret in said for secret in ("link-1", "https://h/secret", "access-1", "public-1"))


def test_sessions_that_are_no_objects_break_the_contract() -> None:
    for told in ("x", ["x"]):
        with pytest.raises(PlaidContract):
            read_results({"link_sessions": told})
