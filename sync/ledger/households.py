"""Households: members who show each other the accounts that they choose, and share budgets (docs/households.md).

Who joins shows nothing until they say what. An invitation's code is told once and kept as its digest: it lets one
person in, for seven days. Whoever leaves or is removed takes their rows along; the eldest member follows an owner who
goes; with the last member goes the household. Every edit locks its users' counters, then the household's; who may do
what is decided in the database (migrations/sql/0025_households.sql). Twice is safe unless said otherwise. Who may
call: the API.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID, uuid4

from sqlalchemy import Connection, Row, text

from sync.db import Mark, retrying, transaction
from sync.deps import Deps
from sync.errors import (
    AccountNotShareable,
    BudgetExists,
    BudgetNotFound,
    HouseholdFull,
    HouseholdNotFound,
    InvalidFields,
    InvitationInvalid,
    MemberNotFound,
    NotTheHouseholdsOwner,
    UserNotFound,
)
from sync.ledger import categories, fields
from sync.mirror.documents import Budget, budget_document

NAME_LENGTH = 60
MEMBERS_AT_MOST = 10
HOUSEHOLDS_AT_MOST = 5
INVITED_FOR = timedelta(days=7)
_CODE_BYTES = 15
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")

_USER = text("select from users where id = :id")
_LIST = text("select id, name from households order by created_at, id")
_PEOPLE = text("select household_id, user_id, display_name, role, shares_all, joined_at from household_people()")
_OWN_SHARES = text("select household_id, account_id from household_shares where user_id = :user_id order by account_id")
_CREATE = text("select create_household(:name, :most)")
_LOCK = text("select lock_household(:id, :everybody)")
_OWNS = text("select :id in (select own_households(true))")
_MARKED = text("select path, epoch, number from marked_in_household(:id, :number)")
_RENAME = text("update households set name = :name where id = :id and name <> :name")
_DISSOLVE = text("select dissolve_household(:id)")
_INVITE = text("""
    insert into household_invitations (code_sha256, household_id, user_id, expires_at)
    values (:code, :id, :user_id, :expires_at)
""")
_JOIN = text("select joined, outcome from join_household(:code, :now, :members, :households)")
_LEAVE = text("select leave_household(:id, :member_id)")
_SHARE_ALL = text("""
    update household_members set shares_all = :everything
    where household_id = :id and user_id = :user_id and shares_all <> :everything
""")
_SHARE = text("""
    insert into household_shares (household_id, user_id, account_id)
    select :id, :user_id, a.id from accounts as a
    where a.id = any (cast(:accounts as uuid[])) and a.removed_at is null
    on conflict do nothing
""")
_UNSHARE = text("""
    delete from household_shares
    where household_id = :id and user_id = :user_id and account_id <> all (cast(:accounts as uuid[]))
""")
_OWN_ACCOUNTS = text("""
    select count(*) from accounts where id = any (cast(:accounts as uuid[])) and removed_at is null
""")
_BUDGETS = text("""
    select id::text, category_id, iso_currency, limit_amount, starts_month from household_budgets
    where household_id = :id and removed_at is null and (cast(:budget_id as uuid) is null or id = :budget_id)
    order by category_id, iso_currency, id
""")
_ADD_BUDGET = text("""
    insert into household_budgets (id, household_id, category_id, iso_currency, limit_amount, starts_month)
    values (:budget_id, :id, :category_id, :currency, :limit, :starts_month)
    on conflict do nothing
""")
_CHANGE_BUDGET = text("""
    update household_budgets set limit_amount = :limit, starts_month = :starts_month
    where id = :budget_id and (limit_amount, starts_month) is distinct from (:limit, cast(:starts_month as date))
""")
_REMOVE_BUDGET = text("""
    update household_budgets set removed_at = now() where id = :budget_id and removed_at is null
""")

Shown: TypeAlias = dict[str, Any]


# --- households ---


def list_households(deps: Deps, user_id: str) -> list[Shown]:
    """The user's households with their members, and what the user shows there."""
    with transaction(deps.engine, user_id) as connection:
        return _list(connection, user_id)


@retrying
def create_household(deps: Deps, user_id: str, name: str) -> tuple[Shown, list[Mark]]:
    """Makes a household, owned by the user, who shows nothing yet; raises InvalidFields or HouseholdFull. Twice
    makes two: doors hold an idempotency key."""
    named = fields.words(name, "name", NAME_LENGTH)
    with transaction(deps.engine, user_id) as connection:
        _require_user(connection, user_id)
        made = connection.execute(_CREATE, {"name": named, "most": HOUSEHOLDS_AT_MOST}).scalar()
        if made is None:
            raise HouseholdFull(f"a user may be in at most {HOUSEHOLDS_AT_MOST} households")
        return _find(connection, user_id, made), _marked(connection, made, 0)


