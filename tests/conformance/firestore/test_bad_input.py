"""Whatever comes in on the port: a clear error or a closed connection, and the server lives.

One process for all; after each test it must take a write and show it to a listener of either kind.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import grpc
import pytest

from local.firestore import pb
from local.firestore.adapters.outbox import MAX_UNREAD_BYTES
from tests.conformance.firestore.conftest import Events
from tests.conformance.firestore.process import Process
from tests.conformance.firestore.wire import Browser, Shown, http_call, query_target, random_id, rest_path
from tests.fixtures.firestore import owner_client

pytestmark = pytest.mark.ours_only("how our own process takes garbage")
PROJECT = "demo-bad-input"
DATABASE = f"projects/{PROJECT}/databases/(default)"
ROOT = f"{DATABASE}/documents"
OWNER = {"Authorization": "Bearer owner"}
LISTEN = "/google.firestore.v1.Firestore/Listen/channel?VER=8&RID=1&CVER=22"
FIFTY_MEGABYTES = 50 * 1024 * 1024
SECONDS = 10


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    process = Process(log=tmp_path_factory.mktemp("firestore") / "log")
    yield process
    process.end(signal.SIGKILL)


@pytest.fixture
def process(server: Process) -> Iterator[Process]:
    """The server; it must serve as ever when the test is over."""
    yield server
    client, name = owner_client(server.address, PROJECT), random_id()
    events, browser = Events(), Browser(server.address, PROJECT, authorization="owner")
    watch = client.collection(f"after-{name}").on_snapshot(events)
    try:
        browser.open(query_target(browser, 2, f"after-{name}"))
        browser.hang()
        client.document(f"after-{name}/{name}").set({"alive": True})
        events.until([name])
        Shown(browser).until(t2=[name])
    finally:
        watch.unsubscribe()
        browser.drop()
        browser.terminate()


def _raw(process: Process, data: bytes) -> bytes:
    """What the server answers to bytes; empty when it only closes the connection."""
    host, _, port = process.address.partition(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=SECONDS) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while chunk := connection.recv(65536):
                answer += chunk
    return answer


def _status(process: Process, method: str, path: str, body: Any) -> tuple[int, str]:
    """HTTP status and the error's canonical code."""
    status, text = http_call(process.address, method, path, body, OWNER)
    try:
        return status, str(json.loads(text)["error"]["status"])
    except (ValueError, KeyError, TypeError):
        return status, text


def _channel(process: Process) -> grpc.Channel:
    return grpc.insecure_channel(process.address, options=[("grpc.max_send_message_length", -1)])


def _refusal(process: Process, method: str, *messages: bytes) -> str:
    """The code that a gRPC call is refused with."""
    with _channel(process) as channel:
        call = channel.stream_stream(f"/google.firestore.v1.Firestore/{method}")
        answers = call(iter(messages), timeout=SECONDS, metadata=[("authorization", "Bearer owner")])
        with pytest.raises(grpc.RpcError) as refused:
            list(answers)
    return str(refused.value.code().name)


@pytest.mark.parametrize(
    "garbage",
    [
        bytes(range(256)) * 20,
        b"\0" * 5000,
        b"\x16\x03\x01\x02\x00\x01\x00" + b"\xff" * 500,
        b"GET / HTTP/9.9\r\n\r\n",
        b"\r\n\r\n\r\n\r\nnothing",
        b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
    ],
)
def test_garbage_is_a_bad_request_or_the_end_of_the_connection(process: Process, garbage: bytes) -> None:
    assert _raw(process, garbage)[9:12] in {b"", b"400"}


@pytest.mark.parametrize(
    "garbage", [b"PRI * HTTP/2.0\r\n\r\nnonsense", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 500]
)
def test_a_broken_preface_closes_the_connection(process: Process, garbage: bytes) -> None:
    assert not _raw(process, garbage).startswith(b"HTTP")


