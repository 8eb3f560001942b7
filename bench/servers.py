"""Firestore servers for benchmarks: the local one, and the vendor's emulator where it is on the machine."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from local import emulator
from local.postgres import free_port
from local.processes import with_parent

# Signed in is enough: what rules cost is no part of these figures, that they are asked is.
RULES = """rules_version = '2';
service cloud.firestore { match /databases/{database}/documents {
  match /{document=**} { allow get: if request.auth != null; allow list: if request.auth != null; } } }
"""


class Server(NamedTuple):
    """A Firestore in a process of its own."""

    port: int
    pid: int

    def memory(self) -> int:
        """Bytes that the process holds in memory, by Linux."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024


@contextlib.contextmanager
def local_firestore(rules: str = RULES) -> Iterator[Server]:
    """The local Firestore in memory."""
    with _rules_file(rules) as path:
        port = free_port()
        command = [sys.executable, "-m", "local.firestore", "--port", str(port), "--rules", str(path)]
        with _running(command, port) as pid:
            yield Server(port, pid)


@contextlib.contextmanager
def vendors_emulator(rules: str = RULES) -> Iterator[Server | None]:
    """The vendor's emulator; None where it is not on the machine (FIRESTORE_EMULATOR_JAR, or beside gcloud)."""
    if emulator.find() is None:
        yield None
        return
    with _rules_file(rules) as path:
        port = free_port()
        with _running(emulator.command(port, path), port) as pid:
            yield Server(port, pid)


@contextlib.contextmanager
def _rules_file(rules: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.rules"
        path.write_text(rules)
        yield path


@contextlib.contextmanager
def _running(command: list[str], port: int) -> Iterator[int]:
    process = subprocess.Popen(with_parent(command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 30
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{command[0]} did not start a server on port {port}")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