@retrying
def rename_household(deps: Deps, user_id: str, household_id: str, name: str) -> tuple[Shown, list[Mark]]:
    """Raises InvalidFields, HouseholdNotFound or NotTheHouseholdsOwner."""
    named = fields.words(name, "name", NAME_LENGTH)
    with _edit(deps, user_id, household_id) as (connection, marked):
        _require_owner(connection, household_id)
        connection.execute(_RENAME, {"id": household_id, "name": named})
        shown = _find(connection, user_id, household_id)
    return shown, marked


@retrying
def dissolve_household(deps: Deps, user_id: str, household_id: str) -> list[Mark]:
    """Ends the household for everybody; raises HouseholdNotFound or NotTheHouseholdsOwner."""
    with _edit(deps, user_id, household_id, everybody=True) as (connection, marked):
        _require_owner(connection, household_id)
        connection.execute(_DISSOLVE, {"id": household_id})
    return marked


# --- members ---


@retrying
def invite(deps: Deps, user_id: str, household_id: str) -> Shown:
    """A code that lets one person join; it is told this once. Raises HouseholdNotFound or NotTheHouseholdsOwner.

    Every call makes another.
    """
    code = secrets.token_urlsafe(_CODE_BYTES)
    expires_at = deps.now() + INVITED_FOR
    with _edit(deps, user_id, household_id) as (connection, _):
        _require_owner(connection, household_id)
        invitation = {"code": _digest(code), "id": household_id, "user_id": user_id, "expires_at": expires_at}
        connection.execute(_INVITE, invitation)
    return {"code": code, "expiresAt": expires_at}


@retrying
def join_household(deps: Deps, user_id: str, code: str) -> tuple[Shown, list[Mark]]:
    """Joins by an invitation's code, showing nothing yet; raises InvitationInvalid or HouseholdFull.

    A member's code, used or not, answers the household.
    """
    asked = {"code": _digest(code), "now": deps.now(), "members": MEMBERS_AT_MOST, "households": HOUSEHOLDS_AT_MOST}
    with transaction(deps.engine, user_id) as connection:
        _require_user(connection, user_id)
        joined, outcome = connection.execute(_JOIN, asked).one()
        if outcome == "full":
            raise HouseholdFull
        if outcome != "joined":
            raise InvitationInvalid
        marked = [mark for mark in _marked(connection, joined, 0) if mark.path.endswith(f"/members/{user_id}")]
        return _find(connection, user_id, joined), marked


@retrying
def remove_member(deps: Deps, user_id: str, household_id: str, member_id: str) -> list[Mark]:
    """The user leaves, or as an owner takes another member out.

    Raises HouseholdNotFound, MemberNotFound or NotTheHouseholdsOwner. Who has left is told no marks.
    """
    with _edit(deps, user_id, household_id, everybody=True) as (connection, marked):
        if member_id != user_id:
            _require_owner(connection, household_id)
        if (
            "\0" in member_id
            or not connection.execute(_LEAVE, {"id": household_id, "member_id": member_id}).scalar_one()
        ):
            raise MemberNotFound
    return marked


@retrying
def share(
    deps: Deps, user_id: str, household_id: str, *, everything: bool, accounts: Sequence[UUID]
) -> tuple[Shown, list[Mark]]:
    """Shows these accounts of the user's and no other, or everything: every account, and expenses added by hand.

    Raises HouseholdNotFound, or AccountNotShareable for an account that is not the user's.
    """
    chosen = sorted(set(accounts))
    bound = {"id": household_id, "user_id": user_id, "everything": everything, "accounts": chosen}
    with _edit(deps, user_id, household_id) as (connection, marked):
        if connection.execute(_OWN_ACCOUNTS, bound).scalar_one() != len(chosen):
            raise AccountNotShareable
        for statement in (_SHARE_ALL, _UNSHARE, _SHARE):
            connection.execute(statement, bound)
        shown = _find(connection, user_id, household_id)
    return shown, marked


# --- budgets ---


def list_budgets(deps: Deps, user_id: str, household_id: str) -> list[Shown]:
    """The household's budgets; raises HouseholdNotFound."""
    with transaction(deps.engine, user_id) as connection:
        _find(connection, user_id, household_id)
        return [_shown(row) for row in connection.execute(_BUDGETS, {"id": household_id, "budget_id": None})]


