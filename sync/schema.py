"""Whether the ledger has everything this release reads: asked once, before a process begins to work.

A schema that is newer is welcome: columns and tables that this release does not know are left alone. One that is older
is refused by name, before the first statement fails in the middle of something. Called by the doors at start.
"""

from __future__ import annotations

from sqlalchemy import Engine, text

from sync import models
from sync.db import transaction
from sync.errors import SchemaTooOld

_COLUMNS = text("""
    select c.relname, a.attname from pg_class as c join pg_attribute as a on a.attrelid = c.oid
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
""")
_NAMED = 5


def require_schema(engine: Engine) -> None:
    """Raises SchemaTooOld naming what is missing; DatabaseUnavailable where nothing can be asked."""
    with transaction(engine) as connection:
        there = {(table, column) for table, column in connection.execute(_COLUMNS)}
    tables = {table for table, _ in there}
    missing = [name for name in models.metadata.tables if name not in tables]
    missing += [
        f"{table.name}.{column.name}"
        for table in models.metadata.tables.values()
        for column in table.columns
        if table.name in tables and (table.name, column.name) not in there
    ]
    if missing:
        rest = "" if len(missing) <= _NAMED else f" and {len(missing) - _NAMED} more"
        raise SchemaTooOld(f"missing: {', '.join(missing[:_NAMED])}{rest}; run `livespend migrate`")
