"""What becomes of accounts: closed, churned, revoked, offered, chosen, and linked again by the same user."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.conformance.plaid import schema
from tests.conformance.plaid.conftest import Receiver, read_update
from tests.fixtures.plaid import AdminRefused, PlaidServer

_OAUTH = "ins_127287"


def _accounts(server: PlaidServer, token: str) -> dict[str, dict[str, Any]]:
    """What /accounts/get shows, by mask."""
    answer = server.call("/accounts/get", access_token=token)
    assert schema.problems("AccountsGetResponse", answer) == []
    return {account["mask"]: account for account in answer["accounts"]}


def _update_token(server: PlaidServer, token: str, **update: Any) -> str:
    answer = server.call(
        "/link/token/create",
        client_name="Livespend",
        language="en",
        country_codes=["US"],
        user={"client_user_id": "user-1"},
        access_token=token,
        **({"update": update} if update else {}),
    )
    return str(answer["link_token"])


def _select(server: PlaidServer, token: str, *accounts: str) -> dict[str, Any]:
    return server.admin(
        "link/connect",
        link_token=_update_token(server, token, account_selection_enabled=True),
        institution_id="ins_109508",
        username="user_good",
        password="pass_good",
        accounts=list(accounts),
    )


def _facts(rows: list[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
    """What rows say of the real world, without any id."""
    return Counter((row["date"], row["authorized_date"], row["amount"], row["name"], row["pending"]) for row in rows)


def test_a_closed_account_is_absent_and_its_rows_stay(plaid_server: PlaidServer) -> None:
    token, item_id = plaid_server.item()
    before = read_update(plaid_server, token)
    plaid_server.admin("accounts/close", item_id=item_id, account="3333")
    assert set(_accounts(plaid_server, token)) == {"0000", "1111"}
    after = read_update(plaid_server, token, before.cursor)
    assert (after.added, after.modified, after.removed) == ([], [], [])
    assert read_update(plaid_server, token).added_ids == before.added_ids
    with pytest.raises(AdminRefused, match="INVALID_ACCOUNT_ID"):
        plaid_server.buy(account="3333")


def test_an_item_without_an_open_account_has_none(plaid_server: PlaidServer) -> None:
    token, item_id = plaid_server.item()
    for mask in ("0000", "1111", "3333"):
        plaid_server.admin("accounts/close", item_id=item_id, account=mask)
    assert plaid_server.call("/accounts/get", access_token=token)["error_code"] == "NO_ACCOUNTS"


def test_a_churned_account_has_the_same_name_and_mask_under_a_new_id(plaid_server: PlaidServer) -> None:
    token, item_id = plaid_server.item()
    before = read_update(plaid_server, token)
    old = _accounts(plaid_server, token)["3333"]
    told = plaid_server.admin("accounts/churn", item_id=item_id, account="3333")
    new = _accounts(plaid_server, token)["3333"]
    assert (new["account_id"], old["account_id"]) == (told["new_account_id"], told["account_id"])
    assert {**new, "account_id": ""} == {**old, "account_id": ""}
    moved = [row for row in before.added if row["account_id"] == old["account_id"]]
    after = read_update(plaid_server, token, before.cursor)
    assert set(after.removed) == {row["transaction_id"] for row in moved}
    assert {row["account_id"] for row in after.added} == {new["account_id"]}
    assert set(after.added_ids).isdisjoint(before.added_ids)
    assert _facts(after.added) == _facts(moved)
    assert _facts(read_update(plaid_server, token).added) == _facts(before.added)


def test_a_revoked_account_is_told_and_shown_no_more(plaid_server: PlaidServer, receiver: Receiver) -> None:
    token, item_id = plaid_server.item(webhook=receiver.url)
    before = read_update(plaid_server, token)
    savings = _accounts(plaid_server, token)["1111"]["account_id"]
    plaid_server.admin("accounts/revoke", item_id=item_id, account="1111")
    (hook,) = [hook for hook in receiver.wait_for_codes("USER_ACCOUNT_REVOKED") if hook.code == "USER_ACCOUNT_REVOKED"]
    assert schema.hook_problems(hook.body) == []
    assert f'"{savings}"' in hook.body.decode()
    assert set(_accounts(plaid_server, token)) == {"0000", "3333"}
    left = {row["transaction_id"] for row in before.added if row["account_id"] != savings}
    assert set(read_update(plaid_server, token).added_ids) == left == set(plaid_server.live(item_id))


def test_a_new_account_is_offered_then_chosen_and_brings_its_rows(
    plaid_server: PlaidServer, receiver: Receiver
) -> None:
    token, item_id = plaid_server.item(webhook=receiver.url)
    cursor = read_update(plaid_server, token).cursor
    made = plaid_server.admin("accounts/new", item_id=item_id, name="Travel Card", type="credit", mask="4242", rows=6)
    receiver.wait_for_codes("NEW_ACCOUNTS_AVAILABLE")
    assert "4242" not in _accounts(plaid_server, token)
    assert read_update(plaid_server, token, cursor).added == []
    receiver.got.clear()
    metadata = _select(plaid_server, token, "0000", "1111", "3333", "4242")["metadata"]
    assert [account["mask"] for account in metadata["accounts"]] == ["0000", "1111", "3333", "4242"]
    receiver.wait_for_codes("SYNC_UPDATES_AVAILABLE")
    added = read_update(plaid_server, token, cursor).added
    assert [row["account_id"] for row in added] == [made["account_id"]] * 6
    assert plaid_server.call("/item/get", access_token=token)["item"]["item_id"] == item_id


def test_a_deselected_account_stops_and_comes_back_under_a_new_id(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item()
    before = read_update(plaid_server, token)
    card = _accounts(plaid_server, token)["3333"]["account_id"]
    _select(plaid_server, token, "0000", "1111")
    assert set(_accounts(plaid_server, token)) == {"0000", "1111"}
    stopped = read_update(plaid_server, token, before.cursor)
    assert (stopped.added, stopped.removed) == ([], [])
    assert card not in {row["account_id"] for row in read_update(plaid_server, token).added}
    _select(plaid_server, token, "0000", "1111", "3333")
    again = _accounts(plaid_server, token)["3333"]["account_id"]
    assert again != card
    back = read_update(plaid_server, token, stopped.cursor).added
    assert {row["account_id"] for row in back} == {again}
    assert _facts(back) == _facts([row for row in before.added if row["account_id"] == card])
    assert _facts(read_update(plaid_server, token).added) == _facts(before.added)


def test_accounts_are_chosen_in_update_mode_only_when_the_token_says_so(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item()
    given = {"institution_id": "ins_109508", "username": "user_good", "password": "pass_good"}
    with pytest.raises(AdminRefused, match="account_selection_enabled"):
        plaid_server.admin("link/connect", link_token=_update_token(plaid_server, token), accounts=["0000"], **given)
    plaid_server.admin("link/connect", link_token=_update_token(plaid_server, token), **given)
    assert set(_accounts(plaid_server, token)) == {"0000", "1111", "3333"}


def test_only_chosen_accounts_are_shared_from_the_start(plaid_server: PlaidServer) -> None:
    link_token = plaid_server.call(
        "/link/token/create",
        client_name="Livespend",
        language="en",
        country_codes=["US"],
        products=["transactions"],
        user={"client_user_id": "user-1"},
    )["link_token"]
    given = {"link_token": link_token, "institution_id": "ins_109508", "username": "user_good", "password": "pass_good"}
    public = plaid_server.admin("link/connect", accounts=["1111"], **given)["public_token"]
    token = plaid_server.call("/item/public_token/exchange", public_token=public)["access_token"]
    accounts = _accounts(plaid_server, token)
    assert set(accounts) == {"1111"}
    assert {row["account_id"] for row in read_update(plaid_server, token).added} == {accounts["1111"]["account_id"]}
    _select(plaid_server, token, "0000", "1111")
    assert set(_accounts(plaid_server, token)) == {"0000", "1111"}


def test_the_same_login_linked_again_has_the_same_rows_under_new_ids(plaid_server: PlaidServer) -> None:
    token, item_id = plaid_server.item("ada", days=90)
    bought = plaid_server.buy("ada", description="CORNER ESPRESSO", amount="4.2000")
    posted = plaid_server.buy("ada", amount="20", pending=True)
    plaid_server.admin("post", transaction_id=posted["transaction_id"], amount="24.00")
    first = read_update(plaid_server, token).added
    old_accounts = _accounts(plaid_server, token)
    plaid_server.call("/item/remove", access_token=token)
    token, new_item_id = plaid_server.item("ada", days=90)
    second = read_update(plaid_server, token).added
    new_accounts = _accounts(plaid_server, token)
    assert new_item_id != item_id
    assert {row["transaction_id"] for row in first}.isdisjoint(row["transaction_id"] for row in second)
    assert {one["account_id"] for one in old_accounts.values()}.isdisjoint(
        one["account_id"] for one in new_accounts.values()
    )
    assert _facts(first) == _facts(second)
    assert str(next(row["amount"] for row in second if row["name"] == bought["name"])) == "4.2000"
    assert all(row["pending_transaction_id"] is None for row in second)


def test_more_days_asked_for_the_second_time_bring_older_rows_too(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item("ada", days=30)
    plaid_server.buy("ada", description="ONLY ONCE", amount="1")
    few = _facts(read_update(plaid_server, token).added)
    token, _ = plaid_server.item("ada", days=365)
    many = _facts(read_update(plaid_server, token).added)
    whole, _ = plaid_server.item("bea", days=365)
    assert few <= many
    assert many - _facts(read_update(plaid_server, whole).added) == {key: 1 for key in few if key[3] == "ONLY ONCE"}


def test_another_users_login_knows_nothing_of_it(plaid_server: PlaidServer) -> None:
    plaid_server.item("ada")
    plaid_server.buy("ada", description="ADAS OWN")
    token, _ = plaid_server.item("bea")
    assert "ADAS OWN" not in {row["name"] for row in read_update(plaid_server, token).added}


@pytest.mark.parametrize("bank", ["ins_56", "ins_13", "ins_127990", _OAUTH])
def test_a_persistent_id_survives_churn_and_linking_again(plaid_server: PlaidServer, bank: str) -> None:
    def persistent(token: str) -> dict[str, str]:
        return {mask: account["persistent_account_id"] for mask, account in _accounts(plaid_server, token).items()}

    token, item_id = plaid_server.item("ada", institution_id=bank)
    first = persistent(token)
    assert len(set(first.values())) == 3
    plaid_server.admin("accounts/churn", item_id=item_id, account="0000")
    assert persistent(token) == first
    plaid_server.call("/item/remove", access_token=token)
    assert persistent(plaid_server.item("ada", institution_id=bank)[0]) == first
    assert persistent(plaid_server.item("bea", institution_id=bank)[0]) == first


def test_most_banks_have_no_persistent_ids(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item()
    assert all("persistent_account_id" not in account for account in _accounts(plaid_server, token).values())
