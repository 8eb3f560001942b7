"""The vendor's server client for Node, `@google-cloud/firestore`, walks through the server."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tests.conformance.firestore.conftest import Service

HERE = Path(__file__).parent
FRONTEND = HERE.parents[2] / "frontend"
# gRPC status codes as the client tells them.
NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION = 5, 6, 9


def test_the_node_client_reads_writes_queries_listens_and_runs_transactions(
    service: Service, conformance_host: str | None
) -> None:
    command = ["node", str(HERE / "node_walk.mjs"), str(FRONTEND), service.address, service.project]
    environment = {**os.environ, "METADATA_SERVER_DETECTION": "none"}
    walked = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert walked.returncode == 0, walked.stderr[-4000:]
    assert json.loads(walked.stdout) == {
        "values": ["é", 7, True, True, 1, [1, {"a": []}]],
        "updated": [{"a.b": 5, "more": 2}, ["x", "y"], False],
        "create": ALREADY_EXISTS,
        "missing": NOT_FOUND,
        "precondition": FAILED_PRECONDITION,
        "batch": 10,
        "where": ["n9", "n8", "n7"],
        "or": ["n1", "n8"],
        "in": ["n2", "n4"],
        "notIn": ["n8", "n9"],
        "contains": ["n0", "n3", "n6", "n9"],
        "last": ["n8", "n9"],
        "page": ["n4", "n5"],
        "select": {"odd": True},
        "group": 5,
        "count": 5,
        "sums": [45, 4.5],
        "partitions": [4, 30] if conformance_host is None else "not served",
        "collections": ["c", "groups", "numbers"],
        "documents": ["g0", "g1", "g2"],
        "counter": 20,
        "readOnly": 20,
        "live": ["b", "c"],
        "afterRecursiveDelete": 0,
    }
