"""The real browser SDK walks through local auth (in Node: the same code paths, without a browser)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.fixtures.auth import AuthServer

HERE = Path(__file__).parent
FRONTEND = HERE.parents[2] / "frontend"


def test_the_browser_sdk_signs_up_in_out_links_and_deletes(auth: AuthServer) -> None:
    command = ["node", str(HERE / "sdk_walk.mjs"), auth.address, str(FRONTEND)]
    walked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert walked.returncode == 0, walked.stderr
    assert json.loads(walked.stdout) == {
        "name": "Walker",
        "wrongPassword": "auth/wrong-password",
        "unknown": "auth/user-not-found",
        "taken": "auth/email-already-in-use",
        "weak": "auth/weak-password",
        "again": "Walker",
        "guest": True,
        "linked": [False, "guest@example.com", True],
        "google": ["g@example.com", True, True],
        "signedOut": True,
        "custom": ["c-1", "gold"],
    }
