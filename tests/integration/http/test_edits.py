"""A user's edits over HTTP: what is answered, what is marked, and what nobody else may touch."""

from __future__ import annotations

import uuid

from tests.integration.http.conftest import House, Person


def paths(answer_json: dict, person: Person) -> set[str]:
    return {mark["path"].removeprefix(f"users/{person.user_id}/") for mark in answer_json["marked"]}


def test_signing_up_marks_the_head_and_signing_up_again_marks_nothing(alice: Person):
    again = alice("PUT", "/api/me", {"displayName": "Alice"})
    renamed = alice("PUT", "/api/me", {"displayName": "Al"})

    assert again.json["user"] == {"id": alice.user_id, "email": "alice@example.com", "displayName": "Alice"}
    assert again.json["marked"] == []
    assert [mark["path"] for mark in renamed.json["marked"]] == [f"users/{alice.user_id}"]


def test_a_name_that_is_left_out_stays(alice: Person):
    alice("PUT", "/api/me", {})

    assert alice("GET", "/api/me").json["user"]["displayName"] == "Alice"


def test_someone_who_has_not_signed_up_has_no_profile(house: House):
    user_id, token = house.auth.sign_up("carol@example.com")
    carol = Person(house.app, user_id, token)

    answer = carol("GET", "/api/me")
    assert (answer.status_code, answer.json["code"]) == (404, "user-not-found")
    assert carol.expense().json["code"] == "user-not-found"


def test_changing_a_category_marks_the_transaction_and_its_month(house: House, alice: Person):
    entry = house.bank_row(alice.user_id)
    answer = alice("PATCH", f"/api/transactions/{entry}", {"categoryId": "TRAVEL"})

    assert answer.status_code == 200
    assert paths(answer.json, alice) == {f"transactions/{entry}", "months/2026-11"}
    assert answer.json["transaction"]["categoryId"] == "TRAVEL"
    assert answer.json["transaction"]["categoryOwner"] == "user"
    marks = house.database.sql("select path, epoch, number from changes where owner = %s", f"users/{alice.user_id}")
    versions = {(m["path"], m["version"]["epoch"], m["version"]["number"]) for m in answer.json["marked"]}
    assert versions <= set(marks)


def test_an_edit_that_changes_nothing_marks_nothing(house: House, alice: Person):
    entry = house.bank_row(alice.user_id)
    alice("PATCH", f"/api/transactions/{entry}", {"categoryId": "TRAVEL", "note": "Taxi"})
    answer = alice("PATCH", f"/api/transactions/{entry}", {"categoryId": "TRAVEL", "note": "Taxi"})

    assert (answer.status_code, answer.json["marked"]) == (200, [])


def test_a_note_marks_the_transaction_alone_and_null_clears_it(house: House, alice: Person):
    entry = house.bank_row(alice.user_id)
    written = alice("PATCH", f"/api/transactions/{entry}", {"note": "Taxi"})
    cleared = alice("PATCH", f"/api/transactions/{entry}", {"note": None})

    assert paths(written.json, alice) == {f"transactions/{entry}"}
    assert (written.json["transaction"]["note"], cleared.json["transaction"]["note"]) == ("Taxi", None)


def test_a_field_that_is_left_out_stays_and_null_hands_the_category_back(house: House, alice: Person):
    entry = house.bank_row(alice.user_id)
    alice("PATCH", f"/api/transactions/{entry}", {"categoryId": "TRAVEL"})
    noted = alice("PATCH", f"/api/transactions/{entry}", {"note": "Taxi"}).json["transaction"]
    handed_back = alice("PATCH", f"/api/transactions/{entry}", {"categoryId": None}).json["transaction"]

    assert (noted["categoryId"], noted["categoryOwner"]) == ("TRAVEL", "user")
    assert (handed_back["categoryId"], handed_back["categoryOwner"]) == ("FOOD_AND_DRINK", "bank")


def test_an_expense_is_exact_in_text_and_minor_units(alice: Person):
    answer = alice.expense(amount="1234567.80", note="Team lunch")

    assert answer.status_code == 201
    shown = answer.json["transaction"]
    assert (shown["amount"], shown["amountMinor"], shown["currencyDigits"]) == ("1234567.8", 123456780, 2)
    assert (shown["source"], shown["date"], shown["month"], shown["note"]) == (
        "manual",
        "2026-11-03",
        "2026-11",
        "Team lunch",
    )
    assert paths(answer.json, alice) == {f"transactions/{shown['id']}", "months/2026-11"}


