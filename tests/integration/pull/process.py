"""A worker in a process of its own: for tests that kill it, and for the real Celery over the real broker."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path

from sync.pull.imports import SIZES, Sizes
from tests.integration.pull.conftest import Linked

ROOT = Path(__file__).parents[3]
_PULL = """
import sys, uuid
from sync.pull.imports import Sizes
from sync.pull.pull import pull_item
from workers.app import deps
pull_item(deps(), uuid.UUID(sys.argv[1]), Sizes(*map(int, sys.argv[2:])))
"""


def environment(linked: Linked, redis_url: str = "redis://127.0.0.1:9/0", **extra: str) -> dict[str, str]:
    """The worker's settings, as a deployment would write them."""
    settings = linked.deps.settings
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")}
    return kept | {
        "APP_ENV": "local",
        "PYTHONUNBUFFERED": "1",
        "WORKER_DATABASE_URL": settings.worker_database_url,
        "SWEEP_SECONDS": "3600",
        "FIREBASE_PROJECT_ID": "demo-livespend",
        "REDIS_URL": redis_url,
        "PLAID_URL": linked.bank.url,
        "PLAID_CLIENT_ID": "client",
        "PLAID_SECRET": "secret",
        "PLAID_LIMITS": "none",
        "TOKEN_KEY_FILE": settings.token_key_file,
        **extra,
    }


def pull_in_child(linked: Linked, sizes: Sizes = SIZES, **extra: str) -> int:
    """Pulls in a child process; answers its exit code (negative: the signal that ended it)."""
    with pulling_child(linked, sizes, **extra) as child:
        return child.wait(60)


@contextmanager
def pulling_child(linked: Linked, sizes: Sizes = SIZES, **extra: str) -> Iterator[subprocess.Popen[bytes]]:
    """A child process that pulls; it does not outlive the block."""
    command = [sys.executable, "-c", _PULL, str(linked.item_id), *map(str, astuple(sizes))]
    child = subprocess.Popen(command, cwd=ROOT, env=environment(linked, **extra))
    try:
        yield child
    finally:
        child.kill()
        child.wait(10)


@contextmanager
def celery_worker(linked: Linked, redis_url: str, folder: Path, *options: str, **extra: str) -> Iterator[int]:
    """Runs `celery -A workers.app worker` until the block ends; answers its process id."""
    command = [sys.executable, "-m", "celery", "-A", "workers.app", "worker", "-c", "1", *options]
    with (folder / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(linked, redis_url, **extra),
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
        try:
            yield worker.pid
        finally:
            worker.terminate()
            try:
                worker.wait(20)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait(5)


def children(parent: int) -> list[int]:
    """The processes that a process has started."""
    return [int(folder.name) for folder in Path("/proc").glob("[0-9]*") if _stat(folder)[1:2] == [str(parent)]]


def alive(pid: int) -> bool:
    """Whether a process still runs (a zombie does not)."""
    return _stat(Path(f"/proc/{pid}"))[:1] not in ([], ["Z"])


def _stat(folder: Path) -> list[str]:
    try:
        return (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
