"""Linking a bank on the page, where it does not go the straight way: the bank's own page, no script, the same bank."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from local.person import Person
from tests.browser.conftest import Screen

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def connect(page: Page, bank: str) -> None:
    """Goes through the picker as user_good."""
    picker = page.frame_locator("#plaid-link-iframe")
    picker.get_by_role("button", name=bank).click()
    picker.get_by_role("button", name="Sign in").click()
    picker.get_by_role("button", name="Connect").click()


def test_a_bank_that_signs_in_on_a_page_of_its_own_comes_back_to_the_same_link(
    new_person: Callable[[], Person], new_screen: Callable[[], Screen]
):
    person, screen = new_person(), new_screen()
    page = screen.page
    page.set_viewport_size({"width": 400, "height": 800})
    screen.sign_in(person.email, person.password)
    page.get_by_role("button", name="Link a bank").click()
    picker = page.frame_locator("#plaid-link-iframe")
    picker.get_by_role("button", name="Platypus OAuth Bank").click()
    picker.get_by_role("button", name="Continue to Platypus OAuth Bank").click()
    page.wait_for_url("**/oauth/bank?**")

    page.get_by_role("button", name="Sign in and allow").click()
    page.wait_for_url("**/?oauth_state_id=*")
    page.frame_locator("#plaid-link-iframe").get_by_role("button", name="Connect").click()

    bank = page.locator('[data-path*="/items/"]', has_text="Platypus OAuth Bank")
    expect(bank).to_have_attribute("data-status", "ok")
    assert "oauth_state_id" not in page.url
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('livespend:person:')).length") == 0
    screen.shoot("link-oauth")


def test_the_same_bank_again_is_not_added_and_its_accounts_can_be_chosen(
    linked_person: Person, new_screen: Callable[[], Screen]
):
    screen = new_screen()
    page = screen.page
    screen.sign_in(linked_person.email, linked_person.password)
    expect(page.locator('[data-path*="/items/"]')).to_have_count(1)
    page.get_by_role("button", name="Link a bank").click()
    connect(page, "First Platypus Bank")

    dialog = page.get_by_role("dialog", name="This bank is linked already")
    expect(dialog).to_contain_text("Nothing was added")
    screen.shoot("link-again")
    dialog.get_by_role("button", name="Add or remove accounts").click()
    picker = page.frame_locator("#plaid-link-iframe")
    picker.get_by_role("button", name="Sign in").click()
    picker.locator("#accounts input").first.uncheck()
    picker.get_by_role("button", name="Connect").click()

    expect(page.get_by_text("Your bank is connected again.")).to_be_visible()
    expect(page.locator('[data-path*="/items/"]')).to_have_count(1)
    expect(page.locator('[data-path*="/accounts/"]')).to_have_count(2)
    screen.errors = [said for said in screen.errors if "status of 409" not in said]


def test_where_the_script_is_kept_out_the_bank_is_linked_in_a_tab_at_plaid(
    new_person: Callable[[], Person], new_screen: Callable[[], Screen]
):
    person, screen = new_person(), new_screen()
    page = screen.page
    page.route("**/link/shim.js", lambda route: route.abort())
    screen.sign_in(person.email, person.password)
    page.get_by_role("button", name="Link a bank").click()
    link = page.get_by_role("link", name="Continue at Plaid")
    expect(link).to_be_visible(timeout=40_000)
    screen.shoot("link-hosted")

    with page.expect_popup() as opened:
        link.click()
    bank = opened.value
    bank.get_by_role("button", name="First Platypus Bank").click()
    bank.get_by_role("button", name="Sign in").click()
    bank.get_by_role("button", name="Connect").click()

    item = page.locator('[data-path*="/items/"]', has_text="First Platypus Bank")
    expect(item).to_have_attribute("data-status", "ok")
    expect(page.get_by_text("Your bank is linked.")).to_be_visible()
    expect(link).to_have_count(0)
    screen.errors = [said for said in screen.errors if "Plaid" not in said and "ERR_FAILED" not in said]
