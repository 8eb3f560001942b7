"""Hosted Link on the documented wire: how a session at Plaid's own address ends here, by webhook or without one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from sync.banks import hosted_link, items, links
from sync.banks.webhooks import receive
from sync.deps import Deps
from sync.errors import LinkSessionNotFound, LinkUnderWay
from sync.pull.plaid import Plaid
from sync.pull.sweep import sweep
from tests.fixtures.database import Database
from tests.fixtures.deps import DepsFor
from tests.integration.pull.bank import Bank, account, error, serve

LINK = "link-sandbox-0a0a0a0a-1111-2222-3333-444444444444"
PUBLIC = "public-sandbox-0b0b0b0b-1111-2222-3333-444444444444"
ACCESS = "access-sandbox-0c0c0c0c-1111-2222-3333-444444444444"
TASKS = {"settle_link": links.settle_link, "finish_link": hosted_link.finish_link}


@dataclass
class Hosted:
    """User u1 before a bank whose every answer is written, on a clock that the test moves."""

    bank: Bank
    database: Database
    deps_for: DepsFor
    plaid: Plaid
    now: datetime

    @property
    def api(self) -> Deps:
        return self.deps_for("api", plaid=self.plaid, now=lambda: self.now)

    @property
    def worker(self) -> Deps:
        return self.deps_for("worker", plaid=self.plaid, now=lambda: self.now)

    def open(self, item_id: UUID | None = None) -> UUID:
        """Asks for an address of Plaid's; answers the session."""
        return UUID(items.create_link_token(self.api, "u1", item_id, hosted=True)["sessionId"])

    def webhook(self, code: str, **fields: Any) -> str:
        """Plaid tells of the session; answers the state of the inbox."""
        told = {"webhook_type": "LINK", "webhook_code": code, "link_session_id": "s", "link_token": LINK} | fields
        body = json.dumps(told, indent=2).encode()
        return receive(self.api, body, self.bank.sign(body, issued_at=self.now.timestamp())).state

    def work(self) -> list[str]:
        """The worker does what was rung for; answers the names of the tasks."""
        rung = [bell for bell in self.deps_for.bells if bell[0] in TASKS]
        self.deps_for.bells.clear()
        for task, arguments in rung:
            TASKS[task](self.worker, *(UUID(argument) for argument in arguments.values()))
        return [task for task, _ in rung]

    def sweep(self, **later: float) -> list[str]:
        """Time passes, the sweep rings, the worker works."""
        self.now += timedelta(**later)
        sweep(self.worker)
        return self.work()

    def session(self, session_id: UUID) -> tuple[str, str | None, str | None]:
        """How the session stands for the page: state, problem, item."""
        shown = items.show_link_session(self.api, "u1", session_id)
        return shown["state"], shown["problem"], shown["itemId"]

    def asked(self, path: str) -> list[dict[str, Any]]:
        """The requests to one endpoint."""
        return [request for to, request in self.bank.requests if to == path]

    def linked(self) -> list[str]:
        return [plaid_id for (plaid_id,) in self.database.sql("select plaid_item_id from items order by 1")]


def ended(*public_tokens: str, **fields: Any) -> dict[str, Any]:
    """What /link/token/get says of a session that ended in success."""
    results = {"item_add_results": [{"public_token": token} for token in public_tokens]}
    return {"link_session_id": "s", "started_at": "x", "finished_at": "x", "results": results} | fields


@pytest.fixture
def hosted(deps_for: DepsFor, database: Database) -> Iterator[Hosted]:
    database.sql("insert into users (id) values ('u1'), ('u2')")
    with serve() as bank:
        url = "https://hosted.example/link"
        bank.others = {
            "/link/token/create": [
                {"link_token": LINK, "expiration": "2026-11-20T12:30:00Z", "hosted_link_url": url, "request_id": "r"}
            ],
            "/link/token/get": [{"link_sessions": []}],
            "/item/public_token/exchange": [{"access_token": ACCESS, "item_id": "item-1"}],
            "/item/get": [{"item": {"item_id": "item-1", "institution_id": "ins_1", "institution_name": "Bank"}}],
        }
        bank.has(account())
        plaid = Plaid(
            url=bank.url, client_id="c", secret="s", webhook_url="https://us/webhooks", redirect_uri="https://us/back"
        )
        yield Hosted(bank, database, deps_for, plaid, datetime(2026, 11, 20, 12, tzinfo=UTC))


def test_link_is_opened_at_an_address_of_plaids(hosted: Hosted) -> None:
    opened = items.create_link_token(hosted.api, "u1", hosted=True)

    (request,) = hosted.asked("/link/token/create")
    assert opened["hostedLinkUrl"] == "https://hosted.example/link"
    assert (request["hosted_link"], request["webhook"], "redirect_uri" in request) == ({}, "https://us/webhooks", False)
    assert hosted.session(UUID(opened["sessionId"])) == ("open", None, None)
    with pytest.raises(LinkSessionNotFound):
        items.show_link_session(hosted.api, "u2", opened["sessionId"])


