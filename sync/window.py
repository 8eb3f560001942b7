"""The window: which months are mirrored row by row. One ledger row, moved by a job, never read from a clock elsewhere.

A projection reads `mirror_window` in its own snapshot, so two mirrors can never disagree about the month. Moving it
marks the transactions that enter or leave and every head; when the month has not changed nothing is written. A crash
leaves the old window, and the next run moves it. Who may call: the hourly job, and migrate for the first row.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, text

from sync.db import retrying, transaction
from sync.deps import Deps

_MOVE = text("""
    insert into mirror_window (first_month) values (:first_month)
    on conflict (singleton) do update set first_month = excluded.first_month
    where mirror_window.first_month <> excluded.first_month
""")
_SEED = text("insert into mirror_window (first_month) values (:first_month) on conflict (singleton) do nothing")
_READ = text("select first_month from mirror_window")


def first_month(today: date, months: int) -> date:
    """The first of `months` months, today's among them."""
    count = today.year * 12 + today.month - months
    return date(count // 12, count % 12 + 1, 1)


def seed_window(connection: Connection, today: date, months: int) -> None:
    """Makes the row if there is none; twice is safe."""
    connection.execute(_SEED, {"first_month": first_month(today, months)})


def move_window(deps: Deps) -> bool:
    """Moves the window to where the clock and MIRROR_WINDOW_MONTHS want it; answers whether it moved."""
    wanted = first_month(deps.now().date(), deps.settings.mirror_window_months)

    @retrying
    def move() -> bool:
        with transaction(deps.engine) as connection:
            if read_window(connection) == wanted:
                return False
            return connection.execute(_MOVE, {"first_month": wanted}).rowcount > 0

    return move()


def read_window(connection: Connection) -> date | None:
    """The first mirrored month, None before the first migration seeded it."""
    return connection.execute(_READ).scalar_one_or_none()