def test_an_expense_can_be_taken_away_and_brought_back(alice: Person):
    entry = alice.expense().json["transaction"]["id"]
    removed = alice("DELETE", f"/api/transactions/{entry}")
    gone = alice("GET", f"/api/transactions/{entry}")
    twice = alice("DELETE", f"/api/transactions/{entry}")
    restored = alice("POST", f"/api/transactions/{entry}/restore")

    assert paths(removed.json, alice) == {f"transactions/{entry}", "months/2026-11"}
    assert (gone.status_code, gone.json["code"]) == (404, "transaction-not-found")
    assert (twice.status_code, twice.json["marked"]) == (200, [])
    assert restored.json["transaction"]["id"] == entry
    assert alice("GET", f"/api/transactions/{entry}").status_code == 200


def test_a_banks_row_cannot_be_taken_away(house: House, alice: Person):
    entry = house.bank_row(alice.user_id)
    answer = alice("DELETE", f"/api/transactions/{entry}")

    assert (answer.status_code, answer.json["code"]) == (409, "not-an-expense")


def test_a_month_is_read_page_by_page_newest_first(house: House, alice: Person):
    entries = [alice.expense(date=f"2026-11-{day:02}").json["transaction"]["id"] for day in (3, 9, 1)]
    first = alice("GET", "/api/transactions?month=2026-11&limit=2").json
    second = alice("GET", f"/api/transactions?month=2026-11&limit=2&cursor={first['nextCursor']}").json

    listed = [one["id"] for one in first["transactions"] + second["transactions"]]
    assert listed == [entries[1], entries[0], entries[2]]
    assert second["nextCursor"] is None


def test_a_cursor_that_was_never_handed_out_is_refused(alice: Person):
    answer = alice("GET", "/api/transactions?month=2026-11&cursor=tomorrow")

    assert (answer.status_code, answer.json["code"]) == (422, "invalid-cursor")


def test_months_tell_totals_per_currency_and_what_lies_outside(house: House, alice: Person):
    house.bank_row(alice.user_id)
    house.bank_row(alice.user_id, amount="-1000", bank_category_id="INCOME")
    alice.expense(currency="EUR", amount="3")
    month = alice("GET", "/api/months/2026-11").json["month"]

    assert alice("GET", "/api/months").json["months"] == [month]
    assert (month["count"], month["inWindow"]) == (3, True)
    assert month["currencies"]["USD"]["spend"] == "4.5"
    assert month["currencies"]["USD"]["outside"]["INCOME"]["amount"] == "-1000"
    assert month["currencies"]["EUR"]["spendMinor"] == 300


def test_a_month_without_rows_and_a_month_that_is_none(alice: Person):
    for month, status, code in (("2031-01", 404, "month-not-found"), ("2026-13", 422, "invalid-fields")):
        answer = alice("GET", f"/api/months/{month}")
        assert (answer.status_code, answer.json["code"]) == (status, code)


def test_a_category_of_ones_own_lives_and_gives_its_rows_back(house: House, alice: Person):
    entry = house.bank_row(alice.user_id)
    made = alice("POST", "/api/categories", {"name": "Coffee"})
    category = made.json["category"]
    alice("PATCH", f"/api/transactions/{entry}", {"categoryId": category["id"]})
    renamed = alice("PATCH", f"/api/categories/{category['id']}", {"name": "Espresso"})
    listed = alice("GET", "/api/categories").json["categories"]
    removed = alice("DELETE", f"/api/categories/{category['id']}")

    assert made.status_code == 201
    assert paths(made.json, alice) == {f"categories/{category['id']}"}
    assert renamed.json["category"]["name"] == "Espresso"
    assert {"id": category["id"], "name": "Espresso", "own": True, "excluded": False} in listed
    assert {one["id"] for one in listed if one["excluded"]} >= {"INCOME", "TRANSFER_IN"}
    assert f"transactions/{entry}" in paths(removed.json, alice)
    assert alice("GET", f"/api/transactions/{entry}").json["transaction"]["categoryId"] == "FOOD_AND_DRINK"


