"""A user's category rules: reading, adding, changing, ordering, removing, and what a rule would change.

A rule names conditions, of which at least one, and a category; the first rule in order decides. A new rule stands
first, for it is the newest word. Each edit judges the newest entries in its own transaction (rules.py) and answers what
it marked; removed softly. Who may call: the API.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import Connection, Row, text

from sync.db import Mark, edit, retrying, transaction
from sync.deps import Deps
from sync.errors import InvalidFields, RuleNotFound
from sync.ledger import categories, fields, ledger, rules
from sync.money import exact

MOST = 100
SHOWN = 20
NAME_LENGTH = 200
MATCHES = ("contains", "equals", "starts")
DIRECTIONS = ("in", "out")

Shown = dict[str, Any]

_CONDITIONS = ("name_match", "name_text", "account_id", "direction", "min_amount", "max_amount", "bank_category_id")
_FIELDS = (*_CONDITIONS, "category_id")
_LIST = text("""
    select id, position, name_match, name_text, account_id, direction, min_amount, max_amount, bank_category_id,
        category_id
    from category_rules where user_id = :user_id and removed_at is null
    order by position, id
""")
_INSERT = text("""
    insert into category_rules (id, user_id, position, name_match, name_text, account_id, direction, min_amount,
        max_amount, bank_category_id, category_id)
    values (:id, :user_id, 0, :name_match, :name_text, :account_id, :direction, :min_amount, :max_amount,
        :bank_category_id, :category_id)
""")
_CHANGE = text("""
    update category_rules set name_match = :name_match, name_text = :name_text, account_id = :account_id,
        direction = :direction, min_amount = :min_amount, max_amount = :max_amount,
        bank_category_id = :bank_category_id, category_id = :category_id
    where id = :id
""")
_REMOVE = text("update category_rules set removed_at = now() where id = :id and removed_at is null")
_ORDER = text("""
    update category_rules as r set position = o.position
    from unnest(cast(:ids as uuid[])) with ordinality as o(id, position)
    where r.id = o.id and r.position <> o.position
""")
_ACCOUNT = text("select from accounts where id = :id and removed_at is null")
_TAXONOMY = text("select from categories where id = :id and user_id is null")
_PREVIEW = text(f"""
    with given as (
        select cast(:name_match as text) as name_match, cast(:name_text as text) as name_text,
            cast(:account_id as uuid) as account_id, cast(:direction as text) as direction,
            cast(:min_amount as numeric) as min_amount, cast(:max_amount as numeric) as max_amount,
            cast(:bank_category_id as text) as bank_category_id
    ),
    held as (
        select t.entry_id, t.spent_on, e.user_category_id is null
            and coalesce(e.rule_category_id, t.bank_category_id) <> :category_id as changes
        from given as r
        join transactions as t on t.user_id = :user_id and t.source = 'bank' and t.removed_at is null and {rules.HOLDS}
        join entries as e on e.id = t.entry_id and e.removed_at is null
    )
    select count(*) as matches, count(*) filter (where changes) as changes,
        coalesce((array_agg(entry_id order by spent_on desc, entry_id desc) filter (where changes))[1:{SHOWN}],
            array[]::uuid[]) as first
    from held
""")  # noqa: S608 - our own constants


class Edited(NamedTuple):
    """A rule as it is now (None once removed), the marks, entries changed, and whether older ones still are."""

    rule: Shown | None
    marked: list[Mark]
    changed: int
    applying: bool


def list_rules(deps: Deps, user_id: str) -> list[Shown]:
    """The user's rules, the first to decide first."""
    with transaction(deps.engine, user_id) as connection:
        return [_shown(row, place) for place, row in enumerate(_rows(connection, user_id), 1)]


@retrying
def add_rule(deps: Deps, user_id: str, given: Mapping[str, Any]) -> Edited:
    """Makes a rule that stands first; `given` holds conditions and category_id. Raises InvalidFields."""
    rule_id = uuid4()
    with edit(deps.engine, user_id) as (connection, marked):
        before = _rows(connection, user_id)
        if len(before) >= MOST:
            raise InvalidFields({"rules": f"there may be at most {MOST}: remove one first"})
        rule = _checked(connection, {"category_id": None, **given})
        connection.execute(_INSERT, {"id": rule_id, "user_id": user_id, **rule})
        _arrange(connection, [rule_id, *(row.id for row in before)])
        judged = rules.apply_to_newest(connection, user_id)
        shown = _one(connection, user_id, rule_id)
    return _edited(deps, user_id, shown, marked, judged)


@retrying
def change_rule(
    deps: Deps, user_id: str, rule_id: UUID | str, given: Mapping[str, Any], position: int | None = None
) -> Edited:
    """Changes what is given, None to drop a condition, and moves the rule to a place (from 1; beyond the end: last).

    Raises RuleNotFound or InvalidFields. Twice is safe: the second changes and marks nothing.
    """
    with edit(deps.engine, user_id) as (connection, marked):
        row = _find(connection, user_id, rule_id)
        before = {name: getattr(row, name) for name in _FIELDS}
        after = before | _checked(connection, {**before, **given}) if given else before
        if after != before:
            connection.execute(_CHANGE, {"id": row.id, **after})
        if position is not None:
            others = [one.id for one in _rows(connection, user_id) if one.id != row.id]
            others.insert(max(position, 1) - 1, row.id)
            _arrange(connection, others)
        judged = rules.apply_to_newest(connection, user_id)
        shown = _one(connection, user_id, row.id)
    return _edited(deps, user_id, shown, marked, judged)


