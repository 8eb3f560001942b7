"""METRICS_PORT of a real mirror process: its counts, its pace, the backlog and the hops, as Prometheus reads them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from local.postgres import free_port
from tests.fixtures.scrape import scrape

ROOT = Path(__file__).parents[3]


def test_a_mirror_tells_prometheus_what_it_does(books, database, firestore_server, eventually):
    port = free_port()
    env = {
        "PATH": os.environ["PATH"], "APP_ENV": "local", "MIRROR_DATABASE_URL": database.url("mirror"),
        "FIREBASE_PROJECT_ID": firestore_server.project, "FIRESTORE_EMULATOR_HOST": firestore_server.address,
        "METRICS_PORT": str(port),
    }  # fmt: skip
    mirror = subprocess.Popen([sys.executable, "-m", "workers.cli", "mirror"], cwd=ROOT, env=env)
    try:
        eventually(lambda: scrape(port), 30)
        books().add(3)
        eventually(lambda: scrape(port).get(("livespend_dirty_owners", "")) == 0
                   and scrape(port).get(("livespend_mirror_total", "written"), 0) >= 5)  # fmt: skip
        told = scrape(port)
    finally:
        mirror.terminate()
        assert mirror.wait(30) == 0

    assert told["livespend_mirror_total", "settled"] >= 1
    assert ("livespend_mirror_total", "drift") not in told
    assert told["livespend_parked_documents", ""] == 0
    assert told["livespend_oldest_mark_seconds", ""] == 0
    assert told["livespend_mirror_pace", "lanes"] >= 1
    assert told["livespend_hop_seconds_count", "claim_to_commit"] >= 1
    assert told["process_cpu_seconds_total", ""] > 0
