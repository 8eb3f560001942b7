"""A page in real Chromium with the Firebase web SDK, that tells when each snapshot reached its listener.

The page stamps a snapshot first thing in onSnapshot and reports it afterwards, so reporting is in no figure.
Chromium's clock and ours are one machine's, but differ by fractions of a millisecond: that is measured first.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from queue import Empty
from typing import Any, NamedTuple

from playwright.sync_api import Page, sync_playwright

from bench.ground import PROJECT
from local.chromium import FLAGS, find_chromium
from local.web_sdk import Told as Queue
from local.web_sdk import sdk_page

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

    def __init__(self, page: Page, told: Queue) -> None:
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
    with sdk_page(_PAGE) as (address, told), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        page = browser.new_page()
        page.goto(address)
        page.wait_for_function("window.ready")
        yield Chromium(page, told)
        browser.close()
