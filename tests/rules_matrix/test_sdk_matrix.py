"""The same table through the vendor's own test library, `@firebase/rules-unit-testing`, and the web SDK in Node."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.rules_matrix.conftest import PROJECT, Target
from tests.rules_matrix.table import CALLERS, DOCUMENTS, LISTINGS, OPERATIONS, expected
from tests.rules_matrix.test_matrix import RULES

HERE = Path(__file__).parent
FRONTEND = HERE.parents[1] / "frontend"
# The web SDK has no offset and no create that fails where there is a document already.
BEYOND_THE_SDK = {"offset", "create anew"}
# The library gives every token a provider, and refuses to make one with a claim named uid.
BEYOND_THE_LIBRARY = {"token without a provider"}
_TAKEN_BY_THE_LIBRARY = {"sub", "uid"}


def _caller(claims: dict[str, Any] | None) -> dict[str, Any] | None:
    if claims is None:
        return None
    return {
        "uid": claims["sub"],
        "claims": {name: value for name, value in claims.items() if name not in _TAKEN_BY_THE_LIBRARY},
    }


def test_each_cell_of_the_table_through_the_vendors_test_library(target: Target) -> None:
    host, _, port = target.address.rpartition(":")
    callers = {name: _caller(claims) for name, claims in CALLERS.items() if name not in BEYOND_THE_LIBRARY}
    listings = {
        name: {"limit": each.limit, "where": each.where, "order": each.order, "group": each.group}
        for name, each in LISTINGS.items()
        if name not in BEYOND_THE_SDK
    }
    table = {"rules": RULES, "host": host, "port": int(port), "project": PROJECT, "callers": callers,
             "documents": DOCUMENTS, "listings": listings}  # fmt: skip
    # Otherwise the SDK looks for a machine of Google's.
    environment = {**os.environ, "METADATA_SERVER_DETECTION": "none"}
    command = ["node", str(HERE / "sdk_matrix.mjs"), str(FRONTEND)]
    walked = subprocess.run(
        command, input=json.dumps(table), capture_output=True, text=True, timeout=170, check=False, env=environment
    )
    assert walked.returncode == 0, walked.stderr[-4000:]
    operations = [name for name in OPERATIONS if name not in BEYOND_THE_SDK]
    assert json.loads(walked.stdout) == {
        caller: {path: {name: expected(caller, path)[name] for name in operations} for path in DOCUMENTS}
        for caller in callers
    }
