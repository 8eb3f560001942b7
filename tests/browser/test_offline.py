"""Edits made without a connection: kept over a reload, applied once when it is back, superseded if overtaken."""

from __future__ import annotations

from collections.abc import Callable

import psycopg2
import pytest
import requests
from playwright.sync_api import Locator, expect

from local.person import Person
from tests.browser.conftest import Screen

IDENTITY = "identitytoolkit.googleapis.com/v1/accounts"

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def ledger(person: Person, query: str, *parameters: object) -> list[tuple[object, ...]]:
    with psycopg2.connect(person.stack.database_url()) as connection, connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchall()


def row_of(screen: Screen, name: str) -> Locator:
    row = screen.page.locator('[data-path*="/transactions/"]', has_text=name)
    expect(row).to_have_count(1)
    return row


def categorise(screen: Screen, row: Locator, name: str) -> None:
    row.get_by_role("button", name="Category of").click()
    screen.page.keyboard.type(name)
    screen.page.keyboard.press("Enter")


def choose(screen: Screen, box: Locator, name: str) -> None:
    box.click()
    screen.page.keyboard.type(name)
    screen.page.get_by_role("option", name=name, exact=True).click()


def edits(screen: Screen, number: int) -> None:
    expect(screen.page.get_by_role("status", name="Connection")).to_have_attribute(
        "data-edits", str(number), timeout=60_000
    )


def forgive_the_network(screen: Screen) -> None:
    """A browser logs each request that found no network, and the SDK's own look for one; else is still an error."""
    forgiven = ("ERR_INTERNET_DISCONNECTED", "Firestore", "/images/cleardot.gif")
    screen.errors = [said for said in screen.errors if not any(words in said for words in forgiven)]


def test_edits_made_offline_outlive_a_reload_and_are_applied_once(
    linked_person: Person, new_screen: Callable[[], Screen]
) -> None:
    screen = new_screen()
    screen.sign_in(linked_person.email, linked_person.password)
    linked_person.buy(amount="17.17", description="OFFLINE BAKERY")
    row = row_of(screen, "$17.17")
    entry = (row.get_attribute("data-path") or "").rsplit("/", 1)[1]

    screen.context.set_offline(True)
    categorise(screen, row, "Medical")
    page = screen.page
    page.get_by_role("button", name="Spend money").click()
    form = page.get_by_role("dialog", name="Spend money")
    form.get_by_label("Amount").fill("3.21")
    form.get_by_label("What for").fill("Kept offline")
    choose(screen, form.get_by_role("combobox", name="Category"), "Travel")
    form.get_by_role("button", name="Add expense").click()
    expect(form).to_be_hidden(timeout=30_000)
    edits(screen, 2)
    screen.menu("Sign out")
    asked = page.get_by_role("dialog", name="Sign out and lose edits?")
    expect(asked).to_contain_text("2 edits have not reached Livespend")
    asked.get_by_role("button", name="Cancel").click()
    expect(asked).to_be_hidden()

    # The page's own server is gone too while offline: closing and opening again is the reload that a person has.
    page.close()
    screen.context.set_offline(False)
    screen.page = screen.context.new_page()
    screen.open()
    expect(row_of(screen, "Kept offline")).to_be_visible(timeout=60_000)
    edits(screen, 0)

    assert ledger(linked_person, "select user_category_id from entries where id = %s", entry) == [("MEDICAL",)]
    assert ledger(linked_person, "select count(*) from transactions where name = 'Kept offline'") == [(1,)]
    assert (
        ledger(linked_person, "select outcome from intents_applied where user_id = %s", linked_person.uid)
        == [("applied",)] * 2
    )
    forgive_the_network(screen)


def test_an_edit_that_was_overtaken_says_so(linked_person: Person, new_screen: Callable[[], Screen]) -> None:
    screen = new_screen()
    screen.sign_in(linked_person.email, linked_person.password)
    linked_person.buy(amount="18.18", description="OVERTAKEN CAFE")
    row = row_of(screen, "$18.18")
    entry = (row.get_attribute("data-path") or "").rsplit("/", 1)[1]

    screen.context.set_offline(True)
    categorise(screen, row, "Medical")
    edits(screen, 1)
    expect(screen.page.get_by_text("Kept on this device")).to_be_visible()
    linked_person.patch(f"/api/transactions/{entry}", {"categoryId": "TRAVEL"})
    screen.context.set_offline(False)

    expect(screen.page.get_by_text("changed elsewhere in the meantime")).to_be_visible(timeout=90_000)
    edits(screen, 0)
    assert ledger(linked_person, "select user_category_id from entries where id = %s", entry) == [("TRAVEL",)]
    forgive_the_network(screen)


def test_edits_wait_for_the_same_person_when_their_sign_in_is_ended_elsewhere(
    linked_person: Person, new_person: Callable[[], Person], new_screen: Callable[[], Screen]
) -> None:
    screen, other = new_screen(), new_person()
    screen.sign_in(linked_person.email, linked_person.password)
    linked_person.buy(amount="19.19", description="WAITING BAKERY")
    row = row_of(screen, "$19.19")
    entry = (row.get_attribute("data-path") or "").rsplit("/", 1)[1]
    page = screen.page

    # One edit is kept without a network; then the password is changed elsewhere, and the sign-in ends by itself.
    screen.context.set_offline(True)
    categorise(screen, row, "Medical")
    expect(page.get_by_text("Kept on this device")).to_be_visible(timeout=30_000)
    page.route(lambda address: screen.stack.firestore in address, lambda route: route.abort())
    # The API asks Firebase once a minute at most: its answer of then, now.
    page.route("**/api/categories", lambda route: route.fulfill(status=401, json={"code": "token-revoked"}))
    end_sign_ins(linked_person, "a new password")
    screen.context.set_offline(False)
    page.get_by_role("button", name="New category").click()
    page.get_by_label("Name", exact=True).fill("Sign me out")
    page.keyboard.press("Enter")
    told = page.get_by_role("status").filter(has_text="You were signed out")
    expect(told).to_contain_text("1 edit made here has not reached Livespend", timeout=60_000)
    screen.shoot("signed-out-with-edits")

    # Nobody else sends it: not even in this very browser.
    page.unroute_all()
    screen.sign_in(other.email, other.password)
    edits(screen, 0)
    screen.menu("Sign out")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert ledger(linked_person, "select user_category_id from entries where id = %s", entry) == [(None,)]

    screen.sign_in(linked_person.email, "a new password")
    expect(row_of(screen, "$19.19")).to_contain_text("Medical")
    edits(screen, 0)
    assert ledger(linked_person, "select user_category_id from entries where id = %s", entry) == [("MEDICAL",)]
    forgive_the_network(screen)
    refused = ("status of 400", "status of 401", "net::ERR_FAILED")
    assert [said for said in screen.errors if not any(words in said for words in refused)] == []
    screen.errors.clear()


def end_sign_ins(person: Person, password: str) -> None:
    """Changes the password as another device would, which ends every sign-in of before."""
    body = {"idToken": person.token, "password": password, "returnSecureToken": True}
    answer = requests.post(f"{person.stack.auth}/{IDENTITY}:update?key=local", json=body, timeout=30)
    answer.raise_for_status()
