"""Users: who has a ledger. A user's id is their Firebase uid; the row comes before anything else of theirs.

Signing up also makes the version counter and marks the head document, which the mirror creates before any other.
Signing up again refreshes the profile and changes nothing when it is the same. Who may call: the API.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from sync.db import Mark, edit, retrying, transaction
from sync.deps import Deps
from sync.errors import UserNotFound
from sync.ledger import fields

_UPSERT = text("""
    insert into users as u (id, email, display_name) values (:id, :email, :name)
    on conflict (id) do update set email = excluded.email, display_name = excluded.display_name
    where (u.email, u.display_name) is distinct from (excluded.email, excluded.display_name)
""")
_FIND = text("select id, email, display_name from users where id = :id")

User = dict[str, Any]


@retrying
def sign_up(deps: Deps, user_id: str, email: str | None, name: str | None) -> tuple[User, list[Mark]]:
    """Makes or refreshes the user; twice is safe. Raises InvalidFields."""
    email = None if email is None else fields.words(email, "email", 320)
    name = None if name is None else fields.words(name, "displayName", 200)
    with edit(deps.engine, user_id, signed_up=False) as (connection, marked):
        connection.execute(_UPSERT, {"id": user_id, "email": email, "name": name})
    return {"id": user_id, "email": email, "displayName": name}, marked


def get_user(deps: Deps, user_id: str) -> User:
    """The profile; raises UserNotFound before sign-up."""
    with transaction(deps.engine, user_id) as connection:
        row = connection.execute(_FIND, {"id": user_id}).first()
    if row is None:
        raise UserNotFound
    return {"id": row.id, "email": row.email, "displayName": row.display_name}