def test_however_often_plaid_tells_a_session_is_one_item(hosted: Hosted) -> None:
    session = hosted.open()

    for _ in range(3):
        assert hosted.webhook("ITEM_ADD_RESULT", public_token=PUBLIC) == "done"
        assert (
            hosted.webhook("SESSION_FINISHED", status="SUCCESS", public_token=PUBLIC, public_tokens=[PUBLIC]) == "done"
        )
        hosted.work()
        hosted.now += timedelta(seconds=5)

    assert len(hosted.asked("/item/public_token/exchange")) == 1
    assert hosted.linked() == ["item-1"]
    state, problem, item_id = hosted.session(session)
    assert (state, problem) == ("finished", None)
    assert hosted.database.sql("select id::text, user_id from items") == [(item_id, "u1")]
    assert hosted.database.sql("select wanted from item_pulls") == [(1,)]


def test_two_workers_that_finish_one_session_exchange_its_token_once(hosted: Hosted) -> None:
    session = hosted.open()
    hosted.webhook("SESSION_FINISHED", status="SUCCESS", public_tokens=[PUBLIC])
    exchanged = {"access_token": ACCESS, "item_id": "item-1"}

    def meanwhile() -> dict[str, Any]:
        hosted_link.finish_link(hosted.worker, session)
        return exchanged

    hosted.bank.others["/item/public_token/exchange"] = [meanwhile, error("INVALID_PUBLIC_TOKEN", kind="INVALID_INPUT")]
    hosted.work()

    assert (hosted.session(session)[0], hosted.linked()) == ("finished", ["item-1"])


def test_who_was_overtaken_stores_nothing_whatever_the_bank_had_told(hosted: Hosted) -> None:
    def meanwhile() -> dict[str, Any]:
        hosted.now += timedelta(minutes=5)
        sweep(hosted.worker)
        hosted.work()
        return {"accounts": [account()]}

    hosted.bank.others["/accounts/get"] = [meanwhile]
    with pytest.raises(LinkUnderWay):
        items.exchange(hosted.api, "u1", PUBLIC)

    assert hosted.linked() == []
    assert hosted.database.sql("select state from link_intents") == [("removed",)]
    assert len(hosted.asked("/item/remove")) == 1


def test_no_token_of_a_webhook_is_kept_in_clear(hosted: Hosted) -> None:
    hosted.open()

    hosted.webhook("SESSION_FINISHED", status="SUCCESS", public_tokens=[PUBLIC])
    hosted.webhook("EVENTS", events=[{"event_name": "HANDOFF", "event_metadata": {"public_token": PUBLIC}}])

    kept = hosted.database.sql(
        "select convert_from(body, 'UTF8') from webhook_inbox union all "
        "select (t.*)::text from link_intents as t union all select (t.*)::text from link_sessions as t"
    )
    assert len(kept) == 4
    for (row,) in kept:
        for token in (LINK, PUBLIC):
            assert token not in row
            assert token.encode().hex() not in row
    assert all(PUBLIC not in str(bell) and LINK not in str(bell) for bell in hosted.deps_for.bells)


def test_a_session_whose_webhook_was_lost_is_asked_for(hosted: Hosted) -> None:
    session = hosted.open()
    hosted.bank.others["/link/token/get"] = [{"link_sessions": []}, {"link_sessions": [ended(PUBLIC)]}]

    assert hosted.sweep() == []
    assert hosted.sweep(minutes=3) == ["finish_link"]
    hosted_link.finish_link(hosted.worker, session)  # a second worker: it is not its turn
    assert (hosted.session(session)[0], len(hosted.asked("/link/token/get"))) == ("open", 1)
    assert hosted.sweep() == []
    hosted.sweep(minutes=5)

    assert (hosted.session(session)[0], hosted.linked()) == ("finished", ["item-1"])
    assert {request["link_token"] for request in hosted.asked("/link/token/get")} == {LINK}


def test_a_session_that_nobody_finished_expires_and_is_asked_for_no_more(hosted: Hosted) -> None:
    session = hosted.open()

    for _ in range(12):
        hosted.sweep(minutes=10)

    assert hosted.session(session) == ("expired", None, None)
    assert len(hosted.asked("/link/token/get")) < 8
    assert hosted.database.sql("select ciphertext from link_sessions") == [(None,)]


def test_news_of_a_session_that_is_not_ours_or_not_hosted_change_nothing(hosted: Hosted) -> None:
    items.create_link_token(hosted.api, "u1")

    assert hosted.webhook("SESSION_FINISHED", status="SUCCESS", public_tokens=[PUBLIC]) == "ignored"
    assert hosted.webhook("ITEM_ADD_RESULT", link_token="link-sandbox-1", public_token=PUBLIC) == "ignored"
    assert hosted.webhook("SESSION_FINISHED", link_token=None) == "ignored"
    assert (hosted.work(), hosted.linked()) == ([], [])
    assert hosted.database.sql("select count(*) from link_intents") == [(0,)]


