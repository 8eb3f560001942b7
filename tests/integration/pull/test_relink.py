"""A bank linked again: its accounts stay, its new rows take over the old entries, and nothing ever counts twice."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from sync.banks import linked_bank
from sync.banks.items import unlink
from sync.banks.linked_bank import LinkedBank
from sync.db import edit, transaction
from sync.pull.pages import parse_json, read_account
from sync.pull.pull import pull_item
from sync.pull.resync import want_resync
from tests.integration.pull.bank import INITIAL, account, page, pending, row
from tests.integration.pull.conftest import TOKEN, Linked
from tests.integration.pull.vectors.conftest import Spend

NEW = account("new-1")


@dataclass
class Relinking:
    """User u1 whose bank is linked a second time, as the API stores it."""

    linked: Linked
    links: int = 1

    def again(self, *accounts: dict[str, Any], was: str | None = "login_required") -> Linked:
        """Links the bank anew after its item came to the status `was` (None: as it is); answers the new item."""
        old, api = self.linked, self.linked.deps_for("api")
        old.database.sql("update items set institution_id = 'ins_1' where institution_id is null and purged_at is null")
        if was is not None:
            old.database.sql("update items set status = %s where id = %s", was, old.item_id)
        self.links += 1
        item_id = uuid4()
        told = [read_account(parse_json(json.dumps(shown).encode())) for shown in accounts or (NEW,)]
        bank = LinkedBank(f"item-{self.links}", "ins_1", "Bank", None, told)
        assert api.vault is not None
        with edit(api.engine, "u1") as (connection, _):
            merged = linked_bank.store(connection, "u1", item_id, bank, api.vault.encrypt(item_id, TOKEN))
        self.retired = list(merged.retired)
        return Linked(old.bank, old.database, old.deps_for, item_id, old.deps)

    def accounts(self, columns: str = "plaid_account_id, removed_at is null, closed_at is null") -> list[Any]:
        """Every account."""
        rows = sorted(self.linked.database.sql(f"select {columns} from accounts"))
        return [found[0] if len(found) == 1 else found for found in rows]

    def says(self, *rows: dict[str, Any], after: str | None = None, **told: Any) -> None:
        """Scripts the next update of the new item."""
        self.linked.bank.at(after, page(added=list(rows), **{"accounts": [NEW], **told}))


@pytest.fixture
def relinking(linked: Linked) -> Relinking:
    """User u1 with one item at the scripted bank, to be linked again."""
    return Relinking(linked)


@pytest.fixture
def spend(linked: Linked) -> Spend:
    """User u1's months."""
    return Spend(linked.deps_for("api"))


def anew(*rows: dict[str, Any], account_id: str = "new-1") -> list[dict[str, Any]]:
    """The rows as a new item tells them: every id is another."""
    return [told | {"transaction_id": f"new {told['transaction_id']}", "account_id": account_id} for told in rows]


def first_link(relinking: Relinking, *rows: dict[str, Any]) -> UUID:
    """The first item brought these rows; answers its account."""
    relinking.linked.bank.at(None, page(added=list(rows)))
    relinking.linked.pull()
    (account_id,) = relinking.accounts("id")
    return account_id


def test_accounts_of_a_broken_bank_move_to_its_new_link_and_keep_their_documents(relinking: Relinking) -> None:
    linked = relinking.linked
    kept = first_link(relinking, row("a"))

    new = relinking.again()

    assert linked.one("select id from accounts where item_id = %s", new.item_id) == kept
    assert relinking.accounts() == [("new-1", True, True)]
    assert relinking.retired == [linked.item_id]
    assert linked.item("successor_id") == new.item_id
    assert linked.item("removed_at") is not None


