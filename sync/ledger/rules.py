"""Category rules at work: the rule's column of an entry, set as rows arrive and when the user's rules change.

Of a user's rules the first in position whose conditions all hold decides; the column is a function of the rules and
the bank's row, so setting it again writes nothing. What a user set stands above it, the bank's category below. After a
change of rules the newest entries are judged at once, the older ones by a pass of the worker in steps of bounded size,
newest first. A pass is owed in the ledger (rule_passes): a crash, or a lost doorbell, costs a repetition that writes
nothing twice. Called by apply.py, rulebook.py, categories.py and the worker.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from sync import log
from sync.db import lock_owners, retrying, transaction
from sync.deps import Deps

_log = log.get(__name__)

STEP = 2_000
_PASSES_AT_ONCE = 500
_STEP_SECONDS = 120.0

# Whether rule r holds for the bank's row t. A comparison with a name that is not there is not true.
HOLDS = """
    (r.name_text is null or case r.name_match
        when 'contains' then strpos(lower(t.name), lower(r.name_text)) > 0
            or strpos(lower(t.merchant_name), lower(r.name_text)) > 0
        when 'starts' then starts_with(lower(t.name), lower(r.name_text))
            or starts_with(lower(t.merchant_name), lower(r.name_text))
        else lower(t.name) = lower(r.name_text) or lower(t.merchant_name) = lower(r.name_text) end)
    and (r.account_id is null or r.account_id = t.account_id)
    and (r.direction is null or case r.direction when 'out' then t.amount > 0 else t.amount < 0 end)
    and (r.min_amount is null or abs(t.amount) >= r.min_amount)
    and (r.max_amount is null or abs(t.amount) <= r.max_amount)
    and (r.bank_category_id is null or r.bank_category_id = t.bank_category_id)
"""
_DECIDED = f"""
    (select r.category_id from category_rules as r
     where r.user_id = t.user_id and r.removed_at is null and {HOLDS}
     order by r.position, r.id limit 1)
"""  # noqa: S608 - our own constant
RULES = "select from category_rules where user_id = :user_id and removed_at is null"
_APPLY_TO_STAGED = text(f"""
    with judged as (
        select t.entry_id, {_DECIDED} as category_id
        from pulled_rows as s
        join transactions as t on t.entry_id = s.entry_id and t.user_id = :user_id and t.removed_at is null
    )
    update entries as e set rule_category_id = j.category_id
    from judged as j
    where e.id = j.entry_id and e.rule_category_id is distinct from j.category_id
""")  # noqa: S608 - our own constant
_APPLY_TO_STEP = text(f"""
    with step as materialized (
        select t.month, t.spent_on, t.entry_id, {_DECIDED} as category_id
        from transactions as t
        where t.user_id = :user_id and t.source = 'bank' and t.removed_at is null
          and (cast(:entry_id as uuid) is null
               or (t.month, t.spent_on, t.entry_id)
                  < (cast(:month as date), cast(:spent_on as date), cast(:entry_id as uuid)))
        order by t.month desc, t.spent_on desc, t.entry_id desc
        limit :size
    ),
    changed as (
        update entries as e set rule_category_id = s.category_id
        from step as s
        where e.id = s.entry_id and e.rule_category_id is distinct from s.category_id
        returning e.id
    )
    select month, spent_on, entry_id, count(*) over () as seen, (select count(*) from changed) as changed
    from step order by month, spent_on, entry_id limit 1
""")  # noqa: S608 - our own constant
# A row that is gone keeps no rule's word: if it comes back, the rules of that day decide.
_RELEASE_DEAD = text("""
    update entries as e set rule_category_id = null
    where e.user_id = :user_id and e.rule_category_id is not null
      and not exists (select from transactions as t where t.entry_id = e.id and t.removed_at is null)
""")
_OWE = text("""
    insert into rule_passes as p (user_id) values (:user_id)
    on conflict (user_id) do update set wanted = p.wanted + 1
""")
_OWED = text("select wanted from rule_passes where user_id = :user_id and wanted > done")
_ALL_OWED = text("select user_id from rule_passes where wanted > done order by user_id limit :at_once")
_SETTLE = text("update rule_passes set done = greatest(done, :wanted) where user_id = :user_id")


@dataclass(frozen=True)
class Place:
    """How far a pass has come: the last row it judged. Passes go from the newest row to the oldest."""

    month: date
    spent_on: date
    entry_id: UUID


@dataclass(frozen=True)
class Judged:
    """What a step changed, and where the next one begins; None when there is no older row."""

    changed: int
    rest: Place | None


def apply_to_staged(connection: Connection, user_id: str) -> None:
    """Sets the rule's category of the entries behind the rows just stored; for a user who has RULES."""
    connection.execute(_APPLY_TO_STAGED, {"user_id": user_id})


def apply_to_newest(connection: Connection, user_id: str) -> Judged:
    """Judges the newest entries after a change of rules, and owes a pass over what is older.

    The caller holds the owner's lock, and rings `apply_rules` after its commit if there is a rest.
    """
    judged = _step(connection, user_id, None)
    if judged.rest is not None:
        connection.execute(_OWE, {"user_id": user_id})
    return judged


def apply_rules(deps: Deps, user_id: str) -> int:
    """Passes over all of a user's entries until no pass is owed; answers how many it changed. Twice is safe."""
    changed = 0
    while (wanted := _owed(deps, user_id)) is not None:
        place: Place | None = None
        while (judged := _locked_step(deps, user_id, place)).rest is not None:
            changed, place = changed + judged.changed, judged.rest
        changed += judged.changed
        with transaction(deps.engine) as connection:
            connection.execute(_SETTLE, {"user_id": user_id, "wanted": wanted})
    if changed:
        _log.info("rules_applied", changed=changed)
    return changed


def ring_owed(deps: Deps) -> list[str]:
    """Rings for every pass that is owed, whether or not its doorbell was heard; answers whose."""
    with transaction(deps.engine) as connection:
        owed = list(connection.execute(_ALL_OWED, {"at_once": _PASSES_AT_ONCE}).scalars())
    for user_id in owed:
        deps.ring("apply_rules", {"user_id": user_id})
    return owed


def _owed(deps: Deps, user_id: str) -> int | None:
    with transaction(deps.engine) as connection:
        return connection.execute(_OWED, {"user_id": user_id}).scalar()


@retrying
def _locked_step(deps: Deps, user_id: str, after: Place | None) -> Judged:
    with transaction(deps.engine, statement_seconds=_STEP_SECONDS) as connection:
        lock_owners(connection, [f"users/{user_id}"])
        return _step(connection, user_id, after)


def _step(connection: Connection, user_id: str, after: Place | None) -> Judged:
    bound: dict[str, Any] = {"user_id": user_id, "size": STEP, "month": None, "spent_on": None, "entry_id": None}
    last = connection.execute(_APPLY_TO_STEP, bound | (vars(after) if after else {})).first()
    if last is not None and last.seen == STEP:
        return Judged(last.changed, Place(last.month, last.spent_on, last.entry_id))
    released = connection.execute(_RELEASE_DEAD, {"user_id": user_id}).rowcount
    return Judged((last.changed if last else 0) + released, None)
