"""Splits and rules on the page: typed once, counted by the ledger, on screen everywhere without a reload."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from local.person import Person
from tests.browser.conftest import Screen

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def bought(screen: Screen, price: str) -> Locator:
    """The only row of this price."""
    row = screen.page.locator('[data-path*="/transactions/"]', has_text=price)
    expect(row).to_have_count(1)
    return row


def minor(screen: Screen, category: str) -> int:
    line = screen.page.locator(f'[data-category="{category}"][data-currency="USD"]')
    return int(line.get_attribute("data-minor") or 0) if line.count() else 0


def expect_minor(screen: Screen, category: str, amount: int) -> None:
    line = screen.page.locator(f'[data-category="{category}"][data-currency="USD"]')
    expect(line).to_have_attribute("data-minor", str(amount))


def choose(screen: Screen, box: Locator, name: str) -> None:
    box.click()
    screen.page.keyboard.type(name)
    screen.page.get_by_role("option", name=name, exact=True).click()


def test_a_purchase_is_split_and_a_tip_raises_what_is_left(
    linked_person: Person, new_screen: Callable[[], Screen]
) -> None:
    first, second = new_screen(), new_screen()
    for screen in (first, second):
        screen.sign_in(linked_person.email, linked_person.password)
    expect(first.page.locator("[data-category]").first).to_be_visible()
    food, travel, medical = (minor(first, name) for name in ("FOOD_AND_DRINK", "TRAVEL", "MEDICAL"))
    told = linked_person.buy(amount="87.65", description="STARBUCKS STORE 0042", pending=True)
    row = bought(first, "$87.65")

    row.get_by_role("button", name="More for").click()
    first.page.get_by_role("menuitem", name="Split into parts").click()
    dialog = first.page.get_by_role("dialog", name="Split into parts")
    choose(first, dialog.get_by_role("combobox", name="Category of part 1"), "Travel")
    dialog.get_by_label("Amount of part 1").fill("30.10")
    dialog.get_by_role("button", name="Another part").click()
    choose(first, dialog.get_by_role("combobox", name="Category of part 2"), "Medical")
    dialog.get_by_label("Amount of part 2").fill("7.55")
    dialog.get_by_label("Note on part 2").fill("plasters")
    expect(dialog).to_contain_text("$50.00")
    first.shoot("6-split-dialog")
    dialog.get_by_role("button", name="Save parts").click()

    for screen in (first, second):
        expect_minor(screen, "FOOD_AND_DRINK", food + 5000)
        expect_minor(screen, "TRAVEL", travel + 3010)
        expect_minor(screen, "MEDICAL", medical + 755)
    fold = bought(second, "$87.65").get_by_role("button", name="2 parts in other categories")
    fold.click()
    expect(bought(second, "$87.65")).to_contain_text("plasters")
    expect(bought(second, "$87.65")).to_contain_text("$50.00")
    second.shoot("7-split-row")

    linked_person.bank("/_local/post", {"transaction_id": told["transaction"]["transaction_id"], "amount": "97.65"})
    for screen in (first, second):
        expect(bought(screen, "$97.65").get_by_role("button", name="2 parts in other categories")).to_be_visible()
        expect_minor(screen, "FOOD_AND_DRINK", food + 6000)
        expect_minor(screen, "TRAVEL", travel + 3010)


def test_one_click_makes_a_rule_that_the_next_purchase_follows(
    linked_person: Person, new_screen: Callable[[], Screen]
) -> None:
    screen = new_screen()
    screen.sign_in(linked_person.email, linked_person.password)
    linked_person.buy(amount="61.23", description="Corner Café ☕", pending=False)
    row = bought(screen, "$61.23")

    row.get_by_role("button", name="Category of").click()
    screen.page.keyboard.type("Travel")
    screen.page.get_by_role("option", name="Travel", exact=True).click()
    screen.page.get_by_role("button", name="Always").click()
    expect(screen.page.get_by_text("New rule for Corner Café")).to_be_visible()
    linked_person.buy(amount="62.34", description="Corner Café ☕", pending=False)

    expect(bought(screen, "$62.34").get_by_role("button", name="Travel, by a rule. Change")).to_be_visible()
    screen.shoot("8-rule-row")
    screen.page.get_by_role("button", name="Rules", exact=True).click()
    rules = screen.page.get_by_role("list", name="Rules")
    expect(rules).to_contain_text("Corner Café ☕")
    screen.shoot("9-rules")
    rules.get_by_role("button", name="Remove:").click()
    expect(rules.get_by_role("listitem")).to_have_count(0)
    screen.page.keyboard.press("Escape")
    expect(bought(screen, "$62.34").get_by_role("button", name="by a rule")).to_have_count(0)
    expect(bought(screen, "$61.23").get_by_role("button", name="Travel. Change")).to_be_visible()
