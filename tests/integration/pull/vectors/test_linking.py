"""Link: more accounts by update mode, the same bank twice, and every crash between Plaid's exchange and our insert."""

from __future__ import annotations

import json

import pytest

from sync.banks import items
from sync.deps import Deps
from sync.errors import ItemAlreadyLinked, PlaidError
from tests.fixtures.database import Database
from tests.fixtures.deps import DepsFor
from tests.fixtures.plaid import FIRST_PLATYPUS, PlaidServer
from tests.integration.linking.scene import Scene
from tests.integration.pull.conftest import TOKEN, Linked

KILLED = -9
USER_GOOD = {"institution_id": FIRST_PLATYPUS, "username": "user_good", "password": "pass_good"}


@pytest.fixture
def scene(deps_for: DepsFor, database: Database, plaid_server: PlaidServer) -> Scene:
    """User u1, signed up, with no bank yet."""
    database.sql("insert into users (id) values ('u1')")
    return Scene(deps_for, database, plaid_server)


@pytest.mark.parametrize(("code", "offered"), [(None, False), ("NEW_ACCOUNTS_AVAILABLE", True), ("NO_ACCOUNTS", True)])
def test_update_mode_offers_the_choice_of_accounts_when_there_is_one(
    linked: Linked, api: Deps, code: str | None, offered: bool
) -> None:
    """Vector 51: NEW_ACCOUNTS_AVAILABLE, then update mode adds an account."""
    linked.bank.others["/link/token/create"] = [{"link_token": "link-1", "expiration": "2026-11-20T16:00:00Z"}]
    linked.database.sql("update items set error_code = %s", code)

    opened = items.create_link_token(api, "u1", linked.item_id)

    path, request = linked.bank.requests[-1]
    assert (path, request["access_token"], "products" in request) == ("/link/token/create", TOKEN, False)
    assert request.get("update") == ({"account_selection_enabled": True} if offered else None)
    assert linked.one("select mode from link_sessions where id = %s", opened["sessionId"]) == "update"
    assert linked.owed("accounts_offered_at is not null") == offered


def test_an_account_that_was_chosen_in_update_mode_is_there_with_its_rows(scene: Scene) -> None:
    """Vector 51: NEW_ACCOUNTS_AVAILABLE, then update mode adds an account."""
    opened = items.create_link_token(scene.api, "u1")
    public_token = scene.plaid.connect(opened["linkToken"], accounts=["0"])
    item_id = scene.exchange(public_token, link_token=opened["linkToken"])
    scene.pull(item_id)
    before = scene.database.sql("select id, plaid_item_id from items")
    ((known, name),) = scene.database.sql("select plaid_account_id, name from accounts")

    update = items.create_link_token(scene.api, "u1", item_id, account_selection=True)
    offered = scene.plaid.admin("link/preview", link_token=update["linkToken"], **USER_GOOD)["accounts"]
    scene.plaid.connect(update["linkToken"], accounts=[account["key"] for account in offered])
    items.finish_update(scene.api, "u1", item_id)
    scene.pull(item_id)

    rows = dict(
        scene.database.sql(
            "select a.name, count(*) from accounts as a join transactions as t on t.account_id = a.id "
            "where a.removed_at is null and t.removed_at is null group by 1"
        )
    )
    assert len(offered) == 3
    assert set(rows) == {account["name"] for account in offered} > {name}
    assert scene.database.sql("select id, plaid_item_id from items") == before
    assert scene.one("select count(*) from accounts where plaid_account_id = %s", known) == 1


def test_the_same_bank_again_is_refused_before_its_public_token_is_spent(scene: Scene) -> None:
    """Vector 57: the same user links the same institution and accounts again."""
    first = scene.link()
    told = scene.told(first)
    again = scene.plaid.link("u1")

    with pytest.raises(ItemAlreadyLinked) as refused:
        scene.exchange(again, **told)

    assert refused.value.item_id == first
    assert len(scene.plaid.requests("/item/public_token/exchange")) == 1
    assert (scene.one("select count(*) from items"), scene.intents()) == (1, ["stored"])
    assert scene.plaid.call("/item/public_token/exchange", public_token=again)["item_id"]


def test_the_same_bank_again_is_given_back_when_the_browser_hid_it(scene: Scene) -> None:
    """Vector 57: the same user links the same institution and accounts again."""
    first = scene.link()
    kept = scene.at_plaid()

    with pytest.raises(ItemAlreadyLinked) as refused:
        scene.link()

    assert refused.value.item_id == first
    assert scene.at_plaid() == kept
    assert (scene.one("select count(*) from items"), scene.intents("state, problem")) == (
        1,
        [("removed", "item-already-linked"), ("stored", None)],
    )


@pytest.mark.parametrize(
    ("crash_at", "left", "settled"),
    [
        ("link:asked", "asked", "removed"),
        ("link:exchanged", "exchanged", "removed"),
        ("link:stored", "stored", "stored"),
    ],
)
def test_an_exchange_that_was_killed_leaves_no_item_that_nobody_knows(
    scene: Scene, crash_at: str, left: str, settled: str
) -> None:
    """Vector 64: the exchange succeeded, the insert did not."""
    assert scene.exchange_in_child(scene.plaid.link("u1"), crash_at) == KILLED
    assert scene.intents() == [left]
    assert scene.sweep() == []  # somebody may still be at it

    scene.wait(minutes=4)
    scene.sweep()

    assert scene.intents() == [settled]
    assert scene.at_plaid() == [row[0] for row in scene.database.sql("select plaid_item_id from items")]
    assert scene.one("select count(*) from link_intents where ciphertext is not null") == 0
    assert scene.sweep() == []


def test_an_item_whose_token_died_with_the_process_is_told_to_the_operator(
    scene: Scene, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Vector 64: the exchange succeeded, the insert did not."""
    assert scene.exchange_in_child(scene.plaid.link("u1"), "link:answered") == KILLED
    scene.wait(minutes=4)

    scene.sweep()

    assert scene.intents("state, problem") == [("lost", "plaid-public-token")]
    told = scene.command("links", "--json")
    assert [(link["state"], link["user_id"]) for link in json.loads(told)["links"]] == [("lost", "u1")]
    assert "0 open, 1 lost" in scene.command("links")
    assert "link_lost" in capsys.readouterr().out + caplog.text


def test_an_item_that_plaid_will_not_remove_is_asked_for_until_it_does(scene: Scene) -> None:
    """Vector 64: the exchange succeeded, the insert did not."""
    scene.plaid.fault("error", path="/accounts/get", error_code="PRODUCTS_NOT_SUPPORTED")
    scene.plaid.fault("error", path="/item/remove", times=2)

    with pytest.raises(PlaidError):
        scene.link()
    assert (scene.intents(), len(scene.at_plaid())) == (["unwanted"], 1)
    for _ in range(2):
        scene.wait(hours=1)
        scene.sweep()

    assert (scene.intents(), scene.at_plaid()) == (["removed"], [])
