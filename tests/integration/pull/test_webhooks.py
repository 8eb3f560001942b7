"""Webhooks: only what Plaid signed just now is stored, once; what it does to its item is decided by its code."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from sync.banks.inbox import forget_old
from sync.banks.webhooks import Receipt, receive
from sync.deps import Deps
from sync.errors import PlaidTransient, WebhookRejected
from sync.pull.plaid import Plaid
from tests.integration.pull.bank import error, page, row
from tests.integration.pull.conftest import Linked


def body(
    code: str = "SYNC_UPDATES_AVAILABLE", kind: str = "TRANSACTIONS", item: str = "item-1", **fields: Any
) -> bytes:
    told = {"webhook_type": kind, "webhook_code": code, "item_id": item, "environment": "sandbox"} | fields
    return json.dumps(told, indent=2).encode()


@pytest.fixture
def api(linked: Linked) -> Deps:
    """The API's dependencies: its own role, the scripted bank."""
    return linked.deps_for("api", plaid=linked.deps.plaid)


def told(linked: Linked, api: Deps, code: str, kind: str = "ITEM", **fields: Any) -> Receipt:
    """Receives a valid webhook."""
    raw = body(code, kind, **fields)
    return receive(api, raw, linked.bank.sign(raw))


def inbox(linked: Linked) -> list[tuple[str, str]]:
    return linked.database.sql("select webhook_code, state from webhook_inbox order by id")  # type: ignore[return-value]


def test_a_valid_webhook_is_stored_wanted_and_rung_in_one_go(linked: Linked, api: Deps) -> None:
    receipt = told(linked, api, "SYNC_UPDATES_AVAILABLE", "TRANSACTIONS")

    assert receipt == Receipt("new", linked.item_id, duplicate=False)
    assert inbox(linked) == [("SYNC_UPDATES_AVAILABLE", "new")]
    assert linked.owed("wanted") == 2
    assert linked.deps_for.bells == [("pull_item", {"item_id": str(linked.item_id)})]


def test_a_webhook_pulls_and_is_done(linked: Linked, api: Deps) -> None:
    linked.bank.at(None, page(added=[row("a")]))
    told(linked, api, "SYNC_UPDATES_AVAILABLE", "TRANSACTIONS")

    linked.pull_owed()

    assert set(linked.live()) == {"a"}
    assert inbox(linked) == [("SYNC_UPDATES_AVAILABLE", "done")]


def test_a_replayed_webhook_is_stored_once_and_its_effect_does_not_come_back(linked: Linked, api: Deps) -> None:
    linked.bank.at(None, page(added=[row("a")]))
    linked.bank.at("C1", page(accounts=[], to="C1"))
    raw = body("ERROR", "ITEM", **LOGIN)
    signature = linked.bank.sign(raw)
    receive(api, raw, signature)
    linked.pull_owed()
    told(linked, api, "LOGIN_REPAIRED")
    linked.pull_owed()
    before = (inbox(linked), linked.marks())

    again = receive(api, raw, signature)
    linked.pull_owed()

    assert again.duplicate is True
    assert (inbox(linked), linked.marks()) == before
    assert (linked.item("status"), set(linked.live())) == ("ok", {"a"})


def test_five_equal_webhooks_are_five_rows_and_one_change(linked: Linked, api: Deps) -> None:
    linked.bank.at(None, page(added=[row("a")], to="C1"))
    linked.bank.at("C1", page(accounts=[], to="C1"))
    for second in range(5):
        receive(api, body(), linked.bank.sign(body(), issued_at=api.now().timestamp() - second))

    results = [linked.pull_owed() for _ in range(5)]

    assert len(inbox(linked)) == 5
    assert [result.outcome for result in results] == ["applied", "idle", "idle", "idle", "idle"]


def forged(linked: Linked, raw: bytes) -> str:
    linked.bank.new_key("key-1")
    signature = linked.bank.sign(raw)
    linked.bank.new_key("key-1")  # Plaid's key of that id is another one
    return signature


def symmetric(linked: Linked, raw: bytes) -> str:
    claims = jwt.decode(linked.bank.sign(raw), options={"verify_signature": False})
    return jwt.encode(claims, "x" * 32, algorithm="HS256", headers={"kid": "key-1"})


def unsigned(linked: Linked, raw: bytes) -> str:
    claims = jwt.decode(linked.bank.sign(raw), options={"verify_signature": False})
    return jwt.encode(claims, None, algorithm="none", headers={"kid": "key-1"})


def at(seconds: float) -> Any:
    return lambda linked, raw: linked.bank.sign(raw, issued_at=datetime.now(UTC).timestamp() + seconds)


def timeless(linked: Linked, raw: bytes) -> str:
    linked.bank.sign(raw)
    return jwt.encode({"request_body_sha256": "0"}, linked.bank._private["key-1"], "ES256", headers={"kid": "key-1"})


