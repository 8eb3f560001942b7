"""Link sessions as the backend sees them: hosted links, their webhooks, /link/token/get, and banks with OAuth."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.plaid import schema
from tests.conformance.plaid.conftest import Receiver, read_update
from tests.fixtures.plaid import AdminRefused, PlaidServer

_OAUTH = "ins_127287"
_GOOD = {"institution_id": "ins_109508", "username": "user_good", "password": "pass_good"}


def _create(server: PlaidServer, **more: Any) -> dict[str, Any]:
    body = {"client_name": "Livespend", "language": "en", "country_codes": ["US"], "user": {"client_user_id": "ada"}}
    if "access_token" not in more:
        body |= {"products": ["transactions"], "transactions": {"days_requested": 90}}
    answer = server.call("/link/token/create", **body, **more)
    assert schema.problems("LinkTokenCreateResponse", answer) == []
    return answer


def _sessions(server: PlaidServer, token: str) -> list[dict[str, Any]]:
    answer = server.call("/link/token/get", link_token=token)
    assert schema.problems("LinkTokenGetResponse", answer) == []
    server.client().link_token_get({"link_token": token})
    found: list[dict[str, Any]] = answer["link_sessions"]
    return found


def _hosted_id(answer: dict[str, Any]) -> str:
    return str(answer["hosted_link_url"]).rpartition("/")[2]


def _bodies(receiver: Receiver) -> dict[str, dict[str, Any]]:
    for hook in receiver.got:
        assert schema.hook_problems(hook.body) == [], hook.code
    return {hook.code: json.loads(hook.body) for hook in receiver.got}


def test_a_hosted_link_has_an_address_of_its_own_only_when_asked_for(plaid_server: PlaidServer) -> None:
    assert "hosted_link_url" not in _create(plaid_server)
    answer = _create(plaid_server, hosted_link={})
    assert answer["hosted_link_url"].startswith(plaid_server.url)
    page = plaid_server.http.request("GET", answer["hosted_link_url"])
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert plaid_server.admin("link/hosted", id=_hosted_id(answer))["link_token"] == answer["link_token"]


def test_a_hosted_link_lives_half_an_hour_unless_told_otherwise(plaid_server: PlaidServer) -> None:
    short, long = (
        _create(plaid_server, hosted_link={}),
        _create(plaid_server, hosted_link={"url_lifetime_seconds": 7200}),
    )
    plaid_server.admin("clock", seconds=30 * 60)
    with pytest.raises(AdminRefused, match="expired"):
        plaid_server.admin("link/hosted", id=_hosted_id(short))
    assert plaid_server.admin("link/hosted", id=_hosted_id(long))["link_token"] == long["link_token"]


def test_a_hosted_session_tells_its_success_by_signed_webhooks(plaid_server: PlaidServer, receiver: Receiver) -> None:
    token = _create(plaid_server, hosted_link={}, webhook=receiver.url)["link_token"]
    plaid_server.admin("link/event", link_token=token, name="OPEN")
    session_id = plaid_server.admin("link/session", link_token=token)["link_session_id"]
    selected = {"institution_id": "ins_109508", "unknown_to_plaid": 1}
    plaid_server.admin("link/event", link_token=token, name="SELECT_INSTITUTION", metadata=selected)
    public = plaid_server.admin("link/connect", link_token=token, **_GOOD)["public_token"]
    receiver.wait_for_codes("ITEM_ADD_RESULT", "SESSION_FINISHED", "EVENTS")
    told = _bodies(receiver)
    for body in told.values():
        assert (body["link_token"], body["link_session_id"]) == (token, session_id)
    assert told["ITEM_ADD_RESULT"]["public_token"] == public
    assert (told["SESSION_FINISHED"]["status"], told["SESSION_FINISHED"]["public_tokens"]) == ("SUCCESS", [public])
    names = [event["event_name"] for event in told["EVENTS"]["events"]]
    assert names == ["SELECT_INSTITUTION", "HANDOFF"]
    assert told["EVENTS"]["events"][0]["event_metadata"] == {"institution_id": "ins_109508"}
    assert "access_token" in plaid_server.call("/item/public_token/exchange", public_token=public)


def test_a_hosted_session_tells_its_exit(plaid_server: PlaidServer, receiver: Receiver) -> None:
    token = _create(plaid_server, hosted_link={}, webhook=receiver.url)["link_token"]
    plaid_server.admin("link/session", link_token=token)
    plaid_server.admin("link/exit", link_token=token, status="requires_credentials")
    receiver.wait_for_codes("SESSION_FINISHED", "EVENTS")
    told = _bodies(receiver)
    assert (told["SESSION_FINISHED"]["status"], told["SESSION_FINISHED"]["public_tokens"]) == ("EXITED", [])
    assert told["EVENTS"]["events"][-1]["event_name"] == "EXIT"
    assert "ITEM_ADD_RESULT" not in told


def test_a_session_that_is_not_hosted_tells_nothing(plaid_server: PlaidServer, receiver: Receiver) -> None:
    token = _create(plaid_server, webhook=receiver.url)["link_token"]
    public = plaid_server.connect(token)
    plaid_server.call("/item/public_token/exchange", public_token=public)
    receiver.wait_for_codes("INITIAL_UPDATE", "HISTORICAL_UPDATE")
    assert not {"SESSION_FINISHED", "ITEM_ADD_RESULT", "EVENTS"} & {hook.code for hook in receiver.got}


def test_link_token_get_lists_every_session_with_its_outcome(plaid_server: PlaidServer) -> None:
    token = _create(plaid_server)["link_token"]
    plaid_server.admin("link/session", link_token=token)
    (begun,) = _sessions(plaid_server, token)
    assert begun["finished_at"] is None
    plaid_server.admin("link/exit", link_token=token, error_code="INSTITUTION_NOT_RESPONDING")
    public = plaid_server.connect(token)
    left, linked = _sessions(plaid_server, token)
    assert left["exit"]["error"]["error_code"] == "INSTITUTION_NOT_RESPONDING"
    assert linked["on_success"]["public_token"] == public
    (result,) = linked["results"]["item_add_results"]
    assert (result["public_token"], result["institution"]["institution_id"]) == (public, "ins_109508")
    assert [account["mask"] for account in result["accounts"]] == ["0000", "1111", "3333"]
    assert left["link_session_id"] != linked["link_session_id"]


def test_a_session_without_an_error_also_has_an_exit(plaid_server: PlaidServer) -> None:
    token = _create(plaid_server)["link_token"]
    plaid_server.admin("link/exit", link_token=token)
    (left,) = _sessions(plaid_server, token)
    assert left["finished_at"] is not None
    assert "on_success" not in left


def test_update_mode_adds_no_item(plaid_server: PlaidServer, receiver: Receiver) -> None:
    access, _ = plaid_server.item("ada")
    token = _create(plaid_server, access_token=access, hosted_link={}, webhook=receiver.url)["link_token"]
    plaid_server.connect(token)
    receiver.wait_for_codes("SESSION_FINISHED")
    assert _bodies(receiver)["SESSION_FINISHED"]["public_tokens"] == []
    assert _sessions(plaid_server, token)[0]["results"]["item_add_results"] == []
    assert len(plaid_server.look("items")["items"]) == 1


def test_consent_to_more_products_is_kept(plaid_server: PlaidServer) -> None:
    token = _create(plaid_server, additional_consented_products=["auth"])["link_token"]
    answer = plaid_server.call("/item/public_token/exchange", public_token=plaid_server.connect(token))
    item = plaid_server.call("/item/get", access_token=answer["access_token"])["item"]
    assert item["consented_products"] == ["transactions", "auth"]
    token = _create(
        plaid_server,
        access_token=answer["access_token"],
        additional_consented_products=["liabilities"],
        update={"reauthorization_enabled": True},
    )["link_token"]
    plaid_server.connect(token)
    item = plaid_server.call("/item/get", access_token=answer["access_token"])["item"]
    assert item["consented_products"] == ["transactions", "auth", "liabilities"]
    assert item["products"] == ["transactions"]


# --- OAuth ----------------------------------------------------------------------------------------------------------


def _start(server: PlaidServer, **more: Any) -> tuple[str, dict[str, Any]]:
    token = _create(server, **more)["link_token"]
    return token, server.admin("oauth/start", link_token=token, institution_id=_OAUTH)


def test_a_bank_with_oauth_is_linked_after_consent_on_its_own_page(plaid_server: PlaidServer) -> None:
    token, started = _start(plaid_server, redirect_uri="http://localhost:5173/oauth")
    state = started["oauth_state_id"]
    assert plaid_server.http.request("GET", plaid_server.url + started["url"]).status == 200
    with pytest.raises(AdminRefused, match="not consented"):
        plaid_server.admin("link/connect", link_token=token, oauth_state_id=state)
    decided = plaid_server.admin(
        "oauth/decide", oauth_state_id=state, consent=True, username="user_good", password="pass_good"
    )
    assert decided["back"] == f"http://localhost:5173/oauth?oauth_state_id={state}"
    assert plaid_server.admin("oauth/state", oauth_state_id=state)["status"] == "granted"
    public = plaid_server.admin("link/connect", link_token=token, oauth_state_id=state)["public_token"]
    access = plaid_server.call("/item/public_token/exchange", public_token=public)["access_token"]
    assert plaid_server.call("/item/get", access_token=access)["item"]["institution_id"] == _OAUTH
    assert read_update(plaid_server, access).added


def test_who_refuses_at_the_bank_is_not_linked(plaid_server: PlaidServer) -> None:
    token, started = _start(plaid_server)
    state = started["oauth_state_id"]
    assert plaid_server.admin("oauth/decide", oauth_state_id=state, consent=False)["back"] is None
    assert plaid_server.admin("oauth/state", oauth_state_id=state)["status"] == "refused"
    with pytest.raises(AdminRefused, match="not consented"):
        plaid_server.admin("link/connect", link_token=token, oauth_state_id=state)


def test_a_consent_is_of_use_to_its_own_link_token_only(plaid_server: PlaidServer) -> None:
    _, started = _start(plaid_server)
    state = started["oauth_state_id"]
    plaid_server.admin("oauth/decide", oauth_state_id=state, consent=True, username="user_good", password="pass_good")
    with pytest.raises(AdminRefused, match="not consented"):
        plaid_server.admin("link/connect", link_token=_create(plaid_server)["link_token"], oauth_state_id=state)


def test_a_bank_with_oauth_knows_no_other_user_and_checks_the_password(plaid_server: PlaidServer) -> None:
    _, started = _start(plaid_server)
    for username, password in (("user_good", "wrong"), ("user_transactions_dynamic", "x")):
        with pytest.raises(AdminRefused, match="INVALID_CREDENTIALS"):
            plaid_server.admin(
                "oauth/decide",
                oauth_state_id=started["oauth_state_id"],
                consent=True,
                username=username,
                password=password,
            )
