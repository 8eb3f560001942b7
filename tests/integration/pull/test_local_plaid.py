"""The pull against the local Plaid: whatever happens at the bank, the ledger's live rows are the bank's."""

from __future__ import annotations

import dataclasses
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import pytest

from sync.banks.items import exchange, unlink
from sync.banks.purge import purge_item
from sync.banks.webhooks import receive
from sync.deps import Deps
from sync.errors import WebhookRejected
from sync.pull.pull import pull_item
from sync.pull.sweep import remove_item, sweep
from tests.fixtures.database import Database
from tests.fixtures.deps import DepsFor
from tests.fixtures.plaid import PlaidServer
from tests.fixtures.waiting import eventually


@dataclass
class Door:
    """The webhook address: what arrived there, and what our API made of it."""

    url: str = ""
    api: Deps | None = None
    arrived: list[str] = field(default_factory=list)

    def take(self, body: bytes, signature: str | None) -> int:
        assert self.api is not None
        try:
            self.arrived.append(receive(self.api, body, signature).state)
        except WebhookRejected:
            self.arrived.append("rejected")
            return 401
        return 200


@pytest.fixture
def door() -> Iterator[Door]:
    """A webhook address on a free port."""
    open_door = Door()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(open_door.take(body, self.headers["Plaid-Verification"]))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stays quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    open_door.url = f"http://127.0.0.1:{server.server_port}/webhooks/plaid"
    yield open_door
    server.shutdown()
    server.server_close()
    thread.join(5)


@dataclass
class Home:
    """User u1 with a bank linked through Link and exchange."""

    plaid: PlaidServer
    database: Database
    deps: Deps
    api: Deps
    door: Door
    item_id: UUID

    @property
    def plaid_item_id(self) -> str:
        return str(self.one("select plaid_item_id from items where id = %s", self.item_id))

    def one(self, query: str, *parameters: Any) -> Any:
        ((value,),) = self.database.sql(query, *parameters)
        return value

    def pull(self) -> str:
        """Pulls what is there, as if a webhook had come."""
        self.database.sql("update item_pulls set wanted = wanted + 1, failures = 0")
        return pull_item(self.deps, self.item_id).outcome

    def ledger(self) -> dict[str, tuple[Any, ...]]:
        """The live rows by Plaid's id."""
        rows = self.database.sql(
            "select plaid_transaction_id, amount, date::text, pending, name from transactions where removed_at is null"
        )
        return {plaid_id: tuple(told) for plaid_id, *told in rows}

    def bank(self) -> dict[str, tuple[Any, ...]]:
        """The bank's rows by Plaid's id."""
        return {
            plaid_id: (Decimal(told["amount"]), told["date"], told["pending"], told["name"])
            for plaid_id, told in self.plaid.live(self.plaid_item_id).items()
        }

    def assert_equal_to_bank(self) -> None:
        assert self.ledger() == self.bank()


@pytest.fixture
def home(plaid_server: PlaidServer, deps_for: DepsFor, database: Database, door: Door) -> Home:
    """A bank of user_good, linked, history ready, not pulled yet."""
    database.sql("insert into users (id) values ('u1')")
    api = deps_for("api")
    door.api = api
    item, _ = exchange(api, "u1", plaid_server.link("u1", webhook=door.url))
    home = Home(plaid_server, database, deps_for("worker"), api, door, UUID(str(item["id"])))
    plaid_server.admin("readiness", user="u1", to="HISTORICAL_UPDATE_COMPLETE")
    return home


def test_a_linked_bank_is_pulled_to_the_last_row(home: Home) -> None:
    assert home.pull() == "applied"

    home.assert_equal_to_bank()
    assert len(home.ledger()) > 10
    assert home.one("select update_status from items") == "HISTORICAL"


def test_pulling_again_changes_nothing(home: Home) -> None:
    home.pull()
    before = home.database.sql("select * from changes order by path")

    assert home.pull() == "nothing"
    assert home.database.sql("select * from changes order by path") == before


def test_a_purchase_comes_in_by_a_signed_webhook(home: Home) -> None:
    home.pull()

    bought = home.plaid.buy("u1", amount="12.34", description="Corner Shop")
    eventually(lambda: "new" in home.door.arrived)
    pull_item(home.deps, home.item_id)

    assert home.ledger()[bought["transaction_id"]][0] == Decimal("12.34")
    assert home.one("select count(*) from webhook_inbox where state = 'new'") == 0


@pytest.mark.parametrize("fault", ["webhook_bad_signature", "webhook_old_iat", "webhook_reindent", "webhook_wrong_kid"])
def test_a_spoiled_webhook_is_refused_and_the_next_good_one_brings_everything(home: Home, fault: str) -> None:
    home.pull()
    home.plaid.fault(fault, webhook_code="SYNC_UPDATES_AVAILABLE")
    home.plaid.buy("u1", amount="1")
    eventually(lambda: "rejected" in home.door.arrived)
    assert home.one("select count(*) from webhook_inbox where webhook_code = 'SYNC_UPDATES_AVAILABLE'") == 0

    home.plaid.buy("u1", amount="2")
    eventually(lambda: "new" in home.door.arrived)
    pull_item(home.deps, home.item_id)

    home.assert_equal_to_bank()


