"""The Link shim and the bank picker in a real Chromium, as react-plaid-link drives them: create, open, callbacks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from tests.conformance.plaid.conftest import read_update
from tests.fixtures.hosted import hosted
from tests.fixtures.plaid import PlaidServer

pytestmark = pytest.mark.browser

_PAGE = """
<!doctype html><title>Host</title><link rel="icon" href="data:,">
<button id="before">Link a bank</button>
<script src="{url}/link/shim.js"></script>
<script>
  window.calls = [];
  const note = (kind) => (...given) => window.calls.push([kind, ...given]);
  window.begin = (token) => {{
    window.link = window.Plaid.create({{
      token, receivedRedirectUri: undefined,
      onLoad: note("load"), onSuccess: note("success"), onExit: note("exit"), onEvent: note("event"),
    }});
  }};
</script>
"""


@pytest.fixture
def host(plaid_server: PlaidServer) -> Iterator[str]:
    """The address of a page of another origin on this machine, with the shim in it."""
    with hosted(_PAGE.format(url=plaid_server.url)) as address:
        yield address


@pytest.fixture
def page(browser: Browser, host: str) -> Iterator[Page]:
    """That page, opened; fails when it threw or its console told of an error, refused credentials excepted."""
    context = browser.new_context()
    made = context.new_page()
    wrong: list[str] = []
    made.on("pageerror", lambda error: wrong.append(str(error)))
    made.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    made.goto(host)
    yield made
    context.close()
    assert [problem for problem in wrong if "status of 400" not in problem] == []


def _link_token(server: PlaidServer, **more: Any) -> str:
    body = {"client_name": "Livespend", "language": "en", "country_codes": ["US"], "user": {"client_user_id": "ada"}}
    if "access_token" not in more:
        body |= {"products": ["transactions"], "transactions": {"days_requested": 90}}
    token: str = server.call("/link/token/create", **body, **more)["link_token"]
    return token


def _open(page: Page, token: str) -> FrameLocator:
    page.evaluate("token => begin(token)", token)
    page.locator("#before").focus()
    page.evaluate("link.open()")
    return page.frame_locator("#plaid-link-iframe")


def _calls(page: Page, kind: str) -> list[Any]:
    return [call[1:] for call in page.evaluate("calls") if call[0] == kind]


def _wait_for(page: Page, kind: str) -> list[Any]:
    page.wait_for_function("kind => calls.some((call) => call[0] === kind)", arg=kind)
    found: list[Any] = _calls(page, kind)[0]
    return found


def test_a_bank_is_linked_through_the_picker(page: Page, plaid_server: PlaidServer) -> None:
    picker = _open(page, _link_token(plaid_server))
    picker.get_by_label("Search banks").fill("platypus bank")
    picker.get_by_role("button", name="First Platypus Bank").click()
    expect(picker.get_by_label("User name")).to_have_value("user_good")
    picker.get_by_role("button", name="Sign in").click()
    expect(picker.get_by_text("Everyday Checking")).to_be_visible()
    page.screenshot(path=_shot("picker-accounts.png"))
    picker.get_by_role("button", name="Connect").click()
    public_token, metadata = _wait_for(page, "success")
    assert metadata["institution"] == {"institution_id": "ins_109508", "name": "First Platypus Bank"}
    assert [account["mask"] for account in metadata["accounts"]] == ["0000", "1111", "3333"]
    assert set(metadata["accounts"][0]) == {
        "id", "name", "mask", "type", "subtype", "verification_status", "class_type",
    }  # fmt: skip
    token = plaid_server.call("/item/public_token/exchange", public_token=public_token)["access_token"]
    assert read_update(plaid_server, token).added
    names = [name for name, _ in _calls(page, "event")]
    assert [name for name in names if name in ("OPEN", "SELECT_INSTITUTION", "HANDOFF")] == [
        "OPEN",
        "SELECT_INSTITUTION",
        "HANDOFF",
    ]
    assert page.locator("#plaid-link-overlay").count() == 0
    assert page.evaluate("document.activeElement.id") == "before"


def test_a_wrong_password_is_told_and_can_be_mended(page: Page, plaid_server: PlaidServer) -> None:
    picker = _open(page, _link_token(plaid_server))
    picker.get_by_role("button", name="Tartan Bank").click()
    picker.get_by_label("Password").fill("wrong")
    picker.get_by_role("button", name="Sign in").click()
    expect(picker.get_by_role("alert")).to_have_text("The username or the password is not correct.")
    picker.get_by_label("Password").fill("pass_good")
    picker.get_by_role("button", name="Sign in").click()
    expect(picker.get_by_role("button", name="Connect")).to_be_focused()


def test_a_custom_user_is_linked_and_a_broken_one_is_explained(page: Page, plaid_server: PlaidServer) -> None:
    picker = _open(page, _link_token(plaid_server))
    picker.get_by_role("button", name="First Platypus Bank").click()
    picker.get_by_label("User name").fill("user_custom")
    row = {"date_transacted": "2026-11-01", "date_posted": "2026-11-02", "amount": "5", "description": "X"}
    config = {"override_accounts": [{"type": "depository", "subtype": "checking", "transactions": [row]}]}
    picker.get_by_label("Password").fill(json.dumps(config))
    picker.get_by_role("button", name="Sign in").click()
    expect(picker.get_by_role("alert")).to_contain_text("transactions[0].amount must be a number")
    row["amount"] = 5  # type: ignore[assignment]
    picker.get_by_label("Password").fill(json.dumps(config))
    picker.get_by_role("button", name="Sign in").click()
    picker.get_by_role("button", name="Connect").click()
    public_token, _ = _wait_for(page, "success")
    token = plaid_server.call("/item/public_token/exchange", public_token=public_token)["access_token"]
    assert len(read_update(plaid_server, token).added) == 1


@pytest.mark.parametrize("focus_inside", [True, False])
def test_escape_exits_without_an_error(page: Page, plaid_server: PlaidServer, focus_inside: bool) -> None:
    picker = _open(page, _link_token(plaid_server))
    expect(picker.get_by_label("Search banks")).to_be_focused()
    if not focus_inside:
        page.locator("#before").focus()
    page.keyboard.press("Escape")
    error, metadata = _wait_for(page, "exit")
    assert error is None
    assert metadata["institution"] is None
    assert {"link_session_id", "request_id", "status"} <= set(metadata)
    assert page.locator("#plaid-link-overlay").count() == 0
    assert plaid_server.look("items")["items"] == []


def test_a_simulated_error_reaches_on_exit(page: Page, plaid_server: PlaidServer) -> None:
    picker = _open(page, _link_token(plaid_server))
    picker.get_by_role("button", name="Houndstooth Bank").click()
    picker.get_by_role("button", name="Simulate error").click()
    error, metadata = _wait_for(page, "exit")
    assert error["error_code"] == "INSTITUTION_NOT_RESPONDING"
    assert metadata["institution"]["institution_id"] == "ins_109512"


def test_an_expired_link_token_exits_with_its_code(page: Page, plaid_server: PlaidServer) -> None:
    token = _link_token(plaid_server)
    plaid_server.admin("clock", seconds=5 * 3600)
    picker = _open(page, token)
    picker.get_by_role("button", name="Close").click()
    error, _ = _wait_for(page, "exit")
    assert error["error_code"] == "INVALID_LINK_TOKEN"


def test_update_mode_heals_the_login(page: Page, plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item("ada")
    plaid_server.admin("break", user="ada")
    picker = _open(page, _link_token(plaid_server, access_token=token))
    expect(picker.get_by_role("heading")).to_have_text("Sign in to First Platypus Bank again")
    picker.get_by_role("button", name="Sign in").click()
    picker.get_by_role("button", name="Connect").click()
    _wait_for(page, "success")
    assert plaid_server.call("/item/get", access_token=token)["item"]["error"] is None


def test_exit_and_destroy_close_the_picker(page: Page, plaid_server: PlaidServer) -> None:
    _open(page, _link_token(plaid_server))
    page.evaluate("link.exit({ force: true }, () => calls.push(['exited']))")
    _wait_for(page, "exited")
    assert page.locator("#plaid-link-overlay").count() == 0
    page.evaluate("link.open()")
    page.evaluate("link.destroy()")
    assert page.locator("#plaid-link-overlay").count() == 0
    assert len(_calls(page, "exit")) == 1


def test_the_desk_acts_as_the_bank(browser: Browser, plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item("ada")
    cursor = read_update(plaid_server, token).cursor
    context = browser.new_context()
    desk = context.new_page()
    desk.goto(plaid_server.url)
    desk.get_by_label("Description").fill("CORNER ESPRESSO")
    desk.get_by_label("Amount", exact=True).fill("4.20")
    desk.get_by_role("button", name="Buy", exact=True).click()
    expect(desk.get_by_role("status")).to_have_text("Bought.")
    expect(desk.get_by_role("cell", name="CORNER ESPRESSO", exact=True)).to_be_visible()
    desk.get_by_role("button", name="Refund").click()
    expect(desk.get_by_role("status")).to_have_text("Refunded.")
    desk.screenshot(path=_shot("bank-desk.png"), full_page=True)
    desk.get_by_role("button", name="Break the login").click()
    expect(desk.get_by_role("button", name="Repair the login")).to_be_visible()
    assert plaid_server.call("/transactions/sync", access_token=token)["error_code"] == "ITEM_LOGIN_REQUIRED"
    desk.get_by_role("button", name="Repair the login").click()
    expect(desk.get_by_role("button", name="Break the login")).to_be_visible()
    assert len(read_update(plaid_server, token, cursor).added) == 2
    context.close()


def _shot(name: str) -> str:
    folder = Path(__file__).parents[2] / "test-results" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder / name)
