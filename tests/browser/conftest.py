"""A real Chromium, and people who each sit in front of a page of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from local.chromium import FLAGS, find_chromium
from local.person import Person
from local.stack import Stack

SHOTS = Path(__file__).parents[2] / "test-results" / "screenshots"

expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield running
        running.close()


class Screen:
    """One person's page in a browser context of its own."""

    def __init__(self, context: BrowserContext, stack: Stack) -> None:
        self.context, self.stack = context, stack
        self.errors: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)

    def open(self) -> None:
        self.page.goto(self.stack.api)

    def sign_in(self, email: str, password: str) -> None:
        self.open()
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_role("textbox", name="Password").fill(password)
        self.page.keyboard.press("Enter")
        expect(self.page.get_by_role("heading", name="Transactions", exact=True)).to_be_visible()

    def menu(self, item: str) -> None:
        """Chooses an item of the person's own menu."""
        self.page.get_by_role("button", name="Account of").click()
        self.page.get_by_role("menuitem", name=item).click()

    def row(self, entry_id: str):
        return self.page.locator(f'[data-path$="/transactions/{entry_id}"]')

    def shoot(self, name: str) -> None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=str(SHOTS / f"{name}.png"))


@pytest.fixture
def new_screen(browser: Browser, stack: Stack) -> Iterator[Callable[[], Screen]]:
    """Opens fresh contexts; no page may have logged an error by the end."""
    screens: list[Screen] = []

    def open_one() -> Screen:
        context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US", timezone_id="UTC")
        screens.append(Screen(context, stack))
        return screens[-1]

    yield open_one
    for screen in screens:
        screen.context.close()
    assert [error for screen in screens for error in screen.errors] == []


@pytest.fixture
def linked_person(new_person: Callable[[], Person]) -> Person:
    """Somebody with a linked bank whose transactions are mirrored."""
    person = new_person()
    person.link_bank("user_good", "pass_good")
    person.wait_until_mirrored()
    return person


def read_trace(stack: Stack, trace: str) -> list[dict[str, Any]]:
    """The hops of a trace as the operator's command tells them; none while there are none."""
    command = [sys.executable, "-m", "workers.cli", "trace", trace, "--json"]
    done = subprocess.run(command, env=stack.environment(), capture_output=True, text=True, timeout=60, check=False)
    return json.loads(done.stdout)["hops"] if done.returncode == 0 else []