@retrying
def add_budget(
    deps: Deps, user_id: str, household_id: str, *, category_id: str, currency: str, limit: Decimal, starts_month: date
) -> tuple[Shown, list[Mark]]:
    """Makes a budget for a category of the taxonomy; raises HouseholdNotFound, InvalidFields or BudgetExists."""
    bound: Shown = {
        "id": household_id,
        "budget_id": uuid4(),
        "category_id": category_id,
        "currency": fields.currency(currency),
        "limit": fields.limit_amount(limit),
        "starts_month": fields.first_of_month(starts_month),
    }
    with _edit(deps, user_id, household_id) as (connection, marked):
        if not categories.is_everybodys(connection, category_id):
            raise InvalidFields({"categoryId": "must be a category of the taxonomy"})
        if connection.execute(_ADD_BUDGET, bound).rowcount == 0:
            raise BudgetExists
        shown = _shown(_budget(connection, household_id, bound["budget_id"]))
    return shown, marked


@retrying
def change_budget(
    deps: Deps,
    user_id: str,
    household_id: str,
    budget_id: UUID,
    *,
    limit: Decimal | None = None,
    starts_month: date | None = None,
) -> tuple[Shown, list[Mark]]:
    """Changes what is given; raises HouseholdNotFound, InvalidFields or BudgetNotFound."""
    with _edit(deps, user_id, household_id) as (connection, marked):
        before = _budget(connection, household_id, budget_id)
        after = {
            "budget_id": budget_id,
            "limit": before.limit_amount if limit is None else fields.limit_amount(limit),
            "starts_month": before.starts_month if starts_month is None else fields.first_of_month(starts_month),
        }
        connection.execute(_CHANGE_BUDGET, after)
        shown = _shown(_budget(connection, household_id, budget_id))
    return shown, marked


@retrying
def remove_budget(deps: Deps, user_id: str, household_id: str, budget_id: UUID) -> list[Mark]:
    """Takes a budget away; raises HouseholdNotFound or BudgetNotFound."""
    with _edit(deps, user_id, household_id) as (connection, marked):
        _budget(connection, household_id, budget_id)
        connection.execute(_REMOVE_BUDGET, {"budget_id": budget_id})
    return marked


# --- inside an edit ---


@contextmanager
def _edit(
    deps: Deps, user_id: str, household_id: str, *, everybody: bool = False
) -> Iterator[tuple[Connection, list[Mark]]]:
    """A member's transaction: the user's counter (or every member's) is locked, then the household's.

    The marks of the edit are listed when the block ends. Raises HouseholdNotFound for whoever is no member.
    """
    marked: list[Mark] = []
    named = household_id if _ID.fullmatch(household_id) else ""
    with transaction(deps.engine, user_id) as connection:
        number = connection.execute(_LOCK, {"id": named, "everybody": everybody}).scalar()
        if number is None:
            raise HouseholdNotFound
        yield connection, marked
        marked += _marked(connection, named, number)


def _marked(connection: Connection, household_id: str, number: int) -> list[Mark]:
    return [Mark(*row) for row in connection.execute(_MARKED, {"id": household_id, "number": number})]


def _require_user(connection: Connection, user_id: str) -> None:
    if connection.execute(_USER, {"id": user_id}).first() is None:
        raise UserNotFound


def _require_owner(connection: Connection, household_id: str) -> None:
    if not connection.execute(_OWNS, {"id": household_id}).scalar_one():
        raise NotTheHouseholdsOwner


def _find(connection: Connection, user_id: str, household_id: str) -> Shown:
    for one in _list(connection, user_id):
        if one["id"] == household_id:
            return one
    raise HouseholdNotFound


def _list(connection: Connection, user_id: str) -> list[Shown]:
    people = connection.execute(_PEOPLE).all()
    shares = connection.execute(_OWN_SHARES, {"user_id": user_id}).all()
    return [
        {
            "id": row.id,
            "name": row.name,
            "members": [_member(one) for one in people if one.household_id == row.id],
            "accounts": [share.account_id for share in shares if share.household_id == row.id],
        }
        for row in connection.execute(_LIST)
    ]


def _member(row: Row[Any]) -> Shown:
    return {
        "id": row.user_id,
        "displayName": row.display_name,
        "role": row.role,
        "sharesAll": row.shares_all,
        "joinedAt": row.joined_at,
    }


def _budget(connection: Connection, household_id: str, budget_id: UUID) -> Row[Any]:
    row = connection.execute(_BUDGETS, {"id": household_id, "budget_id": budget_id}).first()
    if row is None:
        raise BudgetNotFound
    return row


def _shown(row: Row[Any]) -> Shown:
    budget = Budget(row.id, row.category_id, row.iso_currency, row.limit_amount, row.starts_month)
    return {"id": row.id, **budget_document(budget)}


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.strip().encode(errors="replace")).digest()
