"""What somebody else did to Firestore: found by `verify`, overwritten when claimed, counted as drift."""

from __future__ import annotations

import pytest

from sync.audit.verify import verify


def test_equal_stores_are_equal(books, mirrored, mirror_deps, firestore_server):
    ada, _ = books("ada"), books("bob")
    ada.add(40)
    ada.add(1, on="2024-02-02")
    mirrored()

    report = verify(mirror_deps())

    assert report["equal"]
    assert (report["users"], report["documents"]) == (2, len(firestore_server.documents()))
    assert all(user["digest"]["ledger"] == user["digest"]["mirror"] for user in report["perUser"])


def test_verify_names_exactly_the_damage(books, mirrored, mirror_deps, firestore_server):
    ada, bob = books("ada"), books("bob")
    rows = ada.add(5)
    bob.add(2)
    mirrored()
    client = firestore_server.client()
    client.document(ada.path("transactions", rows[0])).update({"name": "Forged"})
    client.document(ada.path("transactions", rows[1])).delete()
    client.document(ada.path("transactions", "no-such-entry")).set({"name": "Ghost"})
    client.document(ada.path("gifts", "g1")).set({"name": "Ghost of an unknown kind"})
    client.document("users/nobody/transactions/t1").set({"name": "Ghost of an unknown user"})
    client.document(ada.path("intents", "i1")).set({"by": "a client"})

    report = verify(mirror_deps())

    by_user = {user["user"]: user for user in report["perUser"]}
    assert not report["equal"]
    assert by_user["ada"]["different"] == [ada.path("transactions", rows[0])]
    assert by_user["ada"]["missing"] == [ada.path("transactions", rows[1])]
    assert by_user["ada"]["ghosts"] == [ada.path("gifts", "g1"), ada.path("transactions", "no-such-entry")]
    assert by_user["nobody"]["ghosts"] == ["users/nobody/transactions/t1"]
    assert (by_user["bob"]["missing"], by_user["bob"]["different"], by_user["bob"]["ghosts"]) == ([], [], [])


def test_a_marked_document_is_not_judged(books, mirrored, mirror_deps):
    ada = books()
    rows = ada.add(2)
    mirrored()
    ada.annotate(rows[0], "not mirrored yet")

    report = verify(mirror_deps(), "ada")

    assert (report["equal"], report["notJudged"], report["different"]) == (False, 1, 0)


@pytest.mark.parametrize("damage", ["edited", "deleted"])
def test_what_others_did_to_a_claimed_document_is_overwritten_and_counted(
    books, mirrored, firestore_server, assert_mirrored, *, damage: str
):
    ada = books()
    rows = ada.add(2)
    mirrored()
    document = firestore_server.client().document(ada.path("transactions", rows[0]))
    if damage == "edited":
        document.update({"amountMinor": 1})
    else:
        document.delete()
    ada.annotate(rows[0], "lunch")

    mirror = mirrored()

    assert mirror.counts["drift"] == 1
    assert_mirrored()


def test_a_ghost_where_a_document_is_to_be_made_is_overwritten_and_counted(
    books, mirrored, firestore_server, assert_mirrored
):
    ada = books()
    (row,) = ada.add(1)
    ada.remove(row)
    mirrored()
    firestore_server.client().document(ada.path("transactions", row)).set({"name": "Ghost"})
    ada.restore(row)

    mirror = mirrored()

    assert mirror.counts["drift"] == 1
    assert_mirrored()


def test_deleting_what_somebody_deleted_already_is_success(books, mirrored, firestore_server, assert_mirrored):
    ada = books()
    rows = ada.add(2)
    mirrored()
    firestore_server.client().document(ada.path("transactions", rows[0])).delete()
    ada.remove(rows[0])

    mirrored()

    assert_mirrored()
