"""Where ours keeps to the service and the vendor's emulator does not: always run against ours.

The emulator answers every commit with a RESET and the whole result, forgets resume tokens, and does not ask the
rules again while a listener lives.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from local.firestore import server
from tests.conformance.firestore.conftest import Service
from tests.conformance.firestore.test_access import RULES
from tests.conformance.firestore.test_webchannel import ORIGIN, begin, change, names, read_until_consistent
from tests.conformance.firestore.wire import Browser, http_call, query_target, random_id, rest_path, token

pytestmark = pytest.mark.ours_only("which messages ours sends and leaves out; the emulator sends more")


@pytest.fixture
def service(firestore_process: server.RunningFirestore) -> Service:
    return Service(firestore_process.address, f"demo-{random_id()}")


@pytest.fixture
def browser(service: Service) -> Iterator[Browser]:
    browser = Browser(service.address, service.project, authorization="owner")
    yield browser
    browser.drop()


def test_one_message_per_document_names_all_its_targets(browser: Browser, client: Any) -> None:
    begin(browser, query_target(browser, 2, "c"), query_target(browser, 4, "c", limit=5))
    read_until_consistent(browser)
    read_until_consistent(browser)
    browser.send({"addTarget": {"targetId": 6, "documents": {"documents": [f"{browser.database}/documents/c/a"]}}})
    read_until_consistent(browser)
    client.document("c/a").set({"n": 1})
    [document, _] = read_until_consistent(browser)
    assert sorted(document["documentChange"]["targetIds"]) == [2, 4, 6]


def test_only_the_difference_comes_after_a_resume(browser: Browser, client: Any, service: Service) -> None:
    for name in ("same", "changed", "gone"):
        client.document(f"c/{name}").set({"n": 1})
    begin(browser, query_target(browser, 2, "c"))
    token = read_until_consistent(browser)[-1]["targetChange"]["resumeToken"]
    browser.terminate()
    client.document("c/changed").set({"n": 2})
    client.document("c/gone").delete()
    client.document("c/new").set({"n": 1})
    again = Browser(service.address, service.project, authorization="owner")
    target = query_target(again, 4, "c")
    target["addTarget"]["resumeToken"] = token
    begin(again, target)
    messages = read_until_consistent(again)
    again.drop()
    assert "RESET" not in [change(m)[0] for m in messages if "targetChange" in m]
    assert sorted(names(messages)) == ["changed", "new"]
    deleted = [m["documentDelete"]["document"] for m in messages if "documentDelete" in m]
    assert [name.rpartition("/")[2] for name in deleted] == ["gone"]


def test_a_listener_is_denied_when_what_it_rests_on_changes(service: Service, client: Any) -> None:
    assert service.load_rules(RULES)[0] == 200
    browser = Browser(service.address, service.project, authorization=token("u1"))
    client.document("rooms/r/members/u1").set({"n": 1})
    client.document("rooms/r/notes/a").set({"n": 1})
    begin(browser, query_target(browser, 2, "rooms/r/notes"))
    assert names(read_until_consistent(browser)) == ["a"]
    client.document("rooms/r/members/u1").delete()
    refusal = browser.next()
    assert change(refusal) == ("REMOVE", [2])
    assert refusal["targetChange"]["cause"]["code"] == 7
    browser.drop()


def test_a_commit_sends_the_changed_document_and_nothing_else(browser: Browser, client: Any) -> None:
    for number in range(20):
        client.document(f"c/d{number}").set({"n": number})
    begin(browser, query_target(browser, 2, "c"))
    read_until_consistent(browser)
    client.document("c/d7").update({"n": 70})
    [document, snapshot] = read_until_consistent(browser)
    assert names([document]) == ["d7"]
    assert snapshot["targetChange"]["readTime"] >= document["documentChange"]["document"]["updateTime"]


def test_a_window_is_told_who_left_and_who_moved_in(browser: Browser, client: Any) -> None:
    for number in range(1, 5):
        client.document(f"c/d{number}").set({"n": number})
    order = [{"field": {"fieldPath": "n"}, "direction": "ASCENDING"}]
    begin(browser, query_target(browser, 2, "c", orderBy=order, limit=2))
    assert names(read_until_consistent(browser)) == ["d1", "d2"]
    client.document("c/d0").set({"n": 0})
    changes = [message["documentChange"] for message in read_until_consistent(browser)[:-1]]
    told = {one["document"]["name"][-2:]: (one.get("targetIds"), one.get("removedTargetIds")) for one in changes}
    assert told == {"d0": ([2], None), "d2": (None, [2])}


def test_an_unknown_resume_token_starts_afresh(browser: Browser, client: Any) -> None:
    client.document("c/a").set({"n": 1})
    target = query_target(browser, 2, "c")
    target["addTarget"]["resumeToken"] = "bm9uc2Vuc2U="
    begin(browser, target)
    messages = read_until_consistent(browser)
    assert [change(m)[0] for m in messages if "targetChange" in m] == ["ADD", "RESET", "CURRENT", "NO_CHANGE"]
    assert names(messages) == ["a"]


def test_read_times_of_a_stream_never_go_back(browser: Browser, client: Any) -> None:
    begin(browser, query_target(browser, 2, "c"))
    times = []
    for number in range(10):
        times.append(read_until_consistent(browser)[-1]["targetChange"]["readTime"])
        client.document("c/a").set({"n": number})
    assert times == sorted(times)


def test_a_session_that_is_unknown_is_called_so_where_the_client_looks(service: Service) -> None:
    path = "/google.firestore.v1.Firestore/Listen/channel?VER=8&SID=nobody&RID=1"
    status, text = http_call(service.address, "POST", path, "count=0", {"Origin": ORIGIN})
    assert (status, text.find("Unknown SID") > 0) == (400, True)


def test_a_new_back_channel_hears_a_noop_at_once(browser: Browser) -> None:
    browser.open()
    browser.hang()
    assert browser.next_array()[1] == ["noop"]


def test_frames_are_ascii_so_that_no_chunk_splits_a_character(browser: Browser, client: Any) -> None:
    client.document("c/a").set({"text": "zürich 😀"})
    browser.open(query_target(browser, 2, "c"))
    browser.hang(once=True)
    assert max(browser.rest()) < 128


def test_browsers_get_their_own_origin_back_and_the_local_endpoints_none(service: Service) -> None:
    headers = {"Origin": ORIGIN, "Access-Control-Request-Headers": "x-odd"}
    _, _, sent = Browser.headers_of(service.address, "OPTIONS", rest_path(service.project, ":runQuery"), headers)
    assert sent["Access-Control-Allow-Origin"] == ORIGIN
    assert sent["Access-Control-Allow-Credentials"] == "true"
    assert sent["Access-Control-Allow-Headers"] == "x-odd"
    _, _, sent = Browser.headers_of(service.address, "GET", "/_local/documents", {"Origin": ORIGIN})
    assert "Access-Control-Allow-Origin" not in sent


@pytest.mark.ours_only("the emulator lets every page in")
@pytest.mark.parametrize(
    ("origin", "welcome"),
    [
        ("http://localhost:5173", True),
        ("https://127.0.0.1", True),
        ("http://[::1]:3000", True),
        ("https://example.com", False),
        ("http://localhost.example.com", False),
        ("http://[", False),
        ("null", False),
    ],
)
def test_pages_of_this_machine_may_use_the_emulators_endpoints(service: Service, origin: str, welcome: bool) -> None:
    rules = f"/emulator/v1/projects/{service.project}:securityRules"
    documents = f"/emulator/v1/projects/{service.project}/databases/(default)/documents"
    for method, path in (("PUT", rules), ("DELETE", documents)):
        asked = {"Origin": origin, "Access-Control-Request-Method": method}
        status, _, sent = Browser.headers_of(service.address, "OPTIONS", path, asked)
        assert (status, sent.get("Access-Control-Allow-Origin")) == ((204, origin) if welcome else (403, None))
    for path in ("/_local/documents", "/_local/faults"):
        status, _, sent = Browser.headers_of(service.address, "GET", path, {"Origin": origin})
        assert (status, "Access-Control-Allow-Origin" in sent) == (200 if welcome else 403, False)