@pytest.mark.parametrize(
    "half", [b"P", b"PR", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\n", b"PRI * HTTP/2.0\r\n\r\nSM"]
)
def test_half_a_first_line_and_then_nothing_holds_nobody_up(process: Process, half: bytes) -> None:
    assert b"200" not in _raw(process, half)


@pytest.mark.parametrize(
    "header", [b"X: " + b"a" * 200_000, b"X-%d: a\r\n" * 20 + b"".join(b"X%d: a\r\n" % n for n in range(50_000))]
)
def test_headers_without_end_are_refused(process: Process, header: bytes) -> None:
    answer = _raw(process, b"GET / HTTP/1.1\r\nHost: a\r\n" + header)
    assert b"200 OK" not in answer


def test_half_a_handshake_opens_no_channel(process: Process) -> None:
    request = f"POST {LISTEN} HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\ncount=1&ofs=0&req0___"
    assert b'"c"' not in _raw(process, request.encode())


@pytest.mark.parametrize(
    "form",
    [
        "count=1&ofs=0&req0___data__=%7Bnope",
        "count=1&ofs=0&req0___data__=[1]",
        "count=1&ofs=0&req0___data__=" + "%5B" * 100_000,
        "count=some&ofs=0",
        "count=-3&ofs=0",
        "count=1000000000&ofs=0",
        "count=9" + "9" * 5000,
        "count=1&ofs=-9&req0___data__=%7B%7D",
        "a=1&" * 20_000,
    ],
)
def test_a_handshake_that_cannot_be_read_is_refused(process: Process, form: str) -> None:
    assert _status(process, "POST", LISTEN, form) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"database": "nope"},
        {"addTarget": {}},
        {"addTarget": {"query": {"parent": "x"}, "targetId": "many"}},
        {"addTarget": 5},
        {"addTarget": {"targetId": 2, "resumeToken": "???"}},
    ],
)
def test_a_first_message_without_sense_is_told_as_an_error(process: Process, message: dict[str, Any]) -> None:
    browser = Browser(process.address, PROJECT, authorization="owner")
    browser.open(message)
    browser.hang()
    told = json.dumps([browser.next(), browser.next()])
    browser.drop()
    assert "INVALID_ARGUMENT" in told or '"cause": {"code": 3' in told


def test_a_channel_of_another_method_or_session_is_none(process: Process) -> None:
    other = "/google.firestore.v1.Firestore/Nope/channel?VER=8"
    assert _status(process, "POST", other, "count=0")[0] == 404
    assert _status(process, "PUT", LISTEN, "count=0")[0] == 405
    assert "Unknown SID" in _status(process, "POST", f"{LISTEN}&SID=nope", "count=0")[1]
    assert "Unknown SID" in _status(process, "GET", f"{LISTEN}&SID=nope", None)[1]


@pytest.mark.parametrize(
    "body",
    [
        "{nope",
        "[]",
        "5",
        "null",
        "[" * 200_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        '{"writes": 5}',
        '{"writes": [5]}',
        '{"writes": [{"update": []}]}',
        '{"writes": [{}]}',
        '{"writes": [{"update": {"name": "x"}}]}',
    ],
)
def test_a_body_that_makes_no_sense_is_an_invalid_argument(process: Process, body: str) -> None:
    assert _status(process, "POST", rest_path(PROJECT, "") + ":commit", body) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    "value",
    [
        {"integerValue": "9" * 30},
        {"integerValue": "9" * 5000},
        {"integerValue": 1.5},
        {"doubleValue": "nope"},
        {"booleanValue": "x"},
        {"stringValue": "\ud800"},
        {"timestampValue": "yesterday"},
        {"geoPointValue": {"latitude": 90.1}},
        {"geoPointValue": {"longitude": -180.1}},
        {"geoPointValue": {"latitude": "NaN"}},
        {"referenceValue": "x"},
        {"referenceValue": ""},
        {"referenceValue": f"{ROOT}/a"},
        {"nope": 1},
        {},
        5,
        None,
        {"arrayValue": {"values": [{"arrayValue": {}}]}},
    ],
)
def test_a_value_that_is_none_is_an_invalid_argument(process: Process, value: Any) -> None:
    body = {"writes": [{"update": {"name": f"{ROOT}/a/b", "fields": {"x": value}}}]}
    assert _status(process, "POST", rest_path(PROJECT, "") + ":commit", body) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("kind", ["application/xml", "multipart/form-data", "", "application/grpc", "; ="])
def test_a_wrong_content_type_changes_nothing(process: Process, kind: str) -> None:
    headers = {**OWNER, "Content-Type": kind}
    assert http_call(process.address, "POST", rest_path(PROJECT, "") + ":commit", "{}", headers)[0] == 200


