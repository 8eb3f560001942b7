"""Plaid's detailed categories that the taxonomy does not know: stored raw, counted under their primary, and told of.

The taxonomy is an open set, so an unknown code is no failure; it is the sign that a newer edition exists. Each store
step logs a code once, with how many rows carry it, never a row. Called by apply.py.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, text

from sync import log, metrics

_log = log.get(__name__)
_FILE = Path(__file__).parent / "data" / "plaid_pfc_v2.json"

_CODES = text("""
    select s.code, coalesce(main.id, 'UNCATEGORIZED') as counted_as, s.rows
    from (select bank_category_detailed as code, min(bank_category_primary) as main, count(*) as rows
          from pulled_rows where bank_category_detailed is not null group by 1) as s
    left join categories as main on main.id = s.main and main.user_id is null
    order by s.code
""")


@cache
def detailed_codes() -> frozenset[str]:
    """Every detailed code of the edition at hand."""
    primaries = json.loads(_FILE.read_text())["primaries"]
    return frozenset(code for primary in primaries.values() for code in primary["detailed"])


@cache
def primary_codes() -> frozenset[str]:
    """Every primary code of the edition at hand."""
    return frozenset(json.loads(_FILE.read_text())["primaries"])


def warn_of_unknown(connection: Connection, codes: Sequence[str | None]) -> list[str]:
    """Logs and counts each detailed code among those of the staged rows that is not in the taxonomy; answers them."""
    if detailed_codes().issuperset(filter(None, codes)):
        return []
    found = [row for row in connection.execute(_CODES) if row.code not in detailed_codes()]
    for row in found:
        _log.warning("unknown_category", category=row.code, counted_as=row.counted_as, rows=row.rows)
        metrics.UNKNOWN_CATEGORIES.labels(row.counted_as).inc(row.rows)
    return [row.code for row in found]
