"""`livespend demo` as a developer lives with it: a busy port, Ctrl-C, a kill, a restart, a reset."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import requests

from local.postgres import free_port
from tests.fixtures.waiting import eventually

ROOT = Path(__file__).parents[3]
DEMO = [sys.executable, "-m", "workers.cli", "demo"]


class Demo:
    """One launcher on one state folder."""

    def __init__(self, state: Path, port: int, *, with_emulator: bool) -> None:
        self.state, self.port = state, port
        self.options = ["--firestore", "emulator"] if with_emulator else []
        self.own_state = state / "with-emulator" if with_emulator else state
        self.log = state.with_suffix(".log")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> dict[str, Any]:
        command = [*DEMO, "--state", str(self.state), "--port", str(self.port), *self.options]
        self._from = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
        eventually(lambda: f"http://127.0.0.1:{self.port}" in self.said() or self.process.poll() is not None, 90)
        assert self.process.poll() is None, self.said()
        return self.record()

    def end(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(60)

    def record(self) -> dict[str, Any]:
        return dict(json.loads((self.own_state / "stack.json").read_text()))

    def said(self) -> str:
        """What this start printed, not an earlier one."""
        return self.log.read_bytes()[self._from :].decode(errors="replace")


@pytest.fixture
def demo(tmp_path: Path, on_emulator: bool) -> Iterator[Demo]:
    one = Demo(tmp_path / "state", free_port(), with_emulator=on_emulator)
    yield one
    if one.process and one.process.poll() is None:
        one.end(signal.SIGINT)


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def contents(record: dict[str, Any]) -> tuple[int, int]:
    """Rows in the ledger, documents in Firestore."""
    with psycopg2.connect(record["addresses"]["postgres"]) as connection, connection.cursor() as cursor:
        cursor.execute("select (select count(*) from transactions), (select count(*) from changes)")
        rows, marks = cursor.fetchone() or (0, 0)
    assert marks == 0
    address = f"http://{record['addresses']['firestore']}/_local/documents?path=users"
    documents = requests.get(address, timeout=30).json()
    return rows, len(documents)


def test_ctrl_c_stops_everything_that_was_started(demo: Demo):
    record = demo.start()
    pids = record["processes"].values()
    assert len(record["processes"]) == 9
    assert all(alive(pid) for pid in pids)

    demo.end(signal.SIGINT)

    assert demo.process.returncode == 0
    assert not any(alive(pid) for pid in pids)
    assert demo.record()["processes"] == {}


@pytest.mark.ours_only("the emulator keeps nothing over a restart")
def test_state_survives_a_kill_of_the_launcher_and_nobody_is_left_behind(demo: Demo):
    first = demo.start()
    held = contents(first)
    assert held[0] > 1000
    demo.end(signal.SIGKILL)
    eventually(lambda: not any(alive(pid) for pid in first["processes"].values()))

    second = demo.start()

    assert contents(second) == held
    assert "linking a bank" not in demo.said()


@pytest.mark.ours_only("the emulator keeps nothing over a restart")
def test_state_survives_a_kill_of_every_process_at_once(demo: Demo):
    first = demo.start()
    held = contents(first)
    os.kill(demo.process.pid, signal.SIGSTOP)  # or it would start them again
    for pid in first["processes"].values():
        os.kill(pid, signal.SIGKILL)
    demo.end(signal.SIGKILL)

    assert contents(demo.start()) == held


def test_a_busy_port_is_a_clear_message_and_starts_nothing(tmp_path: Path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        state = tmp_path / "state"

        done = subprocess.run([*DEMO, "--state", str(state), "--port", str(port)], cwd=ROOT, capture_output=True,
                              text=True, timeout=60)  # fmt: skip

    assert done.returncode == 1
    assert f"port {port} is in use" in done.stdout.replace("\n", " ")
    assert "PORT=" in done.stdout
    assert not (state / "postgres").exists()


def test_a_reset_forgets_the_state_and_refuses_while_the_demo_runs(demo: Demo):
    demo.start()
    reset = [*DEMO, "--reset", "--state", str(demo.state)]

    refused = subprocess.run(reset, cwd=ROOT, capture_output=True, text=True, timeout=60)
    demo.end(signal.SIGINT)
    forgotten = subprocess.run(reset, cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert refused.returncode == 1
    assert "running" in refused.stderr
    assert forgotten.returncode == 0
    assert not demo.state.exists()
