"""What households cost who is in none, and who is in one: `python -m bench.households [rounds]`.

One edit of a category and one insert of 500 rows, each a statement in a transaction that is rolled back, so that no
fsync hides a difference: with the triggers of households taken off, with them, and by a member who shares everything.
A thousand other households of two members are there. Round by round, in shuffled order.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from bench.ground import ground, interleave, paired, publish, spread

_HOMES = """
insert into users (id) select 'home' || n from generate_series(1, 2000) as n;
insert into households (id, name) select 'h' || n, 'Home' from generate_series(1, 1000) as n;
insert into household_members (household_id, user_id, shares_all)
select 'h' || (1 + n / 2), 'home' || (n + 1), true from generate_series(0, 1999) as n;
insert into households (id, name) values ('bench', 'Home');
insert into household_members (household_id, user_id, shares_all) values ('bench', 'bench2', true);
delete from changes;
vacuum analyze
"""
_EDIT = """
update entries set user_category_id = case when user_category_id = 'OTHER' then 'TRAVEL' else 'OTHER' end where id = %s
"""
_INSERT = """
insert into transactions (entry_id, user_id, source, amount, iso_currency, date, pending, name, bank_category_id)
select id, user_id, 'manual', 5, 'USD', current_date - (n %% 28)::int, false, 'Row', 'TRAVEL'
from (select id, user_id, row_number() over () as n from entries
      where user_id = %s and not exists (select from transactions where entry_id = entries.id) limit 500) as fresh
"""
_TRIGGERS = [("entries", "shares_update"), ("transactions", "shares_insert")]


def main(rounds: int) -> None:
    started = time.monotonic()
    with ground() as bench:
        bench.people(2, 2000)
        bench.sql("insert into entries (user_id) select 'bench' || (1 + n % 2) from generate_series(1, 1000) as n")
        for statement in _HOMES.split(";"):
            bench.sql(statement)
        connection = bench.connect()
        connection.autocommit = False
        people = ("bench1", "bench2")
        ids = {
            one: bench.sql("select entry_id from transactions where user_id = %(u)s limit 1", u=one)[0][0]
            for one in people
        }

        def switch(word: str) -> None:
            for table, trigger in _TRIGGERS:
                bench.sql(f"alter table {table} {word} trigger {trigger}")

        def measured(statement: str, bound: Any, *, off: bool = False) -> float:
            switch("disable" if off else "enable always")
            with connection.cursor() as cursor:
                cursor.execute(statement, (bound,))
                connection.rollback()
                began = time.perf_counter()
                cursor.execute(statement, (bound,))
                seconds = time.perf_counter() - began
                connection.rollback()
            return seconds * 1000

        arms: dict[str, Callable[[], float]] = {}
        for name, statement, bound in (("edit", _EDIT, ids), ("insert", _INSERT, {one: one for one in people})):
            arms[f"{name}, triggers off"] = partial(measured, statement, bound["bench1"], off=True)
            arms[f"{name}, in no household"] = partial(measured, statement, bound["bench1"])
            arms[f"{name}, sharing everything"] = partial(measured, statement, bound["bench2"])
        interleave(arms, 5)
        figures = interleave(arms, rounds, seed=2)
    publish(
        "households",
        started,
        ms={name: spread(values) for name, values in figures.items()},
        over_triggers_off={
            name: paired(values, figures[f"{name.partition(',')[0]}, triggers off"])
            for name, values in figures.items()
            if not name.endswith("off")
        },
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
