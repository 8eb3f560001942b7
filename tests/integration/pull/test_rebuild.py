"""A ledger built again from its kept pages is the same ledger, or it is said where it is not and why."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from sync.banks.accounts import refresh_accounts
from sync.banks.items import unlink
from sync.banks.purge import purge_item
from sync.db import transaction
from sync.errors import (
    LedgerNotEmpty,
    MigrationFailed,
    PagesDamaged,
    ReviewClosed,
    ReviewConfirmed,
    UserNotFound,
)
from sync.ledger import reviews
from sync.ledger.budgets import add_budget
from sync.ledger.categories import add_category
from sync.ledger.ledger import add_expense, edit_entry
from sync.ledger.rulebook import add_rule
from sync.ledger.splits import Part, put_splits
from sync.pull.imports import Sizes
from sync.pull.kept_pages import forget_old, verify_chain
from sync.pull.pull import pull_item
from sync.pull.resync import want_resync
from sync.rebuild.ledger_digest import digest_ledger
from sync.rebuild.rebuild import Rebuilt, rebuild
from tests.fixtures.database import Database
from tests.fixtures.deps import DepsFor
from tests.integration.pull.bank import account, page, pending, row, serve
from tests.integration.pull.conftest import Linked, link
from tests.integration.pull.test_any_order import World, new_world  # noqa: F401 - a fixture
from tests.integration.pull.test_relink import NEW, Relinking, relinking  # noqa: F401 - a fixture

SMALL = Sizes(pages_in_memory=2, rows_at_once=20, rows_per_step=7)
WALKED = ["hold", "drop", "post", "post unlinked", "link late", "change", "take back", "tell again", "note", "note"]
WALKED += ["hold", "post unlinked", "confirm", "confirm", "undo", "decline"]


@pytest.fixture
def target(make_database: Callable[[], Database], database: Database) -> Database:
    """An empty migrated ledger beside the one of the test."""
    return make_database()


def built(linked: Linked, target: Database, user_id: str | None = None) -> Rebuilt:
    return rebuild(linked.deps, target.url("owner"), user_id, sizes=SMALL)


def told(linked: Linked, start: str | None, to: str, **words: Any) -> None:
    linked.bank.at(start, page(to=to, **words))
    assert linked.pull().outcome == "applied"


def three_updates(linked: Linked) -> None:
    """A pending row; its posting; a removal."""
    told(linked, None, "C1", added=[pending("p", 40), row("gone")])
    told(linked, "C1", "C2", added=[row("q", 44, pending_transaction_id="p")], removed=["p"])
    told(linked, "C2", "C3", removed=["gone"], modified=[row("q", 45, pending_transaction_id="p")])


def import_of(linked: Linked, start: str | None, to: str, rows: int = 60) -> None:
    """An update of many pages, stored in steps."""
    told_rows = [row(f"i{n}", n + 1, date=f"2026-{1 + n // 28:02}-{1 + n % 28:02}") for n in range(rows)]
    cursors = [start, *(f"I{n}" for n in range(1, rows // 5)), to]
    for place, (asked, answered) in enumerate(pairwise(cursors)):
        part = told_rows[place * 5 : place * 5 + 5]
        linked.bank.at(asked, page(added=part, to=str(answered), more=answered != to))
    linked.database.sql("update item_pulls set wanted = wanted + 1 where item_id = %s", linked.item_id)
    assert pull_item(linked.deps, linked.item_id, SMALL).added == rows


def content(database: Database) -> list[tuple[Any, ...]]:
    """What documents are made of, with their ids."""
    return database.sql(
        "select t.plaid_transaction_id, t.id, t.entry_id, t.account_id, t.amount, t.removed_at is null, "
        "t.superseded_by, e.user_category_id, e.rule_category_id, e.note, e.removed_at is null "
        "from transactions as t join entries as e on e.id = t.entry_id order by t.id"
    )


def answer(world: World, given: str, chance: random.Random) -> None:
    """The user answers one of the questions, if there is one that takes the answer."""
    if asked := reviews.list_reviews(world.api, world.linked.user_id):
        with suppress(ReviewClosed, ReviewConfirmed):
            getattr(reviews, given)(world.api, world.linked.user_id, chance.choice(asked)["id"])


def test_a_full_life_is_rebuilt_with_the_same_digest(
    linked: Linked, target: Database, deps_for: DepsFor, database: Database
) -> None:
    api = deps_for("api", plaid=linked.deps.plaid)
    three_updates(linked)
    import_of(linked, "C3", "C4")
    own, _ = add_category(api, "u1", "Boat")
    edit_entry(api, "u1", linked.entry("q"), category_id=own["id"], note="with Ann")
    put_splits(
        api, "u1", linked.entry("i7"), [Part("TRAVEL", Decimal("3"), "half"), Part(own["id"], Decimal("1"), None)]
    )
    add_rule(api, "u1", {"name_match": "contains", "name_text": "i1", "category_id": "TRAVEL"})
    add_budget(api, "u1", category_id="TRAVEL", currency="USD", limit=Decimal("100"), starts_month=date(2026, 11, 1))
    add_expense(api, "u1", amount=Decimal("7.25"), currency="USD", on=date(2026, 11, 3), name="Cash", note="tip")
    shell = {"name": "SHELL 123", "authorized_date": "2026-11-05"}
    told(linked, "C4", "C5", added=[pending("s", 40, **shell)])
    shell_oil = {"name": "SHELL OIL", "date": "2026-11-07", "authorized_date": None}
    told(linked, "C5", "C6", added=[row("t", 41.37, **shell_oil)], removed=["s"])
    (asked,) = reviews.list_reviews(api, "u1")
    reviews.confirm(api, "u1", asked["id"])
    told(linked, "C6", "C7", modified=[row("t", 42, **shell_oil)])
    linked.bank.at("C7", page(accounts=[], to="C8"))
    linked.pull()
    with serve() as other:
        second = link(deps_for, database, other, "u1", "item-2")
        other.at(
            None,
            page(added=[row("z1", account_id="acc-2"), row("z2", account_id="acc-2")], accounts=[account("acc-2")]),
        )
        second.pull()
        edit_entry(api, "u1", second.entry("z1"), note="before it left")
        unlink(api, "u1", second.item_id)
        purge_item(linked.deps, second.item_id)

    found = built(linked, target)

    assert found.differences == ()
    assert found.own_differs == ()
    assert found.equal
    assert found.target == digest_ledger(target.engine("owner"))
    assert content(target) == content(database)
    assert target.sql("select id, cursor, status, removed_at from items order by id") == database.sql(
        "select id, cursor, status, removed_at from items order by id"
    )
    assert found.windows == 8


@pytest.mark.parametrize("seed", [2, 4, 9])
def test_whatever_the_bank_said_and_the_user_answered_is_rebuilt(
    new_world: Callable[[], World],  # noqa: F811
    target: Database,
    seed: int,
) -> None:
    chance = random.Random(seed)
    worlds = [new_world() for _ in range(2)]
    for _ in range(50):
        world, act = chance.choice(worlds), chance.choice(WALKED)
        if act in ("confirm", "undo", "decline"):
            answer(world, act, chance)
        else:
            getattr(world, act.replace(" ", "_"))(chance.randrange(6), chance.random() < 0.5)

    assert worlds[0].linked.one("select count(*) from reviews where state = 'confirmed'") > 0

    found = built(worlds[0].linked, target)

    assert found.differences == ()
    assert found.equal


def test_a_bank_linked_again_is_rebuilt_with_its_old_entries(relinking: Relinking, target: Database) -> None:  # noqa: F811
    linked = relinking.linked
    told(linked, None, "C1", added=[row("a", name="Shop"), row("b", 20, name="Shop"), row("old", date="2026-01-01")])
    linked.categorise("a", "TRAVEL")
    new = relinking.again()
    new.bank.at(None, page(added=[row("a2", name="Shop", account_id="new-1")], accounts=[NEW], to="N1"))
    new.pull()

    found = built(linked, target)

    assert found.differences == ()
    assert found.equal
    assert content(target) == content(linked.database)


def renumbered(linked: Linked) -> None:
    """The account goes on under a new id, its rows too."""
    moved = [row("a2", name="Shop", account_id="acc-9"), row("b2", 20, name="Shop", account_id="acc-9")]
    told(linked, "C1", "C2", added=moved, removed=["a", "b"], accounts=[account("acc-9")])


def renumbered_twice(linked: Linked) -> None:
    """And once more, with one row that the bank keeps."""
    renumbered(linked)
    moved = [row("a3", name="Shop", account_id="acc-10"), row("b2", 21, name="Shop", account_id="acc-10")]
    told(linked, "C2", "C3", added=moved[:1], modified=moved[1:], removed=["a2"], accounts=[account("acc-10")])


def renumbered_by_accounts_alone(linked: Linked) -> None:
    """The bank names the new id, and tells new rows only later."""
    linked.bank.has(account("acc-9"))
    refresh_accounts(linked.deps, linked.item_id)
    told(linked, "C1", "C2", added=[row("c", 4, account_id="acc-9")], accounts=[account("acc-9")])


def former_id_comes_back(linked: Linked) -> None:
    """The old id is an account of its own again, with rows."""
    renumbered(linked)
    linked.bank.has(account("acc-9"), account())
    refresh_accounts(linked.deps, linked.item_id)
    told(linked, "C2", "C3", added=[row("again", 7)], accounts=[account()])


@pytest.mark.parametrize(
    "went_on",
    [renumbered, renumbered_twice, renumbered_by_accounts_alone, former_id_comes_back],
    ids=lambda way: way.__name__,
)
def test_an_account_under_a_new_id_is_rebuilt_with_its_edits(
    linked: Linked, target: Database, went_on: Callable[[Linked], None]
) -> None:
    told(linked, None, "C1", added=[row("a", name="Shop"), row("b", 20, name="Shop")])
    linked.categorise("a", "TRAVEL")
    went_on(linked)

    found = built(linked, target)

    assert found.differences == ()
    assert found.equal
    assert content(target) == content(linked.database)
    called = "select id, plaid_account_id, closed_at is null from accounts order by id"
    assert target.sql(called) == linked.database.sql(called)


def test_a_full_resync_is_rebuilt_as_one(linked: Linked, target: Database) -> None:
    told(linked, None, "C1", added=[row("a"), row("b"), row("c")])
    linked.bank.at(None, page(added=[row("a"), row("c", 11)], to="R1"))
    with transaction(linked.deps.engine) as connection:
        want_resync(connection, linked.item_id)
    linked.pull()
    assert set(linked.live()) == {"a", "c"}

    assert built(linked, target).equal


DAMAGE = [
    "update plaid_pages set sealed = overlay(sealed placing 'x' from 20) where position = 2",
    "update plaid_pages set sealed = (select sealed from plaid_pages where position = 3) where position = 2",
    "delete from plaid_pages where position = 2",
    "delete from plaid_pages where position = 3",
    "update plaid_pages set sha256 = 'x' where position = 1",
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_page_that_was_altered_or_is_missing_is_named(linked: Linked, target: Database, damage: str) -> None:
    three_updates(linked)
    linked.database.sql(damage)
    with pytest.raises(PagesDamaged):
        verify_chain(linked.deps, linked.item_id)

    found = built(linked, target)

    (difference,) = found.differences
    assert not found.equal
    assert difference.item_id == linked.item_id
    assert difference.reasons[0].startswith("pages-damaged: ")
    assert target.sql("select cursor from items") == [(None,)]


def test_forgotten_pages_are_named_and_the_rest_is_built(linked: Linked, target: Database) -> None:
    three_updates(linked)
    told(linked, "C3", "C4", added=[row("late")])
    linked.database.sql("update plaid_pages set fetched_at = fetched_at - interval '91 days' where position = 1")
    assert forget_old(linked.deps) == 1

    (difference,) = built(linked, target).differences

    assert difference.reasons == ("its first 1 pages are forgotten (PLAID_PAGES_DAYS)",)
    assert (difference.missing, difference.extra) == (2, 0)
    assert "transaction p" in difference.named
    assert target.sql("select plaid_transaction_id from transactions where removed_at is null order by 1") == [
        ("late",),
        ("q",),
    ]


def test_a_row_that_no_page_told_is_named(linked: Linked, target: Database) -> None:
    three_updates(linked)
    linked.database.sql("update transactions set amount = amount + 1 where plaid_transaction_id = 'q'")

    (difference,) = built(linked, target).differences

    assert (difference.missing, difference.extra, difference.different) == (0, 0, 1)
    assert difference.named == ("transaction q",)
    assert difference.reasons == ("its pages tell another history",)


def test_only_an_empty_ledger_of_the_current_schema_is_filled(
    linked: Linked, target: Database, make_database: Callable[[], Database]
) -> None:
    three_updates(linked)
    target.sql("insert into users (id) values ('somebody')")

    with pytest.raises(LedgerNotEmpty):
        built(linked, target)
    other = make_database()
    with pytest.raises(UserNotFound):
        built(linked, other, "nobody")
    other.sql("alter table transactions drop column heard_on")
    with pytest.raises(MigrationFailed):
        built(linked, other)


def test_a_rebuilt_ledger_goes_on_pulling(linked: Linked, target: Database, deps_for: DepsFor) -> None:
    three_updates(linked)
    assert built(linked, target).equal
    new = dataclasses.replace(
        linked, database=target, deps=dataclasses.replace(linked.deps, engine=target.engine("worker"))
    )

    told(new, "C3", "C4", added=[row("d")])

    assert set(new.live()) == {"q", "d"}
    assert verify_chain(new.deps, new.item_id) == 4


def test_the_command_says_so_in_json_and_by_its_exit_status(
    linked: Linked, target: Database, make_database: Callable[[], Database]
) -> None:
    three_updates(linked)
    environment = os.environ | {
        "FIREBASE_PROJECT_ID": "demo-livespend",
        "WORKER_DATABASE_URL": linked.database.url("worker"),
        "REDIS_URL": "redis://127.0.0.1:9/0",
        "PLAID_URL": linked.bank.url,
        "PLAID_CLIENT_ID": "client",
        "PLAID_SECRET": "secret",
        "TOKEN_KEY_FILE": linked.deps.settings.token_key_file,
    }

    def run(into: Database) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "workers.cli", "ledger", "rebuild", "--from-pages", "--json"]
        return subprocess.run(
            [*command, "--into", into.url("owner")], env=environment, capture_output=True, text=True, timeout=120
        )

    whole = run(target)
    linked.database.sql("delete from plaid_pages where position = 2")
    broken = run(make_database())

    assert (whole.returncode, json.loads(whole.stdout)["equal"]) == (0, True), whole.stderr
    said = json.loads(broken.stdout)
    assert (broken.returncode, said["equal"]) == (1, False)
    assert said["differences"][0]["reasons"] == ["pages-damaged: page 2 of the chain is missing"]
