"""Households through the API: making, inviting, joining, sharing, leaving, dissolving, and what is refused."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from sync.errors import InvitationInvalid
from sync.ledger import households
from tests.integration.http.conftest import House, Person

BUDGET = {"categoryId": "TRAVEL", "currency": "USD", "limit": "100", "startsMonth": "2026-11"}


def make(person: Person, name: str = "Home") -> str:
    answer = person("POST", "/api/households", {"name": name})
    assert answer.status_code == 201
    household_id: str = answer.json["household"]["id"]
    return household_id


def code(person: Person, household: str) -> str:
    answer = person("POST", f"/api/households/{household}/invitations")
    assert answer.status_code == 201
    told: str = answer.json["code"]
    return told


def join(owner: Person, other: Person, household: str) -> None:
    answer = other("POST", "/api/households/join", {"code": code(owner, household)})
    assert answer.status_code == 201, answer.json
    assert [one["path"] for one in answer.json["marked"]] == [f"households/{household}/members/{other.user_id}"]


def marks(house: House) -> list[str]:
    rows = house.database.sql("select path from changes where owner like 'households/%' order by path")
    return [path.split("/", 2)[-1] for (path,) in rows]


@pytest.fixture
def home(alice: Person, bob: Person) -> str:
    """A household of alice, whom bob has joined."""
    made = make(alice)
    join(alice, bob, made)
    return made


def test_a_household_is_made_joined_shared_and_seen_by_its_members(
    house: House, alice: Person, bob: Person, home: str
) -> None:
    entry = house.bank_row(bob.user_id)
    account = house.database.sql("select id::text from accounts")[0][0]
    house.database.sql("delete from changes")

    shared = bob("PUT", f"/api/households/{home}/shares", {"accounts": [account]})

    assert shared.status_code == 200
    assert sorted(one["path"].split("/", 2)[2] for one in shared.json["marked"]) == marks(house)
    assert marks(house) == ["months/2026-11", f"transactions/{entry}"]
    (seen,) = alice("GET", "/api/households").json["households"]
    assert [(one["id"], one["displayName"], one["role"]) for one in seen["members"]] == [
        (alice.user_id, "Alice", "owner"),
        (bob.user_id, "Bob", "member"),
    ]
    assert (seen["accounts"], bob("GET", "/api/households").json["households"][0]["accounts"]) == ([], [account])
    again = bob("PUT", f"/api/households/{home}/shares", {"accounts": [account]})
    assert again.json["marked"] == []


def test_sharing_everything_covers_manual_expenses_and_sharing_nothing_takes_all_back(
    house: House, bob: Person, home: str
) -> None:
    bob.expense()
    house.database.sql("delete from changes")
    everything = bob("PUT", f"/api/households/{home}/shares", {"everything": True})
    assert len(everything.json["marked"]) == 3
    house.database.sql("delete from changes")
    nothing = bob("PUT", f"/api/households/{home}/shares", {})
    assert len(nothing.json["marked"]) == 3


def test_an_invitation_lets_one_person_in_and_its_code_is_kept_nowhere(
    house: House, alice: Person, bob: Person
) -> None:
    home, carol = make(alice), house.person("carol")
    told = code(alice, home)
    assert bob("POST", "/api/households/join", {"code": told}).status_code == 201
    assert bob("POST", "/api/households/join", {"code": told}).status_code == 201
    refused = carol("POST", "/api/households/join", {"code": told})
    assert (refused.status_code, refused.json["code"]) == (404, "invitation-invalid")
    assert carol("POST", "/api/households/join", {"code": "x" * 20}).json["code"] == "invitation-invalid"
    (row,) = house.database.sql("select encode(code_sha256, 'escape') || used_at::text from household_invitations")
    assert told not in row[0]
    assert house.database.sql("select count(*) from idempotency_keys") == [(0,)]


def test_an_invitation_expires(house: House, alice: Person, bob: Person) -> None:
    told = code(alice, make(alice))
    later = dataclasses.replace(
        house.deps, now=lambda: house.deps.now() + households.INVITED_FOR + timedelta(seconds=1)
    )

    with pytest.raises(InvitationInvalid):
        households.join_household(later, bob.user_id, told)


OWNERS_ONLY: dict[str, tuple[str, str, Any]] = {
    "rename": ("PATCH", "", {"name": "Mine"}),
    "dissolve": ("DELETE", "", None),
    "invite": ("POST", "/invitations", None),
    "remove the owner": ("DELETE", "/members/{owner}", None),
}


@pytest.mark.parametrize("what", OWNERS_ONLY)
def test_what_is_an_owners_is_refused_to_members(alice: Person, bob: Person, home: str, what: str) -> None:
    method, below, body = OWNERS_ONLY[what]
    answer = bob(method, f"/api/households/{home}{below.format(owner=alice.user_id)}", body)

    assert (answer.status_code, answer.json["code"]) == (403, "not-the-households-owner")


def test_strangers_cannot_tell_a_household_from_none(house: House, alice: Person, home: str) -> None:
    eve = house.person("eve")
    for household in (home, "nothing", "x" * 99):
        for method, below, body in (
            *OWNERS_ONLY.values(), ("PUT", "/shares", {"everything": True}), ("GET", "/budgets", None),
            ("POST", "/budgets", BUDGET),
        ):  # fmt: skip
            answer = eve(method, f"/api/households/{household}{below.format(owner=alice.user_id)}", body)
            assert (answer.status_code, answer.json["code"]) == (404, "household-not-found")
    assert eve("GET", "/api/households").json["households"] == []


def test_nobody_shares_an_account_that_is_not_theirs(house: House, alice: Person, bob: Person, home: str) -> None:
    house.bank_row(alice.user_id)
    account = house.database.sql("select id::text from accounts")[0][0]
    answer = bob("PUT", f"/api/households/{home}/shares", {"accounts": [account]})

    assert (answer.status_code, answer.json["code"]) == (422, "account-not-shareable")


def test_budgets_of_a_household_belong_to_all_its_members(alice: Person, bob: Person, home: str) -> None:
    path = f"/api/households/{home}/budgets"
    made = bob("POST", path, BUDGET, Idempotency_Key="k")
    assert made.status_code == 201
    assert bob("POST", path, BUDGET, Idempotency_Key="k").json == made.json
    assert alice("POST", path, BUDGET).json["code"] == "budget-exists"
    own = alice("POST", "/api/categories", {"name": "Pets"}).json["category"]["id"]
    assert alice("POST", path, BUDGET | {"categoryId": own}).json["code"] == "invalid-fields"
    budget = made.json["budget"]["id"]
    assert alice("PATCH", f"{path}/{budget}", {"limit": "5"}).json["budget"]["limit"] == "5"
    assert [one["limit"] for one in bob("GET", path).json["budgets"]] == ["5"]
    assert alice("DELETE", f"{path}/{budget}").status_code == 200
    assert alice("DELETE", f"{path}/{budget}").json["code"] == "budget-not-found"


def test_an_owner_who_leaves_is_followed_and_with_the_last_member_goes_the_household(
    house: House, alice: Person, bob: Person, home: str
) -> None:
    assert alice("DELETE", f"/api/households/{home}/members/{alice.user_id}").status_code == 200
    (left,) = bob("GET", "/api/households").json["households"]
    assert [(one["id"], one["role"]) for one in left["members"]] == [(bob.user_id, "owner")]
    assert bob("DELETE", f"/api/households/{home}/members/{alice.user_id}").json["code"] == "member-not-found"
    assert bob("DELETE", f"/api/households/{home}/members/{bob.user_id}").status_code == 200
    assert house.database.sql("select count(*) from households") == [(0,)]


def test_an_owner_takes_a_member_out_and_dissolves(alice: Person, bob: Person, home: str) -> None:
    assert alice("DELETE", f"/api/households/{home}/members/{bob.user_id}").status_code == 200
    assert bob("GET", "/api/households").json["households"] == []
    assert alice("DELETE", f"/api/households/{home}").status_code == 200
    assert alice("GET", "/api/households").json["households"] == []


def test_nobody_is_in_more_households_than_allowed(alice: Person) -> None:
    for number in range(households.HOUSEHOLDS_AT_MOST):
        make(alice, f"Home {number}")

    assert alice("POST", "/api/households", {"name": "One more"}).json["code"] == "household-full"
