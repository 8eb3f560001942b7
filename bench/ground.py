"""What benchmarks stand on: a migrated ledger on an embedded Postgres with fsync on, people in it, honest figures."""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from local import postgres
from sync import log
from sync.deps import Deps, build_deps
from sync.keys.key_file import create_key_file
from sync.settings import read_settings

ROOT = Path(__file__).resolve().parents[1]
PROJECT = "demo-livespend"

_PEOPLE = """
insert into users (id, email)
select 'bench' || n, 'bench' || n || '@livespend.test' from generate_series(1, %(people)s) n;
with made as (
    insert into entries (user_id)
    select 'bench' || (1 + n %% %(people)s) from generate_series(0, %(rows)s * %(people)s - 1) n returning id, user_id)
insert into transactions (entry_id, user_id, source, amount, iso_currency, date, pending, name, bank_category_id)
select id, user_id, 'manual', round((random() * 90 + 1)::numeric, 2), 'USD',
       current_date - (random() * 300)::int, false,
       'Row ' || left(id::text, 8),
       (array['FOOD_AND_DRINK', 'TRAVEL', 'INCOME', 'MEDICAL'])[1 + (random() * 3)::int]
from made;
"""


@dataclass
class Ground:
    """A migrated ledger; `deps` builds a door's dependencies on it."""

    server: postgres.Postgres
    state: Path
    variables: dict[str, str]

    def url(self, role: str = "postgres") -> str:
        return self.server.url(role=role)

    def deps(self, door: Any, **more: str) -> Deps:
        return build_deps(read_settings(self.variables | more), door=door)

    def connect(self, role: str = "postgres") -> Any:
        connection = psycopg2.connect(self.url(role))
        connection.autocommit = True
        return connection

    def sql(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def people(self, people: int, rows: int) -> None:
        """Adds people with manual rows spread over ten months; everything is marked by it."""
        self.sql(_PEOPLE, people=people, rows=rows)


@contextlib.contextmanager
def ground() -> Iterator[Ground]:
    """Starts Postgres (fsync on) and migrates; everything is gone afterwards."""
    state = Path(tempfile.mkdtemp(prefix="livespend-bench-"))
    server = postgres.start(state / "postgres")
    create_key_file(state / "keys.json")
    doors = {"API": "api", "WORKER": "worker", "MIRROR": "mirror", "MIGRATION": "owner"}
    variables = {f"{door}_DATABASE_URL": server.url(role=f"livespend_{role}") for door, role in doors.items()}
    variables |= {"ADMIN_DATABASE_URL": server.url("postgres"), "APP_ENV": "local", "FIREBASE_PROJECT_ID": PROJECT,
                  "TOKEN_KEY_FILE": str(state / "keys.json")}  # fmt: skip
    try:
        subprocess.run([sys.executable, "-m", "workers.cli", "migrate", "--create-roles"], cwd=ROOT, check=True,
                       env=os.environ | variables, stdout=subprocess.DEVNULL)  # fmt: skip
        log.configure("ERROR")
        yield Ground(server, state, variables)
    finally:
        server.stop()
        shutil.rmtree(state, ignore_errors=True)


@contextlib.contextmanager
def child(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A helper process that says `ready` on its first line."""
    process = subprocess.Popen([sys.executable, "-m", module, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "ready" in process.stdout.readline()
        yield process
    finally:
        process.terminate()
        process.wait(10)


def interleave(arms: dict[str, Callable[[], float]], rounds: int, *, seed: int = 1) -> dict[str, list[float]]:
    """Runs every arm once per round in shuffled order; answers each arm's figures, round by round."""
    dice, figures = random.Random(seed), {name: [] for name in arms}
    for _ in range(rounds):
        for name in dice.sample(sorted(arms), len(arms)):
            figures[name].append(arms[name]())
    return figures


def spread(values: list[float]) -> dict[str, float]:
    """Minimum, median, p99 and maximum."""
    ordered = sorted(values)
    p99 = ordered[math.ceil(0.99 * len(ordered)) - 1]
    figures = {"min": ordered[0], "p50": statistics.median(ordered), "p99": p99, "max": ordered[-1]}
    return {name: round(value, 3) for name, value in figures.items()}


def paired(values: list[float], reference: list[float]) -> dict[str, float]:
    """The quartiles of the round-by-round ratio to a reference of the same run; of one round, that ratio."""
    ratios = sorted(value / base for value, base in zip(values, reference, strict=True))
    ratios *= 2 if len(ratios) == 1 else 1
    low, middle, high = statistics.quantiles(ratios, n=4)
    return {"q1": round(low, 3), "median": round(middle, 3), "q3": round(high, 3)}


def publish(name: str, started: float, **figures: Any) -> None:
    """Prints the one JSON line of a benchmark, with the machine's load beside it."""
    machine = {"cores": os.cpu_count(), "load": [round(value, 2) for value in os.getloadavg()]}
    print(
        json.dumps({"benchmark": name, "seconds": round(time.monotonic() - started, 1), "machine": machine} | figures)
    )
