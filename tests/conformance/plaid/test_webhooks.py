"""Webhooks: who gets which, how they are signed, retried, and what the knobs do to them."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

import jwt
import pytest

from local.plaid.courier import RETRIES
from tests.conformance.plaid import schema
from tests.conformance.plaid.conftest import Receiver, Webhook, read_update
from tests.fixtures.plaid import PlaidServer, start_plaid, stop_plaid
from tests.fixtures.waiting import eventually


@pytest.fixture
def linked(plaid_server: PlaidServer, receiver: Receiver) -> tuple[str, str]:
    """A synced item whose webhooks go to the receiver: (access_token, item_id); first webhooks are through."""
    token, item_id = plaid_server.item(webhook=receiver.url)
    receiver.wait_for_codes("INITIAL_UPDATE", "HISTORICAL_UPDATE")
    read_update(plaid_server, token)
    receiver.got.clear()
    return token, item_id


def _verified(server: PlaidServer, hook: Webhook, **options: Any) -> dict[str, Any]:
    """The claims of a webhook, after the checks that Plaid's documentation asks for; raises when one fails."""
    assert hook.jwt is not None
    header = jwt.get_unverified_header(hook.jwt)
    assert header["alg"] == "ES256"
    answer = server.call("/webhook_verification_key/get", key_id=header["kid"])
    assert "key" in answer, answer
    claims: dict[str, Any] = jwt.decode(
        hook.jwt, jwt.PyJWK(answer["key"]), algorithms=["ES256"], leeway=30, options=options or None
    )
    assert claims["request_body_sha256"] == hashlib.sha256(hook.body).hexdigest()
    return claims


def test_a_purchase_rings_with_a_verifiable_signature(
    plaid_server: PlaidServer, receiver: Receiver, linked: tuple[str, str]
) -> None:
    plaid_server.buy()
    hooks = receiver.wait_for_codes("SYNC_UPDATES_AVAILABLE", "DEFAULT_UPDATE")
    for hook in hooks:
        assert set(_verified(plaid_server, hook)) == {"iat", "request_body_sha256"}
    body = json.loads(next(hook.body for hook in hooks if hook.code == "SYNC_UPDATES_AVAILABLE"))
    assert body == {
        "environment": "sandbox",
        "historical_update_complete": True,
        "initial_update_complete": True,
        "item_id": linked[1],
        "webhook_code": "SYNC_UPDATES_AVAILABLE",
        "webhook_type": "TRANSACTIONS",
    }


def test_the_body_is_indented_by_two_spaces(
    plaid_server: PlaidServer, receiver: Receiver, linked: tuple[str, str]
) -> None:
    plaid_server.buy()
    for hook in receiver.wait_for_codes("SYNC_UPDATES_AVAILABLE"):
        assert hook.body == json.dumps(json.loads(hook.body), indent=2).encode()


def test_sync_updates_go_only_to_items_that_were_synced(plaid_server: PlaidServer, receiver: Receiver) -> None:
    token, _ = plaid_server.item(webhook=receiver.url)
    plaid_server.buy()
    receiver.wait_for_codes("DEFAULT_UPDATE")
    plaid_server.call("/transactions/sync", access_token=token)
    plaid_server.buy()
    hooks = receiver.wait_for_codes("SYNC_UPDATES_AVAILABLE")
    assert [hook.code for hook in hooks].count("SYNC_UPDATES_AVAILABLE") == 1


def test_a_removal_also_tells_the_legacy_way(
    plaid_server: PlaidServer, receiver: Receiver, linked: tuple[str, str]
) -> None:
    bought = plaid_server.buy(notify=False)["transaction_id"]
    plaid_server.admin("remove", transaction_ids=[bought])
    hooks = receiver.wait_for_codes("SYNC_UPDATES_AVAILABLE", "TRANSACTIONS_REMOVED")
    body = json.loads(next(hook.body for hook in hooks if hook.code == "TRANSACTIONS_REMOVED"))
    assert body["removed_transactions"] == [bought]


def test_without_notify_nothing_rings(plaid_server: PlaidServer, receiver: Receiver, linked: tuple[str, str]) -> None:
    plaid_server.buy(notify=False)
    plaid_server.buy()
    hooks = receiver.wait_for_codes("SYNC_UPDATES_AVAILABLE", "DEFAULT_UPDATE")
    assert len(hooks) == 2


def test_only_200_is_success_and_the_rest_is_tried_again(
    plaid_server: PlaidServer, receiver: Receiver, linked: tuple[str, str]
) -> None:
    receiver.answers = [500, 204, 302, 200]
    token, _ = linked
    plaid_server.call("/sandbox/item/fire_webhook", access_token=token, webhook_code="LOGIN_REPAIRED")
    hooks = receiver.wait_for(lambda got: len(got) >= 4)
    assert {hook.code for hook in hooks} == {"LOGIN_REPAIRED"}
    for hook in hooks:
        _verified(plaid_server, hook)


