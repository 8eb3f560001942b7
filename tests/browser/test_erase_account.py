"""A person erases their account on the page: asked once more, signed out, refused from then on."""

from __future__ import annotations

from collections.abc import Callable

import psycopg2
import pytest
from playwright.sync_api import expect

from local.person import Person, Refused
from local.stack import Stack
from tests.browser.conftest import Screen

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_an_account_is_erased_from_the_page(
    stack: Stack, linked_person: Person, new_screen: Callable[[], Screen]
) -> None:
    screen = new_screen()
    screen.sign_in(linked_person.email, linked_person.password)
    screen.menu("Erase account")
    asked = screen.page.get_by_role("dialog", name="Erase your account?")
    expect(asked).to_contain_text("There is no way back")
    confirm = asked.get_by_role("button", name="Erase everything")
    expect(confirm).to_be_disabled()

    asked.get_by_label(f"Type {linked_person.email} to confirm").fill(linked_person.email)
    confirm.click()

    expect(screen.page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(screen.page.get_by_text("Your account is being erased")).to_be_visible()
    with psycopg2.connect(stack.database_url()) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select asked_by from erasures where user_sha256 = sha256(convert_to(%s, 'UTF8'))", (linked_person.uid,)
        )
        assert cursor.fetchall() == [("user",)]
    with pytest.raises(Refused):
        linked_person.introduce("Back again")
