"""The local Firestore's page: documents as they change."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import SHOTS
from tests.fixtures.firestore import FirestoreServer

pytestmark = pytest.mark.ours_only("the page of documents that only ours has")


def test_the_page_shows_documents_as_they_come_change_and_go(
    browser: Browser, firestore_server: FirestoreServer
) -> None:
    client = firestore_server.client()
    client.document("users/u/months/2026-11").set({"spend": "4.75", "count": 1})
    page = browser.new_page(viewport={"width": 1000, "height": 700})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"http://{firestore_server.address}/_local/page")
    expect(page.get_by_role("heading", name="users/u/months")).to_be_visible()
    page.get_by_text("2026-11", exact=True).click()
    expect(page.get_by_text('"spend": "4.75"')).to_be_visible()
    client.document("users/u/months/2026-11").update({"spend": "<b>9.50</b>"})
    expect(page.get_by_text('"spend": "<b>9.50</b>"')).to_be_visible()
    client.document("users/u/transactions/t").set({"name": "Corner Espresso"})
    expect(page.get_by_role("status")).to_have_text("2 of 2 documents")
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(SHOTS / "local-firestore.png"))
    page.get_by_label("Path contains").fill("transactions")
    expect(page.get_by_role("status")).to_have_text("1 of 2 documents")
    client.document("users/u/transactions/t").delete()
    expect(page.get_by_role("status")).to_have_text("0 of 1 documents")
    assert errors == []
    page.close()
