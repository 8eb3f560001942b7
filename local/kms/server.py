"""The HTTP door: AWS's JSON 1.1 protocol at `/`, faults and counts at `/_local/`.

A fault strikes the next calls of an operation with one of AWS's refusals. The record of calls keeps their names, key
ids and contexts, never a plaintext. Runs in a thread of this process, or as a process (`python -m local.kms`).
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

from local.kms.calls import CALLS
from local.kms.errors import KmsError, invalid
from local.kms.keys import Keys

REGION = "eu-west-1"
_SERVICE = "TrentService."
_LARGEST_BODY = 1024 * 1024


@dataclass
class Fault:
    """Refuses the next `times` calls of `operation` with one of AWS's errors."""

    operation: str
    error: str = "ThrottlingException"
    status: int = 400
    times: int = 1


@dataclass
class RunningKms:
    """A stand-in in a thread of this process; `calls` counts what was asked."""

    keys: Keys
    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    contexts: list[dict[str, str]] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None
    _thread: threading.Thread | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _connections: set[socket.socket] = field(default_factory=set)

    def answer(self, operation: str, ask: dict[str, Any]) -> dict[str, Any]:
        """What one call answers; raises KmsError."""
        with self._lock:
            self.calls[operation] += 1
            self.contexts += [ask[name] for name in ask if name.endswith("EncryptionContext")]
            fault = next((fault for fault in self.faults if fault.operation == operation), None)
            if fault is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
                raise KmsError(fault.error, "ordered by /_local/faults", fault.status)
            if operation not in CALLS:
                raise KmsError("UnknownOperationException", "")
            return CALLS[operation](self.keys, ask)

    def stop(self) -> None:
        """Ends the server and its thread. Stopping twice is safe."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            for connection in list(self._connections):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._thread.join(5)
            self._server = None


def start(*, host: str = "127.0.0.1", port: int = 0, region: str = REGION, data: Path | None = None) -> RunningKms:
    """Starts a stand-in in a thread of this process, on a free port unless one is given."""
    running = RunningKms(Keys(region, data))
    server = ThreadingHTTPServer((host, port), _handler(running))
    server.daemon_threads = True
    running.url = f"http://{host}:{server.server_port}"
    running._server = server
    running._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    running._thread.start()
    return running


def _handler(running: RunningKms) -> type[BaseHTTPRequestHandler]:
    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            running._connections.add(self.connection)

        def finish(self) -> None:
            running._connections.discard(self.connection)
            super().finish()

        def do_GET(self) -> None:
            found: dict[str, dict[str, Any]] = {
                "/_local/calls": {"calls": running.calls, "contexts": running.contexts},
                "/": {"standIn": "kms"},
            }
            self._send(200 if self.path in found else 404, found.get(self.path, {}), "application/json")

        def do_POST(self) -> None:
            raw = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), _LARGEST_BODY))
            try:
                status, answer = 200, self._ask(raw)
            except KmsError as refusal:
                status, answer = refusal.status, refusal.body()
            self._send(status, answer, "application/x-amz-json-1.1")

        def _ask(self, raw: bytes) -> dict[str, Any]:
            try:
                ask = json.loads(raw)
            except ValueError:
                raise KmsError("SerializationException", "") from None
            if not isinstance(ask, dict):
                raise invalid("the body is an object")
            if self.path == "/_local/faults":
                running.faults.append(Fault(**ask))
                return {}
            credentials = self.headers.get("Authorization", "")
            if not credentials.startswith("AWS4-HMAC-SHA256 ") or "/kms/aws4_request" not in credentials:
                raise KmsError("MissingAuthenticationTokenException", "Missing Authentication Token")
            return running.answer(self.headers.get("X-Amz-Target", "").removeprefix(_SERVICE), ask)

        def _send(self, status: int, answer: dict[str, Any], kind: str) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("x-amzn-RequestId", str(uuid4()))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stays quiet: a request's body holds plaintext keys."""

    return Door