@pytest.mark.parametrize(
    "signature",
    [
        lambda linked, raw: None,
        lambda linked, raw: "",
        lambda linked, raw: "not.a.jwt",
        lambda linked, raw: linked.bank.sign(raw)[:-6],
        lambda linked, raw: linked.bank.sign(raw.replace(b"  ", b" ")),
        forged,
        symmetric,
        unsigned,
        timeless,
        at(-360),
        at(120),
    ],
    ids=[
        "none",
        "empty",
        "garbage",
        "truncated",
        "re-indented",
        "forged",
        "hs256",
        "alg-none",
        "no-iat",
        "stale",
        "early",
    ],
)
def test_what_plaid_did_not_sign_just_now_is_refused_and_not_stored(linked: Linked, api: Deps, signature: Any) -> None:
    with pytest.raises(WebhookRejected):
        receive(api, body(), signature(linked, body()))

    assert (inbox(linked), linked.owed("wanted"), linked.deps_for.bells) == ([], 1, [])


@pytest.mark.parametrize("seconds", [-280, 20, 50])
def test_a_clock_a_little_off_is_no_forgery(linked: Linked, api: Deps, seconds: int) -> None:
    assert receive(api, body(), at(seconds)(linked, body())).state == "new"


def test_an_unknown_key_is_refused_and_asked_for_once(linked: Linked, api: Deps) -> None:
    signature = linked.bank.sign(body(), key_id="stranger")
    linked.bank.keys.clear()

    for _ in range(3):
        with pytest.raises(WebhookRejected):
            receive(api, body(), signature)

    assert linked.bank.key_fetches == ["stranger"]


def test_a_new_key_is_fetched_once(linked: Linked, api: Deps) -> None:
    for item in ("item-1", "item-2", "item-3"):
        receive(api, body(item=item), linked.bank.sign(body(item=item)))
    receive(api, body(item="item-4"), linked.bank.sign(body(item="item-4"), key_id="rotated"))

    assert linked.bank.key_fetches == ["key-1", "rotated"]


def test_a_retired_key_is_refused(linked: Linked, api: Deps) -> None:
    linked.bank.new_key("key-1", expired_at=int((datetime.now(UTC) - timedelta(hours=1)).timestamp()))

    with pytest.raises(WebhookRejected):
        receive(api, body(), linked.bank.sign(body()))


def test_plaid_being_down_is_no_forgery(linked: Linked, api: Deps) -> None:
    unreachable = dataclasses.replace(api, plaid=Plaid(url="http://127.0.0.1:9", client_id="c", secret="s"))

    with pytest.raises(PlaidTransient):
        receive(unreachable, body(), linked.bank.sign(body()))


def test_an_unknown_item_is_kept_as_unmatched(linked: Linked, api: Deps) -> None:
    receipt = receive(api, body(item="stranger"), linked.bank.sign(body(item="stranger")))

    assert receipt == Receipt("unmatched", None, duplicate=False)
    assert inbox(linked) == [("SYNC_UPDATES_AVAILABLE", "unmatched")]
    assert linked.deps_for.bells == []


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("TRANSACTIONS", "INITIAL_UPDATE"),
        ("TRANSACTIONS", "HISTORICAL_UPDATE"),
        ("TRANSACTIONS", "DEFAULT_UPDATE"),
        ("TRANSACTIONS", "TRANSACTIONS_REMOVED"),
        ("ITEM", "WEBHOOK_UPDATE_ACKNOWLEDGED"),
        ("LINK", "EVENTS"),
        ("TOMORROW", "SOMETHING_NEW"),
    ],
)
def test_a_code_without_effect_is_stored_and_ignored(linked: Linked, api: Deps, kind: str, code: str) -> None:
    assert told(linked, api, code, kind).state == "ignored"
    assert (inbox(linked), linked.owed("wanted")) == ([(code, "ignored")], 1)


@pytest.mark.parametrize(
    "raw", [b"{", b"[]", b'"x"', b"\xff\xfe", b"{}", b'{"webhook_type": 1, "webhook_code": null, "item_id": []}']
)
def test_a_signed_body_that_cannot_be_read_is_stored_and_ignored(linked: Linked, api: Deps, raw: bytes) -> None:
    assert receive(api, raw, linked.bank.sign(raw)).state == "ignored"
    assert bytes(linked.one("select body from webhook_inbox")) == raw


LOGIN = {
    "error": {"error_type": "ITEM_ERROR", "error_code": "ITEM_LOGIN_REQUIRED", "display_message": "Sign in again."}
}


def test_an_item_error_is_told_and_nothing_is_pulled(linked: Linked, api: Deps) -> None:
    told(linked, api, "ERROR", **LOGIN)

    linked.pull_owed()

    assert (linked.item("status"), linked.item("error_code")) == ("login_required", "ITEM_LOGIN_REQUIRED")
    assert linked.item("error_message") == "Sign in again."
    assert (linked.bank.calls, linked.owed("wanted = done")) == ([], True)