def test_a_body_that_is_not_encoded_as_it_says_is_refused(process: Process) -> None:
    headers = {**OWNER, "Content-Encoding": "gzip"}
    assert http_call(process.address, "POST", rest_path(PROJECT, "") + ":commit", "{}", headers)[0] == 400


@pytest.mark.parametrize("path", [LISTEN, rest_path(PROJECT, "") + ":commit", rest_path(PROJECT, "/a"), "/nowhere"])
def test_a_body_of_fifty_megabytes_is_refused_and_not_kept(process: Process, path: str) -> None:
    before = process.resident_megabytes()
    assert _status(process, "POST", path, "x" * FIFTY_MEGABYTES) == (400, "INVALID_ARGUMENT")
    assert process.resident_megabytes() - before < 40


def test_a_body_without_end_is_cut_off(process: Process) -> None:
    chunks = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    head = f"POST {rest_path(PROJECT, '')}:commit HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert b"Request payload size exceeds the limit" in _raw(process, head.encode() + chunks * 800)


@pytest.mark.parametrize("method", ["Commit", "Listen", "Write", "RunQuery"])
def test_a_message_of_fifty_megabytes_is_refused(process: Process, method: str) -> None:
    assert _refusal(process, method, b"x" * FIFTY_MEGABYTES) == "RESOURCE_EXHAUSTED"


@pytest.mark.parametrize("method", ["Commit", "BatchGetDocuments", "RunQuery", "BeginTransaction", "Listen", "Write"])
@pytest.mark.parametrize("message", [b"\xff" * 100, b"\x0a", b""])
def test_a_message_that_is_none_is_an_invalid_argument(process: Process, method: str, message: bytes) -> None:
    assert _refusal(process, method, message) == "INVALID_ARGUMENT"


def test_a_value_without_a_bottom_is_an_invalid_argument(process: Process) -> None:
    value = b""
    for _ in range(2000):
        value = _field(9, _field(1, value))
    document = _field(1, f"{ROOT}/a/b".encode()) + _field(2, _field(1, b"x") + _field(2, value))
    commit = _field(1, DATABASE.encode()) + _field(2, _field(1, document))
    assert _refusal(process, "Commit", commit) == "INVALID_ARGUMENT"


def _field(number: int, content: bytes) -> bytes:
    length, size = len(content), bytearray()
    while length > 127:
        size.append(length & 127 | 128)
        length >>= 7
    return bytes([number << 3 | 2, *size, length]) + content


def _frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + body


_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, 0, 0, b"")


@pytest.mark.parametrize(
    "frames",
    [
        _frame(0, 0, 1, b"data on a stream that nobody opened"),
        _frame(1, 4, 2, b"\x82"),
        _frame(1, 4, 1, b"\xff" * 50),
        _frame(1, 0, 1, b"\x82") + _frame(6, 0, 0, b"\0" * 8),
        _frame(9, 4, 1, b"\x82"),
        _frame(1, 0, 1, b"\x82") + _frame(9, 0, 1, b"\0") * 500,
        _frame(8, 0, 0, b"\0\0\0\0"),
        _frame(8, 0, 0, b"\x7f\xff\xff\xff"),
        _frame(4, 0, 0, b"\0\4\xff\xff\xff\xff"),
        _frame(4, 0, 0, b"\0\5\0\0\0\1"),
        _frame(5, 4, 1, b"\0\0\0\2"),
        b"\xff\xff\xff\0\0\0\0\0\0",
    ],
)
def test_a_broken_frame_ends_the_connection_with_a_word(process: Process, frames: bytes) -> None:
    answer = _raw(process, _GREETING + frames)
    assert b"\x07\x00" in answer  # GOAWAY
    assert not answer.startswith(b"HTTP")


def test_a_call_that_breaks_off_leaves_nothing_behind(process: Process) -> None:
    with _channel(process) as channel:
        over = threading.Event()
        call = channel.stream_stream("/google.firestore.v1.Firestore/Listen")
        answers = [call(_and_then_nothing(b"\x0a\x05half", over), timeout=SECONDS) for _ in range(20)]
        for one in answers:
            one.cancel()
        over.set()
    until = time.monotonic() + SECONDS
    while json.loads(http_call(process.address, "GET", "/_local/stats")[1])["listening"]:
        assert time.monotonic() < until


