"""A page in real Chromium with the Firebase web SDK, that tells when each snapshot reached its listener.

The SDK's own bundles are served from the page's dependencies, so nothing is fetched from elsewhere. The page stamps a
snapshot first thing in onSnapshot and reports it afterwards, so reporting is in no figure. Chromium's clock and ours
are one machine's, but drift by fractions of a millisecond: `offset` is measured again from time to time.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from playwright.sync_api import Page, sync_playwright

from bench.ground import PROJECT, ROOT

_BUNDLES = ROOT / "frontend" / "node_modules" / "firebase"
_ELSEWHERE = "https://www.gstatic.com/firebasejs/"
_FLAGS = [
    "--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-quic", "--no-first-run",
]  # fmt: skip
_PAGE = """<!doctype html><title>bench</title><script type="module">
import { initializeApp } from "/firebase-app.js";
import * as fs from "/firebase-firestore.js";
const stores = {};
const tell = (told) => fetch("/told", { method: "POST", body: JSON.stringify(told) });
const now = () => performance.timeOrigin + performance.now();
window.clock = now;
window.connect = (name, port, project) => {
  const db = fs.getFirestore(initializeApp({ projectId: project, apiKey: "bench", appId: name }, name));
  fs.connectFirestoreEmulator(db, "127.0.0.1", port, { mockUserToken: { sub: "bench", user_id: "bench" } });
  stores[name] = db;
};
window.watch = (name, path) => new Promise((done) => {
  let first = true;
  fs.onSnapshot(fs.doc(stores[name], path), (shot) => {
    const at = now();
    if (first) { first = false; done(); }
    else tell({ store: name, path, at, fields: { stamp: shot.get("stamp"), category: shot.get("categoryId") } });
  });
});
window.watchAll = (name, path, month, expected) => new Promise((done) => {
  let first = true;
  const rows = fs.query(fs.collection(stores[name], path), fs.where("month", "==", month), fs.limit(500));
  const stop = fs.onSnapshot(rows, (shot) => {
    const at = now();
    if (first) { first = false; done(); }
    if (shot.size >= expected) { stop(); tell({ store: name, path, at, fields: { size: shot.size } }); }
  });
});
window.ready = true;
</script>"""


class Told(NamedTuple):
    """One snapshot: when the listener had it, by our clock in milliseconds, and what it showed."""

    store: str
    path: str
    at: float
    fields: dict[str, Any]


class NotTold(TimeoutError):
    """The page was not told in time."""


class Chromium:
    """The page; its methods are for the thread that opened it."""

    def __init__(self, page: Page, told: SimpleQueue[dict[str, Any]]) -> None:
        self._page, self._told, self._offset = page, told, 0.0
        self.drift: list[float] = []
        self.set_clock()

    def connect(self, name: str, port: int) -> None:
        """Opens a Firestore server under a name."""
        self._page.evaluate("([n, p, j]) => connect(n, p, j)", [name, port, PROJECT])

    def watch(self, name: str, path: str) -> None:
        """Listens to a document; answers when its first snapshot is there."""
        self._page.evaluate("([n, p]) => watch(n, p)", [name, path])

    def watch_all(self, name: str, path: str, month: str, expected: int) -> None:
        """Listens to a month's rows, told once `expected` are there."""
        self._page.evaluate("([n, p, m, e]) => watchAll(n, p, m, e)", [name, path, month, expected])

    def wait(self, name: str, path: str, seconds: float = 30.0, **fields: Any) -> Told:
        """The next snapshot of that path with those fields; others are dropped. Raises NotTold."""
        until = time.monotonic() + seconds
        while True:
            try:
                raw = self._told.get(timeout=max(0.01, until - time.monotonic()))
            except Empty as nothing:
                raise NotTold(f"{name}: {path} {fields}") from nothing
            told = Told(raw["store"], raw["path"], raw["at"] - self._offset, raw["fields"])
            same = all(told.fields.get(key) == value for key, value in fields.items())
            if (told.store, told.path) == (name, path) and same:
                return told

    def set_clock(self) -> None:
        """Measures Chromium's clock against ours by the quickest of some round trips."""
        best = min((self._ping() for _ in range(15)), key=lambda ping: ping[0])
        self.drift.append(round(best[1] - self._offset, 3) if self.drift else 0.0)
        self._offset = best[1]

    def _ping(self) -> tuple[float, float]:
        before = time.time() * 1000
        there = self._page.evaluate("() => clock()")
        after = time.time() * 1000
        return after - before, there - (before + after) / 2


@contextlib.contextmanager
def chromium() -> Iterator[Chromium]:
    """Opens the page; closes Chromium and the page's server afterwards. Raises RuntimeError without Chromium."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        raise RuntimeError("no Chromium on PATH: `apt install chromium`")
    told: SimpleQueue[dict[str, Any]] = SimpleQueue()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _door(told))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            page.wait_for_function("window.ready")
            yield Chromium(page, told)
            browser.close()
    finally:
        server.shutdown()
        server.server_close()


def _door(told: SimpleQueue[dict[str, Any]]) -> type[BaseHTTPRequestHandler]:
    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/":
                self._answer(200, "text/html", _PAGE.encode())
            elif (bundle := _BUNDLES / self.path.strip("/")).name == self.path[1:] and bundle.is_file():
                self._answer(200, "text/javascript", _local(bundle.read_text()).encode())
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
            """Says nothing: standard output carries the figures."""

    return Door


def _local(bundle: str) -> str:
    """The bundle with its sibling imported from here."""
    start = bundle.find(_ELSEWHERE)
    if start < 0:
        return bundle
    end = bundle.index("firebase-app.js", start)
    return bundle.replace(bundle[start:end], "/")