@retrying
def remove_rule(deps: Deps, user_id: str, rule_id: UUID | str) -> Edited:
    """Takes a rule away: its entries go to the next rule that holds, or back to the bank. Raises RuleNotFound."""
    with edit(deps.engine, user_id) as (connection, marked):
        row = _find(connection, user_id, rule_id)
        connection.execute(_REMOVE, {"id": row.id})
        _arrange(connection, [one.id for one in _rows(connection, user_id)])
        judged = rules.apply_to_newest(connection, user_id)
    return _edited(deps, user_id, None, marked, judged)


def preview_rule(deps: Deps, user_id: str, given: Mapping[str, Any]) -> Shown:
    """What a new rule would do: entries it holds for, entries it would move, and the newest 20 of those.

    Changes nothing. Raises InvalidFields.
    """
    with transaction(deps.engine, user_id) as connection:
        rule = _checked(connection, {"category_id": None, **given})
        found = connection.execute(_PREVIEW, {"user_id": user_id, **rule}).one()
        shown = ledger.several(connection, found.first)
    return {"matches": found.matches, "changes": found.changes, "transactions": shown}


def _edited(deps: Deps, user_id: str, rule: Shown | None, marked: list[Mark], judged: rules.Judged) -> Edited:
    if judged.rest is not None:
        deps.ring("apply_rules", {"user_id": user_id})
    return Edited(rule, marked, judged.changed, judged.rest is not None)


def _rows(connection: Connection, user_id: str) -> Sequence[Row[Any]]:
    return connection.execute(_LIST, {"user_id": user_id}).all()


def _find(connection: Connection, user_id: str, rule_id: UUID | str) -> Row[Any]:
    key = fields.key(rule_id, RuleNotFound)
    row = next((row for row in _rows(connection, user_id) if row.id == key), None)
    if row is None:
        raise RuleNotFound
    return row


def _arrange(connection: Connection, ids: Sequence[UUID]) -> None:
    connection.execute(_ORDER, {"ids": list(ids)})


def _one(connection: Connection, user_id: str, rule_id: UUID) -> Shown:
    return next(_shown(row, place) for place, row in enumerate(_rows(connection, user_id), 1) if row.id == rule_id)


def _checked(connection: Connection, given: Mapping[str, Any]) -> dict[str, Any]:
    """Every field of a rule as it will be stored; raises InvalidFields naming the first that is wrong."""
    rule: dict[str, Any] = {name: given.get(name) for name in _FIELDS}
    if all(rule[name] is None for name in _CONDITIONS):
        raise InvalidFields({"nameText": "a rule needs at least one condition"})
    if (rule["name_match"] is None) is not (rule["name_text"] is None):
        raise InvalidFields({"nameMatch": "must be given together with nameText"})
    rule["category_id"] = categories.require(connection, rule["category_id"])
    for name, check in _CHECKS.items():
        if rule[name] is not None:
            rule[name] = check(connection, rule[name])
    if None not in (rule["min_amount"], rule["max_amount"]) and rule["min_amount"] > rule["max_amount"]:
        raise InvalidFields({"maxAmount": "must not be below minAmount"})
    return rule


def _account(connection: Connection, value: UUID | str) -> UUID:
    missing = InvalidFields({"accountId": "there is no such account"})
    try:
        key = value if isinstance(value, UUID) else UUID(value)
    except ValueError:
        raise missing from None
    if connection.execute(_ACCOUNT, {"id": key}).first() is None:
        raise missing
    return key


def _bank_category(connection: Connection, value: str) -> str:
    if "\0" in value or connection.execute(_TAXONOMY, {"id": value}).first() is None:
        raise InvalidFields({"bankCategoryId": "must be a category of the taxonomy"})
    return value


def _one_of(value: str, known: Sequence[str], field: str) -> str:
    if value not in known:
        raise InvalidFields({field: f"must be one of {', '.join(known)}"})
    return value


_CHECKS: Mapping[str, Callable[[Connection, Any], Any]] = {
    "name_match": lambda _, value: _one_of(value, MATCHES, "nameMatch"),
    "name_text": lambda _, value: fields.words(value, "nameText", NAME_LENGTH),
    "account_id": _account,
    "direction": lambda _, value: _one_of(value, DIRECTIONS, "direction"),
    "min_amount": lambda _, value: fields.limit_amount(value, "minAmount"),
    "max_amount": lambda _, value: fields.limit_amount(value, "maxAmount"),
    "bank_category_id": _bank_category,
}


def _shown(row: Row[Any], place: int) -> Shown:
    return {
        "id": row.id,
        "position": place,
        "categoryId": row.category_id,
        "nameMatch": row.name_match,
        "nameText": row.name_text,
        "accountId": row.account_id,
        "direction": row.direction,
        "minAmount": _money(row.min_amount),
        "maxAmount": _money(row.max_amount),
        "bankCategoryId": row.bank_category_id,
    }


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else exact(amount)
