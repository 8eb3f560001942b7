"""What the pull's benchmarks share: items at the bank of ready pages, and what a store step is beside a COPY."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from bench.ground import Ground, child
from bench.page_bank import token
from sync.deps import Deps

_numbers = count(1)


@contextlib.contextmanager
def bank() -> Iterator[dict[str, str]]:
    """Runs the bank; answers the settings that lead to it, without a pace of our own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with child("bench.page_bank", str(port)):
        yield {
            "PLAID_URL": f"http://127.0.0.1:{port}",
            "PLAID_CLIENT_ID": "bench",
            "PLAID_SECRET": "bench-secret",
            "PLAID_WEBHOOK_URL": "http://127.0.0.1:9/none",
            "PLAID_LIMITS": "none",
            "REDIS_URL": "redis://127.0.0.1:9/0",
        }


def linked(bench: Ground, worker: Deps, rows: int, months: int = 24) -> tuple[str, UUID]:
    """Signs a user up with one item of so many rows, as linking leaves it; answers both."""
    assert worker.vault is not None
    user, item = f"puller{next(_numbers)}", uuid4()
    sealed = worker.vault.encrypt(item, token(user, rows, months))
    bench.sql("insert into users (id) values (%(user)s)", user=user)
    bench.sql("insert into items (id, user_id, plaid_item_id) values (%(id)s, %(user)s, %(user)s)",
              id=str(item), user=user)  # fmt: skip
    bench.sql(
        "insert into item_tokens (item_id, user_id, key_id, nonce, ciphertext, wrapped_key) "
        "values (%(id)s, %(user)s, %(key_id)s, %(nonce)s, %(ciphertext)s, %(wrapped_key)s)",
        id=str(item), user=user, **sealed.__dict__,
    )  # fmt: skip
    bench.sql("insert into item_pulls (item_id, user_id) values (%(id)s, %(user)s)", id=str(item), user=user)
    return user, item


def written(bench: Ground, worker: Deps) -> int:
    """Rows written to any table of the ledger so far; ask when nobody writes."""
    worker.engine.dispose()  # a backend hands its last counts in when it ends
    time.sleep(0.5)
    ((total,),) = bench.sql("select sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_user_tables")
    return int(total)


class Clock:
    """What work costs: seconds by the wall, and of CPU, by this process and all of the database's together."""

    def __init__(self, bench: Ground) -> None:
        self._postmaster = bench.server.process.pid

    def seconds(self, work: Callable[[], Any]) -> tuple[float, float]:
        """(by the wall, of CPU); no connection may be closed meanwhile, its server's share would be lost."""
        before, ours, started = self._servers(), time.process_time(), time.perf_counter()
        work()
        return time.perf_counter() - started, time.process_time() - ours + self._servers() - before

    def _servers(self) -> float:
        spent = 0.0
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                parent = (process / "stat").read_text().rpartition(") ")[2].split()[1]
                if int(parent) == self._postmaster:
                    spent += int((process / "schedstat").read_text().split()[0]) / 1e9
        return spent


def timed(work: Callable[[], Any]) -> float:
    """Seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