def test_entries_edits_and_documents_survive_the_new_ids(relinking: Relinking, spend: Spend) -> None:
    rows = [row("a", 10), row("b", 5, date="2026-11-06"), row("c", 7, iso_currency_code="EUR")]
    first_link(relinking, *rows)
    linked = relinking.linked
    entries = {told: linked.entry(told) for told in "abc"}
    linked.categorise("b", "TRAVEL")
    new = relinking.again()
    relinking.says(*anew(*rows))

    new.pull()

    assert {told: linked.entry(f"new {told}") for told in "abc"} == entries
    assert new.live() == {"new a": Decimal(10), "new b": Decimal(5), "new c": Decimal(7)}
    assert (spend.by_category(), spend.total("EUR")) == ({"FOOD_AND_DRINK": 10, "TRAVEL": 5}, 7)
    assert linked.one("select count(*) from entries") == 3


def test_nothing_counts_twice_while_the_history_is_still_arriving(relinking: Relinking, spend: Spend) -> None:
    old = [
        row("renamed", 10, date="2026-11-20"),
        row("same", 5, date="2026-11-10"),
        row("older", 3, date="2026-11-02", name="Old name"),
    ]
    first_link(relinking, *old)
    new = relinking.again()
    told = [row("x", 10, date="2026-11-20", name="Another name"), old[1], row("z", 3, date="2026-11-02")]

    relinking.says(*anew(*told[:2]), status=INITIAL, to="N1")
    new.pull()
    after_initial = (sorted(new.live()), spend.total())
    relinking.says(*anew(told[2]), after="N1", to="N2")
    new.pull()

    assert after_initial == (["new same", "new x", "older"], 18)
    assert (sorted(new.live()), spend.total()) == (["new same", "new x", "new z"], 18)


def test_history_from_before_the_new_links_reach_stays(relinking: Relinking) -> None:
    old = [row("ancient", 1, date="2024-01-01"), row("gone", 2, date="2026-11-01"), row("kept", 3, date="2026-11-02")]
    first_link(relinking, *old)
    relinking.linked.categorise("gone", "TRAVEL")
    new = relinking.again()
    relinking.says(*anew(row("first", 9, date="2026-10-31"), old[2]))

    new.pull()

    assert sorted(new.live()) == ["ancient", "new first", "new kept"]
    said = new.one("select user_category_id from entries where id = %s", new.entry("gone"))
    assert said == "TRAVEL"


TWICE = [row("a", 4, name="Coffee"), row("b", 4, name="Coffee")]


@pytest.mark.parametrize(
    ("edited", "told", "taken"),
    [
        ({}, TWICE, 2),
        ({}, TWICE[:1], 1),
        ({"a": "TRAVEL", "b": "TRAVEL"}, TWICE, 2),
        ({"a": "TRAVEL", "b": "TRAVEL"}, TWICE[:1], 1),
        ({"a": "TRAVEL"}, TWICE, 0),
        ({"a": "TRAVEL", "b": "MEDICAL"}, TWICE, 0),
        ({"a": "TRAVEL", "b": "TRAVEL"}, [*TWICE, row("c", 4, name="Coffee")], 0),
    ],
    ids=["no edits", "one is told", "same edits", "same edits, one told", "one edit", "two edits", "three told"],
)
def test_equal_rows_are_taken_over_only_where_it_does_not_matter_which(
    relinking: Relinking, edited: dict[str, str], told: list[dict[str, Any]], taken: int
) -> None:
    first_link(relinking, *TWICE)
    linked = relinking.linked
    entries = {linked.entry("a"), linked.entry("b")}
    for plaid_id, category in edited.items():
        linked.categorise(plaid_id, category)
    new = relinking.again()
    relinking.says(*anew(*told))

    new.pull()

    live = {found for (found,) in linked.database.sql("select entry_id from transactions where removed_at is null")}
    assert (len(live), len(live & entries)) == (len(told), taken)


def test_a_split_is_an_edit_too(relinking: Relinking) -> None:
    first_link(relinking, *TWICE)
    linked = relinking.linked
    linked.database.sql(
        "insert into splits (entry_id, user_id, position, category_id, amount) values (%s, 'u1', 1, 'TRAVEL', 1)",
        linked.entry("a"),
    )
    entries = {linked.entry("a"), linked.entry("b")}
    new = relinking.again()
    relinking.says(*anew(*TWICE))

    new.pull()

    assert not entries & {linked.entry("new a"), linked.entry("new b")}


