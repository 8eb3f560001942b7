"""The server as a process: what is kept over a stop and over a kill -9, and how fast it ends."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from local.firestore import pb
from tests.conformance.firestore.conftest import Events
from tests.conformance.firestore.process import Process
from tests.conformance.firestore.wire import Browser, query_target
from tests.fixtures.firestore import owner_client

pytestmark = pytest.mark.ours_only("the emulator keeps nothing over a restart")
PROJECT = "demo-livespend"
_CURRENT = 3


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path / "data")
    yield process
    if process.running():
        process.end(signal.SIGKILL)


def test_documents_and_their_times_survive_a_graceful_stop(process: Process) -> None:
    client = owner_client(process.address, PROJECT)
    written = client.document("c/a").set({"n": 1, "text": "é"})
    client.document("c/gone").set({"n": 1})
    client.document("c/gone").delete()
    # Within a second on a quiet machine; most of it is the interpreter going down.
    assert process.end(signal.SIGTERM) < 3
    process.start()
    found = owner_client(process.address, PROJECT).document("c/a").get()
    assert (found.to_dict(), found.update_time) == ({"n": 1, "text": "é"}, written.update_time)
    assert not owner_client(process.address, PROJECT).document("c/gone").get().exists


def test_what_was_acknowledged_survives_a_kill(process: Process) -> None:
    client = owner_client(process.address, PROJECT)
    acknowledged: list[tuple[int, Any]] = []
    threads = [threading.Thread(target=_write_until_refused, args=(client, which, acknowledged)) for which in range(4)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 10
    while len(acknowledged) < 200 and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    process.end(signal.SIGKILL)
    for thread in threads:
        thread.join(20)
    assert len(acknowledged) >= 200
    process.start()
    stored = owner_client(process.address, PROJECT).collection("c").stream()
    kept = {document.id: document.update_time for document in stored}
    assert {name: kept.get(name) for name, _ in acknowledged} == dict(acknowledged)


def test_update_times_grow_over_a_kill(process: Process) -> None:
    times = []
    for _ in range(3):
        client = owner_client(process.address, PROJECT)
        times.append(client.document("c/a").set({"n": len(times)}).update_time)
        process.end(signal.SIGKILL)
        process.start()
    assert times == sorted(set(times))


def test_a_resume_token_is_good_over_a_kill_when_nothing_changed(process: Process) -> None:
    owner_client(process.address, PROJECT).document("c/a").set({"n": 1})
    kinds, token = _first_messages(process.address, None)
    assert kinds == ["ADD", "documentChange", "CURRENT", "NO_CHANGE"]
    process.end(signal.SIGKILL)
    process.start()
    kinds, _ = _first_messages(process.address, token)
    assert kinds == ["ADD", "CURRENT", "NO_CHANGE"]


def test_an_admin_listener_converges_after_a_restart(process: Process) -> None:
    client = owner_client(process.address, PROJECT)
    events = Events()
    watch = client.collection("c").on_snapshot(events)
    assert events.next()[0] == []
    client.document("c/before").set({"n": 1})
    events.until(["before"])
    process.end(signal.SIGTERM)
    process.start()
    owner_client(process.address, PROJECT).document("c/after").set({"n": 1})
    events.until(["after", "before"])
    watch.unsubscribe()


def test_a_stop_tells_browsers_first(process: Process) -> None:
    browser = Browser(process.address, PROJECT, authorization="owner")
    browser.open()
    browser.hang()
    ending = threading.Thread(target=process.end, args=(signal.SIGTERM,))
    ending.start()
    assert browser.next()["error"]["status"] == "UNAVAILABLE"
    assert browser.next_array()[1] == ["close"]
    ending.join(5)
    browser.drop()


def test_a_stop_ends_each_of_200_listeners(process: Process) -> None:
    browsers = [Browser(process.address, PROJECT, authorization="owner") for _ in range(100)]
    for browser in browsers:
        browser.open(query_target(browser, 2, "c"))
        browser.hang()
        while browser.next().get("targetChange", {}).get("targetChangeType") != "CURRENT":
            pass
    listening = threading.Event()
    with ThreadPoolExecutor(1) as thread:
        codes = thread.submit(asyncio.run, _admins_until_the_end(process.address, 100, listening))
        assert listening.wait(20)
        process.end(signal.SIGTERM)  # fails after ten seconds
        assert codes.result(20) == [grpc.StatusCode.UNAVAILABLE] * 100
    assert process.exit_status == 0
    for browser in browsers:
        while "error" not in (message := browser.next()):
            assert message["targetChange"].get("targetIds", []) == []
        assert message["error"]["status"] == "UNAVAILABLE"
        assert browser.next_array()[1] == ["close"]
        browser.drop()


def test_a_directory_is_held_by_one_process(process: Process) -> None:
    command = [sys.executable, "-m", "local.firestore", "--port", "0", "--data", str(process.data)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (second.returncode, "in use" in second.stderr) == (2, True)


def test_a_file_that_is_no_database_keeps_the_server_from_starting(tmp_path: Path) -> None:
    (tmp_path / "firestore.sqlite3").write_bytes(b"no database" * 1000)
    command = [sys.executable, "-m", "local.firestore", "--port", "0", "--data", str(tmp_path)]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "firestore.sqlite3 cannot be read" in refused.stderr


@pytest.mark.parametrize("port", ["99999", "-1", "many"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    command = [sys.executable, "-m", "local.firestore", f"--port={port}"]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (refused.returncode, "is no port" in refused.stderr) == (2, True)


def test_broken_rules_keep_the_server_from_starting(tmp_path: Path) -> None:
    rules = tmp_path / "broken.rules"
    rules.write_text("rules_version = '2';\nservice cloud.firestore {\n  match /a/{b} { allow read: if ; }\n}\n")
    command = [sys.executable, "-m", "local.firestore", "--port", "0", "--rules", str(rules)]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (refused.returncode, "3" in refused.stderr) == (2, True)


def _write_until_refused(client: Any, which: int, acknowledged: list[tuple[int, Any]]) -> None:
    with contextlib.suppress(Exception):
        for number in range(100_000):
            reference = client.document(f"c/{which}-{number}")
            acknowledged.append((reference.id, reference.set({"n": number}, retry=None, timeout=5).update_time))


async def _admins_until_the_end(address: str, count: int, listening: threading.Event) -> list[grpc.StatusCode]:
    """Listens so many times on one connection; answers how each stream ended."""
    request = pb.ListenRequest(database=f"projects/{PROJECT}/databases/(default)")
    request.add_target.documents.documents.append(f"{request.database}/documents/c/a")

    async with grpc.aio.insecure_channel(address) as channel:
        listen = channel.stream_stream(
            "/google.firestore.v1.Firestore/Listen",
            request_serializer=pb.ListenRequest.SerializeToString,
            response_deserializer=pb.ListenResponse.FromString,
        )
        calls = [listen(metadata=(("authorization", "Bearer owner"),)) for _ in range(count)]
        for call in calls:
            await call.write(request)
            while (await call.read()).target_change.target_change_type != _CURRENT:
                pass
        listening.set()
        for call in calls:
            with contextlib.suppress(grpc.aio.AioRpcError):
                while await call.read() is not grpc.aio.EOF:
                    pass
        return [await call.code() for call in calls]


def _first_messages(address: str, token: str | None) -> tuple[list[str], str]:
    browser = Browser(address, PROJECT, authorization="owner")
    target = query_target(browser, 2, "c")
    if token:
        target["addTarget"]["resumeToken"] = token
    browser.open(target)
    browser.hang()
    kinds: list[str] = []
    while not kinds or kinds[-1] != "NO_CHANGE":
        message = browser.next()
        [(kind, body)] = message.items()
        kinds.append(body.get("targetChangeType", "NO_CHANGE") if kind == "targetChange" else kind)
    browser.drop()
    return kinds, body["resumeToken"]
