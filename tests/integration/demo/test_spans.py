"""OpenTelemetry spans as a collector receives them: one trace through API and mirror, and nothing personal in it."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from api.app import create_app
from api.auth import SignIn
from sync import tracing
from sync.screens import Shown, acknowledge
from sync.settings import Settings
from tests.fixtures.auth import AuthServer
from tests.fixtures.database import Database
from tests.fixtures.deps import DepsFor

ROOT = Path(__file__).parents[3]


class Collector(ThreadingHTTPServer):
    """Takes OTLP over HTTP, and keeps it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        super().__init__(("127.0.0.1", 0), _Taking)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def spans(self) -> list[Any]:
        exports = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [
            span
            for export in exports
            for resource in export.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class _Taking(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Collector)
        assert self.path == "/v1/traces"
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector, and this process exporting to it until the test ends."""
    server = Collector()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    tracing.configure(Settings(otel_exporter_otlp_endpoint=server.url), "test")
    yield server
    tracing.shut_down()
    server.shutdown()
    server.server_close()
    thread.join()


def test_one_trace_holds_the_request_the_mirror_and_the_screen_and_nothing_personal(
    collector: Collector,
    books: Callable[..., Any],
    mirrored: Callable[..., Any],
    deps_for: DepsFor,
    auth_server: AuthServer,
    database: Database,
):
    user, token = auth_server.sign_up("secretive.person@example.com")
    ada = books(user)
    entry, *_ = ada.add(1, name="Confidential Clinic", amount="1234.56")
    mirrored()
    deps = deps_for("api")
    settings = dataclasses.replace(
        deps.settings, firebase_auth_emulator_host=auth_server.address, firebase_project_id=auth_server.project
    )
    deps = dataclasses.replace(deps, settings=settings)
    client = create_app(deps, SignIn(settings)).test_client()
    answer = client.patch(
        f"/api/transactions/{entry}",
        json={"categoryId": "TRAVEL", "note": "for the surgeon"},
        headers={"Authorization": f"Bearer {token}"},
    )
    mirrored()
    ((number,),) = database.sql("select number from trace_hops where trace_id = %s", answer.json["trace"])
    assert acknowledge(deps, user, "a-test-screen", 0, [Shown(1, number, 3, 1)]) == 1

    tracing.shut_down()

    spans = [span for span in collector.spans() if span.trace_id.hex() == answer.json["trace"]]
    named = {span.name: span for span in spans}
    assert set(named) == {
        "PATCH /api/transactions/<uuid:entry_id>", "wait for the mirror", "claim", "commit", "acknowledge",
        "to the screen", "render",
    }  # fmt: skip
    root = named.pop("PATCH /api/transactions/<uuid:entry_id>")
    assert (root.span_id.hex(), root.parent_span_id) == (answer.json["trace"][:16], b"")
    assert {span.parent_span_id for span in named.values()} == {root.span_id}
    assert all(span.end_time_unix_nano >= span.start_time_unix_nano for span in spans)
    sent = b"".join(collector.bodies)
    for private in (token, user, "secretive", "Confidential", "1234.56", "123456", "surgeon", "TRAVEL", entry):
        assert private.encode() not in sent, private


def test_a_trace_that_a_caller_brings_is_gone_on_with(collector: Collector):
    brought = f"00-{'ab' * 16}-{'cd' * 8}-01"
    with tracing.under(tracing.begin("GET /", traceparent=brought)), tracing.span("work", ("ef" * 16,)):
        inner = tracing.traceparent()

    tracing.shut_down()

    (span,) = collector.spans()
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == ("ab" * 16, "cd" * 8)
    assert inner == f"00-{'ab' * 16}-{span.span_id.hex()}-01"
    assert [link.trace_id.hex() for link in span.links] == ["ef" * 16]


def test_without_a_collector_no_tracer_and_no_exporter_is_imported():
    code = (
        "import sys, api.wsgi, workers.tasks, workers.mirror_process\n"
        "from sync import tracing\nfrom sync.settings import Settings\n"
        "tracing.configure(Settings(), 'api')\n"
        "with tracing.under(tracing.begin('x')), tracing.span('y'):\n    pass\n"
        "exporting = ('opentelemetry.sdk.trace', 'opentelemetry.exporter')\n"
        "assert not [name for name in sys.modules if name.startswith(exporting)], 'imported'\n"
    )
    done = subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", code], cwd=ROOT, capture_output=True,
                          text=True, timeout=60, check=False)  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
