"""Linking on the page: what is bound to whom, what is refused before it costs anything, what a retry gets."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

import pytest

from sync.banks import items
from sync.banks.twins import Told
from sync.errors import (
    ItemAlreadyLinked,
    LinkSessionNotFound,
    LinkUnderWay,
    LivespendError,
    PlaidItemGone,
    PlaidPublicToken,
    PlaidRefused,
    PlaidTransient,
    UpdateModeToken,
)
from tests.fixtures.waiting import eventually
from tests.integration.linking.scene import Scene


def open_link(scene: Scene, user_id: str = "u1", **options: Any) -> str:
    return str(items.create_link_token(scene.api, user_id, **options)["linkToken"])


def test_a_use_of_link_is_its_users_and_ends_with_the_item(scene: Scene) -> None:
    scene.database.sql("insert into users (id) values ('u2')")
    token = open_link(scene)
    public_token = scene.plaid.connect(token)

    with pytest.raises(LinkSessionNotFound):
        items.exchange(scene.api, "u2", public_token, link_token=token)
    item_id = scene.exchange(public_token, link_token=token)

    assert scene.database.sql("select user_id, mode, state, item_id, ciphertext from link_sessions") == [
        ("u1", "new", "finished", item_id, None)
    ]


def test_the_public_token_of_update_mode_is_never_exchanged(scene: Scene) -> None:
    item_id = scene.link()
    token = open_link(scene, item_id=item_id)
    public_token = scene.plaid.connect(token)

    with pytest.raises(UpdateModeToken):
        scene.exchange(public_token, link_token=token)
    items.finish_update(scene.api, "u1", item_id)

    assert len(scene.plaid.requests("/item/public_token/exchange")) == 1
    assert scene.one("select state from link_sessions") == "finished"


def test_a_retry_of_a_link_gets_its_item_and_marks_nothing(scene: Scene) -> None:
    public_token = scene.plaid.link("u1")
    first, marked = items.exchange(scene.api, "u1", public_token)

    again, nothing = items.exchange(scene.api, "u1", public_token, **scene.told(UUID(first["id"])))

    assert (again["id"], nothing) == (first["id"], [])
    assert marked != []
    assert len(scene.plaid.requests("/item/public_token/exchange")) == 1


def test_a_retry_while_the_first_is_under_way_is_told_so(scene: Scene) -> None:
    public_token = scene.plaid.link("u1")
    scene.plaid.fault("delay", path="/accounts/get", seconds=3)
    results: list[str] = []
    first = threading.Thread(target=lambda: results.append(str(scene.exchange(public_token))))
    first.start()
    eventually(lambda: scene.intents() == ["exchanged"])

    with pytest.raises(LinkUnderWay):
        scene.exchange(public_token)
    first.join(30)

    assert results == [str(scene.one("select id from items"))]


@pytest.mark.parametrize("path", ["/item/public_token/exchange", "/item/get", "/accounts/get"])
def test_a_request_that_plaid_did_not_answer_goes_on_when_it_is_sent_again(scene: Scene, path: str) -> None:
    public_token = scene.plaid.link("u1")
    scene.plaid.fault("error", path=path)
    with pytest.raises(PlaidTransient):
        scene.exchange(public_token)
    assert scene.sweep() == []

    item_id = scene.exchange(public_token)

    assert (scene.intents("id, state"), len(scene.at_plaid())) == ([(item_id, "stored")], 1)


def test_a_request_that_nobody_sent_again_leaves_nothing_at_plaid(scene: Scene) -> None:
    public_token = scene.plaid.link("u1")
    scene.plaid.fault("error", path="/accounts/get")
    with pytest.raises(PlaidTransient):
        scene.exchange(public_token)

    scene.wait(minutes=2)
    scene.sweep()

    assert (scene.intents(), scene.at_plaid()) == (["removed"], [])
    with pytest.raises(PlaidPublicToken):
        scene.exchange(public_token)


def test_an_exchange_that_plaid_will_never_accept_is_closed_at_once(scene: Scene) -> None:
    scene.plaid.fault("error", path="/item/public_token/exchange", error_code="INVALID_API_KEYS")
    with pytest.raises(PlaidRefused):
        scene.link()

    assert scene.intents("state, problem") == [("refused", "plaid-refused")]


def test_a_public_token_belongs_to_who_told_it_first(scene: Scene) -> None:
    scene.database.sql("insert into users (id) values ('u2')")
    public_token = scene.plaid.link("u1")
    scene.exchange(public_token)

    with pytest.raises(PlaidPublicToken):
        items.exchange(scene.api, "u2", public_token)

    assert scene.intents("user_id, state") == [("u1", "stored")]


def test_a_public_token_that_plaid_does_not_know_leaves_nothing_open_and_nobody_is_woken(
    scene: Scene, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(PlaidPublicToken):
        scene.exchange("public-sandbox-00000000-0000-0000-0000-000000000000")

    assert scene.intents() == ["refused"]
    assert "link_lost" not in capsys.readouterr().out + caplog.text


def test_a_slow_request_that_the_sweep_has_overtaken_stores_nothing(scene: Scene) -> None:
    scene.plaid.fault("delay", path="/accounts/get", seconds=3)
    refused: list[LivespendError] = []

    def slowly() -> None:
        try:
            scene.link()
        except LivespendError as error:
            refused.append(error)

    slow = threading.Thread(target=slowly)
    slow.start()
    eventually(lambda: scene.intents() == ["exchanged"])
    scene.wait(minutes=4)
    scene.sweep()
    slow.join(30)

    assert [type(error) for error in refused] != []
    assert (scene.intents(), scene.at_plaid(), scene.one("select count(*) from items")) == (["removed"], [], 0)


def test_two_tabs_that_link_one_bank_at_once_make_one_item(scene: Scene) -> None:
    tokens = [scene.plaid.link("u1") for _ in range(2)]
    ends: list[str] = []

    def link(public_token: str) -> None:
        try:
            ends.append(str(scene.exchange(public_token)))
        except ItemAlreadyLinked as refused:
            ends.append(f"refused {refused.item_id}")

    tabs = [threading.Thread(target=link, args=(token,)) for token in tokens]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join(30)

    item_id = scene.one("select id::text from items")
    assert sorted(ends) == sorted([item_id, f"refused {item_id}"])
    assert (scene.intents(), len(scene.at_plaid())) == (["removed", "stored"], 1)


def test_a_bank_whose_sign_in_is_broken_may_be_linked_anew(scene: Scene) -> None:
    old = scene.link()
    scene.database.sql("update items set status = 'login_required'")

    new = scene.exchange(scene.plaid.link("u1"), **scene.told(old))

    assert scene.database.sql("select removed_at is null from items where id = %s", new) == [(True,)]


@pytest.mark.parametrize("status", ["login_required", "revoked", "error"])
def test_linking_anew_retires_the_broken_item_and_keeps_its_accounts(scene: Scene, status: str) -> None:
    old = scene.link()
    before = scene.database.sql("select id, name from accounts order by id")
    scene.database.sql("update items set status = %s", status)

    new = scene.link()

    assert scene.database.sql("select id, name from accounts where removed_at is null order by id") == before
    assert scene.database.sql("select distinct item_id from accounts") == [(new,)]
    assert ("remove_item", {"item_id": str(old)}) in scene.deps_for.bells
    assert scene.one("select count(*) from items where removed_at is null") == 1


@pytest.mark.parametrize(
    ("told", "refused"),
    [
        ({}, True),
        ({"mask": "9999"}, False),
        ({"mask": None}, False),
        ({"name": "Other"}, False),
        ({"subtype": None}, False),
        ({"institution_id": "ins_109509"}, False),
        ({"institution_id": None}, False),
    ],
)
def test_an_account_is_known_again_by_bank_and_fingerprint(scene: Scene, told: dict[str, Any], refused: bool) -> None:
    item_id = scene.link()
    name, mask, type_, subtype = scene.database.sql(
        "select name, mask, type, subtype from accounts order by name limit 1"
    )[0]
    account = {"name": name, "mask": mask, "type": type_, "subtype": subtype} | told
    institution_id = account.pop("institution_id", "ins_109508")
    public_token = scene.plaid.link("u1", institution_id="ins_109509")  # what Plaid says is another bank

    if refused:
        with pytest.raises(ItemAlreadyLinked):
            scene.exchange(public_token, institution_id=institution_id, accounts=[Told(**account)])
    else:
        other = scene.exchange(public_token, institution_id=institution_id, accounts=[Told(**account)])
        assert other != item_id


def test_a_kept_account_id_is_believed_over_the_fingerprint(scene: Scene) -> None:
    first = scene.link()
    scene.database.sql("update accounts set persistent_account_id = 'kept-' || name")
    accounts = scene.told(first)["accounts"]
    same = [Told("New name", None, None, None, f"kept-{accounts[0].name}")]
    other = [account._replace(persistent_account_id="another") for account in accounts]

    with pytest.raises(ItemAlreadyLinked):
        scene.exchange(scene.plaid.link("u1", institution_id="ins_109509"), institution_id="ins_1", accounts=same)
    assert scene.exchange(
        scene.plaid.link("u1", institution_id="ins_109510"), institution_id="ins_109508", accounts=other
    )


def test_an_item_that_plaid_does_not_know_any_more_does_not_bar_its_bank(scene: Scene) -> None:
    old = scene.link()
    ((plaid_item,),) = scene.database.sql("select plaid_item_id from items")
    scene.plaid.fault("error", path="/link/token/create", error_code="ITEM_NOT_FOUND")

    with pytest.raises(PlaidItemGone):
        items.create_link_token(scene.api, "u1", old)

    assert scene.database.sql("select status, error_code from items") == [("revoked", "ITEM_NOT_FOUND")]
    assert scene.exchange(scene.plaid.link("u1"), **scene.told(old)) != old
    assert plaid_item


@pytest.mark.parametrize("code", ["ADDITIONAL_CONSENT_REQUIRED", "ACCESS_NOT_GRANTED"])
def test_what_lacks_a_consent_is_asked_for_it(scene: Scene, code: str) -> None:
    item_id = scene.link()
    scene.database.sql("update items set status = 'login_required', error_code = %s", code)

    assert open_link(scene, item_id=item_id)


def test_old_uses_of_link_are_forgotten_and_open_ones_are_not(scene: Scene) -> None:
    from sync.banks.links import forget_old

    token = open_link(scene)
    scene.exchange(scene.plaid.connect(token), link_token=token)
    scene.exchange_in_child(scene.plaid.link("u1"), "link:exchanged")
    scene.wait(days=40)

    forget_old(scene.worker)

    assert (scene.intents(), scene.one("select count(*) from link_sessions")) == (["exchanged"], 0)
