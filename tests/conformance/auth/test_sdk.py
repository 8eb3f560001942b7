"""The real browser SDK walks through local auth (in Node: the same code paths, without a browser)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.fixtures.auth import AuthServer

HERE = Path(__file__).parent
FRONTEND = HERE.parents[2] / "frontend"


def _walk(script: str, *arguments: str) -> Any:
    command = ["node", str(HERE / script), *arguments, str(FRONTEND)]
    walked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert walked.returncode == 0, walked.stderr
    return json.loads(walked.stdout)


def test_the_browser_sdk_signs_up_in_out_links_and_deletes(auth: AuthServer) -> None:
    assert _walk("sdk_walk.mjs", auth.address) == {
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


def test_the_browser_sdk_verifies_resets_changes_recovers_and_signs_in_by_codes(auth: AuthServer) -> None:
    assert _walk("sdk_codes.mjs", auth.address, auth.project) == {
        "checked": "VERIFY_EMAIL",
        "verified": True,
        "codeIsGoodOnce": "auth/invalid-action-code",
        "newEmail": "b@example.com",
        "changed": "b@example.com",
        "recovered": ["password"],
        "resetFor": "b@example.com",
        "weak": "auth/weak-password",
        "oldPassword": "auth/wrong-password",
        "resetUnknown": "auth/user-not-found",
        "badCode": "auth/invalid-action-code",
        "providers": ["google.com", "password"],
        "unlinked": ["google.com"],
        "isLink": True,
        "byLink": ["link@example.com", True, True],
        "linkTwice": "auth/invalid-action-code",
        "methods": ["emailLink"],
        "policy": False,
        "private": "auth/invalid-credential",
        "privateReset": "no error",
    }
