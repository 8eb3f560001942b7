"""Export and import, over the wire and by the process's own options."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.cloud.firestore_v1 import GeoPoint

from tests.conformance.firestore.conftest import Events
from tests.conformance.firestore.wire import http_call
from tests.fixtures.firestore import FirestoreServer, owner_client

pytestmark = pytest.mark.ours_only("export and import in our own format")
VALUES = {
    "text": "é\u2028\"", "whole": -(2**63), "real": 1e-310, "none": None, "yes": True, "bytes": b"\x00\xff",
    "when": datetime(2026, 11, 21, 1, 2, 3, 456789, tzinfo=UTC), "where": GeoPoint(1.5, -2.5),
    "list": [1, {"deep": []}], "map": {"a.b": {}},
}  # fmt: skip


def _export(server: FirestoreServer) -> str:
    status, text = http_call(server.address, "GET", "/_local/export")
    assert status == 200
    return text


def _fields(exported: str, *paths: str) -> list[dict[str, Any]]:
    documents = {
        body["path"]: body["fields"] for line in exported.split("\n")[1:] if line for body in [json.loads(line)]
    }
    return [documents[path] for path in paths]


def test_what_is_exported_comes_back_as_it_was(firestore_server: FirestoreServer) -> None:
    client = firestore_server.client()
    client.document("c/a").set(VALUES)
    client.document("c/a/below/b").set({"to": client.document("c/a")})
    created = client.document("c/a").get().create_time
    exported = _export(firestore_server)
    firestore_server.client().document("c/a").delete()
    client.document("c/other").set({"n": 1})
    status, text = http_call(firestore_server.address, "POST", "/_local/import", exported)
    assert (status, json.loads(text)) == (200, {"documents": 2})
    found = client.document("c/a").get()
    assert found.to_dict() == VALUES
    assert found.create_time == created
    assert client.document("c/a/below/b").get().get("to").path == "c/a"
    assert client.document("c/other").get().exists
    assert _fields(_export(firestore_server), "c/a", "c/a/below/b") == _fields(exported, "c/a", "c/a/below/b")


def test_listeners_see_an_import_as_one_commit(firestore_server: FirestoreServer) -> None:
    client = firestore_server.client()
    for name in "ab":
        client.document(f"c/{name}").set({"n": 1})
    exported = _export(firestore_server)
    for name in "ab":
        client.document(f"c/{name}").delete()
    events = Events()
    watch = client.collection("c").on_snapshot(events)
    assert events.next()[0] == []
    http_call(firestore_server.address, "POST", "/_local/import", exported)
    assert events.next()[0] == ["a", "b"]
    watch.unsubscribe()


HEAD = '{"format": "local-firestore-export", "version": 1}\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Line 1"),
        ("no json\n", "Line 1"),
        ('{"format": "other"}\n', "Line 1"),
        ('{"format": "local-firestore-export", "version": 2}\n', "version 2"),
        (HEAD + "[]\n", "Line 2: an object"),
        (HEAD + '{"database": "projects/p/databases/d", "path": "c/a"}\n', "Line 2: there is no 'fields'"),
        (HEAD + '{"database": "d", "path": "c/a", "created": 1, "updated": 1, "fields": {}}\n', "Line 2"),
        (HEAD + '{"database": "projects/p/databases/d", "path": "c", "created": 1, "updated": 1, "fields": {}}\n',
         "Line 2"),
        (HEAD + '{"database": "projects/p/databases/d", "path": "c/a", "created": 1, "updated": 1, '
         '"fields": {"a": {"nonsense": 1}}}\n', "Line 2"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_whole_with_its_line(
    firestore_server: FirestoreServer, text: str, told: str
) -> None:
    status, answer = http_call(firestore_server.address, "POST", "/_local/import", text)
    assert status == 400
    assert told in json.loads(answer)["error"]["message"]
    assert firestore_server.documents() == {}


def _process(*options: str) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "local.firestore", "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().split(" on ")[1].split()[0]


def _stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(10)
    assert process.stdout is not None
    process.stdout.close()


def test_a_process_exports_when_it_is_stopped_and_another_takes_it_in(tmp_path: Path) -> None:
    first, address = _process("--export-on-exit", str(tmp_path / "kept.jsonl"))
    owner_client(address, "demo-livespend").document("c/a").set({"n": 1})
    _stop(first)
    second, address = _process("--import", str(tmp_path / "kept.jsonl"))
    assert owner_client(address, "demo-livespend").document("c/a").get().to_dict() == {"n": 1}
    _stop(second)


def test_a_file_that_cannot_be_taken_in_keeps_the_server_from_starting(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("nonsense\n")
    command = [sys.executable, "-m", "local.firestore", "--port", "0", "--import", str(tmp_path / "bad.jsonl")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 2
    assert "Line 1" in ended.stderr
