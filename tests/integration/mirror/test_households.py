"""What a household shows follows its members' ledgers, whoever writes them, and goes with whoever leaves."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from sync.audit.verify import verify
from sync.mirror import rota
from sync.mirror.mirror import Mirror
from tests.fixtures.database import Database
from tests.fixtures.firestore import FirestoreServer
from tests.fixtures.mirror import Books

Check = Callable[[], None]


class Home:
    """A household written straight by SQL."""

    def __init__(self, database: Database) -> None:
        self.sql = database.sql
        self.sql("insert into households (id, name) values ('home', 'Home')")

    def join(self, books: Books, *, everything: bool = False, role: str = "member") -> None:
        self.sql(
            "insert into household_members (household_id, user_id, shares_all, role) values ('home', %s, %s, %s)",
            books.user, everything, role,
        )  # fmt: skip

    def share(self, books: Books) -> None:
        self.sql("insert into household_shares values ('home', %s, %s)", books.user, books.account)

    def leave(self, books: Books) -> None:
        self.sql("delete from household_members where user_id = %s", books.user)

    def budget(self, category: str, limit: str) -> None:
        self.sql(
            "insert into household_budgets (household_id, category_id, iso_currency, limit_amount, starts_month) "
            "values ('home', %s, 'USD', %s, '2026-01-01')",
            category, limit,
        )  # fmt: skip


@pytest.fixture
def home(database: Database) -> Home:
    return Home(database)


def below(server: FirestoreServer, path: str = "households/home") -> dict[str, dict[str, Any]]:
    return {name: one for name, one in server.documents().items() if name == path or name.startswith(f"{path}/")}


def totals(server: FirestoreServer, month: str = "2026-11") -> dict[str, str]:
    document = below(server)[f"households/home/months/{month}"]
    return {name: one["amount"] for name, one in document["currencies"]["USD"]["categories"].items()}


def test_two_members_see_the_sum_of_what_they_share_and_nothing_else(
    books: Callable[..., Books],
    home: Home,
    firestore_server: FirestoreServer,
    mirrored: Callable[..., Mirror],
    assert_mirrored: Check,
) -> None:
    ada, bob, eve = books("ada"), books("bob"), books("eve")
    (lunch,), (rent,) = ada.add(amount="10"), bob.add(amount="900", bank_category_id="RENT_AND_UTILITIES")
    eve.add(amount="77")
    ada.annotate(lunch, "with somebody")
    home.join(ada, role="owner")
    home.join(bob)
    home.share(ada)
    home.share(bob)
    home.budget("FOOD_AND_DRINK", "100")
    mirrored()

    assert_mirrored()
    assert totals(firestore_server) == {"FOOD_AND_DRINK": "10", "RENT_AND_UTILITIES": "900"}
    shown = below(firestore_server)[f"households/home/transactions/{lunch}"]
    assert shown["memberId"] == "ada"
    assert not {"note", "accountId", "source", "bankCategory", "review", "bankDate"} & shown.keys()
    assert f"households/home/transactions/{rent}" in below(firestore_server)


def test_a_private_account_marks_nothing_of_the_household(
    books: Callable[..., Books], home: Home, mirrored: Callable[..., Mirror], database: Database
) -> None:
    ada = books("ada")
    (private,) = ada.add()
    home.join(ada)
    mirrored()

    ada.add()
    ada.categorize(private, "TRAVEL")
    ada.annotate(private, "x")
    ada.remove(private)

    assert database.sql("select path from changes where owner like 'households/%'") == []


def test_a_note_marks_nothing_of_the_household(
    books: Callable[..., Books], home: Home, mirrored: Callable[..., Mirror], database: Database
) -> None:
    ada = books("ada")
    (lunch,) = ada.add()
    home.join(ada, everything=True)
    mirrored()

    ada.annotate(lunch, "private")

    assert database.sql("select path from changes where owner like 'households/%'") == []


@pytest.mark.parametrize("everything", [True, False])
def test_each_kind_of_edit_of_a_shared_row_reaches_the_household(
    books: Callable[..., Books],
    home: Home,
    database: Database,
    mirrored: Callable[..., Mirror],
    assert_mirrored: Check,
    everything: bool,
) -> None:
    ada, bob = books("ada"), books("bob")
    for each in (ada, bob):
        home.join(each, everything=everything)
        if not everything:
            home.share(each)
    first, second = ada.add(2)
    database.sql("insert into categories (id, user_id, name) values ('own', 'ada', 'Pets')")
    edits: list[Callable[[], Any]] = [
        lambda: ada.categorize(first, "own"),
        lambda: ada.split(second, ("own", "3"), ("TRAVEL", "2")),
        lambda: database.sql("update categories set name = 'Cats' where id = 'own'"),
        lambda: database.sql("update splits set amount = 4 where category_id = 'own'"),
        lambda: database.sql("delete from splits"),
        lambda: database.sql("update transactions set amount = 5, date = '2026-10-31' where entry_id = %s", first),
        lambda: ada.remove(first),
        lambda: ada.restore(first),
        lambda: database.sql("update entries set removed_at = now() where id = %s", second),
        lambda: database.sql("update users set display_name = 'Countess' where id = 'ada'"),
        lambda: database.sql("insert into spend_exclusions (category_id) values ('FOOD_AND_DRINK')"),
        lambda: database.sql("update households set name = 'Castle'"),
        lambda: home.budget("TRAVEL", "50"),
        lambda: database.sql("update household_budgets set removed_at = now()"),
        lambda: database.sql("update household_members set role = 'owner' where user_id = 'bob'"),
        lambda: bob.add(3, on="2026-03-03"),
        lambda: database.sql("delete from household_shares where user_id = 'bob'"),
        lambda: database.sql("update household_members set shares_all = not shares_all where user_id = 'bob'"),
    ]
    mirrored()
    assert_mirrored()
    for edit in edits:
        edit()
        mirrored()
        assert_mirrored()


def test_who_leaves_takes_everything_along_and_a_dissolved_household_leaves_nothing(
    books: Callable[..., Books],
    home: Home,
    database: Database,
    firestore_server: FirestoreServer,
    mirrored: Callable[..., Mirror],
    assert_mirrored: Check,
) -> None:
    ada, bob = books("ada"), books("bob")
    ada.add(2), bob.add(3)
    database.sql("insert into categories (id, user_id, name) values ('own', 'bob', 'Pets')")
    home.join(ada, everything=True), home.join(bob, everything=True)
    bob.categorize(bob.add()[0], "own")
    mirrored()
    assert "households/home/categories/own" in below(firestore_server)

    home.leave(bob)
    mirrored()
    assert_mirrored()
    left = below(firestore_server)
    assert {one["memberId"] for path, one in left.items() if "/transactions/" in path} == {"ada"}
    assert not {"households/home/members/bob", "households/home/categories/own"} & left.keys()

    database.sql("delete from households")
    mirrored()
    assert below(firestore_server) == {}
    assert_mirrored()


def test_the_window_moves_for_a_household_as_for_a_user(
    books: Callable[..., Books],
    home: Home,
    database: Database,
    mirrored: Callable[..., Mirror],
    assert_mirrored: Check,
) -> None:
    ada = books("ada")
    ada.add(on="2026-02-02"), ada.add(on="2025-12-31")
    home.join(ada, everything=True)
    mirrored()
    assert_mirrored()

    for month in ("2026-03-01", "2025-06-01"):
        database.sql("update owners set first_month = %s", month)
        mirrored()
        assert_mirrored()


def test_damage_below_a_household_is_found_and_mended(
    books: Callable[..., Books],
    home: Home,
    mirrored: Callable[..., Mirror],
    mirror_deps: Callable[..., Any],
    firestore_server: FirestoreServer,
    assert_mirrored: Check,
) -> None:
    ada = books("ada")
    (lunch,) = ada.add()
    home.join(ada, everything=True)
    mirrored()
    assert verify(mirror_deps())["equal"]
    client = firestore_server.client()
    client.document(f"households/home/transactions/{lunch}").delete()
    client.document("households/home/members/mallory").set({"role": "owner"})
    client.document("households/home/months/2026-11").update({"count": 99})
    client.document("households/nobodys").set({"name": "x"})
    client.document("households/nobodys/members/eve").set({"role": "owner"})
    client.document("households/home/secrets/s").set({"x": 1})

    found = verify(mirror_deps(), mend=True)

    assert (found["missing"], found["ghosts"], found["different"], found["unknown"]) == (1, 4, 1, 1)
    mirrored()
    client.document("households/home/secrets/s").delete()
    assert_mirrored()
    assert verify(mirror_deps())["equal"]


def test_of_a_large_leave_the_member_document_goes_in_the_first_commit(
    books: Callable[..., Books],
    home: Home,
    mirrored: Callable[..., Mirror],
    firestore_server: FirestoreServer,
    monkeypatch: pytest.MonkeyPatch,
    assert_mirrored: Check,
) -> None:
    ada, bob = books("ada"), books("bob")
    for month in ("2026-03", "2026-05", "2026-07"):
        ada.add(8, on=f"{month}-05")
    for each in (ada, bob):
        home.join(each, everything=True)
    mirrored()
    monkeypatch.setattr(rota, "Course", partial(rota.Course, room=10))
    home.leave(ada)
    seen: list[tuple[bool, int]] = []

    def look(_committed: str) -> None:
        there = below(firestore_server)
        seen.append(("households/home/members/ada" in there, sum("/transactions/" in path for path in there)))

    monkeypatch.setattr("sync.mirror.commits.step", look)
    mirrored()

    assert_mirrored()
    assert len(seen) > 2
    assert all(rows == 24 for member, rows in seen if member)