def test_a_session_that_was_left_says_nothing_and_may_still_be_finished(hosted: Hosted) -> None:
    session = hosted.open()

    assert hosted.webhook("SESSION_FINISHED", status="EXITED", public_tokens=[]) == "done"
    hosted.work()
    assert hosted.session(session) == ("open", None, None)
    hosted.webhook("SESSION_FINISHED", status="SUCCESS", public_tokens=[PUBLIC])
    hosted.work()

    assert hosted.session(session)[0] == "finished"


def test_a_bank_that_is_linked_already_is_given_back_and_named(hosted: Hosted) -> None:
    hosted.open()
    hosted.webhook("SESSION_FINISHED", status="SUCCESS", public_tokens=[PUBLIC])
    hosted.work()
    ((first,),) = hosted.database.sql("select id::text from items")
    hosted.bank.others["/link/token/create"][0]["link_token"] = "link-sandbox-again"  # type: ignore[index, call-overload]
    hosted.bank.others["/item/public_token/exchange"] = [{"access_token": "access-sandbox-2", "item_id": "item-2"}]
    again = hosted.open()

    hosted.webhook("ITEM_ADD_RESULT", link_token="link-sandbox-again", public_token="public-sandbox-2")
    hosted.work()

    assert hosted.session(again) == ("failed", "item-already-linked", first)
    assert [request["access_token"] for request in hosted.asked("/item/remove")] == ["access-sandbox-2"]


def test_a_bank_that_does_not_answer_yet_is_linked_when_it_does(hosted: Hosted) -> None:
    session = hosted.open()
    down = error("INTERNAL_SERVER_ERROR", kind="API_ERROR", status=500)
    hosted.bank.others["/accounts/get"] = [down, {"accounts": [account()]}]
    hosted.webhook("SESSION_FINISHED", status="SUCCESS", public_tokens=[PUBLIC])
    hosted.work()
    assert (hosted.session(session)[0], hosted.linked()) == ("open", [])

    hosted.sweep(minutes=2)

    assert (hosted.session(session)[0], hosted.linked()) == ("finished", ["item-1"])
    assert len(hosted.asked("/item/public_token/exchange")) == 1


@pytest.mark.parametrize("told", [{}, {"institution_id": "ins_1"}, {"institution_id": None, "institution_name": None}])
def test_a_bank_without_a_name_is_linked_all_the_same(hosted: Hosted, told: dict[str, Any]) -> None:
    session = hosted.open()
    hosted.bank.others["/item/get"] = [{"item": {"item_id": "item-1", **told}}]

    hosted.webhook("SESSION_FINISHED", status="SUCCESS", public_tokens=[PUBLIC])
    hosted.work()

    assert hosted.session(session)[0] == "finished"
    assert hosted.database.sql("select institution_id, institution_name from items") == [
        (told.get("institution_id"), None)
    ]


def test_a_public_token_that_plaid_refuses_ends_the_session_and_is_told(hosted: Hosted) -> None:
    session = hosted.open()
    hosted.bank.others["/item/public_token/exchange"] = [error("INVALID_PUBLIC_TOKEN", kind="INVALID_INPUT")]

    hosted.webhook("SESSION_FINISHED", status="SUCCESS", public_tokens=[PUBLIC])
    hosted.work()

    assert hosted.session(session) == ("failed", "plaid-public-token", None)
    assert hosted.database.sql("select state from link_intents") == [("lost",)]


@pytest.mark.parametrize("told", ["by webhook", "by asking"])
def test_update_mode_at_plaids_address_repairs_the_item_and_exchanges_nothing(hosted: Hosted, told: str) -> None:
    hosted.open()
    hosted.webhook("SESSION_FINISHED", status="SUCCESS", public_tokens=[PUBLIC])
    hosted.work()
    ((item_id,),) = hosted.database.sql("select id from items")
    hosted.database.sql("update items set status = 'login_required', error_code = 'ITEM_LOGIN_REQUIRED'")
    hosted.bank.others["/link/token/create"][0]["link_token"] = "link-sandbox-update"  # type: ignore[index, call-overload]
    session = hosted.open(item_id)

    if told == "by webhook":
        hosted.webhook(
            "SESSION_FINISHED", link_token="link-sandbox-update", status="SUCCESS", public_tokens=["public-sandbox-3"]
        )
        hosted.work()
    else:
        hosted.bank.others["/link/token/get"] = [{"link_sessions": [ended()]}]
        hosted.sweep(minutes=3)

    assert hosted.session(session) == ("finished", None, str(item_id))
    assert hosted.database.sql("select status, error_code from items") == [("ok", None)]
    assert len(hosted.asked("/item/public_token/exchange")) == 1
