"""Key rotation while everything runs: how much is sealed under which key, and moving it to the current one.

Every secret of the ledger is sealed by a data key that stands beside it, wrapped; the tables that hold one are listed
here and nowhere else (a test walks the catalogue). Moving is done in small steps, each row by compare-and-set on the
wrapped key that was read, so workers go on, nothing newer is overwritten, and a run that was killed is simply begun
again. The key service is asked between transactions, never inside one. Called by the operator's commands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, TextClause, text

from sync import log
from sync.db import retrying, transaction
from sync.deps import Deps
from sync.erase import erasure_records
from sync.errors import KeyInUse, VaultFailed, VaultUnavailable
from sync.keys.key_file import forget_key, read_keys
from sync.keys.kms import WrappedKey
from sync.keys.vault import Sealed, Vault

_log = log.get(__name__)

_STEP = 200
# What a process sealed just before the key changed may be committed long after: a task's hard time limit is shorter.
_GRACE = timedelta(hours=1)
_FIRST = UUID(int=0)

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Holder:
    """A table whose rows carry a wrapped data key, and how a row's key is opened and wrapped anew."""

    table: str
    id: str
    wrapped: str
    context: Callable[[UUID], str] | None = None
    columns: str = field(init=False)

    def __post_init__(self) -> None:
        sealed = "" if self.context else ", nonce, ciphertext"
        object.__setattr__(self, "columns", f"{self.id} as id, key_id, {self.wrapped} as wrapped_key{sealed}")


# Without a context: a sealed token, whose columns are those of vault.Sealed.
HOLDERS = (
    Holder("item_tokens", "item_id", "wrapped_key"),
    Holder("link_sessions", "id", "wrapped_key"),
    Holder("link_intents", "id", "wrapped_key"),
    Holder("page_keys", "item_id", "wrapped", context=lambda item_id: f"pages of {item_id}"),
    Holder("signing_keys", "id", "wrapped", context=erasure_records.context),
)


@dataclass
class Moved:
    """What one run did: rows brought under the current key, rows that somebody else changed first, rows that failed."""

    current: str
    moved: int = 0
    overtaken: int = 0
    failed: list[str] = field(default_factory=list)


def count_keys(deps: Deps) -> dict[str, dict[str, int]]:
    """How many secrets each table holds under each key."""
    with transaction(deps.engine) as connection:
        return {holder.table: dict(map(tuple, connection.execute(_count(holder)))) for holder in HOLDERS}


def find_unopened(deps: Deps, progress: Progress) -> list[str]:
    """Opens every secret; names those that do not open. Raises VaultUnavailable."""
    vault = _vault(deps)
    unopened = []
    for holder, row in _rows(deps, progress, None):
        try:
            _open(vault, holder, row)
        except VaultUnavailable:
            raise
        except VaultFailed as failed:
            unopened.append(f"{holder.table} {row.id}: {failed.detail}")
    return unopened


def rewrap(deps: Deps, progress: Progress) -> Moved:
    """Brings every secret under the current key. Twice is safe; raises VaultUnavailable, with what is done kept."""
    vault = _vault(deps)
    done = Moved(vault.current())
    for holder, rows in _steps(deps, progress, done.current):
        moves = []
        for row in rows:
            try:
                moves.append((row, _moved(vault, holder, row)))
            except VaultUnavailable:
                raise
            except VaultFailed as failed:
                _log.error("secret_not_rewrapped", table=holder.table, id=str(row.id), reason=failed.detail)
                done.failed.append(f"{holder.table} {row.id}: {failed.detail}")
        written = _write(deps, holder, moves)
        done.moved += written
        done.overtaken += len(moves) - written
    return done


def retire(deps: Deps, key_id: str) -> None:
    """Takes a key out of the key file; raises KeyInUse while anything is sealed under it, or may still come to be."""
    path = _vault(deps).key_file().path
    keys = read_keys(path)
    if key_id not in keys.keys:
        raise KeyInUse(f"there is no key {key_id!r} in the key file")
    if key_id == keys.current:
        raise KeyInUse(f"{key_id} is the current key: make another with `livespend keys rotate`")
    if keys.current_since is not None and deps.now() < (free := keys.current_since + _GRACE):
        raise KeyInUse(f"a process may still store what it sealed under {key_id}: try again after {free:%H:%M} UTC")
    held: Counter[str] = Counter()
    for counts in count_keys(deps).values():
        held.update(counts)
    if held[key_id]:
        raise KeyInUse(f"{held[key_id]} secrets are sealed under {key_id}: run `livespend keys rewrap` first")
    forget_key(path, key_id)


