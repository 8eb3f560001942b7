"""What people see, in real Chromium, while nobody reloads: the flagship of the whole house."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg2
import pytest
from playwright.sync_api import expect

from local.person import Person
from local.stack import Stack
from tests.browser.conftest import Screen

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def month_minor(screen: Screen, category: str) -> int:
    """The month's total of a category in minor units of USD, as the screen shows it; 0 when it shows none."""
    line = screen.page.locator(f'[data-category="{category}"][data-currency="USD"]')
    return int(line.get_attribute("data-minor") or 0) if line.count() else 0


def expect_category_minor(screen: Screen, category: str, minor: int) -> None:
    line = screen.page.locator(f'[data-category="{category}"][data-currency="USD"]')
    expect(line).to_have_attribute("data-minor", str(minor))


def never_reloaded(screen: Screen) -> Callable[[], None]:
    screen.page.evaluate("window.stillTheSamePage = true")

    def check() -> None:
        assert screen.page.evaluate("window.stillTheSamePage === true")

    return check


def sql(stack: Stack, statement: str, *parameters: Any) -> None:
    with psycopg2.connect(stack.database_url()) as connection, connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        assert cursor.rowcount == 1


def test_every_change_appears_on_an_open_page_without_a_reload(
    stack: Stack, linked_person: Person, new_person: Callable[[], Person], new_screen: Callable[[], Screen]
):
    stranger = new_person()
    first, second, foreign = new_screen(), new_screen(), new_screen()
    for screen in (first, second):
        screen.sign_in(linked_person.email, linked_person.password)
    foreign.sign_in(stranger.email, stranger.password)
    checks = [never_reloaded(screen) for screen in (first, second, foreign)]
    expect(second.page.locator("[data-category]").first).to_be_visible()
    food, travel = month_minor(second, "FOOD_AND_DRINK"), month_minor(second, "TRAVEL")

    # a purchase made at the bank
    linked_person.buy(amount="12.34", description="STARBUCKS STORE 0042", pending=False)
    for screen in (first, second):
        bought = screen.page.locator('[data-path*="/transactions/"]', has_text="$12.34")
        expect(bought).to_have_count(1)
        expect_category_minor(screen, "FOOD_AND_DRINK", food + 1234)
    entry = str(bought.get_attribute("data-path")).rsplit("/", 1)[1]
    second.shoot("1-purchase")

    # an UPDATE typed in SQL
    sql(stack, "update transactions set name = 'Typed in psql', merchant_name = null where entry_id = %s", entry)
    sql(stack, "update transactions set amount = 20.00 where entry_id = %s", entry)
    for screen in (first, second):
        expect(screen.row(entry)).to_contain_text("Typed in psql")
        expect(screen.row(entry)).to_contain_text("$20.00")
        expect_category_minor(screen, "FOOD_AND_DRINK", food + 2000)
    second.shoot("2-update-in-sql")

    # a category edit made in the other context
    first.row(entry).get_by_role("button", name="Category of").click()
    first.page.keyboard.type("Travel")
    first.page.keyboard.press("Enter")
    expect(second.row(entry)).to_contain_text("Travel")
    expect_category_minor(second, "TRAVEL", travel + 2000)
    if food:
        expect_category_minor(second, "FOOD_AND_DRINK", food)
    expect_category_minor(first, "TRAVEL", travel + 2000)
    first.shoot("3-edited-here")
    second.shoot("4-seen-there")

    # somebody else sees none of it
    expect(foreign.page.locator('[data-path*="/transactions/"]')).to_have_count(0)
    foreign.shoot("5-a-stranger")
    for check in checks:
        check()