def all_given_up(server: PlaidServer) -> bool:
    return {hook["state"] for hook in server.look("webhooks")["webhooks"]} == {"given up"}


def test_retries_end_after_six(receiver: Receiver) -> None:
    """30 s, then four times longer each time: scaled down, since the whole schedule takes eleven hours."""
    server = start_plaid(retry_scale=0.00001)
    receiver.answers = [500]
    token, _ = server.item()
    server.call("/item/webhook/update", access_token=token, webhook=receiver.url)
    receiver.wait_for(lambda got: len(got) == 1 + RETRIES)
    eventually(lambda: all_given_up(server))
    assert len(receiver.got) == 7
    stop_plaid(server)


@pytest.mark.parametrize("fault", ["webhook_bad_signature", "webhook_wrong_kid", "webhook_hs256", "webhook_reindent"])
def test_forgeries_on_demand_fail_verification(
    plaid_server: PlaidServer, receiver: Receiver, linked: tuple[str, str], fault: str
) -> None:
    plaid_server.fault(fault, webhook_code="SYNC_UPDATES_AVAILABLE")
    plaid_server.buy()
    hooks = receiver.wait_for_codes("SYNC_UPDATES_AVAILABLE", "DEFAULT_UPDATE")
    forged = next(hook for hook in hooks if hook.code == "SYNC_UPDATES_AVAILABLE")
    sound = next(hook for hook in hooks if hook.code == "DEFAULT_UPDATE")
    _verified(plaid_server, sound)
    with pytest.raises((AssertionError, jwt.InvalidTokenError)):
        _verified(plaid_server, forged)


@pytest.mark.parametrize(("fault", "skew"), [("webhook_old_iat", -400), ("webhook_future_iat", 20)])
def test_the_age_of_a_signature_on_demand(
    plaid_server: PlaidServer, receiver: Receiver, linked: tuple[str, str], fault: str, skew: int
) -> None:
    plaid_server.fault(fault, webhook_code="SYNC_UPDATES_AVAILABLE")
    plaid_server.buy()
    hooks = receiver.wait_for_codes("SYNC_UPDATES_AVAILABLE", "DEFAULT_UPDATE")
    ages = {hook.code: _verified(plaid_server, hook)["iat"] for hook in hooks}
    assert abs(ages["SYNC_UPDATES_AVAILABLE"] - ages["DEFAULT_UPDATE"] - skew) <= 2


def test_a_webhook_without_a_header_on_demand(
    plaid_server: PlaidServer, receiver: Receiver, linked: tuple[str, str]
) -> None:
    plaid_server.fault("webhook_no_header", webhook_code="SYNC_UPDATES_AVAILABLE")
    plaid_server.buy()
    hooks = receiver.wait_for_codes("SYNC_UPDATES_AVAILABLE")
    assert next(hook for hook in hooks if hook.code == "SYNC_UPDATES_AVAILABLE").jwt is None


def test_drop_duplicate_and_reorder_on_demand(
    plaid_server: PlaidServer, receiver: Receiver, linked: tuple[str, str]
) -> None:
    plaid_server.fault("webhook_drop", webhook_code="SYNC_UPDATES_AVAILABLE")
    plaid_server.fault("webhook_duplicate", webhook_code="DEFAULT_UPDATE")
    plaid_server.buy()
    hooks = receiver.wait_for(lambda got: len(got) >= 2)
    assert [hook.code for hook in hooks] == ["DEFAULT_UPDATE", "DEFAULT_UPDATE"]
    assert hooks[0].body == hooks[1].body
    receiver.got.clear()
    plaid_server.fault("webhook_reorder", webhook_code="SYNC_UPDATES_AVAILABLE")
    plaid_server.buy()
    hooks = receiver.wait_for(lambda got: len(got) >= 2)
    assert [hook.code for hook in hooks] == ["DEFAULT_UPDATE", "SYNC_UPDATES_AVAILABLE"]


def test_a_rotated_key_signs_and_the_old_one_has_expired(
    plaid_server: PlaidServer, receiver: Receiver, linked: tuple[str, str]
) -> None:
    plaid_server.buy()
    old = jwt.get_unverified_header(receiver.wait_for_codes("SYNC_UPDATES_AVAILABLE")[0].jwt or "")["kid"]
    receiver.wait_for_codes("DEFAULT_UPDATE")
    receiver.got.clear()
    fresh = plaid_server.admin("rotate-key")["key_id"]
    plaid_server.buy()
    hook = receiver.wait_for_codes("SYNC_UPDATES_AVAILABLE")[0]
    assert jwt.get_unverified_header(hook.jwt or "")["kid"] == fresh
    assert plaid_server.call("/webhook_verification_key/get", key_id=old)["key"]["expired_at"] is not None
    assert plaid_server.call("/webhook_verification_key/get", key_id=fresh)["key"]["expired_at"] is None


