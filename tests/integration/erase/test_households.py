"""Who is erased leaves every household; what they shared goes from both stores, what others share stays."""

from __future__ import annotations

from sync.erase import erase, erasures
from tests.integration.database.test_row_security import uid
from tests.integration.erase.conftest import WAIT, Scene, everywhere
from tests.integration.erase.test_erase import erased


def test_an_erased_member_takes_what_they_shared_and_nobody_elses(scene: Scene) -> None:
    home, sql = uid("bob", "home"), scene.database.sql
    sql("insert into household_members (household_id, user_id, shares_all, role) values (%s, %s, true, 'owner')",
        home, scene.user)  # fmt: skip
    sql("update household_members set shares_all = true, role = 'member' where user_id = 'bob'")
    scene.mirrored()
    before = scene.firestore.documents(f"households/{home}")
    assert {one["memberId"] for path, one in before.items() if "/transactions/" in path} == {scene.user, "bob"}

    erased(scene)

    after = scene.firestore.documents(f"households/{home}")
    assert {one["memberId"] for path, one in after.items() if "/transactions/" in path} == {"bob"}
    assert [one["role"] for path, one in after.items() if "/members/" in path] == ["owner"]
    assert scene.firestore.documents(f"households/{uid(scene.user, 'home')}") == {}
    assert everywhere(scene.database, scene.user, uid(scene.user, "entry")) == {}
    assert not any(scene.user in str(one) for one in scene.firestore.documents().items())


def test_an_erasure_waits_for_what_households_still_have_to_delete(scene: Scene) -> None:
    home, sql = uid("bob", "home"), scene.database.sql
    sql("insert into household_members (household_id, user_id, shares_all) values (%s, %s, true)", home, scene.user)
    scene.mirrored()
    erasure = scene.ask()
    scene.drive(erasure)
    sql("update erasures set step = 'documents', due_at = now()")
    sql("select mark_documents(array[%s], array[%s])", f"households/{home}", f"households/{home}/members/{scene.user}")
    sql("update changes set number = 0")

    assert erase.drive(scene.deps, erasure).problem == "mirror-not-clean"


def test_a_member_document_that_comes_back_is_found_by_the_last_reading(scene: Scene) -> None:
    """It lies below the household, not below the user: the rules would let its holder read what the others share."""
    home, sql = uid("bob", "home"), scene.database.sql
    sql("insert into household_members (household_id, user_id, shares_all) values (%s, %s, true)", home, scene.user)
    scene.mirrored()
    erasure = scene.ask()
    scene.drive(erasure)
    member = scene.firestore.client().document(f"households/{home}/members/{scene.user}")
    assert not member.get().exists
    member.set({"role": "member"})

    scene.drive(erasure, scene.after(seconds=WAIT + 1))
    told = scene.drive(erasure, scene.after(seconds=2 * WAIT + 60))

    assert told.step == "done"
    assert not member.get().exists
    assert erasures.find(scene.deps, erasure).record["deleted"]["cameBack"] == {"documents": 1}
