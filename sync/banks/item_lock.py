"""The lock of one item: whoever holds it is the only one to pull it, to exchange its token, to end it at Plaid.

A session lock on a connection of its own: it ends with the process, whatever that did. It is efficiency only for
pulls, which the cursor's compare-and-set keeps right. For a token's exchange it decides what a dead token means: who
holds the lock and finds an exchange begun and not ended knows that nobody is about to end it.
Called by pull.py, tokens.py and sweep.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

_TRY_LOCK = text("select pg_try_advisory_lock(hashtextextended('livespend item ' || :item_id, 0))")
_UNLOCK = text("select pg_advisory_unlock(hashtextextended('livespend item ' || :item_id, 0))")


@contextmanager
def hold_item(engine: Engine, item_id: UUID) -> Iterator[bool]:
    """Holds the item's lock until the block ends, and answers whether we got it; never waits for it."""
    bound = {"item_id": str(item_id)}
    with engine.connect() as plain:
        connection = plain.execution_options(isolation_level="AUTOCOMMIT")
        alone = bool(connection.execute(_TRY_LOCK, bound).scalar())
        try:
            yield alone
        finally:
            if alone:
                _let_go(connection, bound)


def _let_go(connection: Connection, bound: dict[str, str]) -> None:
    try:
        connection.execute(_UNLOCK, bound)
    except DBAPIError as error:
        if not error.connection_invalidated:  # else the lock ended with its connection, and the work is done
            raise
