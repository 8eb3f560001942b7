"""A bank's kept pages as a file that tells what happened and to nobody whom: to be replayed where nobody's data is.

The file holds JSON lines, deflated: a head, one line per pull that was recorded, one per page. Pages are scrambled one
by one as they are read (scramble.py), so nothing is held in memory but the hashes of the digest; the ledger is read
only. Where the whole history is there, the head holds the digest that a replay has to end with. A crash leaves a file
without its last line, which is refused. Called by the operator; incident_replay.py reads the file.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, BinaryIO
from uuid import UUID

from sqlalchemy import Connection, text

from sync.db import snapshot
from sync.deps import Deps
from sync.errors import IncidentRefused, ItemNotFound
from sync.pull import kept_pages
from sync.pull.pages import parse_json
from sync.rebuild.ledger_digest import bank_lines, sum_of_lines
from sync.rebuild.scramble import Scrambler

FORMAT = "livespend-incident/1"

_SECONDS = 3600.0
_PART = 64 * 1024
# A number is written between these as text, then the quotes are taken away: no float ever touches an amount.
_MARK = "\ue000"
_NUMBER = re.compile(f'"{_MARK}([-0-9.]+)"')

_WINDOWS = text("""
    select window_id, (array_agg(start_cursor order by ordinal))[1] is null as from_start,
        (array_agg(next_cursor order by ordinal desc))[1] = '' as no_cursor
    from plaid_pages where item_id = :item_id and position is not null
    group by window_id order by min(position)
""")
# What the pages alone do not tell: then a replay cannot end with the ledger's digest.
_ITEM = text("""
    select i.id, i.removed_at is null
        and not exists (select from account_moves as m join accounts as a on a.id = m.account_id where a.item_id = i.id)
        and not exists (select from accounts as a where a.item_id = i.id and a.removed_at is not null)
        and not exists (select from reviews as r where r.user_id = i.user_id and r.state = 'confirmed') as plain,
        coalesce(k.forgotten, 0) = 0 as whole, k.item_id is not null as kept
    from items as i left join page_keys as k on k.item_id = i.id where i.id = :item_id
""")
_RUNS = text("""
    select extract(epoch from started_at - min(started_at) over ())::numeric(20, 3) as began,
        extract(epoch from finished_at - started_at)::numeric(20, 3) as took, pages, restarts, added, modified, removed,
        unchanged, anomalies, outcome, error_code
    from sync_runs where item_id = :item_id order by id
""")


@dataclass(frozen=True)
class Exported:
    """What a file holds. `digest` = that of the transactions a replay ends with, None where pages do not tell all."""

    windows: int
    pages: int
    runs: int
    digest: str | None


def export(deps: Deps, item_id: UUID, out: BinaryIO, scrambler: Scrambler, *, last: int | None = None) -> Exported:
    """Writes an item's pages, of its `last` updates or of all; raises ItemNotFound, PagesDamaged, IncidentRefused."""
    with snapshot(deps.engine, statement_seconds=_SECONDS) as connection:
        item = connection.execute(_ITEM, {"item_id": item_id}).first()
        if item is None:
            raise ItemNotFound
        if not item.kept:
            raise IncidentRefused("no page of this item is kept")
        windows = connection.execute(_WINDOWS, {"item_id": item_id}).all()
        chosen = windows if last is None else windows[-last:]
        if not chosen:
            raise IncidentRefused("no page of this item is kept")
        whole = item.plain and item.whole and len(chosen) == len(windows) and windows[0].from_start
        digest = _digest(connection, item_id, scrambler) if whole else None
        file = _Deflated(out)
        file.line({"format": FORMAT, "windows": len(chosen), "digest": digest, "plain": bool(whole)})
        runs = 0
        for run in connection.execute(_RUNS, {"item_id": item_id}):
            runs += 1
            file.line({"run": dict(run._mapping)})
        pages = 0
        for told in _scrambled(deps, connection, item_id, chosen, scrambler):
            pages += 1
            file.line(told)
        file.line({"end": {"pages": pages, "runs": runs}})
        file.close()
    return Exported(len(chosen), pages, runs, digest)


def read_file(source: BinaryIO) -> Iterator[dict[str, Any]]:
    """The lines of a file, numbers exact; raises IncidentRefused for one of another kind or cut off."""
    inflate, rest, last = zlib.decompressobj(), b"", None
    try:
        while part := source.read(_PART):
            *lines, rest = (rest + inflate.decompress(part)).split(b"\n")
            for line in lines:
                last = parse_json(line)
                yield last
    except (zlib.error, ValueError):
        raise IncidentRefused("this is no file of an incident") from None
    if not inflate.eof or rest or last is None or "end" not in last:
        raise IncidentRefused("the file is cut off")


def exact_json(value: Any) -> str:
    """JSON with amounts digit for digit."""
    return _NUMBER.sub(r"\1", json.dumps(value, ensure_ascii=False, default=_marked))


def _digest(connection: Connection, item_id: UUID, scrambler: Scrambler) -> str:
    lines = (line for line in bank_lines(connection, item_id) if line[0] == "transaction")
    return sum_of_lines(scrambler.ledger_line(line) for line in lines)


def _scrambled(
    deps: Deps, connection: Connection, item_id: UUID, windows: Any, scrambler: Scrambler
) -> Iterator[dict[str, Any]]:
    """Each page with its window; cursors are numbers, and each window begins where the one before it ended."""
    key = kept_pages.open_key(deps, item_id)
    before, number = "", 0
    for place, window in enumerate(windows):
        start = "" if window.from_start else before
        resync = start == "" and before != ""
        for page in kept_pages.read_window(connection, key, item_id, window.window_id):
            number += 1
            end = "" if window.no_cursor and not page.has_more else f"cursor-{number}"
            yield {"window": place, "resync": resync, **scrambler.page(parse_json(page.raw), start, end, number)}
            start = end
        before = start


def _marked(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{_MARK}{value:f}"
    raise TypeError(type(value).__name__)


class _Deflated:
    """Lines of JSON, deflated as they come."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._deflate = zlib.compressobj()

    def line(self, value: Any) -> None:
        self._out.write(self._deflate.compress(exact_json(value).encode() + b"\n"))

    def close(self) -> None:
        self._out.write(self._deflate.flush())
