"""Erasing a user: nothing is left in both stores, at the bank or at the sign-in, and the record says so truly."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from sync.db import edit, transaction
from sync.erase import erase, erasure_records, erasures
from sync.errors import RecordInvalid, UserErased, UserNotFound
from sync.pull.sweep import sweep
from tests.fixtures.auth import AuthServer
from tests.fixtures.database import Database
from tests.fixtures.deps import DepsFor
from tests.integration.database.test_row_security import uid
from tests.integration.erase.conftest import WAIT, Scene, everywhere

# Tables without a row of anybody's. A new table has to be found by its columns or be named here.
NOBODYS = {"alembic_version", "erasures", "signing_keys", "spend_exclusions", "mirror_window"}
NOBODYS |= {"audit_reads", "audit_walk", "live_shapes"}
# A household goes with its last member, and what it shows of a user with the user's membership.
NOBODYS |= {"households", "household_budgets", "household_categories"}


def erased(scene: Scene) -> Any:
    """Erases ada wholly; answers the file of the record."""
    erasure = scene.ask()
    scene.drive(erasure)
    assert scene.step() == "wait"
    told = scene.drive(erasure, scene.after(seconds=WAIT + 1))
    assert told.step == "done"
    found = erasures.find(scene.deps, erasure)
    return erasure_records.as_file(scene.deps, found.record, found.signature, found.signing_key_id)


def test_every_table_is_reached_or_holds_nobodys_rows(database: Database) -> None:
    tables = {
        name
        for (name,) in database.sql(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
        )
    }
    reached = {name for (name,) in database.sql("select table_name from erasable_tables()")}

    assert tables - reached == NOBODYS


def test_the_last_reading_counts_the_rows_of_every_kind(scene: Scene) -> None:
    erasure = scene.ask()
    scene.database.sql("update erasures set items = array[%s], plaid_items = array[%s]", scene.item, f"p-{scene.user}")

    counted = erasures.rows_left(scene.deps, erasures.find(scene.deps, erasure))

    assert {table for table, rows in counted.items() if rows} >= {
        "users", "entries", "splits", "page_keys", "plaid_pages", "webhook_inbox", "sync_runs", "link_intents",
        "idempotency_keys", "owners", "changes", "mirror_state", "parked_documents",
    }  # fmt: skip


def test_nothing_is_left_in_either_store_and_nothing_of_others_is_missing(scene: Scene) -> None:
    words = (scene.user, "ada@livespend.test", "Ada L", str(scene.item), uid(scene.user, "entry"), f"p-{scene.user}")
    scene.mirrored()
    assert scene.documents() != {}
    assert len(everywhere(scene.database, *words)) > 25
    others = {path: content for path, content in scene.firestore.documents().items() if "bob" in path}
    counted = "select (select count(*) from items), (select count(*) from entries where user_id = 'bob')"
    before = scene.database.sql(counted)

    file = erased(scene)

    assert scene.documents() == {}
    assert everywhere(scene.database, *words) == {}
    assert {path: content for path, content in scene.firestore.documents().items() if "bob" in path} == others
    ((items, entries),) = scene.database.sql(counted)
    assert (items + 1, entries) == before[0]
    assert file["record"]["deleted"]["banks"] == {"ended": 1}
    assert file["record"]["deleted"]["ledger"]["page_keys"] == 1


def test_the_bank_and_the_sign_in_are_ended_too(scene: Scene) -> None:
    erased(scene)

    assert scene.plaid.call("/item/get", access_token=scene.access_token)["error_code"] == "ITEM_NOT_FOUND"
    assert scene.deps.sign_ins is not None
    assert not scene.deps.sign_ins.exists(scene.user)


def test_the_record_is_signed_and_any_change_is_noticed(scene: Scene) -> None:
    file = erased(scene)

    record = erasure_records.read_file(scene.deps, json.dumps(file), scene.user)

    assert record["userSha256"] == hashlib.sha256(scene.user.encode()).hexdigest()
    assert record["left"]["rows"].keys() >= {"users", "transactions", "plaid_pages", "owners", "mirror_state"}
    assert {*record["left"]["rows"].values()} == {0}
    for name, changed in (
        ("record", record | {"readAt": "2026-01-01T00:00:00+00:00"}),
        ("signature", base64.b64encode(bytes(64)).decode()),
        ("publicKey", base64.b64encode(bytes(32)).decode()),
        ("record", None),
    ):
        with pytest.raises(RecordInvalid):
            erasure_records.read_file(scene.deps, json.dumps(file | {name: changed}))
    with pytest.raises(RecordInvalid, match="another user"):
        erasure_records.read_file(scene.deps, json.dumps(file), "bob")


def test_a_record_signed_by_a_stranger_is_refused(scene: Scene) -> None:
    file = erased(scene)
    scene.database.sql("update signing_keys set public_key = 'x'")

    with pytest.raises(RecordInvalid, match="not this ledger's"):
        erasure_records.read_file(scene.deps, json.dumps(file))


def test_from_the_request_on_the_api_refuses_the_user_and_nobody_else(scene: Scene, deps_for: DepsFor) -> None:
    api = deps_for("api")

    erasures.ask_own(api, scene.user)

    with pytest.raises(UserErased), transaction(api.engine, scene.user):
        pass
    with pytest.raises(UserErased), edit(api.engine, scene.user, signed_up=False):
        pass
    with edit(api.engine, "bob") as (_, marked):
        pass
    assert marked == []
    assert deps_for.bells[-1][0] == "erase_user"


def test_asking_twice_is_one_erasure_and_a_stranger_has_none(scene: Scene) -> None:
    assert scene.ask() == scene.ask()
    with pytest.raises(UserNotFound):
        erasures.ask(scene.deps, "nobody")


def test_the_old_id_token_can_do_nothing_meanwhile(scene: Scene) -> None:
    scene.drive(scene.ask())

    answer = scene.auth.post("lookup", {"idToken": scene.token})
    again = scene.auth.post(
        "signInWithPassword", {"email": "ada@livespend.test", "password": "correct horse", "returnSecureToken": True}
    )

    assert {answer.json()["error"]["message"], again.json()["error"]["message"]} <= {
        "USER_DISABLED", "TOKEN_EXPIRED",
    }  # fmt: skip
    assert scene.documents() == {}


def test_what_a_client_left_in_firestore_goes_too_however_deep(scene: Scene) -> None:
    client = scene.firestore.client()
    client.document(f"{scene.owner}/intents/one").set({"note": "x"})
    client.document(f"{scene.owner}/forgotten/missing/below/deep").set({"note": "x"})

    file = erased(scene)

    assert scene.documents() == {}
    assert file["record"]["deleted"]["leftovers"] == {"documents": 2}


def test_the_head_is_the_last_document_to_go(scene: Scene) -> None:
    erasure = scene.ask()
    scene.mirrored()

    told = erase.drive(scene.deps, erasure)
    scene.mirrored()
    documents = scene.documents()
    erase.drive(scene.deps, erasure)

    assert told.step == "documents"
    assert set(documents) == {scene.owner}
    assert scene.step() == "head"


def test_what_comes_back_while_it_waits_is_deleted_and_the_wait_begins_anew(scene: Scene) -> None:
    erasure = scene.ask()
    scene.drive(erasure)
    scene.firestore.client().document(scene.owner).set({"email": "ada@livespend.test"})

    told = scene.drive(erasure, scene.after(seconds=WAIT + 1))

    assert (told.step, scene.documents()) == ("wait", {})
    assert scene.drive(erasure, scene.after(seconds=2 * WAIT + 60)).step == "done"
    found = erasures.find(scene.deps, erasure)
    assert found.record["deleted"]["cameBack"] == {"documents": 1}


def test_it_is_not_done_before_the_last_token_has_expired(scene: Scene) -> None:
    erasure = scene.ask()
    scene.drive(erasure)

    told = erase.drive(scene.after(seconds=WAIT - 5), erasure)

    assert told.step == "wait"
    assert told.waits_until is not None


def test_a_uid_that_comes_back_begins_above_what_a_browser_may_still_hold(scene: Scene) -> None:
    scene.mirrored()
    erased(scene)

    scene.database.sql("insert into users (id) values (%s)", scene.user)
    scene.mirrored()

    assert scene.database.sql("select epoch from owners where owner = %s", scene.owner) == [(2,)]
    assert scene.documents()[scene.owner]["version"]["epoch"] == 2


def test_the_sweep_rings_for_what_is_not_through(scene: Scene, deps_for: DepsFor) -> None:
    erasure = scene.ask()

    sweep(scene.deps)

    assert ("erase_user", {"erasure_id": str(erasure)}) in deps_for.bells


def test_without_an_erasure_the_worker_can_erase_nobody(scene: Scene) -> None:
    scene.ask()
    for user in ("bob", scene.user):  # one who did not ask, and one whose banks are not ended yet
        with pytest.raises(ProgrammingError), transaction(scene.deps.engine) as connection:
            connection.execute(text("select erase_rows(:user, 10)"), {"user": user})


def test_a_bank_that_does_not_answer_is_asked_again_and_nothing_is_deleted_before(scene: Scene) -> None:
    erasure = scene.ask()
    scene.database.sql("update item_tokens set key_id = 'lost' where item_id = %s", scene.item)

    told = erase.drive(scene.deps, erasure)

    assert (told.step, told.problem) == ("banks", "banks-not-ended")
    assert scene.database.sql("select count(*) from entries where user_id = %s", scene.user) == [(1,)]


@pytest.mark.parametrize(
    "crash_at",
    ["erase:sign-in", "erase:banks", "erase:some", "erase:rows", "erase:documents", "erase:head", "erase:wait",
     "erase:account", "erase:forget"],
)  # fmt: skip
def test_killed_at_any_step_it_goes_on_where_it_was(scene: Scene, auth_server: AuthServer, crash_at: str) -> None:
    scene.database.sql("update erasures set due_at = now()")
    object.__setattr__(scene.deps, "settings", _without_wait(scene))
    erasure = scene.ask()
    ended = []
    while not any(ended) and len(ended) < 6:
        ended.append(scene.in_child(erasure, crash_at))
        scene.mirrored()

    told = scene.drive(erasure)

    assert ended[-1] == -9
    assert told.step == "done"
    assert scene.documents() == {}
    assert everywhere(scene.database, scene.user) == {}


def _without_wait(scene: Scene) -> Any:
    return dataclasses.replace(scene.deps.settings, erase_wait_seconds=0.0)
