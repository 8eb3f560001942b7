"""Epochs: after a restore or a failover that lost commits, every version has to be greater than any seen before.

Version numbers that were lost would be handed out again, and a browser, or a commit under way, cannot tell the two
apart. So the epoch of each owner is raised and everything of theirs is marked, an owner per transaction: the mirror
writes each document anew. What only Firestore has left of the lost commits is found by the audits, or at once by
`livespend mirror verify --repair`. Twice is safe and costs every document twice. A crash leaves whole owners; run it
again. Called by the operator's command.
"""

from __future__ import annotations

from collections.abc import Callable

from sync import log
from sync.audit.verify import ledger_url
from sync.db import retrying
from sync.deps import Deps
from sync.mirror.asked import owner_of
from sync.mirror.changes import Connection
from sync.mirror.projection import candidates
from sync.mirror.session import connect

_log = log.get(__name__)

_OWNERS = """
select owner from owners where %s is null or owner = %s
union select 'users/' || id from users where %s is null or 'users/' || id = %s
union select 'households/' || id from households where %s is null or 'households/' || id = %s
order by 1
"""
_LOCK = "select lock_owners(array[%s])"
_RAISE = "update owners set epoch = epoch + 1 where owner = %s"
_KNOWN = (
    "select path from mirror_state where owner = %s and not deleted union select path from changes where owner = %s"
)
_MARK = "select mark_documents(array_fill(%s::text, array[cardinality(%s)]), %s)"


def raise_epochs(
    deps: Deps, user_id: str | None = None, told: Callable[[int, int], None] = lambda done, total: None
) -> tuple[int, int]:
    """Raises the epoch of one user or of all, and marks all their documents; answers how many of each."""
    owner = None if user_id is None else owner_of(user_id)
    connection = connect(ledger_url(deps))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(_OWNERS, (owner,) * 6)
            owners = [name for (name,) in cursor.fetchall()]
        documents = 0
        for done, name in enumerate(owners):
            told(done, len(owners))
            documents += _raise(connection, name)
        told(len(owners), len(owners))
    finally:
        connection.close()
    _log.info("epochs_raised", owners=len(owners), documents=documents)
    return len(owners), documents


@retrying
def _raise(connection: Connection, owner: str) -> int:
    with connection, connection.cursor() as cursor:
        cursor.execute(_LOCK, (owner,))
        cursor.execute(_RAISE, (owner,))
        cursor.execute(_KNOWN, (owner, owner))
        known = {path for (path,) in cursor.fetchall()}
        paths = sorted(known | candidates(cursor, [owner]) | {owner})
        cursor.execute(_MARK, (owner, paths, paths))
    return len(paths)
