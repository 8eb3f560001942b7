"""One update after another: what the ledger holds when the bank adds, changes and takes away."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from tests.integration.pull.bank import HISTORICAL, INITIAL, MUTATION, NOT_READY, account, error, page, row
from tests.integration.pull.conftest import Linked


def test_a_first_sync_with_nothing_ready_stores_no_cursor_and_looks_again(linked: Linked) -> None:
    linked.bank.at(None, page(to="", status=NOT_READY, accounts=[]))

    linked.pull_owed()

    assert (linked.live(), linked.item("cursor"), linked.item("update_status")) == ({}, None, "NOT_READY")
    assert linked.owed("retry_at") is not None
    assert linked.owed("wanted = done and failures = 0") is True


def test_a_webhook_does_not_wait_for_the_next_look(linked: Linked) -> None:
    linked.bank.at(None, page(to="", status=NOT_READY, accounts=[]), page(added=[row("a")], status=INITIAL))
    linked.pull_owed()

    linked.pull()

    assert linked.live() == {"a": Decimal(10)}


def test_a_look_again_is_owed_without_any_webhook(linked: Linked) -> None:
    linked.bank.at(None, page(to="", status=NOT_READY, accounts=[]), page(added=[row("a")], status=HISTORICAL))
    linked.pull_owed()
    later = linked.deps.now() + timedelta(minutes=1)

    linked.pull_owed(now=lambda: later)

    assert linked.live() == {"a": Decimal(10)}
    assert linked.owed("retry_at") is None


def test_initial_and_historical_data_are_one_stream(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row(f"new-{n}") for n in range(37)], to="C1", status=INITIAL))
    linked.bank.at("C1", page(added=[row(f"old-{n}") for n in range(463)], to="C2", status=HISTORICAL))

    linked.pull()
    linked.pull()

    assert len(linked.live()) == 500
    assert (linked.item("cursor"), linked.item("update_status")) == ("C2", "HISTORICAL")


def test_the_update_status_never_goes_back(linked: Linked) -> None:
    linked.bank.at(None, page(to="C1", status=HISTORICAL))
    linked.bank.at("C1", page(to="C2", status=INITIAL))

    linked.pull()
    linked.pull()

    assert (linked.item("cursor"), linked.item("update_status")) == ("C2", "HISTORICAL")


def test_three_pages_are_one_update(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row(f"a{n}") for n in range(500)], to="P1", more=True))
    linked.bank.at("P1", page(added=[row(f"b{n}") for n in range(500)], to="P2", more=True))
    linked.bank.at("P2", page(added=[row(f"c{n}") for n in range(200)], to="C3"))

    linked.pull()

    assert (len(linked.live()), linked.item("cursor"), linked.run("pages")) == (1200, "C3", 3)
    assert linked.one("select count(distinct number) from changes where path like '%%/transactions/%%'") == 1


def test_a_mutation_while_paging_starts_again_at_the_first_cursor(linked: Linked) -> None:
    linked.bank.at(
        None, page(added=[row("gone-meanwhile")], to="P1", more=True), page(added=[row("a")], to="P1", more=True)
    )
    linked.bank.at("P1", MUTATION, page(added=[row("b")], to="C2"))

    linked.pull()

    assert linked.bank.calls == ["", "P1", "", "P1"]
    assert set(linked.live()) == {"a", "b"}
    assert (linked.run("restarts"), linked.run("outcome")) == (1, "applied")


def test_six_mutations_put_the_pull_off_and_change_nothing(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a")], to="P1", more=True))
    linked.bank.at("P1", MUTATION)

    result = linked.pull()

    assert (linked.bank.calls, linked.live(), linked.item("cursor")) == (["", "P1"] * 6, {}, None)
    assert (result.outcome, linked.run("outcome"), linked.run("restarts")) == ("deferred", "deferred", 5)
    assert linked.owed("retry_at") is not None
    assert linked.owed("wanted > done") is True


def test_a_server_error_on_page_two_starts_again_at_the_first_cursor(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a")], to="P1", more=True))
    linked.bank.at("P1", error("INTERNAL_SERVER_ERROR", kind="API_ERROR", status=500), page(added=[row("b")], to="C2"))

    linked.pull()

    assert linked.bank.calls == ["", "P1", "", "P1"]
    assert set(linked.live()) == {"a", "b"}


def test_a_changed_amount_changes_the_row_and_marks_its_document_and_month(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a", 10), row("b", 5)], to="C1"))
    linked.bank.at("C1", page(modified=[row("a", 11)], to="C2"))
    linked.pull()
    before, entry = linked.marks(), linked.entry("a")

    result = linked.pull()

    newer = {path for path, number in linked.marks().items() if number > max(before.values())}
    assert linked.live() == {"a": Decimal(11), "b": Decimal(5)}
    assert newer == {f"users/u1/transactions/{entry}", "users/u1/months/2026-11"}
    assert (result.added, result.modified, result.removed) == (0, 1, 0)


def test_identical_modified_rows_write_nothing(linked: Linked) -> None:
    rows = [row(f"r{n}", n) for n in range(108)]
    linked.bank.at(None, page(added=rows, to="C1"))
    linked.bank.at("C1", page(modified=[row("r0", 99), *rows[1:]], to="C2"))
    linked.pull()
    versions = dict(linked.database.sql("select plaid_transaction_id, xmin::text from transactions"))

    result = linked.pull()

    rewritten = {
        plaid_id
        for plaid_id, version in linked.database.sql("select plaid_transaction_id, xmin::text from transactions")
        if versions[plaid_id] != version
    }
    assert rewritten == {"r0"}
    assert (result.modified, result.unchanged) == (1, 107)


def test_pulling_everything_again_marks_nothing(linked: Linked) -> None:
    rows = [row(f"r{n}", n) for n in range(50)]
    linked.bank.at(None, page(added=rows, to="C1"))
    linked.pull()
    before, owner = linked.marks(), linked.database.sql("select * from owners")
    linked.database.sql("update items set cursor = null")

    result = linked.pull()

    assert (linked.marks(), linked.database.sql("select * from owners")) == (before, owner)
    assert (result.outcome, result.unchanged, linked.item("cursor")) == ("nothing", 50, "C1")


def test_an_update_without_changes_may_move_the_cursor_and_marks_nothing(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a")], to="C1"))
    linked.bank.at("C1", page(accounts=[], to="C2"))
    linked.pull()
    before = linked.marks()

    linked.pull()

    assert (linked.marks(), linked.item("cursor")) == (before, "C2")


def test_modified_for_an_unknown_id_is_inserted(linked: Linked) -> None:
    linked.bank.at(None, page(modified=[row("a")]))

    linked.pull()

    assert set(linked.live()) == {"a"}


def test_added_for_a_known_id_updates_it(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a", 10)], to="C1"))
    linked.bank.at("C1", page(added=[row("a", 12)], to="C2"))
    linked.pull()

    linked.pull()

    assert linked.live() == {"a": Decimal(12)}
    assert linked.one("select count(*) from entries") == 1


def test_removed_for_an_unknown_id_does_nothing(linked: Linked) -> None:
    linked.bank.at(None, page(removed=["never-seen"], accounts=[]))

    linked.pull()

    assert (linked.live(), linked.item("cursor")) == ({}, "C1")


def test_a_removed_row_stays_in_the_ledger_but_not_in_the_month(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a")], to="C1"))
    linked.bank.at("C1", page(removed=["a"], accounts=[], to="C2"))
    linked.pull()
    entry, before = linked.entry("a"), linked.marks()

    linked.pull()

    newer = {path for path, number in linked.marks().items() if number > max(before.values())}
    assert linked.live() == {}
    assert linked.one("select removed_at is not null from transactions") is True
    assert newer == {f"users/u1/transactions/{entry}", "users/u1/months/2026-11"}


def test_a_removed_row_that_comes_back_keeps_its_entry_and_edits(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a")], to="C1"))
    linked.bank.at("C1", page(removed=["a"], accounts=[], to="C2"))
    linked.bank.at("C2", page(added=[row("a")], to="C3"))
    linked.pull()
    entry = linked.entry("a")
    linked.categorise("a", "TRAVEL")
    linked.pull()

    linked.pull()

    assert (set(linked.live()), linked.entry("a")) == ({"a"}, entry)
    assert linked.one("select user_category_id from entries") == "TRAVEL"


def test_added_and_removed_on_one_page_is_removed_and_counted(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a")], removed=["a"]))

    linked.pull()

    assert (linked.live(), linked.run("anomalies")) == ({}, 1)


def test_removed_on_one_page_and_added_on_the_next_is_live(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a")], to="C1"))
    linked.bank.at("C1", page(removed=["a"], to="P1", more=True))
    linked.bank.at("P1", page(added=[row("a", 3)], to="C2"))
    linked.pull()
    entry = linked.entry("a")

    linked.pull()

    assert (linked.live(), linked.entry("a")) == ({"a": Decimal(3)}, entry)


def test_an_account_is_written_only_when_it_changes(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a")], to="C1"))
    linked.bank.at("C1", page(added=[row("b")], to="C2"))
    linked.bank.at("C2", page(accounts=[account(name="Everyday")], to="C3"))
    linked.pull()
    (path,) = (path for path in linked.marks() if "/accounts/" in path)
    first = linked.marks()[path]

    linked.pull()
    second = linked.marks()[path]
    linked.pull()

    assert first == second < linked.marks()[path]
    assert linked.one("select name from accounts") == "Everyday"


def test_a_row_that_moves_to_another_month_marks_both(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a", authorized_date="2026-10-31")], to="C1"))
    linked.bank.at("C1", page(modified=[row("a", authorized_date=None, date="2026-11-02")], to="C2"))
    linked.pull()
    before = max(linked.marks().values())

    linked.pull()

    months = {path for path, number in linked.marks().items() if number > before and "/months/" in path}
    assert months == {"users/u1/months/2026-10", "users/u1/months/2026-11"}
