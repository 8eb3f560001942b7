"""A first import over a database that is milliseconds away: `python -m bench.distance [rows] [months] [milliseconds]`.

A proxy between worker and Postgres holds every chunk back by half of the distance, each way, in order. The same import
runs near and far, in two ledgers of one server run; told are the time until the newest month is whole in the ledger and
to the end, and that every row was stored.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from bench.ground import ROOT, Ground, ground, publish
from bench.imports import _PULL, _Watch
from bench.pulled import bank, linked


def main(rows: int, months: int, milliseconds: float) -> None:
    started = time.monotonic()
    figures = {}
    for name, distance in (("near", 0.0), ("far", milliseconds)):
        with ground() as bench, bank() as settings:
            figures[name] = _import(bench, settings, rows, months, distance)
    publish("distance", started, rows=rows, months=months, milliseconds=milliseconds, **figures)


def _import(bench: Ground, settings: dict[str, str], rows: int, months: int, milliseconds: float) -> dict[str, Any]:
    user, item = linked(bench, bench.deps("worker", **settings), rows, months)
    url = urlsplit(bench.variables["WORKER_DATABASE_URL"])
    done = threading.Event()
    with _proxy(url.hostname or "127.0.0.1", url.port or 5432, milliseconds / 2000) as port:
        far = urlunsplit(url._replace(netloc=f"{url.netloc.rpartition(':')[0]}:{port}"))
        seen = _Watch(bench, user, done)
        child = subprocess.run(
            [sys.executable, "-c", _PULL, str(item)], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True,
            env=os.environ | bench.variables | settings | {"WORKER_DATABASE_URL": far},
        )  # fmt: skip
        done.set()
    told = json.loads(child.stdout)
    stored = bench.sql("select count(*) from transactions where source = 'bank' and removed_at is null")[0][0]
    return {"stored": int(stored), "seconds_to_first_month": seen.first_month, "seconds": told["import_seconds"]}


@contextlib.contextmanager
def _proxy(host: str, port: int, delay: float) -> Iterator[int]:
    """A TCP proxy on a port of its own that hands on every chunk after the delay."""
    loop, ready, own = asyncio.new_event_loop(), threading.Event(), list[int]()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(1 << 16):
            loop.call_later(delay, writer.write, chunk)
        loop.call_later(delay, writer.close)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, port)
        await asyncio.gather(carry(reader, back), carry(there, writer))

    async def serve() -> None:
        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        own.append(server.sockets[0].getsockname()[1])
        ready.set()
        await server.serve_forever()

    task: list[asyncio.Task[None]] = []

    def run() -> None:
        task.append(loop.create_task(serve()))
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task[0])

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield own[0]
    finally:
        loop.call_soon_threadsafe(task[0].cancel)
        thread.join(5)


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]) if given else 8_000, int(given[1]) if given[1:] else 24, float(given[2]) if given[2:] else 2.0)