def test_a_bank_unlinked_by_mistake_comes_back_with_what_was_said_of_its_rows(relinking: Relinking) -> None:
    old = [row("a", 10), row("ancient", 2, date="2024-01-01")]
    kept = first_link(relinking, *old)
    linked = relinking.linked
    linked.categorise("a", "TRAVEL")
    entry = linked.entry("a")
    unlink(linked.deps_for("api"), "u1", linked.item_id)
    new = relinking.again(was=None)
    relinking.says(*anew(old[0]))

    new.pull()

    assert (new.live(), linked.entry("new a")) == ({"new a": Decimal(10)}, entry)
    assert linked.one("select user_category_id from entries where id = %s", entry) == "TRAVEL"
    assert relinking.accounts("id") == [kept]
    assert (relinking.retired, linked.item("successor_id")) == ([], None)


def test_a_pending_row_of_the_old_link_posts_under_the_new_one(relinking: Relinking) -> None:
    hold = pending("p", 20, date="2026-11-18")
    first_link(relinking, hold)
    linked = relinking.linked
    linked.categorise("p", "TRAVEL")
    entry = linked.entry("p")
    new = relinking.again()
    relinking.says(*anew(hold), to="N1")
    new.pull()
    posted = row("q", 22, date="2026-11-19", account_id="new-1", pending_transaction_id="new p")
    relinking.says(posted, removed=["new p"], after="N1", to="N2")

    new.pull()

    assert (new.live(), linked.entry("q")) == ({"q": Decimal(22)}, entry)


def test_a_row_that_the_bank_took_back_is_not_preferred_to_one_that_lived(relinking: Relinking) -> None:
    first_link(relinking, row("dead"), row("live", name="Shop dead"))
    linked = relinking.linked
    linked.bank.at("C1", page(removed=["dead"], to="C2"))
    linked.pull()
    linked.categorise("live", "TRAVEL")
    entry = linked.entry("live")
    new = relinking.again()
    relinking.says(*anew(row("live", name="Shop dead")))

    new.pull()

    assert linked.entry("new live") == entry


def test_an_account_that_the_new_link_does_not_have_is_closed_and_keeps_its_history(relinking: Relinking) -> None:
    savings = account("sav", name="Savings", mask="7777")
    linked = relinking.linked
    both = [row("a", 10), row("s", 3, account_id="sav")]
    linked.bank.at(None, page(added=both, accounts=[account(), savings]))
    linked.pull()

    new = relinking.again()
    relinking.says(*anew(both[0]))
    new.pull()

    assert relinking.accounts() == [("new-1", True, True), ("sav", True, False)]
    assert relinking.accounts("item_id") == [new.item_id] * 2
    assert sorted(new.live()) == ["new a", "s"]


def test_two_accounts_that_look_alike_are_nobodys(relinking: Relinking) -> None:
    linked = relinking.linked
    linked.bank.at(None, page(added=[row("a")], accounts=[account(), account("acc-2")]))
    linked.pull()

    relinking.again()

    assert relinking.accounts("plaid_account_id") == ["acc-1", "acc-2", "new-1"]
    assert (relinking.retired, linked.item("removed_at")) == ([], None)


def test_the_lasting_id_decides_before_the_name(relinking: Relinking) -> None:
    told = [account("acc-1", persistent_account_id="p1"), account("acc-2", persistent_account_id="p2")]
    relinking.linked.bank.at(None, page(accounts=told))
    relinking.linked.pull()
    ids = dict(relinking.accounts("persistent_account_id, id"))

    relinking.again(
        account("new-2", name="Renamed", persistent_account_id="p2"),
        account("new-1", persistent_account_id="p1"),
        account("new-3", persistent_account_id="p3"),
    )

    now = dict(relinking.accounts("plaid_account_id, id"))
    assert (now["new-1"], now["new-2"], len(now)) == (ids["p1"], ids["p2"], 3)


