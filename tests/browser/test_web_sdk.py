"""The Firebase web SDK in real Chromium walks through the server, under rules."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

from local.web_sdk import sdk_page
from tests.conformance.firestore.conftest import Service, service

__all__ = ["service"]  # a fixture

WALK = (Path(__file__).parent / "web_walk.html").read_text()
RULES = """rules_version = '2';
service cloud.firestore {
  match /databases/{database}/documents {
    match /users/{uid}/{rest=**} { allow read, write: if request.auth != null && request.auth.uid == uid; }
  }
}
"""


def test_the_web_sdk_reads_writes_listens_and_is_denied(service: Service, browser: Browser) -> None:
    assert service.load_rules(RULES)[0] == 200
    with sdk_page(WALK) as (address, _):
        page = browser.new_page()
        page.goto(address)
        page.wait_for_function("window.ready")
        port = int(service.address.rpartition(":")[2])
        seen = page.evaluate("([port, project]) => walk(port, project)", [port, service.project])
        page.close()
    assert seen == {
        "values": [1, 1, "AP8=", "users/ann"],
        "updated": [5, True, {"er": [1]}],
        "missing": "not-found",
        "query": ["n7", "n6"],
        "or": ["n0", "n7"],
        "last": ["n6", "n7"],
        "count": 4,
        "sums": [28, 3.5],
        "latencyCompensated": True,
        "counter": 4,
        "offline": 1,
        "deniedGet": "permission-denied",
        "deniedWrite": "permission-denied",
        "deniedListen": "permission-denied",
        "deniedTransaction": "permission-denied",
        "nobody": "permission-denied",
    }
