"""The browser SDK's transport, spoken by hand: frames, acknowledgement, resuming, errors, CORS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.firestore.conftest import Service
from tests.conformance.firestore.wire import Browser, Shown, http_call, query_target

ORIGIN = "http://localhost:5002"


@pytest.fixture
def browser(service: Service) -> Iterator[Browser]:
    """A Listen channel of the owner."""
    browser = Browser(service.address, service.project, authorization="owner")
    yield browser
    browser.drop()


def change(message: dict[str, Any]) -> tuple[str, list[int]]:
    found = message["targetChange"]
    return found.get("targetChangeType", "NO_CHANGE"), found.get("targetIds", [])


def begin(browser: Browser, *messages: dict[str, Any]) -> None:
    browser.open(*messages)
    browser.hang()


def read_until_consistent(browser: Browser) -> list[dict[str, Any]]:
    """Messages up to and with the next global snapshot."""
    messages = []
    while True:
        messages.append(browser.next())
        if "targetChange" in messages[-1] and change(messages[-1]) == ("NO_CHANGE", []):
            return messages


def names(messages: list[dict[str, Any]]) -> list[str]:
    return [m["documentChange"]["document"]["name"].rpartition("/")[2] for m in messages if "documentChange" in m]


def test_the_handshake_names_session_version_and_keepalive(browser: Browser) -> None:
    hello = browser.open(query_target(browser, 2, "c"))
    assert (hello[0], bool(hello[1]), hello[3]) == ("c", True, 8)


def test_a_target_is_answered_in_the_order_that_clients_rely_on(browser: Browser, client: Any) -> None:
    client.document("c/a").set({"text": "zürich 😀", "n": 1})
    begin(browser, query_target(browser, 2, "c"))
    messages = read_until_consistent(browser)
    assert change(messages[0]) == ("ADD", [2])
    assert messages[1]["documentChange"]["targetIds"] == [2]
    assert messages[1]["documentChange"]["document"]["fields"]["text"] == {"stringValue": "zürich 😀"}
    assert change(messages[2]) == ("CURRENT", [2])
    assert messages[2]["targetChange"]["resumeToken"]
    assert messages[-1]["targetChange"]["readTime"]


def test_a_commit_reaches_an_open_channel(browser: Browser, client: Any) -> None:
    begin(browser, query_target(browser, 2, "c"))
    shown = Shown(browser)
    shown.until(t2=[])
    client.document("c/a").set({"n": 1})
    shown.until(t2=["a"])
    client.document("c/a").delete()
    shown.until(t2=[])


def test_what_was_not_acknowledged_is_sent_again(browser: Browser, client: Any) -> None:
    begin(browser, query_target(browser, 2, "c"))
    shown = Shown(browser)
    shown.until(t2=[])
    seen = browser.last_id
    client.document("c/a").set({"n": 1})
    shown.until(t2=["a"])
    shown.targets[2].clear()
    browser.hang(aid=seen)
    shown.until(t2=["a"])
    client.document("c/b").set({"n": 1})
    shown.until(t2=["a", "b"])


def test_a_resumed_target_shows_what_happened_meanwhile(browser: Browser, client: Any, service: Service) -> None:
    for name in ("same", "gone"):
        client.document(f"c/{name}").set({"n": 1})
    begin(browser, query_target(browser, 2, "c"))
    shown = Shown(browser)
    before = read_until_consistent(browser)
    for message in before:
        shown.take(message)
    browser.terminate()
    client.document("c/gone").delete()
    client.document("c/new").set({"n": 1})
    again = Browser(service.address, service.project, authorization="owner")
    target = query_target(again, 2, "c")
    target["addTarget"]["resumeToken"] = before[-1]["targetChange"]["resumeToken"]
    begin(again, target)
    resumed = Shown(again)
    resumed.resume(shown)
    resumed.until(t2=["new", "same"])
    again.drop()


@pytest.mark.ours_only("the emulator begins anew instead of resuming")
def test_who_resumes_and_says_how_many_it_holds_is_told_how_many_there_are(
    service: Service, client: Any, browser: Browser
) -> None:
    for name in ("kept", "gone", "also"):
        client.document(f"c/{name}").set({"n": 1})
    begin(browser, query_target(browser, 2, "c"))
    token = read_until_consistent(browser)[-1]["targetChange"]["resumeToken"]
    browser.terminate()
    client.document("c/gone").delete()
    again = Browser(service.address, service.project, authorization="owner")
    target = query_target(again, 2, "c")
    begin(again, {"addTarget": {**target["addTarget"], "resumeToken": token, "expectedCount": 3}})
    messages = read_until_consistent(again)
    again.drop()
    filters = [place for place, message in enumerate(messages) if "filter" in message]
    assert [messages[place]["filter"] for place in filters] == [{"targetId": 2, "count": 2}]
    kinds = [message.get("targetChange", {}).get("targetChangeType") for message in messages]
    assert filters[0] < kinds.index("CURRENT")


def test_an_unknown_session_is_refused(service: Service) -> None:
    path = "/google.firestore.v1.Firestore/Listen/channel?VER=8&SID=nobody&RID=1"
    assert http_call(service.address, "POST", path, "count=0", {"Origin": ORIGIN})[0] == 400


def test_a_repeated_post_is_taken_once(browser: Browser) -> None:
    begin(browser)
    target = query_target(browser, 2, "c")
    browser.send(target)
    read_until_consistent(browser)
    browser.resend(target)
    browser.send({"removeTarget": 2})
    assert change(browser.next()) == ("REMOVE", [2])


def test_a_post_is_answered_with_the_state_of_the_back_channel(browser: Browser) -> None:
    browser.open()
    assert browser.send(query_target(browser, 2, "c"))[0] == 0
    browser.hang()
    read_until_consistent(browser)
    present, last_id, _ = browser.send()
    assert (present, last_id >= browser.last_id) == (1, True)


def test_long_polling_ends_after_one_answer(browser: Browser) -> None:
    browser.open(query_target(browser, 2, "c"))
    browser.hang(once=True)
    messages = read_until_consistent(browser)
    assert change(messages[0]) == ("ADD", [2])
    assert browser.ended()


def test_a_write_stream_commits_in_order_and_ends_with_the_first_refusal(service: Service, client: Any) -> None:
    writer = Browser(service.address, service.project, "Write", authorization="owner")
    begin(writer, {})
    hello = writer.next()
    assert hello["streamToken"]
    name = f"{writer.database}/documents/c/a"
    update = {"update": {"name": name, "fields": {"n": {"integerValue": "1"}}}, "currentDocument": {"exists": False}}
    writer.send({"streamToken": hello["streamToken"], "writes": [update]})
    assert len(writer.next()["writeResults"]) == 1
    assert client.document("c/a").get().to_dict() == {"n": 1}
    writer.send({"streamToken": hello["streamToken"], "writes": [update]})
    assert writer.next()["error"]["status"] == "ALREADY_EXISTS"
    writer.drop()


@pytest.mark.parametrize(
    "messages",
    [
        [{"writes": [{"delete": "{root}/c/a"}]}],
        [{"streamId": "unknown"}],
        [{}, {"streamId": "unknown"}],
        [{}, {"database": "projects/demo-other/databases/(default)", "writes": [{"delete": "{root}/c/a"}]}],
        [{}, {"writes": [{}]}],
    ],
    ids=str,
)
def test_a_write_stream_refuses_what_its_protocol_does_not_allow(service: Service, messages: list[Any]) -> None:
    writer = Browser(service.address, service.project, "Write", authorization="owner")
    first, *later = json.loads(json.dumps(messages).replace("{root}", service.root))
    begin(writer, first)
    answer = writer.next()
    for message in later:
        writer.send({"streamToken": answer["streamToken"], **message})
        answer = writer.next()
    assert answer["error"]["status"] == "INVALID_ARGUMENT"
    writer.drop()


def test_an_empty_batch_is_what_a_client_sends_last(service: Service) -> None:
    writer = Browser(service.address, service.project, "Write", authorization="owner")
    begin(writer, {})
    writer.send({"streamToken": writer.next()["streamToken"], "writes": []})
    assert sorted(writer.next()) == ["streamToken"]
    writer.drop()


@pytest.mark.ours_only("the emulator says UNKNOWN")
def test_a_target_id_below_zero_ends_the_stream(browser: Browser) -> None:
    begin(browser, query_target(browser, -2, "c"))
    assert browser.next()["error"]["status"] == "INVALID_ARGUMENT"


def test_a_refused_target_leaves_the_stream_open(browser: Browser) -> None:
    bad = query_target(browser, 2, "c", where={"fieldFilter": {"field": {"fieldPath": "n"}, "op": "IN",
                                                                "value": {"arrayValue": {}}}})  # fmt: skip
    begin(browser, bad, query_target(browser, 4, "c"))
    assert change(browser.next()) == ("ADD", [2])
    refusal = browser.next()
    assert change(refusal) == ("REMOVE", [2])
    assert refusal["targetChange"]["cause"]["code"] == 3
    assert change(read_until_consistent(browser)[0]) == ("ADD", [4])


def test_a_terminated_session_is_gone(browser: Browser) -> None:
    begin(browser, query_target(browser, 2, "c"))
    read_until_consistent(browser)
    assert browser.terminate() == 200
    browser.hang()
    assert browser.get_status == 400
