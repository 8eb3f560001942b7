"""Helpers of the Plaid conformance tests: reading all pages of an update, and a receiver of webhooks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.fixtures.plaid import PlaidServer

_DEADLINE = 15.0


@dataclass
class Webhook:
    """One webhook as it came in."""

    body: bytes
    jwt: str | None
    code: str


@dataclass
class Receiver:
    """An endpoint for webhooks; `answers` are the statuses it gives, the last one for ever."""

    answers: list[int] = field(default_factory=lambda: [200])
    got: list[Webhook] = field(default_factory=list)
    url: str = ""
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def receive(self, body: bytes, jwt: str | None) -> int:
        code = body.decode().split('"webhook_code":')[1].split('"')[1]
        with self._changed:
            self.got.append(Webhook(body, jwt, code))
            self._changed.notify_all()
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def wait_for(self, condition: Callable[[list[Webhook]], Any]) -> list[Webhook]:
        """Waits until the webhooks so far satisfy the condition; fails after a deadline."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self.got), _DEADLINE), [hook.code for hook in self.got]
            return list(self.got)

    def wait_for_codes(self, *codes: str) -> list[Webhook]:
        return self.wait_for(lambda got: set(codes) <= {hook.code for hook in got})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = made.receive(body, self.headers.get("Plaid-Verification"))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}/webhooks/plaid"
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Update:
    """All pages of one update, folded."""

    added: list[dict[str, Any]]
    modified: list[dict[str, Any]]
    removed: list[str]
    cursor: str
    pages: int
    status: str

    @property
    def added_ids(self) -> list[str]:
        return [transaction["transaction_id"] for transaction in self.added]

    @property
    def modified_ids(self) -> list[str]:
        return [transaction["transaction_id"] for transaction in self.modified]


def read_update(server: PlaidServer, token: str, cursor: str = "", count: int = 500, **options: Any) -> Update:
    """Reads pages until there are no more; fails on any error."""
    update = Update([], [], [], cursor, 0, "")
    while True:
        extra = {"options": options} if options else {}
        page = server.call("/transactions/sync", access_token=token, cursor=update.cursor, count=count, **extra)
        assert "error_code" not in page, page
        update.added += page["added"]
        update.modified += page["modified"]
        update.removed += [gone["transaction_id"] for gone in page["removed"]]
        update.cursor, update.status, update.pages = (
            page["next_cursor"],
            page["transactions_update_status"],
            update.pages + 1,
        )
        if not page["has_more"]:
            return update
