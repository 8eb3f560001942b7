"""The webhook door: what Plaid signed is stored and answered 200, anything else is 401 and leaves nothing."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator

import pytest
from werkzeug.test import TestResponse

from sync.pull.plaid import Plaid
from tests.fixtures.auth import AuthServer
from tests.fixtures.deps import DepsFor
from tests.integration.http.conftest import House
from tests.integration.pull.bank import Bank, serve

BODY = json.dumps({"webhook_type": "TRANSACTIONS", "webhook_code": "SYNC_UPDATES_AVAILABLE", "item_id": "x"}).encode()


@pytest.fixture
def bank() -> Iterator[Bank]:
    with serve() as served:
        yield served


@pytest.fixture
def watched(house_of: Callable[..., House], deps_for: DepsFor, auth_server: AuthServer, bank: Bank) -> House:
    """The API beside a bank that hands out signing keys."""
    plaid = Plaid(url=bank.url, client_id="id", secret="secret", webhook_url=None, redirect_uri=None)
    return house_of(dataclasses.replace(deps_for("api"), plaid=plaid), auth_server)


def send(house: House, body: bytes, signature: str | None) -> TestResponse:
    headers = {} if signature is None else {"Plaid-Verification": signature}
    return house.app.test_client().post("/webhooks/plaid", data=body, headers=headers)


def inbox(house: House) -> int:
    return house.database.sql("select count(*) from webhook_inbox")[0][0]


def test_a_signed_webhook_wakes_the_pull_and_a_replay_is_stored_once(watched: House, bank: Bank, deps_for: DepsFor):
    alice = watched.person("alice")
    watched.bank_row(alice.user_id)
    item = alice("GET", "/api/items").json["items"][0]["id"]
    body = BODY.replace(b'"x"', json.dumps(item).encode())
    signature = bank.sign(body)
    first = send(watched, body, signature)
    again = send(watched, body, signature)

    assert (first.status_code, first.json) == (200, {"state": "new", "duplicate": False})
    assert (again.status_code, again.json["duplicate"]) == (200, True)
    assert inbox(watched) == 1
    assert watched.database.sql("select wanted from item_pulls") == [(3,)]
    assert deps_for.bells == [("pull_item", {"item_id": item})] * 2


def test_what_plaid_did_not_sign_is_401_and_leaves_nothing(watched: House, bank: Bank):
    signature = bank.sign(BODY)
    head, claims, _ = signature.split(".")
    forged = [None, "", "x", "a.b.c", f"{head}.{claims}.", bank.sign(BODY + b" "), bank.sign(BODY, issued_at=1)]
    for wrong in forged:
        answer = send(watched, BODY, wrong)
        assert (answer.status_code, answer.json["code"]) == (401, "webhook-rejected"), wrong
        assert "WWW-Authenticate" not in answer.headers

    assert inbox(watched) == 0


def test_the_signature_covers_the_raw_bytes(watched: House, bank: Bank):
    spaced = json.dumps(json.loads(BODY), indent=2).encode()

    assert send(watched, spaced, bank.sign(BODY)).status_code == 401
    assert send(watched, spaced, bank.sign(spaced)).status_code == 200


def test_a_webhook_may_be_larger_than_other_bodies_but_not_endless(watched: House, bank: Bank):
    large = json.dumps({"webhook_type": "ITEM", "webhook_code": "ERROR", "more": "x" * 200_000}).encode()

    assert send(watched, large, bank.sign(large)).status_code == 200
    assert send(watched, large + b" " * 100_000, "x").status_code == 413


def test_an_unknown_item_or_code_is_no_error(watched: House, bank: Bank):
    for body in (BODY, b'{"webhook_type": "NEW", "webhook_code": "THING"}', b"not json"):
        assert send(watched, body, bank.sign(body)).status_code == 200
