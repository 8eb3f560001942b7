"""What only ours offers: faults on order, exact counts, dumps."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.firestore_v1.base_vector_query import DistanceMeasure
from google.cloud.firestore_v1.vector import Vector

from tests.conformance.firestore.wire import Browser, Shown, http_call, query_target, rest_path
from tests.fixtures.firestore import FirestoreServer

pytestmark = pytest.mark.ours_only("endpoints that only ours has")


def order(server: FirestoreServer, **commit: Any) -> None:
    assert http_call(server.address, "POST", "/_local/faults", {"commit": commit})[0] == 200


def test_a_commit_can_be_applied_and_yet_answer_with_an_error(firestore_server: FirestoreServer) -> None:
    client = firestore_server.client()
    order(firestore_server, count=1, code="UNAVAILABLE", apply=True)
    batch = client.batch()
    batch.set(client.document("c/a"), {"n": 1})
    with pytest.raises(exceptions.ServiceUnavailable):
        batch.commit(retry=None)
    assert firestore_server.documents() == {"c/a": {"n": 1}}
    batch.commit(retry=None)


def test_a_commit_can_be_refused_without_being_applied(firestore_server: FirestoreServer) -> None:
    client = firestore_server.client()
    firestore_server.fail_commits(2, "ABORTED", applied=False)
    for _ in range(2):
        with pytest.raises(exceptions.Aborted):
            client._firestore_api.commit(request={"database": client._database_string, "writes": []}, retry=None)
    client.document("c/a").set({"n": 1})
    assert firestore_server.documents() == {"c/a": {"n": 1}}


def test_faults_reach_the_browsers_write_stream_too(firestore_server: FirestoreServer) -> None:
    writer = Browser(firestore_server.address, firestore_server.project, "Write", authorization="owner")
    writer.open({})
    writer.hang()
    hello = writer.next()
    firestore_server.fail_commits(1, "RESOURCE_EXHAUSTED", applied=True)
    name = f"{writer.database}/documents/c/a"
    writer.send({"streamToken": hello["streamToken"], "writes": [{"update": {"name": name}}]})
    assert writer.next()["error"]["status"] == "RESOURCE_EXHAUSTED"
    assert firestore_server.documents() == {"c/a": {}}
    writer.drop()


def test_an_unknown_fault_is_refused(firestore_server: FirestoreServer) -> None:
    status, _ = http_call(firestore_server.address, "POST", "/_local/faults", {"commit": {"code": "NONSENSE"}})
    assert status == 400


def test_writes_are_counted_exactly(firestore_server: FirestoreServer) -> None:
    client = firestore_server.client()
    batch = client.batch()
    batch.set(client.document("users/u/months/m"), {"n": 1})
    batch.set(client.document("users/u"), {"n": 1})
    batch.commit()
    client.document("users/u").set({"n": 1})
    client.document("users/u").set({"n": 2})
    client.document("users/u/months/m").delete()
    client.document("users/u/months/gone").delete()
    found = json.loads(http_call(firestore_server.address, "GET", "/_local/stats")[1])
    assert found.pop("listening") >= 0  # of the whole server: those of other projects, too
    assert found == {
        "commits": 5, "requested": 6, "writes": 3, "creates": 2, "updates": 1, "deletes": 1, "unchanged": 2,
        "collections": {
            "months": {"writes": 1, "creates": 1, "updates": 0, "deletes": 1},
            "users": {"writes": 2, "creates": 1, "updates": 1, "deletes": 0},
        },
    }  # fmt: skip


def test_documents_are_dumped_by_path(firestore_server: FirestoreServer) -> None:
    client = firestore_server.client()
    client.document("users/u/months/m").set({"t": b"\x00", "r": client.document("a/b"), "n": 1})
    client.document("users/u2").set({"n": 1})
    status, text = http_call(firestore_server.address, "GET", "/_local/documents?path=users/u")
    assert (status, json.loads(text)) == (200, {"users/u/months/m": {"t": "AA==", "r": "a/b", "n": 1}})


def test_what_is_not_served_is_refused_by_name(firestore_server: FirestoreServer) -> None:
    client = firestore_server.client()
    with pytest.raises(exceptions.MethodNotImplemented, match="ExecutePipeline"):
        client.pipeline().collection("c").execute()
    with pytest.raises(exceptions.MethodNotImplemented, match="find_nearest"):
        list(
            client.collection("c")
            .find_nearest("v", Vector([1.0]), limit=1, distance_measure=DistanceMeasure.EUCLIDEAN)
            .stream()
        )


def test_a_mute_listener_stays_open_and_has_what_it_missed_when_it_comes_back(
    firestore_server: FirestoreServer,
) -> None:
    """As in the field: a line that is open and on which nothing comes. Only a new stream brings what was lost."""
    client, address = firestore_server.client(), firestore_server.address
    browser = Browser(address, firestore_server.project, authorization="owner")
    browser.open(query_target(browser, 2, "c"))
    browser.hang()
    while "readTime" not in (last := browser.next()).get("targetChange", {}) or "targetIds" in last["targetChange"]:
        pass
    firestore_server.mute_listeners()
    client.document("c/lost").set({"n": 1})
    firestore_server.mute_listeners(False)
    client.document("c/heard").set({"n": 1})
    stayed = Shown(browser)
    stayed.targets[2] = {}
    stayed.until(t2=["heard"])
    browser.drop()
    back = Browser(address, firestore_server.project, authorization="owner")
    target = query_target(back, 2, "c")
    target["addTarget"]["resumeToken"] = last["targetChange"]["resumeToken"]
    back.open(target)
    back.hang()
    Shown(back).until(t2=["heard", "lost"])
    back.drop()


def test_an_admin_listener_does_not_notice_that_it_is_mute(firestore_server: FirestoreServer, listen: Any) -> None:
    client = firestore_server.client()
    events = listen(client.collection("c"))
    assert events.next() == ([], [])
    firestore_server.mute_listeners()
    client.document("c/lost").set({"n": 1})
    firestore_server.mute_listeners(False)
    client.document("c/heard").set({"n": 1})
    assert events.next() == (["heard"], [("ADDED", "heard")])


def test_rest_reads_the_moment_it_names(firestore_server: FirestoreServer) -> None:
    """The vendor's emulator takes no read times by REST."""
    document = firestore_server.client().document("c/d")
    first = document.set({"n": 1}).update_time.rfc3339()
    document.set({"n": 2})
    path = rest_path(firestore_server.project, "/c/d")
    owner = {"Authorization": "Bearer owner"}
    then = json.loads(http_call(firestore_server.address, "GET", f"{path}?readTime={first}", None, owner)[1])
    assert then["fields"]["n"] == {"integerValue": "1"}
    for query in ("readTime=2999-01-01T00:00:00Z", "transaction=AAAA", "readTime=never"):
        assert http_call(firestore_server.address, "GET", f"{path}?{query}", None, owner)[0] == 400
