"""Categories: the taxonomy, which is everybody's and fixed, and each user's own.

A user's own category gets a random id and is soft-deleted. Removing one gives its entries back to rule and bank and
takes its parts, budgets and rules away, in the same transaction: no document ever names a category that is not there.
Who may call: the API; ledger and budgets ask `require` inside their own edits.
"""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import Connection, text

from sync.db import Mark, edit, retrying, transaction
from sync.deps import Deps
from sync.errors import CategoryExists, CategoryFixed, CategoryNotFound, InvalidFields
from sync.ledger import fields, rules

NAME_LENGTH = 60
UNCATEGORIZED = "UNCATEGORIZED"

Category = dict[str, Any]

_LIST = text("""
    select c.id, c.name, c.user_id is not null as own, x.category_id is not null as excluded
    from categories as c left join spend_exclusions as x on x.category_id = c.id
    where c.removed_at is null
    order by own desc, lower(c.name), c.id
""")
_OWNER = text("select user_id, removed_at from categories where id = :id")
_USABLE = text("select from categories where id = :id and removed_at is null")
_SAME_NAME = text("""
    select from categories
    where user_id = :user_id and removed_at is null and lower(name) = lower(:name) and id <> :id
""")
_INSERT = text("insert into categories (id, user_id, name) values (:id, :user_id, :name)")
_RENAME = text("update categories set name = :name where id = :id and name <> :name")
_RELEASE_ENTRIES = text("""
    update entries set user_category_id = null, edited_at = now()
    where user_id = :user_id and user_category_id = :id
""")
_RELEASE_SPLITS = text("delete from splits where user_id = :user_id and category_id = :id")
_RELEASE_RULED = text("""
    update entries set rule_category_id = null where user_id = :user_id and rule_category_id = :id
""")
_REMOVE_RULES = text("""
    update category_rules set removed_at = now() where user_id = :user_id and category_id = :id and removed_at is null
""")
_REMOVE_BUDGETS = text("""
    update budgets set removed_at = now() where user_id = :user_id and category_id = :id and removed_at is null
""")
_REMOVE = text("update categories set removed_at = now() where id = :id and removed_at is null")


def list_categories(deps: Deps, user_id: str) -> list[Category]:
    """Every category that an entry of this user may have, the user's own first."""
    with transaction(deps.engine, user_id) as connection:
        return [dict(row) for row in connection.execute(_LIST).mappings()]


@retrying
def add_category(deps: Deps, user_id: str, name: str) -> tuple[Category, list[Mark]]:
    """Makes a category of the user's own; raises InvalidFields or CategoryExists."""
    category_id = secrets.token_urlsafe(15)
    name = fields.words(name, "name", NAME_LENGTH)
    with edit(deps.engine, user_id) as (connection, marked):
        _refuse_same_name(connection, user_id, name, category_id)
        connection.execute(_INSERT, {"id": category_id, "user_id": user_id, "name": name})
    return _own(category_id, name), marked


@retrying
def rename_category(deps: Deps, user_id: str, category_id: str, name: str) -> tuple[Category, list[Mark]]:
    """Renames a category of the user's own; raises InvalidFields, CategoryNotFound, CategoryFixed or CategoryExists."""
    name = fields.words(name, "name", NAME_LENGTH)
    with edit(deps.engine, user_id) as (connection, marked):
        _require_own(connection, category_id)
        _refuse_same_name(connection, user_id, name, category_id)
        connection.execute(_RENAME, {"id": category_id, "name": name})
    return _own(category_id, name), marked


@retrying
def remove_category(deps: Deps, user_id: str, category_id: str) -> tuple[Category, list[Mark]]:
    """Removes a category of the user's own, with its budgets and rules.

    Its entries fall back to rule and bank, its parts of split entries to their remainder.

    Raises CategoryNotFound or CategoryFixed.
    """
    bound = {"id": category_id, "user_id": user_id}
    with edit(deps.engine, user_id) as (connection, marked):
        _require_own(connection, category_id)
        connection.execute(_RELEASE_ENTRIES, bound)
        connection.execute(_RELEASE_SPLITS, bound)
        connection.execute(_REMOVE_BUDGETS, bound)
        older = _remove_rules(connection, bound)
        connection.execute(_REMOVE, bound)
    if older:
        deps.ring("apply_rules", {"user_id": user_id})
    return {"id": category_id}, marked


def require(connection: Connection, category_id: str, field: str = "categoryId") -> str:
    """The id, if an entry of the connection's user may have it; else raises InvalidFields."""
    if not isinstance(category_id, str) or "\0" in category_id or _usable(connection, category_id) is None:
        raise InvalidFields({field: "there is no such category"})
    return category_id


def is_everybodys(connection: Connection, category_id: str) -> bool:
    """Whether this is a category of the taxonomy."""
    row = None if "\0" in category_id else connection.execute(_OWNER, {"id": category_id}).first()
    return row is not None and row.user_id is None


def _usable(connection: Connection, category_id: str) -> object:
    return connection.execute(_USABLE, {"id": category_id}).first()


def _remove_rules(connection: Connection, bound: dict[str, str]) -> bool:
    """Takes the rules into a category away; answers whether older entries wait for the rules that are left."""
    connection.execute(_RELEASE_RULED, bound)
    if connection.execute(_REMOVE_RULES, bound).rowcount == 0:
        return False
    return rules.apply_to_newest(connection, bound["user_id"]).rest is not None


def _require_own(connection: Connection, category_id: str) -> None:
    row = None if "\0" in category_id else connection.execute(_OWNER, {"id": category_id}).first()
    if row is None or row.removed_at is not None:
        raise CategoryNotFound
    if row.user_id is None:
        raise CategoryFixed


def _refuse_same_name(connection: Connection, user_id: str, name: str, category_id: str) -> None:
    bound = {"user_id": user_id, "name": name, "id": category_id}
    if connection.execute(_SAME_NAME, bound).first() is not None:
        raise CategoryExists


def _own(category_id: str, name: str) -> Category:
    return {"id": category_id, "name": name, "own": True, "excluded": False}
