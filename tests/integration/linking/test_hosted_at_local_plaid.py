"""Hosted Link at the local Plaid: its own signed webhooks, a lost one, a worker that is killed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from sync.banks import items
from tests.fixtures.database import Database
from tests.fixtures.deps import DepsFor
from tests.fixtures.plaid import PlaidServer
from tests.fixtures.waiting import eventually
from tests.integration.linking.door import Door, opened
from tests.integration.linking.scene import NOON, Scene

KILLED = -9


@dataclass
class Hosted(Scene):
    """User u1, and our webhook address as Plaid reaches it. The stand-in's clock is the machine's."""

    door: Door = dataclasses.field(default_factory=Door)

    def open(self, item_id: UUID | None = None) -> dict[str, Any]:
        """Asks for an address of Plaid's."""
        return items.create_link_token(self.api, "u1", item_id, hosted=True)

    def state(self, session: dict[str, Any]) -> str:
        return str(items.show_link_session(self.api, "u1", session["sessionId"])["state"])

    def finish(self, session: dict[str, Any], *codes: str) -> None:
        """The person connects the bank at Plaid's address; the webhooks come, in any order."""
        self.plaid.connect(session["linkToken"])
        eventually(lambda: all(self.door.heard(code) for code in ("SESSION_FINISHED", *codes)))


@pytest.fixture
def hosted(deps_for: DepsFor, database: Database, plaid_server: PlaidServer) -> Iterator[Hosted]:
    database.sql("insert into users (id) values ('u1')")
    late = int((datetime.now(UTC) - NOON).total_seconds())
    plaid_server.admin("clock", seconds=max(0, late))
    with opened() as door:
        deps_for.settings = dataclasses.replace(deps_for.settings, plaid_webhook_url=door.url)
        scene = Hosted(deps_for, database, plaid_server, door=door)
        door.api = lambda: scene.api
        yield scene


def test_a_bank_that_was_connected_at_plaids_address_is_linked_by_the_worker(hosted: Hosted) -> None:
    session = hosted.open()
    hosted.plaid.fault("webhook_duplicate", times=5)

    hosted.finish(session, "EVENTS", "ITEM_ADD_RESULT")
    hosted.work()

    assert set(hosted.door.arrived) >= {
        ("SESSION_FINISHED", "done"),
        ("ITEM_ADD_RESULT", "done"),
        ("EVENTS", "ignored"),
    }
    assert (hosted.state(session), hosted.intents()) == ("finished", ["stored"])
    assert hosted.at_plaid() == [hosted.one("select plaid_item_id from items")]
    assert len(hosted.plaid.requests("/item/public_token/exchange")) == 1


def test_when_every_webhook_is_lost_the_sweep_asks_plaid(hosted: Hosted) -> None:
    session = hosted.open()
    hosted.plaid.fault("webhook_drop", times=50)
    hosted.plaid.connect(session["linkToken"])

    hosted.wait(minutes=3)
    hosted.sweep()

    assert hosted.door.arrived == []
    assert (hosted.state(session), hosted.intents()) == ("finished", ["stored"])


def test_a_session_that_was_left_is_no_bank(hosted: Hosted) -> None:
    session = hosted.open()
    hosted.plaid.admin("link/session", link_token=session["linkToken"])
    hosted.plaid.admin("link/exit", link_token=session["linkToken"])
    eventually(lambda: hosted.door.heard("SESSION_FINISHED"))
    hosted.work()
    hosted.wait(minutes=3)
    hosted.sweep()

    assert (hosted.state(session), hosted.intents()) == ("open", [])


def test_update_mode_at_plaids_address_repairs_the_bank(hosted: Hosted) -> None:
    item_id = hosted.link(webhook=hosted.door.url)
    plaid_item = hosted.one("select plaid_item_id from items")
    hosted.plaid.admin("break", item_id=plaid_item)
    hosted.database.sql("update items set status = 'login_required', error_code = 'ITEM_LOGIN_REQUIRED'")
    session = hosted.open(item_id)

    hosted.finish(session)
    hosted.work()

    assert hosted.state(session) == "finished"
    assert hosted.database.sql("select id, plaid_item_id, status from items") == [(item_id, plaid_item, "ok")]
    assert len(hosted.plaid.requests("/item/public_token/exchange")) == 1


@pytest.mark.parametrize("crash_at", ["link:asked", "link:exchanged", "link:stored"])
def test_a_worker_that_is_killed_leaves_the_rest_to_the_next(hosted: Hosted, crash_at: str) -> None:
    session = hosted.open()
    hosted.finish(session)

    assert hosted.task_in_child("finish_link", UUID(session["sessionId"]), crash_at) == KILLED
    hosted.wait(minutes=5)
    hosted.sweep()

    assert (hosted.state(session), hosted.intents()) == ("finished", ["stored"])
    assert hosted.at_plaid() == [hosted.one("select plaid_item_id from items")]
