"""Our webhook address on a free port: what arrives there, and what the API makes of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sync.banks.webhooks import receive
from sync.deps import Deps


@dataclass
class Door:
    """The address, and code and state of everything that came in."""

    url: str = ""
    api: Callable[[], Deps] | None = None
    arrived: list[tuple[str, str]] = field(default_factory=list)

    def take(self, body: bytes, signature: str | None) -> None:
        assert self.api is not None
        code = body.decode().split('"webhook_code": "')[1].split('"')[0]
        self.arrived.append((code, receive(self.api(), body, signature).state))

    def heard(self, code: str) -> bool:
        """Whether a webhook of that code has come in."""
        return code in [arrived for arrived, _ in self.arrived]


@contextmanager
def opened() -> Iterator[Door]:
    """Listens until the block ends."""
    door = Door()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            door.take(self.rfile.read(int(self.headers["Content-Length"])), self.headers["Plaid-Verification"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Stays quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    door.url = f"http://127.0.0.1:{server.server_port}/webhooks/plaid"
    try:
        yield door
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