def test_a_newcomer_signs_up_links_a_bank_through_link_and_sees_the_month(new_screen: Callable[[], Screen]):
    screen = new_screen()
    screen.open()
    screen.page.get_by_role("button", name="Create an account").or_(
        screen.page.get_by_text("Create an account")
    ).first.click()
    screen.page.get_by_label("Email").fill("newcomer@livespend.test")
    screen.page.get_by_role("textbox", name="Password").fill("correct horse")
    screen.page.keyboard.press("Enter")
    expect(screen.page.get_by_role("heading", name="Transactions", exact=True)).to_be_visible()
    screen.shoot("6-empty-account")

    screen.page.get_by_role("button", name="Link a bank").first.click()
    bank = screen.page.frame_locator("iframe")
    bank.get_by_role("button", name="First Platypus Bank", exact=True).click()
    bank.get_by_role("button", name="Sign in").click()
    expect(bank.get_by_role("button", name="Connect")).to_be_visible()
    screen.shoot("7-link")
    bank.get_by_role("button", name="Connect").click()

    expect(screen.page.locator('[data-status="ok"]')).to_have_count(1)
    expect(screen.page.locator('[data-path*="/transactions/"]').first).to_be_visible()
    expect(screen.page.locator("[data-category]").first).to_be_visible()
    screen.shoot("8-linked")


def test_an_expense_is_spent_deleted_and_brought_back(linked_person: Person, new_screen: Callable[[], Screen]):
    screen, other = new_screen(), new_screen()
    for each in (screen, other):
        each.sign_in(linked_person.email, linked_person.password)

    screen.page.get_by_role("button", name="Spend money").click()
    form = screen.page.get_by_role("dialog")
    form.get_by_label("Amount").fill("33.10")
    form.get_by_label("What for").fill("Farmers market")
    form.get_by_role("combobox", name="Category").or_(form.get_by_role("textbox", name="Category")).first.click()
    screen.page.keyboard.type("Food and drink")
    screen.page.keyboard.press("Enter")
    form.get_by_role("button", name="Add").or_(form.get_by_role("button", name="Spend")).first.click()
    spent = other.page.locator('[data-path*="/transactions/"]', has_text="Farmers market")
    expect(spent).to_have_count(1)
    screen.shoot("9-spent")

    screen.page.get_by_role("button", name="More for Farmers market").click()
    screen.page.get_by_role("menuitem", name="Delete the expense").click()
    expect(spent).to_have_count(0)
    screen.shoot("10-deleted-with-undo")
    screen.page.get_by_role("button", name="Undo").click()

    expect(spent).to_have_count(1)


def test_a_bank_that_needs_sign_in_says_so_is_repaired_and_unlinked(
    linked_person: Person, new_screen: Callable[[], Screen]
):
    screen = new_screen()
    screen.sign_in(linked_person.email, linked_person.password)
    expect(screen.page.locator('[data-status="ok"]')).to_have_count(1)

    linked_person.bank("/_local/break", {"user": linked_person.uid})
    expect(screen.page.locator('[data-status="login_required"]')).to_have_count(1)
    screen.shoot("11-needs-sign-in")
    screen.page.get_by_role("button", name="Sign in at the bank").click()
    bank = screen.page.frame_locator("iframe")
    bank.get_by_role("button", name="Sign in").click()
    bank.get_by_role("button", name="Connect").click()
    expect(screen.page.locator('[data-status="ok"]')).to_have_count(1)

    screen.page.get_by_role("button", name="More for First Platypus Bank").click()
    screen.page.get_by_role("menuitem", name="Unlink").click()
    screen.page.get_by_role("dialog").get_by_role("button", name="Unlink").click()
    expect(screen.page.locator("[data-status]")).to_have_count(0)
    expect(screen.page.locator('[data-path*="/transactions/"]')).to_have_count(0)
    screen.shoot("12-unlinked")


def test_signing_out_leaves_nothing_of_the_person_on_the_page(linked_person: Person, new_screen: Callable[[], Screen]):
    screen = new_screen()
    screen.sign_in(linked_person.email, linked_person.password)
    expect(screen.page.locator('[data-path*="/transactions/"]').first).to_be_visible()

    screen.page.get_by_role("button", name="Account of").click()
    screen.page.get_by_role("menuitem", name="Sign out").click()
    expect(screen.page.get_by_label("Email")).to_be_visible()

    expect(screen.page.locator("[data-path]")).to_have_count(0)
