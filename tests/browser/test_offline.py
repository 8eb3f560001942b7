"""Edits made without a connection: kept over a reload, applied once when it is back, superseded if overtaken."""

from __future__ import annotations

from collections.abc import Callable

import psycopg2
import pytest
from playwright.sync_api import Locator, expect

from local.person import Person
from tests.browser.conftest import Screen

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
