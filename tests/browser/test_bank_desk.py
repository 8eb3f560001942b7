"""The page to act as the bank, in a real Chromium: money exact, every button does what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import SHOTS
from tests.conformance.plaid.conftest import read_update
from tests.fixtures.plaid import PlaidServer

pytestmark = pytest.mark.browser


@pytest.fixture
def desk(browser: Browser, plaid_server: PlaidServer) -> Iterator[Page]:
    """The page's context; fails when it threw or its console told of an error."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    yield page
    context.close()
    assert [problem for problem in wrong if "status of 400" not in problem] == []


def _open(desk: Page, server: PlaidServer) -> None:
    desk.goto(server.url + "/bank")
    expect(desk.get_by_role("heading", level=2).first).to_be_visible()


def _said(desk: Page, text: str) -> None:
    expect(desk.get_by_role("status")).to_have_text(text)


def test_a_bank_nobody_linked_says_so(desk: Page, plaid_server: PlaidServer) -> None:
    _open(desk, plaid_server)
    expect(desk.get_by_role("heading", level=2)).to_have_text("Nobody has linked this bank yet")


def test_twenty_digits_stay_exact_on_the_page(desk: Page, plaid_server: PlaidServer) -> None:
    _, item_id = plaid_server.item("ada")
    _open(desk, plaid_server)
    desk.get_by_label("Description").fill("A CATHEDRAL")
    desk.get_by_label("Amount", exact=True).fill("12345678901234567890.12")
    desk.get_by_role("button", name="Buy", exact=True).click()
    _said(desk, "Bought.")
    expect(desk.get_by_role("cell", name="12,345,678,901,234,567,890.12 USD")).to_be_visible()
    bought = next(row for row in plaid_server.live(item_id).values() if row["name"] == "A CATHEDRAL")
    assert bought["amount"] == Decimal("12345678901234567890.12")
    assert desk.evaluate("document.activeElement.textContent") == "Buy"


def test_yen_have_no_decimals_and_dinars_three(desk: Page, plaid_server: PlaidServer) -> None:
    accounts: list[dict[str, Any]] = [
        {"type": "depository", "currency": code, "starting_balance": 1500, "transactions": [], "meta": {"name": code}}
        for code in ("JPY", "KWD")
    ]
    plaid_server.custom_item(json.dumps({"override_accounts": accounts}), user="ada")
    _open(desk, plaid_server)
    expect(desk.get_by_role("cell", name="1,500 JPY")).to_be_visible()
    expect(desk.get_by_role("cell", name="1,500.000 KWD")).to_be_visible()
    desk.get_by_role("button", name="Buy", exact=True).click()
    _said(desk, "Bought.")
    amounts = [cell.inner_text() for cell in desk.locator("td.amount").all()]
    assert [amount for amount in amounts if amount.endswith("JPY") and "." in amount] == []


def test_pending_rows_post_with_another_amount_and_rows_change(desk: Page, plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.custom_item({"override_accounts": [{"type": "depository", "transactions": []}]})
    _open(desk, plaid_server)
    desk.get_by_label("Description").fill("TRATTORIA VOLTA")
    desk.get_by_label("Amount", exact=True).fill("20.00")
    desk.get_by_role("button", name="Buy, pending").click()
    _said(desk, "Bought, not posted yet.")
    desk.get_by_label("New amount of TRATTORIA VOLTA").fill("24.50")
    desk.get_by_role("button", name="Post", exact=True).click()
    _said(desk, "Posted.")
    expect(desk.get_by_role("button", name="Post", exact=True)).to_have_count(0)
    desk.get_by_label("New amount of TRATTORIA VOLTA").fill("25.00")
    desk.get_by_role("button", name="Change", exact=True).click()
    _said(desk, "Changed.")
    (row,) = read_update(plaid_server, token).added
    assert (str(row["amount"]), row["pending"]) == ("25.00", False)


def test_accounts_logins_and_webhooks_are_in_hand(desk: Page, plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item(webhook="http://127.0.0.1:9/")
    _open(desk, plaid_server)
    row = desk.get_by_role("row", name="Reef Card")
    row.get_by_role("button", name="New id").click()
    _said(desk, "The account has a new id.")
    row.get_by_role("button", name="Close").click()
    _said(desk, "Closed.")
    expect(row.get_by_text("closed", exact=True)).to_be_visible()
    desk.get_by_role("button", name="Offer a new account").click()
    _said(desk, "The bank offers a new account.")
    expect(desk.get_by_text("offered", exact=True)).to_be_visible()
    desk.get_by_label("Webhook", exact=True).select_option("LOGIN_REPAIRED")
    desk.get_by_role("button", name="Fire", exact=True).click()
    _said(desk, "Fired.")
    desk.get_by_label("Error", exact=True).select_option("ITEM_LOCKED")
    desk.get_by_role("button", name="Break the login").click()
    _said(desk, "The login is broken.")
    assert plaid_server.call("/accounts/get", access_token=token)["error_code"] == "ITEM_LOCKED"
    desk.get_by_role("button", name="Repair the login").click()
    _said(desk, "The login works again.")
    codes = [hook["body"]["webhook_code"] for hook in plaid_server.look("webhooks")["webhooks"]]
    assert {"NEW_ACCOUNTS_AVAILABLE", "LOGIN_REPAIRED", "ERROR"} <= set(codes)


def test_the_clock_the_limits_and_the_latency_are_in_hand(desk: Page, plaid_server: PlaidServer) -> None:
    plaid_server.item("ada")
    _open(desk, plaid_server)
    desk.get_by_role("button", name="+ 1 week").click()
    _said(desk, "The clock moved on by 1 week.")
    assert plaid_server.look("health")["today"] == "2026-11-27"
    desk.get_by_text("How Plaid behaves").click()
    desk.get_by_label("Rate limits").select_option("production")
    _said(desk, "Set.")
    desk.get_by_label("Latency").fill("0.1")
    desk.get_by_label("Latency").press("Enter")
    desk.get_by_label("Banks bring news").check()
    desk.wait_for_function("fetch('/_local/knobs').then((r) => r.json()).then(({ knobs }) => knobs.bank_updates)")
    knobs = plaid_server.look("knobs")["knobs"]
    assert (knobs["limits"], knobs["latency"], knobs["bank_updates"]) == ("production", Decimal("0.1"), True)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 420)])
def test_the_page_is_drawn_in_light_dark_and_narrow(
    browser: Browser, plaid_server: PlaidServer, scheme: Any, width: int
) -> None:
    plaid_server.item("ada", webhook="http://127.0.0.1:9/")
    plaid_server.item("bea", username="user_yuppie", password="x", institution_id="ins_109511")
    plaid_server.admin("break", user="bea")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    _open(page, plaid_server)
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(SHOTS / f"bank-{scheme}-{width}.png"), full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    context.close()
