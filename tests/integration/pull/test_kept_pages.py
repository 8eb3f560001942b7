"""Raw pages: kept sealed with the update they brought, chained, forgotten in time, shredded with their key."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from datetime import timedelta

import pytest

from sync.db import transaction
from sync.errors import PagesDamaged, VaultFailed
from sync.pull.kept_pages import forget_old, open_key, read_window, verify_chain, windows
from tests.integration.pull.bank import page, row
from tests.integration.pull.conftest import Linked


def three_updates(linked: Linked) -> None:
    """Two pages, then one, then one."""
    linked.bank.at(None, page(added=[row("a", name="Private Shop")], to="P1", more=True))
    linked.bank.at("P1", page(added=[row("b")], to="C1"))
    linked.bank.at("C1", page(added=[row("c")], to="C2"))
    linked.bank.at("C2", page(removed=["a"], to="C3"))
    for _ in range(3):
        linked.pull()


def aged(linked: Linked, before_position: int) -> None:
    """Those pages were fetched 91 days ago."""
    linked.database.sql(
        "update plaid_pages set fetched_at = fetched_at - interval '91 days' where position < %s", before_position
    )


def test_the_pages_of_an_update_are_kept_as_they_came_in_the_order_they_came(linked: Linked) -> None:
    three_updates(linked)

    key = open_key(linked.deps, linked.item_id)
    with transaction(linked.deps.engine) as connection:
        kept = [
            [json.loads(page.raw) for page in read_window(connection, key, linked.item_id, window)]
            for window in windows(connection, linked.item_id)
        ]
    assert [[told["next_cursor"] for told in window] for window in kept] == [["P1", "C1"], ["C2"], ["C3"]]
    assert kept[0][0] == linked.bank.script[""][0]
    assert verify_chain(linked.deps, linked.item_id) == 4


def test_a_field_that_nobody_knows_yet_is_kept_with_its_page(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a", brand_new={"mood": [1.50]})]))

    linked.pull()

    key = open_key(linked.deps, linked.item_id)
    with transaction(linked.deps.engine) as connection:
        (window,) = windows(connection, linked.item_id)
        (kept,) = read_window(connection, key, linked.item_id, window)
    assert json.loads(kept.raw)["added"][0]["brand_new"] == {"mood": [1.50]}


def test_a_page_lies_sealed_in_the_ledger(linked: Linked) -> None:
    three_updates(linked)

    dump = str(linked.database.sql("select p::text, encode(sealed, 'escape') from plaid_pages as p"))
    assert "Private Shop" not in dump
    assert "transaction_id" not in dump


@pytest.mark.parametrize(
    "damage",
    [
        "update plaid_pages set sealed = overlay(sealed placing 'x' from 20) where position = 2",
        "update plaid_pages set sha256 = 'x' where position = 2",
        "update plaid_pages set chain_sha256 = 'x' where position = 2",
        "update plaid_pages set sealed = (select sealed from plaid_pages where position = 3) where position = 2",
        "delete from plaid_pages where position = 2",
        "delete from plaid_pages where position = 4",
        "update page_keys set chained = 3",
        "update page_keys set forgotten = 1",
    ],
)
def test_a_page_that_is_missing_or_altered_is_noticed(linked: Linked, damage: str) -> None:
    three_updates(linked)
    linked.database.sql(damage)

    with pytest.raises(PagesDamaged):
        verify_chain(linked.deps, linked.item_id)


def test_the_chain_is_the_digest_over_all_pages(linked: Linked) -> None:
    three_updates(linked)

    chain = b""
    for position, sha256, kept in linked.database.sql(
        "select position, sha256, chain_sha256 from plaid_pages order by position"
    ):
        chain = hashlib.sha256(chain + bytes(sha256)).digest()
        assert bytes(kept) == chain, position
    assert linked.database.sql("select chained, forgotten, chain_sha256 from page_keys")[0][:2] == (4, 0)


def test_an_update_without_news_leaves_no_page(linked: Linked) -> None:
    three_updates(linked)
    linked.bank.at("C3", page(accounts=[], to="C4"), page(modified=[row("c")], to="C5"))
    linked.bank.at("C4", page(modified=[row("c")], to="C5"))

    linked.pull()
    linked.pull()

    assert (linked.item("cursor"), linked.one("select count(*) from plaid_pages")) == ("C5", 4)


def test_an_update_of_an_account_alone_is_kept(linked: Linked) -> None:
    linked.bank.at(None, page(to="C1"))

    linked.pull()

    assert linked.one("select count(*) from plaid_pages") == 1


def test_old_pages_are_forgotten_window_by_window_and_the_chain_goes_on(linked: Linked) -> None:
    three_updates(linked)
    aged(linked, 4)
    linked.database.sql("update plaid_pages set fetched_at = now() where position = 2")

    assert forget_old(linked.deps) == 3
    assert verify_chain(linked.deps, linked.item_id) == 1
    linked.bank.at("C3", page(added=[row("d")], to="C4"))
    linked.pull()

    assert verify_chain(linked.deps, linked.item_id) == 2
    assert linked.database.sql("select chained, forgotten from page_keys") == [(5, 3)]


def test_half_a_window_is_not_forgotten(linked: Linked) -> None:
    three_updates(linked)
    aged(linked, 2)

    assert forget_old(linked.deps) == 0
    assert forget_old(linked.deps) == 0
    assert verify_chain(linked.deps, linked.item_id) == 4


def test_no_page_is_kept_when_the_setting_says_so(linked: Linked) -> None:
    settings = dataclasses.replace(linked.deps.settings, plaid_pages_days=0)
    linked.deps = dataclasses.replace(linked.deps, settings=settings)

    three_updates(linked)

    assert linked.one("select (select count(*) from plaid_pages) + (select count(*) from page_keys)") == 0
    assert set(linked.live()) == {"b", "c"}


def test_a_setting_turned_off_forgets_what_was_kept(linked: Linked) -> None:
    three_updates(linked)
    settings = dataclasses.replace(linked.deps.settings, plaid_pages_days=0)
    moment = linked.deps.now() + timedelta(seconds=1)

    assert forget_old(dataclasses.replace(linked.deps, settings=settings, now=lambda: moment)) == 4


def test_without_its_key_no_page_of_an_item_opens_again(linked: Linked) -> None:
    three_updates(linked)
    linked.database.sql("delete from page_keys")
    key = open_key(linked.deps, linked.item_id)
    ((window, sealed),) = linked.database.sql("select window_id, sealed from plaid_pages where position = 3")

    with pytest.raises(VaultFailed):
        key.open(bytes(sealed), f"{linked.item_id}/{window}/1")


def test_after_its_key_was_deleted_an_item_begins_a_new_chain(linked: Linked) -> None:
    three_updates(linked)
    linked.database.sql("delete from page_keys")
    linked.database.sql("delete from plaid_pages")
    linked.bank.at("C3", page(added=[row("d")], to="C4"))

    linked.pull()

    assert verify_chain(linked.deps, linked.item_id) == 1