def test_an_unknown_key_id_is_refused(plaid_server: PlaidServer) -> None:
    answer = plaid_server.call("/webhook_verification_key/get", key_id="nothing")
    assert answer["error_code"] == "INVALID_WEBHOOK_VERIFICATION_KEY_ID"


def test_a_new_webhook_address_is_acknowledged_there(
    plaid_server: PlaidServer, receiver: Receiver, linked: tuple[str, str]
) -> None:
    token, _ = linked
    answer = plaid_server.call("/item/webhook/update", access_token=token, webhook=receiver.url + "?new")
    assert answer["item"]["webhook"] == receiver.url + "?new"
    (hook,) = receiver.wait_for_codes("WEBHOOK_UPDATE_ACKNOWLEDGED")
    assert json.loads(hook.body)["new_webhook_url"] == receiver.url + "?new"


@pytest.mark.parametrize(
    "code",
    [
        "DEFAULT_UPDATE",
        "NEW_ACCOUNTS_AVAILABLE",
        "USER_PERMISSION_REVOKED",
        "USER_ACCOUNT_REVOKED",
        "PENDING_DISCONNECT",
        "RECURRING_TRANSACTIONS_UPDATE",
        "LOGIN_REPAIRED",
        "SYNC_UPDATES_AVAILABLE",
    ],
)
def test_every_code_can_be_fired_without_a_change(
    plaid_server: PlaidServer, receiver: Receiver, linked: tuple[str, str], code: str
) -> None:
    answer = plaid_server.call("/sandbox/item/fire_webhook", access_token=linked[0], webhook_code=code)
    assert answer["webhook_fired"] is True
    (hook,) = receiver.wait_for_codes(code)
    _verified(plaid_server, hook)
    assert json.loads(hook.body)["item_id"] == linked[1]


