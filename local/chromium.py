"""Where Chromium is on this machine, and how it is started for proofs and benchmarks: nothing fetched, no sandbox.

`make test` looks further (dev.py: it may unpack one) and hands its find over in LIVESPEND_CHROMIUM.
"""

from __future__ import annotations

import os
import shutil

FLAGS = [
    "--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-quic", "--no-first-run",
]  # fmt: skip
_NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str:
    """Its path: LIVESPEND_CHROMIUM's, or the system's. Raises RuntimeError when there is none."""
    found = os.environ.get("LIVESPEND_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        raise RuntimeError("no Chromium starts here: `apt install chromium`, or set LIVESPEND_CHROMIUM to one's path")
    return found