def _count(holder: Holder) -> TextClause:
    return text(f"select key_id, count(*) from {holder.table} where key_id is not null group by key_id")  # noqa: S608


def _rows(deps: Deps, progress: Progress, except_under: str | None) -> Iterator[tuple[Holder, Row[Any]]]:
    for holder, rows in _steps(deps, progress, except_under):
        for row in rows:
            yield holder, row


def _steps(deps: Deps, progress: Progress, except_under: str | None) -> Iterator[tuple[Holder, Sequence[Row[Any]]]]:
    """Walks every table by id in small steps, each read in a transaction of its own."""
    for holder in HOLDERS:
        chosen = f"from {holder.table} where key_id is not null and key_id is distinct from :key_id"
        count = text(f"select count(*) {chosen}")
        page = text(f"select {holder.columns} {chosen} and {holder.id} > :after order by {holder.id} limit :step")
        with transaction(deps.engine) as connection:
            total = connection.execute(count, {"key_id": except_under}).scalar_one()
        seen, after = 0, _FIRST
        progress(holder.table, 0, total)
        while True:
            with transaction(deps.engine) as connection:
                rows = connection.execute(page, {"key_id": except_under, "after": after, "step": _STEP}).all()
            if not rows:
                break
            yield holder, rows
            seen, after = seen + len(rows), rows[-1].id
            progress(holder.table, seen, max(seen, total))


def _open(vault: Vault, holder: Holder, row: Row[Any]) -> None:
    if holder.context is None:
        vault.decrypt(row.id, Sealed.of(row))
    else:
        vault.open_key(holder.context(row.id), WrappedKey(row.key_id, bytes(row.wrapped_key)))


def _moved(vault: Vault, holder: Holder, row: Row[Any]) -> Sealed:
    if holder.context is None:
        return vault.rewrap_token(row.id, Sealed.of(row))
    wrapped = vault.rewrap_key(holder.context(row.id), WrappedKey(row.key_id, bytes(row.wrapped_key)))
    return Sealed(wrapped.key_id, b"", b"", wrapped.wrapped)


@retrying
def _write(deps: Deps, holder: Holder, moves: Sequence[tuple[Row[Any], Sealed]]) -> int:
    """Stores the rows that still are what was read; answers how many."""
    token = "" if holder.context else ", nonce = m.nonce, ciphertext = m.ciphertext"
    statement = text(f"""
        update {holder.table} as t set key_id = m.key_id, {holder.wrapped} = m.wrapped_key {token}
        from unnest(cast(:ids as uuid[]), cast(:old_keys as text[]), cast(:old_wrapped as bytea[]),
            cast(:key_ids as text[]), cast(:wrapped as bytea[]), cast(:nonces as bytea[]),
            cast(:ciphertexts as bytea[])) as m (id, old_key, old_wrapped, key_id, wrapped_key, nonce, ciphertext)
        where t.{holder.id} = m.id and t.key_id = m.old_key and t.{holder.wrapped} is not distinct from m.old_wrapped
    """)  # noqa: S608 - names of our own tables
    bound = {
        "ids": [row.id for row, _ in moves],
        "old_keys": [row.key_id for row, _ in moves],
        "old_wrapped": [None if row.wrapped_key is None else bytes(row.wrapped_key) for row, _ in moves],
        "key_ids": [to.key_id for _, to in moves],
        "wrapped": [to.wrapped_key for _, to in moves],
        "nonces": [to.nonce for _, to in moves],
        "ciphertexts": [to.ciphertext for _, to in moves],
    }
    if not moves:
        return 0
    with transaction(deps.engine) as connection:
        return connection.execute(statement, bound).rowcount


def _vault(deps: Deps) -> Vault:
    assert deps.vault is not None
    return deps.vault
