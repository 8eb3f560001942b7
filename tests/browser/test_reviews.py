"""A question about a posting that names no pending row: asked on the row, answered, and taken back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from local.person import Person
from tests.browser.conftest import Screen

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_a_question_is_asked_on_the_row_answered_and_taken_back(
    linked_person: Person, new_screen: Callable[[], Screen]
) -> None:
    first, second = new_screen(), new_screen()
    for screen in (first, second):
        screen.sign_in(linked_person.email, linked_person.password)
    told = linked_person.buy(amount="43.21", description="HARBOUR BOOKS", pending=True)
    rows = [screen.page.locator('[data-path*="/transactions/"]', has_text="$43.21") for screen in (first, second)]
    for row in rows:
        expect(row).to_have_count(1)
    linked_person.bank("/_local/remove", {"transaction_ids": [told["transaction"]["transaction_id"]]})
    for row in rows:
        expect(row).to_have_count(0)

    linked_person.buy(amount="43.21", description="HARBOUR BOOKS", pending=False)
    for row in rows:
        expect(row.get_by_role("group", name="Question about")).to_contain_text("The same payment?")
    rows[0].scroll_into_view_if_needed()
    first.shoot("10-review-question")

    rows[0].get_by_role("button", name="Same").click()
    for row in rows:
        expect(row.get_by_role("group", name="Question about")).to_contain_text("Was pending as")
    first.shoot("11-review-joined")

    rows[1].get_by_role("button", name="Undo").click()
    for row in rows:
        expect(row).to_have_count(1)
        expect(row.get_by_role("button", name="Same")).to_be_visible()