def test_the_taxonomy_is_nobodys_to_change(alice: Person):
    answer = alice("DELETE", "/api/categories/INCOME")

    assert (answer.status_code, answer.json["code"]) == (409, "category-fixed")


def test_a_budget_shows_its_progress_in_the_month(house: House, alice: Person):
    house.bank_row(alice.user_id)
    body = {"categoryId": "FOOD_AND_DRINK", "currency": "USD", "limit": "100", "startsMonth": "2026-11"}
    made = alice("POST", "/api/budgets", body)
    budget = made.json["budget"]
    changed = alice("PATCH", f"/api/budgets/{budget['id']}", {"limit": "80.5"})
    second = alice("POST", "/api/budgets", body)

    assert made.status_code == 201
    assert paths(made.json, alice) == {f"budgets/{budget['id']}", "months/2026-11"}
    assert (changed.json["budget"]["limit"], changed.json["budget"]["limitMinor"]) == ("80.5", 8050)
    progress = alice("GET", "/api/months/2026-11").json["month"]["budgets"]
    assert [(one["budgetId"], one["spent"], one["limit"]) for one in progress] == [(budget["id"], "4.5", "80.5")]
    assert (second.status_code, second.json["code"]) == (409, "budget-exists")
    assert alice("DELETE", f"/api/budgets/{budget['id']}").status_code == 200
    assert alice("GET", "/api/budgets").json["budgets"] == []


TOUCHES = [
    ("GET", "", None),
    ("PATCH", "", {"categoryId": "TRAVEL"}),
    ("PATCH", "", {"note": "mine now"}),
    ("DELETE", "", None),
    ("POST", "/restore", None),
]


def test_another_users_transaction_is_as_unknown_as_no_transaction(house: House, alice: Person, bob: Person):
    theirs = bob.expense().json["transaction"]["id"]
    before = house.database.sql("select * from entries order by id")
    same = {"type", "title", "status", "code", "detail"}
    for method, path, body in TOUCHES:
        foreign = alice(method, f"/api/transactions/{theirs}{path}", body)
        unknown = alice(method, f"/api/transactions/{uuid.uuid4()}{path}", body)
        assert (foreign.status_code, foreign.json["code"]) == (404, "transaction-not-found")
        assert {key: foreign.json[key] for key in same} == {key: unknown.json[key] for key in same}

    assert house.database.sql("select * from entries order by id") == before


def test_another_users_categories_budgets_and_banks_are_unknown(house: House, alice: Person, bob: Person):
    category = bob("POST", "/api/categories", {"name": "Secret"}).json["category"]["id"]
    body = {"categoryId": category, "currency": "USD", "limit": "1", "startsMonth": "2026-11"}
    budget = bob("POST", "/api/budgets", body).json["budget"]["id"]
    house.bank_row(bob.user_id)
    item = bob("GET", "/api/items").json["items"][0]["id"]

    assert alice("PATCH", f"/api/categories/{category}", {"name": "Mine"}).json["code"] == "category-not-found"
    assert alice("DELETE", f"/api/budgets/{budget}").json["code"] == "budget-not-found"
    assert alice("DELETE", f"/api/items/{item}").json["code"] == "item-not-found"
    assert alice.expense(categoryId=category).json["errors"].keys() == {"categoryId"}
    assert alice("GET", "/api/items").json["items"] == []
    assert alice("GET", "/api/accounts").json["accounts"] == []
    assert category not in str(alice("GET", "/api/categories").json)


def test_unlinking_a_bank_takes_its_rows_along(house: House, alice: Person):
    entry = house.bank_row(alice.user_id)
    item, account = alice("GET", "/api/items").json["items"][0], alice("GET", "/api/accounts").json["accounts"][0]
    answer = alice("DELETE", f"/api/items/{item['id']}")

    assert (account["itemId"], account["current"], account["currentMinor"]) == (item["id"], "110.5", 11050)
    assert {f"items/{item['id']}", f"accounts/{account['id']}", f"transactions/{entry}", "months/2026-11"} == paths(
        answer.json, alice
    )
    assert alice("GET", "/api/items").json["items"] == []
    assert alice("GET", "/api/months").json["months"] == []
