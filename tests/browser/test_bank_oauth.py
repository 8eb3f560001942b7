"""Hosted Link and banks with OAuth in a real Chromium: the pop-up, the redirect and back, and the page of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import SHOTS
from tests.fixtures.hosted import hosted
from tests.fixtures.plaid import PlaidServer

pytestmark = pytest.mark.browser

_PAGE = """
<!doctype html><title>Host</title><link rel="icon" href="data:,">
<script src="{url}/link/shim.js"></script>
<script>
  window.calls = [];
  const note = (kind) => (...given) => window.calls.push([kind, ...given]);
  window.begin = (token) => {{
    localStorage.setItem("token", token);
    const receivedRedirectUri = location.search.includes("oauth_state_id") ? location.href : undefined;
    window.Plaid.create({{ token, receivedRedirectUri, onSuccess: note("success"), onExit: note("exit") }}).open();
  }};
  if (location.search.includes("oauth_state_id")) addEventListener("load", () => begin(localStorage.getItem("token")));
</script>
"""


@pytest.fixture
def host(plaid_server: PlaidServer) -> Iterator[str]:
    """A page of another origin on this machine, which also is the address to come back to."""
    with hosted(_PAGE.format(url=plaid_server.url)) as address:
        yield address


@pytest.fixture
def page_of(browser: Browser) -> Iterator[Callable[[int], Page]]:
    """Opens a page of a width; fails when one threw."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def opened(width: int) -> Page:
        contexts.append(browser.new_context(viewport={"width": width, "height": 800}))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def _token(server: PlaidServer, **more: Any) -> dict[str, Any]:
    body = {"client_name": "Livespend", "language": "en", "country_codes": ["US"], "user": {"client_user_id": "ada"}}
    return server.call("/link/token/create", products=["transactions"], **body, **more)


def _allow(bank: Page) -> None:
    expect(bank.get_by_role("heading")).to_have_text("Sign in to Platypus OAuth Bank")
    bank.get_by_role("button", name="Sign in and allow").click()


def _success(page: Page) -> Any:
    page.wait_for_function("calls.some((call) => call[0] === 'success')")
    return page.evaluate("calls.find((call) => call[0] === 'success').slice(1)")


def test_a_bank_with_oauth_opens_a_pop_up_and_goes_on_when_it_closes(
    page_of: Callable[[int], Page], host: str, plaid_server: PlaidServer
) -> None:
    page = page_of(1200)
    page.goto(host)
    page.evaluate("token => begin(token)", _token(plaid_server)["link_token"])
    picker = page.frame_locator("#plaid-link-iframe")
    picker.get_by_role("button", name="Platypus OAuth Bank").click()
    with page.expect_popup() as opened:
        picker.get_by_role("button", name="Continue to Platypus OAuth Bank").click()
    _allow(opened.value)
    expect(picker.get_by_role("button", name="Connect")).to_be_focused()
    picker.get_by_label("Rainy Day Savings").uncheck()
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(SHOTS / "picker-oauth-accounts.png"))
    picker.get_by_role("button", name="Connect").click()
    _, metadata = _success(page)
    assert metadata["institution"]["institution_id"] == "ins_127287"
    assert [account["mask"] for account in metadata["accounts"]] == ["0000", "3333"]


def test_who_closes_the_pop_up_may_try_again(
    page_of: Callable[[int], Page], host: str, plaid_server: PlaidServer
) -> None:
    page = page_of(1200)
    page.goto(host)
    page.evaluate("token => begin(token)", _token(plaid_server)["link_token"])
    picker = page.frame_locator("#plaid-link-iframe")
    picker.get_by_role("button", name="Platypus OAuth Bank").click()
    with page.expect_popup() as opened:
        picker.get_by_role("button", name="Continue to Platypus OAuth Bank").click()
    opened.value.close()
    expect(picker.get_by_role("alert")).to_contain_text("closed before you were done")
    with page.expect_popup() as opened:
        picker.get_by_role("button", name="Continue to Platypus OAuth Bank").click()
    opened.value.get_by_role("button", name="Refuse").click()
    expect(picker.get_by_role("alert")).to_contain_text("did not give your consent")


def test_a_narrow_page_leaves_for_the_bank_and_comes_back_with_its_state(
    page_of: Callable[[int], Page], host: str, plaid_server: PlaidServer
) -> None:
    page = page_of(400)
    page.goto(host)
    page.evaluate("token => begin(token)", _token(plaid_server, redirect_uri=host)["link_token"])
    picker = page.frame_locator("#plaid-link-iframe")
    picker.get_by_role("button", name="Platypus OAuth Bank").click()
    picker.get_by_role("button", name="Continue to Platypus OAuth Bank").click()
    page.wait_for_url("**/oauth/bank?**")
    page.screenshot(path=str(SHOTS / "oauth-bank.png"))
    _allow(page)
    page.wait_for_url(f"{host}?oauth_state_id=*")
    page.frame_locator("#plaid-link-iframe").get_by_role("button", name="Connect").click()
    public_token, _ = _success(page)
    assert "access_token" in plaid_server.call("/item/public_token/exchange", public_token=public_token)


def test_a_hosted_link_needs_no_page_of_ours(
    page_of: Callable[[int], Page], host: str, plaid_server: PlaidServer
) -> None:
    made = _token(plaid_server, hosted_link={"completion_redirect_uri": host + "done"})
    page = page_of(800)
    page.goto(made["hosted_link_url"])
    page.get_by_role("button", name="First Platypus Bank").click()
    page.get_by_role("button", name="Sign in").click()
    page.screenshot(path=str(SHOTS / "hosted-link.png"))
    page.get_by_role("button", name="Connect").click()
    page.wait_for_url(host + "done")
    (session,) = plaid_server.call("/link/token/get", link_token=made["link_token"])["link_sessions"]
    names = [event["event_name"] for event in session["events"]]
    assert names[0] == "OPEN"
    assert names[-1] == "HANDOFF"
    (result,) = session["results"]["item_add_results"]
    assert "access_token" in plaid_server.call("/item/public_token/exchange", public_token=result["public_token"])


def test_a_hosted_link_to_a_bank_with_oauth_comes_back_to_itself(
    page_of: Callable[[int], Page], plaid_server: PlaidServer
) -> None:
    made = _token(plaid_server, hosted_link={})
    page = page_of(800)
    page.goto(made["hosted_link_url"])
    page.get_by_role("button", name="Platypus OAuth Bank").click()
    page.get_by_role("button", name="Continue to Platypus OAuth Bank").click()
    _allow(page)
    page.wait_for_url(made["hosted_link_url"] + "?oauth_state_id=*")
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_role("heading")).to_have_text("Your bank is connected")
    page.goto(made["hosted_link_url"])
    page.get_by_role("button", name="Exit").click()
    expect(page.get_by_role("heading")).to_have_text("You left without connecting a bank")
