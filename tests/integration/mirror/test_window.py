"""Which months are mirrored row by row."""

from __future__ import annotations


def test_moving_the_window_takes_rows_away_and_brings_them_back(books, mirrored, assert_mirrored, database):
    ada = books()
    for month in ("2025-12", "2026-01", "2026-02", "2026-03"):
        ada.add(3, on=f"{month}-15")
    mirrored()
    assert_mirrored()

    database.sql("update mirror_window set first_month = '2026-02-01'")
    mirrored()
    assert_mirrored()

    database.sql("update mirror_window set first_month = '2025-12-01'")
    mirrored()
    assert_mirrored()


def test_totals_are_mirrored_for_all_history(books, mirrored, firestore_server):
    ada = books()
    ada.add(1, on="2019-05-05")

    mirrored()

    documents = firestore_server.documents()
    assert documents[ada.path("months", "2019-05")]["inWindow"] is False
    assert [path for path in documents if "/transactions/" in path] == []


def test_without_a_window_no_row_is_mirrored(books, mirrored, firestore_server, database):
    ada = books()
    database.sql("delete from mirror_window")
    ada.add(1)

    mirrored()

    documents = firestore_server.documents()
    assert documents["users/ada"]["window"] == {"firstMonth": None}
    assert [path for path in documents if "/transactions/" in path] == []