def test_a_dropped_webhook_costs_time_only(home: Home) -> None:
    home.pull()
    home.plaid.fault("webhook_drop", times=20)
    home.plaid.buy("u1", amount="1")
    later = dataclasses.replace(home.deps, now=lambda: home.api.now().replace(year=home.api.now().year + 1))

    assert sweep(later) == [home.item_id]
    pull_item(later, home.item_id)

    home.assert_equal_to_bank()


def test_a_category_survives_posting_with_a_tip_at_the_bank(home: Home) -> None:
    bought = home.plaid.buy("u1", amount="20", pending=True)
    home.pull()
    entry = home.one("select entry_id from transactions where plaid_transaction_id = %s", bought["transaction_id"])
    home.database.sql("update entries set user_category_id = 'TRAVEL', note = 'mine' where id = %s", entry)

    posted = home.plaid.admin("post", transaction_id=bought["transaction_id"], amount="24")["transaction"]
    home.pull()

    home.assert_equal_to_bank()
    assert home.database.sql(
        "select t.entry_id, t.amount, e.user_category_id, e.note from transactions as t join entries as e "
        "on e.id = t.entry_id where t.plaid_transaction_id = %s",
        posted["transaction_id"],
    ) == [(entry, Decimal(24), "TRAVEL", "mine")]


def test_data_that_changes_while_paging_is_read_again_from_the_start(home: Home) -> None:
    home.plaid.admin("transactions", user="u1", count=1200)
    home.plaid.fault("mutation", page=2)

    home.pull()

    home.assert_equal_to_bank()
    assert home.one("select restarts from sync_runs order by id desc limit 1") == 1


@pytest.mark.parametrize("fault", ["drop", "html", "error"])
def test_a_fault_on_page_two_leaves_nothing_half_done(home: Home, fault: str) -> None:
    home.plaid.admin("transactions", user="u1", count=1200)
    home.plaid.fault(fault, after=1)

    home.pull()

    home.assert_equal_to_bank()


def test_a_broken_login_is_told_and_heals_by_itself(home: Home) -> None:
    home.pull()
    home.plaid.admin("break", user="u1")
    home.pull()
    assert home.one("select status from items") == "login_required"
    home.plaid.buy("u1", amount="3")

    home.plaid.admin("repair", user="u1")
    eventually(lambda: bool(home.one("select count(*) from webhook_inbox where webhook_code = 'LOGIN_REPAIRED'")))
    home.pull()

    assert home.one("select status from items") == "ok"
    home.assert_equal_to_bank()


def test_an_unlinked_bank_is_ended_at_plaid_and_its_token_deleted(home: Home) -> None:
    home.pull()
    unlink(home.api, "u1", home.item_id)

    assert remove_item(home.deps, home.item_id) is True
    purge_item(home.deps, home.item_id)
    assert home.ledger() == {}
    assert home.one("select count(*) from item_tokens") == 0
    assert [item["removed"] for item in home.plaid.look("items")["items"]] == [True]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_happens_at_the_bank_the_ledger_ends_equal(home: Home, seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(30):
        _something_happens(home, chance)
        if chance.random() < 0.4:
            home.pull()
    home.plaid.http.request("DELETE", f"{home.plaid.url}/_local/faults")

    home.pull()

    home.assert_equal_to_bank()
    assert home.one("select count(*) from transactions where removed_at is null") == home.one(
        "select count(distinct entry_id) from transactions where removed_at is null"
    )
    home.database.sql("update items set cursor = null")
    before = home.database.sql("select * from changes order by path")
    home.pull()
    assert home.database.sql("select * from changes order by path") == before


def _something_happens(home: Home, chance: random.Random) -> None:
    rows = home.plaid.live(home.plaid_item_id)
    some_id = chance.choice(sorted(rows))
    match chance.randrange(7):
        case 0 | 1:
            home.plaid.buy("u1", amount=str(chance.randrange(1, 99)), pending=chance.random() < 0.7)
        case 2 | 3 if pending := sorted(plaid_id for plaid_id, told in rows.items() if told["pending"]):
            link = chance.random() < 0.8
            home.plaid.admin(
                "post", transaction_id=chance.choice(pending), amount=str(chance.randrange(1, 99)), link=link
            )
        case 4:
            home.plaid.admin("modify", transaction_id=some_id, amount=str(chance.randrange(1, 99)))
        case 5:
            home.plaid.admin("remove", transaction_ids=[some_id])
        case _:
            home.plaid.fault(chance.choice(["mutation", "drop", "html", "error"]))
