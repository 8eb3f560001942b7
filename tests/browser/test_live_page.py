"""What people see, in real Chromium, while nobody reloads: the flagship of the whole house."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
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


def bank_of(*rows: tuple[date, str, str]) -> str:
    """A custom user's password: one account per currency, and these rows of (day, amount, currency) on them."""
    accounts: dict[str, list[dict[str, Any]]] = {}
    for day, amount, currency in rows:
        row = {"date_transacted": str(day), "date_posted": str(day), "amount": json.loads(amount)}
        accounts.setdefault(currency, []).append(row | {"description": f"Corner shop {currency}", "currency": currency})
    listed = [{"type": "depository", "currency": currency, "transactions": rows} for currency, rows in accounts.items()]
    return json.dumps({"override_accounts": listed})


def shown_rows(screen: Screen) -> dict[str, Decimal]:
    """What the rows on the screen add up to, by currency, from their exact amounts."""
    sums: dict[str, Decimal] = {}
    for row in screen.page.locator('.row[data-path*="/transactions/"] [title]').all():
        amount, _, currency = str(row.get_attribute("title")).partition(" ")
        if currency.isupper() and len(currency) == 3:
            sums[currency] = sums.get(currency, Decimal(0)) + Decimal(amount)
    return sums


def expect_spend(screen: Screen, minor: dict[str, int]) -> None:
    """The screen shows these totals and no others, and its rows add up to them."""
    sections = screen.page.locator("section[data-currency]")
    expect(sections).to_have_count(len(minor))
    digits = {"JPY": 0}
    for currency, total in minor.items():
        section = screen.page.locator(f'section[data-currency="{currency}"]')
        expect(section).to_have_attribute("data-minor", str(total))
    expect(screen.page.locator('.row[data-path*="/transactions/"]').first).to_be_visible()
    assert {c: int(total.scaleb(digits.get(c, 2))) for c, total in shown_rows(screen).items()} == minor


def test_months_are_switched_and_each_currency_has_a_total_of_its_own(
    new_person: Callable[[], Person], new_screen: Callable[[], Screen]
):
    person, screen = new_person(), new_screen()
    today = datetime.now(UTC).date()
    last, old = today.replace(day=1) - timedelta(days=1), date(today.year - 3, 1, 15)
    rows = [(today, "12.5", "EUR"), (today, "0.1", "USD"), (today, "0.2", "USD"), (today, "1500", "JPY")]
    rows += [(today, "0.00012345", "BTC"), (last, "1999.99", "EUR"), (old, "77.1", "USD")]
    person.link_bank("user_custom", bank_of(*rows))
    screen.sign_in(person.email, person.password)

    expect_spend(screen, {"EUR": 1250, "USD": 30, "JPY": 1500})
    unofficial = screen.page.get_by_role("region", name="Unofficial currencies")
    expect(unofficial).to_contain_text("0.00012345 BTC")
    expect(screen.page.locator(".row", has_text="BTC")).to_contain_text("In no total")
    screen.shoot("13-currencies")

    screen.page.get_by_role("button", name="Previous month").press("Enter")
    expect(screen.page.get_by_role("heading", name=f"Spent in {last:%B %Y}")).to_be_visible()
    expect_spend(screen, {"EUR": 199_999})

    # older than what is mirrored row by row: the total is live, the rows come from the API
    screen.page.get_by_label("Month shown").select_option(f"{old:%Y-%m}")
    expect(screen.page.get_by_text("read from the archive")).to_be_visible()
    expect_spend(screen, {"USD": 7710})
    screen.shoot("14-an-archived-month")

    screen.page.get_by_role("button", name="Next month").click()
    expect(screen.page.get_by_text("Nothing in February")).to_be_visible()
    expect(screen.page.get_by_text("No transactions")).to_be_visible()
    for _ in range(3):
        screen.page.go_back()
    expect_spend(screen, {"EUR": 1250, "USD": 30, "JPY": 1500})


def test_a_category_of_ones_own_collects_money_and_its_budget_tells_when_it_is_spent(
    linked_person: Person, new_screen: Callable[[], Screen]
):
    screen, other = new_screen(), new_screen()
    for each in (screen, other):
        each.sign_in(linked_person.email, linked_person.password)
    linked_person.buy(amount="40.00", description="Tea house", pending=False)
    row = screen.page.locator(".row", has_text="$40.00")

    screen.page.get_by_role("button", name="New category").click()
    screen.page.get_by_role("dialog").get_by_label("Name").fill("Tea club")
    screen.page.keyboard.press("Enter")
    expect(screen.page.get_by_role("dialog")).to_have_count(0)
    row.get_by_role("button", name="Category of").press("Enter")
    screen.page.get_by_role("option", name="Tea club").click()
    line = other.page.locator("[data-category]", has_text="Tea club")
    expect(line).to_have_attribute("data-minor", "4000")

    budget = other.page.locator("[data-budget]")
    screen.page.get_by_role("button", name="Set a budget").click()
    form = screen.page.get_by_role("dialog")
    form.get_by_role("combobox", name="Category").fill("Tea club")
    screen.page.keyboard.press("Enter")
    form.get_by_label("Each month").fill("25")
    screen.page.keyboard.press("Enter")
    expect(budget).to_contain_text("$40.00 of $25.00, over")
    screen.shoot("15-own-category-over-its-budget")

    screen.page.get_by_role("button", name="More for the budget Tea club").click()
    screen.page.get_by_role("menuitem", name="Change the limit").click()
    expect(form.get_by_label("Each month")).to_be_focused()
    form.get_by_label("Each month").fill("100")
    screen.page.keyboard.press("Enter")
    expect(budget).to_have_text("Tea club$40.00 of $100.00")
    screen.page.get_by_role("button", name="More for the budget Tea club").click()
    screen.page.get_by_role("menuitem", name="Delete the budget").click()
    expect(budget).to_have_count(0)