def test_a_second_new_link_takes_over_from_the_first(relinking: Relinking) -> None:
    first_link(relinking, row("a", 10))
    linked = relinking.linked
    linked.categorise("a", "TRAVEL")
    entry = linked.entry("a")
    second = relinking.again()
    linked.database.sql("update items set status = 'login_required' where id = %s", second.item_id)

    third = relinking.again(account("third-1"))
    relinking.says(*anew(row("a", 10), account_id="third-1"), accounts=[account("third-1")])
    third.pull()

    assert (linked.entry("new a"), third.live()) == (entry, {"new a": Decimal(10)})
    assert linked.one("select count(*) from accounts") == 1


def test_another_users_bank_is_never_taken_from(relinking: Relinking) -> None:
    first_link(relinking, row("a"))
    linked = relinking.linked
    linked.database.sql("insert into users (id) values ('u2')")
    linked.database.sql("update items set institution_id = 'ins_1', status = 'login_required'")
    api, item_id = linked.deps_for("api"), uuid4()
    told = [read_account(parse_json(json.dumps(NEW).encode()))]
    assert api.vault is not None

    with edit(api.engine, "u2") as (connection, _):
        bank = LinkedBank("item-2", "ins_1", "Bank", None, told)
        linked_bank.store(connection, "u2", item_id, bank, api.vault.encrypt(item_id, TOKEN))

    assert relinking.accounts("user_id, plaid_account_id") == [("u1", "acc-1"), ("u2", "new-1")]


def test_the_same_update_again_after_a_relink_writes_nothing(relinking: Relinking) -> None:
    rows = [row("a", 10), row("b", 5)]
    first_link(relinking, *rows)
    new = relinking.again()
    relinking.says(*anew(*rows))
    new.pull()
    new.database.sql("update items set cursor = null where id = %s", new.item_id)
    new.database.sql("delete from changes")

    result = new.pull()

    assert (result.added, result.modified, result.unchanged, new.marks()) == (0, 0, 2, {})


def test_a_full_resync_of_the_new_link_takes_no_history_of_the_old_one(relinking: Relinking) -> None:
    savings = account("sav", name="Savings", mask="7777")
    linked = relinking.linked
    old = [row("a", 1, date="2025-03-01"), row("s", 2, account_id="sav", date="2024-12-01")]
    linked.bank.at(None, page(added=old, accounts=[account(), savings]))
    linked.pull()
    shared = [NEW, account("new-2", name="Savings", mask="7777")]
    new = relinking.again(*shared)
    told = [row("n", 4, account_id="new-1", date="2026-10-01"), *anew(old[1], account_id="new-2")]
    relinking.says(*told, accounts=shared)
    new.pull()
    with transaction(linked.deps.engine) as connection:
        want_resync(connection, new.item_id)

    new.pull_owed()

    assert sorted(new.live()) == ["a", "n", "new s"]


def test_a_late_pull_of_the_old_item_changes_nothing(relinking: Relinking) -> None:
    first_link(relinking, row("a", 10))
    linked = relinking.linked
    linked.bank.at("C1", page(added=[row("late", 5)], to="C2"))
    relinking.again()

    result = pull_item(linked.deps, linked.item_id)

    assert (result.added, linked.live()) == (0, {"a": Decimal(10)})


def test_thousands_of_rows_are_taken_over_in_one_go(relinking: Relinking) -> None:
    days = [date.fromordinal(date(2026, 11, 1).toordinal() - n % 300).isoformat() for n in range(2500)]
    rows = [row(f"r{n}", n, date=day, authorized_date=None) for n, day in enumerate(days)]
    first_link(relinking, *rows)
    linked = relinking.linked
    entries = {entry for (entry,) in linked.database.sql("select id from entries")}
    new = relinking.again()
    relinking.says(*anew(*rows))

    new.pull()

    live = linked.database.sql("select entry_id from transactions where removed_at is null")
    assert {entry for (entry,) in live} == entries