def test_who_never_reads_is_not_listened_to(process: Process) -> None:
    """Each ping wants an answer; answers that nobody takes must not pile up."""
    before, sent = process.resident_megabytes(), 0
    host, _, port = process.address.partition(":")
    pings = _frame(6, 0, 0, b"\0" * 8) * 10_000
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(1)
        connection.connect((host, int(port)))
        connection.sendall(_GREETING)
        with contextlib.suppress(TimeoutError, ConnectionError):
            while sent < 30_000_000:
                sent += connection.send(pings)
    assert sent < 30_000_000
    assert process.resident_megabytes() - before < 40


@pytest.mark.parametrize("name", ["ExecutePipeline", "Nope", ""])
def test_what_is_not_served_is_unimplemented(process: Process, name: str) -> None:
    assert _refusal(process, name, b"") == "UNIMPLEMENTED"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", f"/emulator/v1/projects/{PROJECT}:securityRules", {"rules": []}),
        ("PUT", f"/emulator/v1/projects/{PROJECT}:securityRules", {"rules": {"files": [5]}}),
        ("PUT", f"/emulator/v1/projects/{PROJECT}:securityRules", {"rules": {"files": [{"content": 5}]}}),
        ("PUT", f"/emulator/v1/projects/{PROJECT}:securityRules", "nope"),
        ("POST", "/_local/faults", {"commit": 5}),
        ("POST", "/_local/faults", {"commit": {"count": "many"}}),
        ("POST", "/_local/import", "nope"),
    ],
)
def test_the_endpoints_beside_the_service_refuse_nonsense_too(
    process: Process, method: str, path: str, body: Any
) -> None:
    status, text = http_call(process.address, method, path, body)
    assert (status, "INVALID_ARGUMENT" in text) == (400, True)


def test_a_browser_that_never_reads_is_cut_off_and_told_when_it_looks(process: Process) -> None:
    client, name = owner_client(process.address, PROJECT), random_id()
    browser = Browser(process.address, PROJECT, authorization="owner")
    browser.open(query_target(browser, 2, name))
    with _hanging_unread(process, browser):
        _write_until(process, client, name, "browser's stream was cut off")
    browser.hang()
    told = browser.next()
    browser.drop()
    assert told["error"]["status"] == "RESOURCE_EXHAUSTED"


def test_an_admin_listener_that_never_reads_is_cut_off_and_told_when_it_looks(process: Process) -> None:
    client, name = owner_client(process.address, PROJECT), random_id()
    target = pb.ListenRequest(database=DATABASE)
    target.add_target.target_id = 2
    target.add_target.query.parent = ROOT
    target.add_target.query.structured_query.from_.add().collection_id = name
    with _channel(process) as channel:
        call = channel.stream_stream(
            "/google.firestore.v1.Firestore/Listen", pb.ListenRequest.SerializeToString, pb.ListenResponse.FromString
        )
        over = threading.Event()
        answers = call(_and_then_nothing(target, over), metadata=[("authorization", "Bearer owner")])
        assert next(answers).target_change.target_ids == [2]
        _write_until(process, client, name, "Listen stream was cut off")
        with pytest.raises(grpc.RpcError) as told:
            list(answers)
        over.set()
    assert told.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def _and_then_nothing(request: Any, over: threading.Event) -> Iterator[Any]:
    yield request
    over.wait()


@contextlib.contextmanager
def _hanging_unread(process: Process, browser: Browser) -> Iterator[None]:
    """A GET whose answer nobody takes off the line."""
    query = urlencode({"VER": "8", "RID": "rpc", "SID": browser.sid, "CI": "0", "AID": "0", "TYPE": "xmlhttp"})
    host, _, port = process.address.partition(":")
    with socket.create_connection((host, int(port)), timeout=SECONDS) as connection:
        connection.sendall(f"GET {browser.path}?{query} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        yield


def _write_until(process: Process, client: Any, collection: str, logged: str) -> None:
    """Writes large documents until the log says so; what the server holds meanwhile is bounded."""
    before, seen = process.resident_megabytes(), process.log().count(logged)
    most = 4 * MAX_UNREAD_BYTES // 1_000_000
    for number in range(most):
        client.document(f"{collection}/large").set({"text": "x" * 1_000_000, "n": number})
        if process.log().count(logged) > seen:
            break
    assert process.log().count(logged) == seen + 1
    assert process.resident_megabytes() - before < 3 * MAX_UNREAD_BYTES // 1_000_000
