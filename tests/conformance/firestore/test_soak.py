"""The soak, short and of a fixed length; `make soak-firestore` is the long one."""

from __future__ import annotations

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conformance.firestore.process import Process
from tests.conformance.firestore.soak import Soak

pytestmark = pytest.mark.ours_only("the soak of our own process")


def test_no_listener_misses_a_step_and_none_is_left_behind(tmp_path: Path) -> None:
    process = Process(tmp_path / "data", tmp_path / "log")
    try:
        soak = Soak(process, listeners=60, writers=10, seed=7)
        # In a thread: where a browser was started before, this one has a running loop already.
        with ThreadPoolExecutor(1) as thread:
            problems = thread.submit(asyncio.run, soak.run(minutes=5, commits_each=30)).result()
    finally:
        process.end(signal.SIGKILL)
    assert problems == []
    assert process.log() == ""
    assert soak.commits == 300
    assert soak.events > soak.commits
