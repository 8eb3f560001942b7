"""Rows and the totals they move arrive together."""

from __future__ import annotations

import threading
from typing import Any


def test_a_listener_never_sees_a_row_without_its_month(
    books, running_mirror, firestore_server, database, eventually, clean
):
    ada = books()
    ada.add(1, amount="1")
    running_mirror()
    eventually(lambda: firestore_server.documents(ada.path("months", "2026-11")))
    torn: list[tuple[Any, Any]] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            documents = firestore_server.documents()
            rows = [d["amountMinor"] for p, d in documents.items() if "/transactions/" in p]
            month = documents.get(ada.path("months", "2026-11"), {"currencies": {"USD": {"spendMinor": 0}}, "count": 0})
            if (sum(rows), len(rows)) != (month["currencies"]["USD"]["spendMinor"], month["count"]):
                torn.append((rows, month))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for number in range(15):
            entries = ada.add(3, amount=str(number))
            ada.remove(entries[0])
            database.sql("update transactions set amount = amount + 1 where entry_id = %s", entries[1])
        eventually(clean)
    finally:
        done.set()
        watcher.join(10)

    assert torn == []


def test_more_marks_than_a_request_holds_go_month_by_month_newest_first(books, mirrored, gate, assert_mirrored):
    ada = books()
    mirrored()
    for month in ("2026-07", "2026-08", "2026-09"):
        ada.add(2_000, on=f"{month}-10")

    mirrored(host=gate.address)

    assert [_months(seen) for seen in gate.seen] == [["2026-09", "2026-08"], ["2026-07"]]
    assert_mirrored()


def test_a_month_larger_than_a_request_is_not_shown_as_complete_until_it_is(books, mirrored, gate, assert_mirrored):
    ada = books()
    mirrored()
    ada.add(7_000, on="2026-09-10")

    mirrored(host=gate.address)

    assert [_complete(seen, "2026-09") for seen in gate.seen] == [False, True]
    assert_mirrored()


def test_a_month_that_waits_for_its_turn_is_not_shown_as_complete(books, mirrored, gate, assert_mirrored):
    ada = books()
    ada.add(3_000, on="2026-08-10")
    ada.add(3_000, on="2026-09-10")
    mirrored()
    ada.sql("update transactions set amount = amount + 1")

    mirrored(host=gate.address)

    assert [(_complete(s, "2026-09"), _complete(s, "2026-08")) for s in gate.seen] == [(True, False), (None, True)]
    assert_mirrored()


def _months(seen: Any) -> list[str]:
    rows = {
        write.update.fields["month"].string_value for write in seen.request.writes if "month" in write.update.fields
    }
    return sorted(rows, reverse=True)


def _complete(seen: Any, month: str) -> bool | None:
    for write in seen.request.writes:
        if write.update.name.endswith(f"/months/{month}"):
            return bool(write.update.fields["complete"].boolean_value)
    return None