def test_an_item_without_an_address_cannot_be_fired_at(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item()
    answer = plaid_server.call("/sandbox/item/fire_webhook", access_token=token, webhook_code="LOGIN_REPAIRED")
    assert answer["error_code"] == "SANDBOX_WEBHOOK_INVALID"


def test_item_get_tells_of_the_last_webhook(plaid_server: PlaidServer, linked: tuple[str, str]) -> None:
    plaid_server.buy()
    status = plaid_server.call("/item/get", access_token=linked[0])["status"]
    assert status["last_webhook"]["code_sent"] == "DEFAULT_UPDATE"
    assert status["transactions"]["last_successful_update"] == "2026-11-20T12:00:00Z"


def test_a_broken_login_is_told_held_back_and_healed(
    plaid_server: PlaidServer, receiver: Receiver, linked: tuple[str, str]
) -> None:
    token, item_id = linked
    cursor = read_update(plaid_server, token).cursor
    assert plaid_server.call("/sandbox/item/reset_login", access_token=token)["reset_login"] is True
    (hook,) = receiver.wait_for_codes("ERROR")
    error = json.loads(hook.body)["error"]
    assert (error["error_code"], error["status"]) == ("ITEM_LOGIN_REQUIRED", 400)
    for path in ("/transactions/sync", "/accounts/get", "/transactions/refresh"):
        assert plaid_server.call(path, access_token=token)["error_code"] == "ITEM_LOGIN_REQUIRED"
    assert plaid_server.call("/item/get", access_token=token)["item"]["error"]["error_code"] == "ITEM_LOGIN_REQUIRED"
    held = plaid_server.admin("purchases", user="user-1")
    assert held["held"] is True
    _repair_in_update_mode(plaid_server, token)
    receiver.wait_for_codes("SYNC_UPDATES_AVAILABLE")
    assert read_update(plaid_server, token, cursor).added == [held["transaction"]]
    assert plaid_server.call("/item/get", access_token=token)["item"]["item_id"] == item_id


def _repair_in_update_mode(server: PlaidServer, token: str) -> None:
    link_token = server.call(
        "/link/token/create",
        client_name="Livespend",
        language="en",
        country_codes=["US"],
        user={"client_user_id": "user-1"},
        access_token=token,
    )["link_token"]
    public = server.connect(link_token)
    assert server.call("/item/public_token/exchange", public_token=public)["error_code"] == "INVALID_PUBLIC_TOKEN"


def test_a_login_repaired_elsewhere_is_told(
    plaid_server: PlaidServer, receiver: Receiver, linked: tuple[str, str]
) -> None:
    plaid_server.admin("break", user="user-1")
    plaid_server.admin("repair", user="user-1")
    receiver.wait_for_codes("ERROR", "LOGIN_REPAIRED", "SYNC_UPDATES_AVAILABLE")


def test_a_revoked_permission_is_told_and_ends_the_calls(
    plaid_server: PlaidServer, receiver: Receiver, linked: tuple[str, str]
) -> None:
    plaid_server.admin("break", user="user-1", error_code="USER_PERMISSION_REVOKED")
    (hook,) = receiver.wait_for_codes("USER_PERMISSION_REVOKED")
    assert json.loads(hook.body)["error"]["error_code"] == "USER_PERMISSION_REVOKED"
    answer = plaid_server.call("/transactions/sync", access_token=linked[0])
    assert answer["error_code"] == "USER_PERMISSION_REVOKED"


def test_a_webhook_is_late_on_demand(plaid_server: PlaidServer, receiver: Receiver, linked: tuple[str, str]) -> None:
    plaid_server.fault("webhook_delay", webhook_code="SYNC_UPDATES_AVAILABLE", seconds=0.5)
    before = time.monotonic()
    plaid_server.buy()
    receiver.wait_for_codes("SYNC_UPDATES_AVAILABLE")
    assert time.monotonic() - before >= 0.5
    assert receiver.got[0].code == "DEFAULT_UPDATE"


def test_many_copies_of_one_webhook_on_demand(
    plaid_server: PlaidServer, receiver: Receiver, linked: tuple[str, str]
) -> None:
    plaid_server.fault("webhook_duplicate", webhook_code="SYNC_UPDATES_AVAILABLE", copies=4)
    plaid_server.buy()
    receiver.wait_for(lambda got: [hook.code for hook in got].count("SYNC_UPDATES_AVAILABLE") == 5)


def test_webhooks_are_lost_and_doubled_by_chance_the_same_way_in_every_run(receiver: Receiver) -> None:
    outcomes = []
    for seed in ("one", "one", "two"):
        chances = {"drop": 0.4, "duplicate": 0.4}
        server = start_plaid(knobs={"webhook_chances": chances, "webhook_seed": seed})
        _token, _ = server.item(webhook=receiver.url)
        for _ in range(20):
            server.buy()
        outcomes.append([hook["body"]["webhook_code"] for hook in server.look("webhooks")["webhooks"]])
        stop_plaid(server)
    assert outcomes[0] == outcomes[1] != outcomes[2]
    assert 5 < len(outcomes[0]) < 35


def test_an_address_that_rejects_nearly_everything_gets_no_retries_when_asked_so(receiver: Receiver) -> None:
    server = start_plaid(knobs={"silence": True}, retry_scale=0.00001)
    receiver.answers = [500]
    token, _ = server.item()
    server.call("/item/webhook/update", access_token=token, webhook=receiver.url)
    receiver.wait_for(lambda got: len(got) == 1 + RETRIES)
    for _ in range(6):
        server.call("/sandbox/item/fire_webhook", access_token=token, webhook_code="LOGIN_REPAIRED")
    eventually(lambda: all_given_up(server))
    assert 13 <= len(receiver.got) < 7 * 7
    calls = len(receiver.got)
    server.call("/sandbox/item/fire_webhook", access_token=token, webhook_code="LOGIN_REPAIRED")
    receiver.wait_for(lambda got: len(got) == calls + 1)
    eventually(lambda: all_given_up(server))
    assert len(receiver.got) == calls + 1
    stop_plaid(server)


def test_every_webhook_fits_its_class_of_the_installed_client(
    plaid_server: PlaidServer, receiver: Receiver, linked: tuple[str, str]
) -> None:
    token, _ = linked
    for code in (
        "NEW_ACCOUNTS_AVAILABLE",
        "USER_ACCOUNT_REVOKED",
        "PENDING_DISCONNECT",
        "RECURRING_TRANSACTIONS_UPDATE",
    ):
        plaid_server.call("/sandbox/item/fire_webhook", access_token=token, webhook_code=code)
    plaid_server.call("/item/webhook/update", access_token=token, webhook=receiver.url)
    bought = plaid_server.buy()["transaction_id"]
    plaid_server.admin("remove", transaction_ids=[bought])
    plaid_server.admin("consent", user="user-1", days=1)
    plaid_server.admin("break", user="user-1")
    plaid_server.admin("repair", user="user-1")
    plaid_server.admin("break", user="user-1", error_code="USER_PERMISSION_REVOKED")
    _other, _ = plaid_server.item("bea", webhook=receiver.url)
    wanted = {code for kind in ("TRANSACTIONS", "ITEM") for code in schema.HOOKS[kind]}
    for hook in receiver.wait_for_codes(*wanted):
        assert schema.hook_problems(hook.body) == [], hook.code