def test_a_repaired_login_clears_the_error_and_pulls(linked: Linked, api: Deps) -> None:
    linked.bank.at(None, page(added=[row("a")]))
    told(linked, api, "ERROR", **LOGIN)
    linked.pull_owed()
    told(linked, api, "LOGIN_REPAIRED")

    linked.pull_owed()

    assert (linked.item("status"), linked.item("error_code"), linked.item("error_message")) == ("ok", None, None)
    assert set(linked.live()) == {"a"}


def test_webhooks_of_one_item_are_applied_in_order_of_arrival(linked: Linked, api: Deps) -> None:
    linked.bank.at(None, page(added=[row("a")]))
    told(linked, api, "LOGIN_REPAIRED")
    told(linked, api, "SYNC_UPDATES_AVAILABLE", "TRANSACTIONS")
    told(linked, api, "ERROR", **LOGIN)

    linked.pull_owed()

    assert (linked.item("status"), set(linked.live())) == ("login_required", {"a"})


def test_a_disconnect_is_announced_and_syncing_goes_on(linked: Linked, api: Deps) -> None:
    linked.bank.at(None, page(added=[row("a")]))
    told(linked, api, "PENDING_DISCONNECT", reason="INSTITUTION_MIGRATION", disconnect_time="2026-12-01T00:00:00Z")

    linked.pull_owed()

    assert (linked.item("status"), linked.item("error_code")) == ("pending_disconnect", "INSTITUTION_MIGRATION")
    assert linked.item("consent_expires_at") == datetime(2026, 12, 1, tzinfo=UTC)
    assert set(linked.live()) == {"a"}


def test_an_expiring_consent_is_announced(linked: Linked, api: Deps) -> None:
    linked.bank.at(None, page())
    told(linked, api, "PENDING_EXPIRATION", consent_expiration_time="2026-12-01T00:00:00Z")

    linked.pull_owed()

    assert (linked.item("status"), linked.item("error_code")) == ("pending_disconnect", "PENDING_EXPIRATION")


def test_a_revoked_permission_ends_all_calls(linked: Linked, api: Deps) -> None:
    linked.bank.at(None, page(added=[row("a")]))
    told(linked, api, "USER_PERMISSION_REVOKED")
    told(linked, api, "SYNC_UPDATES_AVAILABLE", "TRANSACTIONS")

    linked.pull_owed()

    assert (linked.item("status"), linked.bank.calls, linked.owed("wanted = done")) == ("revoked", [], True)


def test_a_revoked_account_leaves_with_its_rows(linked: Linked, api: Deps) -> None:
    linked.bank.at(None, page(added=[row("a")], to="C1"))
    linked.bank.at("C1", page(accounts=[], to="C1"))
    linked.pull_owed()
    told(linked, api, "USER_ACCOUNT_REVOKED", account_id="acc-1")

    linked.pull_owed()

    assert linked.live() == {}
    assert linked.one("select removed_at is not null from accounts") is True


def test_new_accounts_are_announced_on_the_item(linked: Linked, api: Deps) -> None:
    linked.bank.at(None, page())
    told(linked, api, "NEW_ACCOUNTS_AVAILABLE")

    linked.pull_owed()

    assert (linked.item("status"), linked.item("error_code")) == ("ok", "NEW_ACCOUNTS_AVAILABLE")


def test_an_outage_told_by_webhook_changes_no_status(linked: Linked, api: Deps) -> None:
    linked.bank.at(None, error("INSTITUTION_DOWN", kind="INSTITUTION_ERROR"))
    told(linked, api, "ERROR", error={"error_type": "INSTITUTION_ERROR", "error_code": "INSTITUTION_DOWN"})

    linked.pull_owed()

    assert linked.item("status") == "ok"


def test_a_status_that_is_told_twice_is_marked_once(linked: Linked, api: Deps) -> None:
    told(linked, api, "ERROR", **LOGIN)
    linked.pull_owed()
    before = linked.marks()
    told(linked, api, "ERROR", **LOGIN, again=True)

    linked.pull_owed()

    assert linked.marks() == before


def test_webhooks_that_were_dealt_with_are_forgotten_after_a_month(linked: Linked, api: Deps) -> None:
    linked.bank.at(None, page(added=[row("a")]))
    told(linked, api, "SYNC_UPDATES_AVAILABLE", "TRANSACTIONS")
    linked.pull_owed()
    told(linked, api, "DEFAULT_UPDATE", "TRANSACTIONS")
    linked.database.sql("update webhook_inbox set received_at = now() - interval '31 days'")
    told(linked, api, "LOGIN_REPAIRED")
    linked.database.sql("update webhook_inbox set received_at = now() - interval '31 days' where state = 'new'")

    assert forget_old(linked.deps) == 2
    assert inbox(linked) == [("LOGIN_REPAIRED", "new")]
