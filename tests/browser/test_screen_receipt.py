"""The screen receipt in real Chromium: what is shown is verified, damage done behind our back is found and mended."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from playwright.sync_api import expect

from local.person import Person
from local.stack import PROJECT, Stack
from tests.browser.conftest import Screen, read_trace
from tests.fixtures.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture
def behind_our_back(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> firestore.Client:
    """Firestore as an administrator's script has it, with rights on everything."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", stack.firestore)
    return firestore.Client(project=PROJECT, credentials=AnonymousCredentials())


def verified(screen: Screen) -> Any:
    return screen.page.locator('[data-receipt="verified"]')


# The badge says "Repairing" for as long as the repair takes, which may be shorter than the time between two looks.
_RECORD = """() => {
  window.receipts = [];
  const note = () => {
    const shown = document.querySelector("[data-receipt]")?.dataset.receipt;
    if (shown && window.receipts.at(-1) !== shown) window.receipts.push(shown);
  };
  note();
  new MutationObserver(note).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""


def first_row(screen: Screen) -> tuple[str, str]:
    """Path and amount of the topmost transaction."""
    row = screen.page.locator('[data-path*="/transactions/"]').first
    expect(row).to_be_visible()
    return str(row.get_attribute("data-path")), str(row.get_attribute("data-version"))


def test_what_is_shown_is_verified_and_stays_verified_through_changes(
    linked_person: Person, new_screen: Callable[[], Screen]
):
    screen = new_screen()
    screen.sign_in(linked_person.email, linked_person.password)
    expect(verified(screen)).to_have_text(re.compile(r"^Verified \d\d:\d\d:\d\d$"))
    before = int(str(verified(screen).get_attribute("data-rows")))

    linked_person.buy(amount="12.34", description="STARBUCKS STORE 0042", pending=False)
    expect(verified(screen)).to_have_attribute("data-rows", str(before + 1))

    path, _ = first_row(screen)
    linked_person.patch(f"/api/transactions/{path.rsplit('/', 1)[1]}", {"categoryId": "TRAVEL", "note": "noted"})
    expect(screen.page.locator(f'[data-path="{path}"]')).to_contain_text("Travel")
    expect(verified(screen)).to_have_attribute("data-of", str(before + 1))
    screen.shoot("9-verified")


def test_the_page_acknowledges_what_it_has_drawn(stack: Stack, linked_person: Person, new_screen: Callable[[], Screen]):
    screen = new_screen()
    screen.sign_in(linked_person.email, linked_person.password)
    expect(verified(screen)).to_be_visible()
    path, _ = first_row(screen)

    trace = linked_person.patch(f"/api/transactions/{path.rsplit('/', 1)[1]}", {"categoryId": "TRAVEL"})["trace"]

    hops = eventually(
        lambda: (found := read_trace(stack, trace)) and "rendered" in [line["hop"] for line in found] and found
    )
    times = {line["hop"]: line["at"] for line in hops}
    assert times["marked"] < times["received"] < times["rendered"]


@pytest.mark.parametrize("damage", ["amount", "deleted", "totals"])
def test_damage_done_straight_in_firestore_is_repaired_and_then_verified_again(
    stack: Stack,
    linked_person: Person,
    new_screen: Callable[[], Screen],
    behind_our_back: firestore.Client,
    damage: str,
):
    screen = new_screen()
    screen.sign_in(linked_person.email, linked_person.password)
    expect(verified(screen)).to_be_visible()
    path, version = first_row(screen)
    month = str(behind_our_back.document(path).get().get("month"))
    screen.page.evaluate(_RECORD)

    if damage == "amount":
        behind_our_back.document(path).update({"amount": "99999"})
    elif damage == "deleted":
        behind_our_back.document(path).delete()
    else:
        behind_our_back.document(f"users/{linked_person.uid}/months/{month}").update({"count": 1})
    eventually(lambda: "verified,differs,verified" in screen.page.evaluate("() => receipts.join()"), 60)

    expect(verified(screen)).to_be_visible()
    expect(screen.page.locator(f'[data-path="{path}"]')).not_to_contain_text("99,999")
    assert behind_our_back.document(path).get().get("amount") != "99999"
    if damage != "totals":
        expect(screen.page.locator(f'[data-path="{path}"]')).not_to_have_attribute("data-version", version)
