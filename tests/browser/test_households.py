"""Two members of a household, each at a page of their own: what one shares or changes, the other sees at once."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from local.person import Person
from local.stack import Stack
from tests.browser.conftest import Screen, read_trace
from tests.browser.test_offline import ledger
from tests.fixtures.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_two_members_see_each_others_changes_and_who_is_taken_out_sees_nothing_more(
    linked_person: Person, new_person: Callable[[], Person], new_screen: Callable[[], Screen], on_emulator: bool
) -> None:
    ada, bob = linked_person, new_person()
    home = ada.post("/api/households", {"name": "Castle"})["household"]["id"]
    code = ada.post(f"/api/households/{home}/invitations", {})["code"]
    bob.post("/api/households/join", {"code": code})
    screens = [new_screen(), new_screen()]
    for screen, person in zip(screens, (ada, bob), strict=True):
        screen.sign_in(person.email, person.password)
        screen.page.get_by_text("Castle").click()
        expect(screen.page.get_by_text("Nothing shared in this month")).to_be_visible()
    adas, bobs = screens

    # bob shares what he notes down by hand; ada's open page shows it
    bob.put(f"/api/households/{home}/shares", {"everything": True})
    ada.put(f"/api/households/{home}/shares", {"everything": True})
    ada.buy(amount="12.34", description="STARBUCKS STORE 0042", pending=False)
    for screen in screens:
        bought = screen.page.locator('[data-path^="households/"]', has_text="$12.34")
        expect(bought).to_have_count(1)
    entry = str(bought.get_attribute("data-path")).rsplit("/", 1)[1]
    adas.shoot("household")

    # an edit of one is seen by the other, with its total
    ada.patch(f"/api/transactions/{entry}", {"categoryId": "TRAVEL"})
    for screen in screens:
        expect(screen.row(entry)).to_contain_text("Travel")
        expect(screen.page.locator('[data-category="TRAVEL"][data-currency="USD"]')).to_have_count(1)

    # a new name is seen by the other
    ada.patch(f"/api/households/{home}", {"name": "Fort"})
    for screen in screens:
        expect(screen.page.get_by_role("radio", name="Fort")).to_be_checked()

    # whoever is taken out is told so while looking
    ada.delete(f"/api/households/{home}/members/{bob.uid}")
    if on_emulator:  # it asks the rules again only when a result changes
        eventually(lambda: ledger(ada, "select from changes where owner = %s", f"households/{home}") == [])
        ada.patch(f"/api/transactions/{entry}", {"categoryId": "MEDICAL"})
    expect(bobs.page.get_by_text("You are not a member of this household any more.")).to_be_visible()
    expect(bobs.page.locator('[data-path^="households/"]')).to_have_count(0)
    expect(adas.row(entry)).to_be_visible()


def test_two_people_make_join_share_and_leave_a_household_on_the_page(
    stack: Stack, new_person: Callable[[], Person], new_screen: Callable[[], Screen]
) -> None:
    ada, grace = new_person(), new_person()
    for person, name in ((ada, "Ada"), (grace, "Grace")):
        person.introduce(name)
        person.link_bank("user_good", "pass_good")
        person.wait_until_mirrored()
    adas, graces = new_screen(), new_screen()
    adas.sign_in(ada.email, ada.password)
    graces.sign_in(grace.email, grace.password)

    # ada makes a household, shows everything and invites, without a mouse
    inside = households(adas)
    inside.get_by_label("Name of a new household").press_sequentially("Castle")
    adas.page.keyboard.press("Enter")
    expect(inside.get_by_role("heading", name="Castle")).to_be_focused()
    inside.get_by_label("Everything").check()
    inside.get_by_role("button", name="Save what I show").click()
    expect(adas.page.get_by_text("Castle now sees everything of yours")).to_be_visible()
    inside.get_by_role("button", name="Invite somebody").click()
    code = inside.get_by_label("Code of the invitation").input_value()
    adas.shoot("household-settings")

    # grace mistypes the code, joins, and chooses one account
    inside = households(graces)
    field = inside.get_by_label("Code of an invitation")
    field.fill(code[:-1])
    graces.page.keyboard.press("Enter")
    expect(inside.get_by_role("alert")).to_contain_text("unknown, used or expired")
    graces.errors = [said for said in graces.errors if "404" not in said]  # a browser logs each answer of this kind
    field.fill(code)
    graces.page.keyboard.press("Enter")
    expect(inside.get_by_role("heading", name="Castle")).to_be_focused()
    inside.get_by_label("Only the accounts that I choose").check()
    for box in inside.get_by_role("group", name="Accounts to show").get_by_role("checkbox").all():
        box.check()
    inside.get_by_role("button", name="Save what I show").click()
    expect(graces.page.get_by_text(re.compile(r"Castle now sees \d+ accounts? of yours"))).to_be_visible()

    # ada sees at once who came; both see what the other spends
    expect(adas.page.get_by_role("list", name="Members")).to_contain_text("Grace")
    for screen in (adas, graces):
        screen.page.keyboard.press("Escape")
        expect(screen.page.get_by_role("dialog", name="Households")).to_be_hidden()
        expect(screen.page.get_by_role("radio", name="Castle")).to_be_checked()
    ada.buy(amount="12.34", description="BAKERY OF ADA", pending=False)
    grace.buy(amount="43.21", description="FLORIST OF GRACE", pending=False)
    for screen in (adas, graces):
        for amount, whose in (("$12.34", "Ada"), ("$43.21", "Grace")):
            expect(shared(screen, amount)).to_contain_text(whose)

    # what both see is proven against the household's receipt, an edit is followed to both frames, a budget is both's
    for screen in (adas, graces):
        expect(screen.page.locator('[data-receipt="verified"]')).to_be_visible()
    entry = str(shared(adas, "$12.34").get_attribute("data-path")).rsplit("/", 1)[1]
    trace = ada.patch(f"/api/transactions/{entry}", {"categoryId": "TRAVEL"})["trace"]
    expect(graces.row(entry)).to_contain_text("Travel")
    hops = eventually(
        lambda: (found := read_trace(stack, trace)) and [line["hop"] for line in found].count("rendered") == 2 and found
    )
    assert len([line for line in hops if line["hop"] == "received"]) == 2
    adas.page.get_by_role("button", name="Set a budget").click()
    form = adas.page.get_by_role("dialog", name="Set a budget")
    form.get_by_role("combobox", name="Category").click()
    adas.page.keyboard.type("Travel")
    adas.page.get_by_role("option", name="Travel", exact=True).click()
    form.get_by_label("Each month").fill("100")
    form.get_by_role("button", name="Save budget").click()
    for screen in (adas, graces):
        expect(screen.page.get_by_role("list", name="Budgets")).to_contain_text("of $100.00")
    adas.shoot("household-month")

    # grace leaves: nothing of hers is left with ada, and she is back with her own
    inside = households(graces)
    inside.get_by_role("button", name="Leave").click()
    graces.page.get_by_role("button", name="Leave the household").click()
    expect(graces.page.get_by_text("You have left Castle")).to_be_visible()
    expect(shared(adas, "$43.21")).to_have_count(0)
    expect(shared(adas, "$12.34")).to_have_count(1)
    expect(graces.page.locator('[data-path^="households/"]')).to_have_count(0)
    graces.page.keyboard.press("Escape")
    expect(graces.page.get_by_role("radiogroup", name="Whose money")).to_have_count(0)

    # ada dissolves it, which wants its name
    inside = households(adas)
    inside.get_by_role("button", name="Dissolve").click()
    last = adas.page.get_by_role("dialog", name="Dissolve Castle?")
    expect(last.get_by_role("button", name="Dissolve it for everybody")).to_be_disabled()
    last.get_by_label("Type Castle to confirm").fill("Castle")
    last.get_by_role("button", name="Dissolve it for everybody").click()
    expect(adas.page.get_by_text("Castle is dissolved")).to_be_visible()
    assert ada.get("/api/households")["households"] == []


def households(screen: Screen) -> Locator:
    screen.page.get_by_role("button", name="Households", exact=True).click()
    dialog = screen.page.get_by_role("dialog", name="Households")
    expect(dialog).to_be_visible()
    return dialog


def shared(screen: Screen, amount: str) -> Locator:
    return screen.page.locator('[data-path^="households/"][data-path*="/transactions/"]', has_text=amount)
