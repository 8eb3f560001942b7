"""Pages with the Firebase web SDK on them, for proofs in a real browser: no bundler, nothing fetched from elsewhere.

The SDK's own bundles are served from the page's installed packages; a page imports `/firebase-app.js` and
`/firebase-firestore.js`, and tells what it saw by POST to `/told`. Called by benchmarks and conformance tests.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from typing import Any

_BUNDLES = Path(__file__).parents[1] / "frontend" / "node_modules" / "firebase"
_ELSEWHERE = "https://www.gstatic.com/firebasejs/"

Told = SimpleQueue[dict[str, Any]]


@contextlib.contextmanager
def sdk_page(html: str) -> Iterator[tuple[str, Told]]:
    """Serves one page; answers its address and the queue of what it tells."""
    told: Told = SimpleQueue()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _door(html, told))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", told
    finally:
        server.shutdown()
        server.server_close()


def _door(html: str, told: Told) -> type[BaseHTTPRequestHandler]:
    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = self.path.lstrip("/")
            if not name:
                self._answer(200, "text/html", html.encode())
            elif name in ("firebase-app.js", "firebase-firestore.js"):
                self._answer(200, "text/javascript", _local((_BUNDLES / name).read_text()).encode())
            else:
                self._answer(404, "text/plain", b"")

        def do_POST(self) -> None:
            told.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._answer(200, "text/plain", b"")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Says nothing: standard output is the caller's."""

    return Door


def _local(bundle: str) -> str:
    """The bundle with its sibling imported from here."""
    start = bundle.find(_ELSEWHERE)
    if start < 0:
        return bundle
    end = bundle.index("firebase-app.js", start)
    return bundle.replace(bundle[start:end], "/")
