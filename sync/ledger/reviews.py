"""Reviews: a pending row that vanished and a posted row that names none may be one; a person decides.

A bank that fails to match a posting leaves two entries: the pending's, with the user's edits, and a new one without.
When a posted row arrives that looks like such a pending row, the question is stored and shown on the posted row, and
nothing else happens: rows are never joined silently. A person confirms, declines or undoes; what the bank says later
counts more (lineage.py). Each answer is one transaction under the owner's lock, twice is safe. `suggest` is called by
the store step, the rest by the API.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from sync.db import Mark, edit, retrying, transaction
from sync.deps import Deps
from sync.errors import ReviewClosed, ReviewConfirmed, ReviewNotFound
from sync.ledger import fields, lineage, pendings
from sync.ledger.likeness import DAYS, HOLD, HOLD_MOST, LEAST_OF_PENDING, MOST_COMPARED, MOST_OF_PENDING, likeness
from sync.mirror.documents import review_document

LIST_LIMIT = 200

Review = dict[str, Any]

_REVIEWED = """exists (
    select from reviews where user_id = :user_id and state in ('open', 'confirmed', 'undone'))"""
_WAITING = """exists (
    select from transactions as p join accounts as a on a.id = p.account_id
    where a.item_id = :item_id and p.pending and p.superseded_by is null and p.created_at < now())"""
# Whether a posted row that the ledger has not seen can touch anything here.
QUESTIONS = f"({_REVIEWED} or {_WAITING})"
# One look whether there is anything to do at all.
_LOOSE_ENDS = text(f"""
    select
        exists (select from pulled_rows where known and claims is not null or pending and not known) as links,
        {_REVIEWED} as reviews,
        exists (select from pulled_rows as s join transactions as t on t.plaid_transaction_id = s.plaid_transaction_id
                where s.known and t.expired_at is not null) as expired,
        {_WAITING}
            and exists (select from pulled_rows where not known and not pending and pending_transaction_id is null)
            as unmatched
""")  # noqa: S608 - our own constants
# Rows of this very update are no candidates as pendings: what the bank tells of side by side is two.
_CANDIDATES = text("""
    with waiting as materialized (
        select p.*, a.plaid_account_id from transactions as p
        join accounts as a on a.id = p.account_id and a.item_id = :item_id
        join entries as e on e.id = p.entry_id and e.removed_at is null
        where p.pending and p.superseded_by is null and p.user_id = :user_id and p.created_at < now()
          and not exists (select from transactions as o
                          where o.entry_id = p.entry_id and o.removed_at is null and o.id <> p.id)
          and not exists (select from reviews as r
                          where r.pending_entry_id = p.entry_id and r.state in ('open', 'confirmed', 'undone'))
    )
    select p.entry_id as pending_entry_id, s.entry_id as posted_entry_id, p.name, p.merchant_name, p.amount, p.date,
        p.spent_on, p.iso_currency, p.unofficial_currency, s.name as posted_name, s.merchant_name as posted_merchant,
        s.amount as posted_amount, s.date as posted_date, s.authorized_date as posted_authorized
    from waiting as p
    cross join lateral (
        select * from pulled_rows as s
        where s.plaid_account_id = p.plaid_account_id and s.date between p.date and p.date + :days
          and (s.iso_currency, s.unofficial_currency) is not distinct from (p.iso_currency, p.unofficial_currency)
          and sign(s.amount) = sign(p.amount)
          and (abs(s.amount) between abs(p.amount) * :least and abs(p.amount) * :most
               or abs(p.amount) <= :hold and abs(s.amount) <= :hold_most)
          and not s.known and not s.pending and s.pending_transaction_id is null and s.claims is null
          and s.entry_id <> p.entry_id
          and not exists (select from reviews as r
                          where r.pending_entry_id = p.entry_id and r.posted_entry_id = s.entry_id)
        order by s.amount <> p.amount, s.date, s.plaid_transaction_id
        limit :compared
    ) as s
    order by p.entry_id, s.plaid_transaction_id
""")
_ASK = text("""
    insert into reviews (user_id, pending_entry_id, posted_entry_id, score, name, amount, iso_currency,
        unofficial_currency, date)
    values (:user_id, :pending_entry_id, :posted_entry_id, :score, :name, :amount, :iso_currency,
        :unofficial_currency, :date)
    on conflict do nothing
""")

_REVIEWS = """
    select r.id, r.state, r.score, r.pending_entry_id, r.posted_entry_id, r.name, r.amount, r.iso_currency,
        r.unofficial_currency, r.date, r.created_at, r.decided_at, r.pending_words, r.posted_words
    from reviews as r
"""
_ONE = text(f"{_REVIEWS} where r.id = :id")
_NEWEST = text(f"{_REVIEWS} where r.user_id = :user_id order by r.created_at desc, r.id limit :limit")
_JOINABLE = text("""
    select exists (select from transactions where entry_id = :posted and removed_at is null)
        and not exists (select from transactions where entry_id = :pending and removed_at is null and not pending)
""")
_DECIDE = text("update reviews set state = :state, decided_at = :now where id = :id")
_CONFIRM = text("""
    update reviews set state = 'confirmed', decided_at = :now, pending_words = :pending, posted_words = :posted
    where id = :id
""").bindparams(bindparam("pending", type_=JSONB), bindparam("posted", type_=JSONB))


def suggest(connection: Connection, item_id: UUID, user_id: str) -> None:
    """Settles late links and expired rows, and opens a review for each pending row that a row just stored may post.

    There is nothing to do after new posted rows alone, where there are no QUESTIONS.
    """
    bound = {"item_id": item_id, "user_id": user_id}
    ends = connection.execute(_LOOSE_ENDS, bound).one()
    if ends.expired:
        pendings.hear(connection)
    if ends.links:
        lineage.join_late(connection, user_id)
    if ends.reviews:
        lineage.release(connection, user_id)
    if ends.unmatched:
        shape = {
            "days": DAYS, "least": LEAST_OF_PENDING, "most": MOST_OF_PENDING, "hold": HOLD, "hold_most": HOLD_MOST,
            "compared": MOST_COMPARED,
        }  # fmt: skip
        pairs = [(likeness(row), row) for row in connection.execute(_CANDIDATES, bound | shape)]
        for score, row in _best(pairs):
            connection.execute(_ASK, {"user_id": user_id, "score": score, **row._mapping})


def reconsider(connection: Connection, user_id: str) -> None:
    """After removals: a joined row that the bank took back gives the pending one its place again."""
    lineage.release(connection, user_id)


def list_reviews(deps: Deps, user_id: str) -> list[Review]:
    """The newest 200 questions, whatever their state."""
    with transaction(deps.engine, user_id) as connection:
        rows = connection.execute(_NEWEST, {"user_id": user_id, "limit": LIST_LIMIT})
        return [_shown(row) for row in rows]


@retrying
def confirm(deps: Deps, user_id: str, review_id: UUID | str) -> tuple[Review, list[Mark]]:
    """The two are one payment: the posted row goes under the pending's entry. Twice is safe.

    Raises ReviewNotFound, or ReviewClosed when the bank has decided otherwise.
    """
    with edit(deps.engine, user_id) as (connection, marked):
        review = _find(connection, review_id)
        if review.state != "confirmed":
            _require_joinable(connection, review)
            pending, posted = lineage.join(connection, review.pending_entry_id, review.posted_entry_id)
            words = {"pending": lineage.stored(pending), "posted": lineage.stored(posted)}
            connection.execute(_CONFIRM, {"id": review.id, "now": deps.now(), **words})
        shown = _shown(_find(connection, review.id))
    return shown, marked


@retrying
def decline(deps: Deps, user_id: str, review_id: UUID | str) -> tuple[Review, list[Mark]]:
    """The two are different; never asked again. Twice is safe.

    Raises ReviewNotFound, ReviewClosed, or ReviewConfirmed for one to be undone first.
    """
    with edit(deps.engine, user_id) as (connection, marked):
        review = _find(connection, review_id)
        if review.state == "confirmed":
            raise ReviewConfirmed
        _move(deps, connection, review, "declined")
        shown = _shown(_find(connection, review.id))
    return shown, marked


@retrying
def undo(deps: Deps, user_id: str, review_id: UUID | str) -> tuple[Review, list[Mark]]:
    """Takes the answer back: both entries, their edits and the totals are as before. Twice is safe.

    Raises ReviewNotFound, or ReviewClosed when the bank has said the same since.
    """
    with edit(deps.engine, user_id) as (connection, marked):
        review = _find(connection, review_id)
        if review.state == "confirmed":
            lineage.part(connection, review)
        if review.state != "open":
            _move(deps, connection, review, "undone")
        shown = _shown(_find(connection, review.id))
    return shown, marked


def _best(pairs: Sequence[tuple[float | None, Row[Any]]]) -> Iterator[tuple[float, Row[Any]]]:
    """The likest pairs, each entry in one of them; among equals the nearest in time, then those stored first."""
    alike = [(score, row) for score, row in pairs if score is not None]
    alike.sort(key=lambda pair: (-pair[0], pair[1].posted_date - pair[1].date))
    taken: set[UUID] = set()
    for score, row in alike:
        if taken.isdisjoint((row.pending_entry_id, row.posted_entry_id)):
            taken |= {row.pending_entry_id, row.posted_entry_id}
            yield score, row


def _move(deps: Deps, connection: Connection, review: Row[Any], state: str) -> None:
    if review.state == "closed":
        raise ReviewClosed
    if review.state != state:
        connection.execute(_DECIDE, {"id": review.id, "state": state, "now": deps.now()})


def _require_joinable(connection: Connection, review: Row[Any]) -> None:
    entries = {"posted": review.posted_entry_id, "pending": review.pending_entry_id}
    if review.state == "closed" or not connection.execute(_JOINABLE, entries).scalar():
        raise ReviewClosed


def _find(connection: Connection, review_id: UUID | str) -> Row[Any]:
    row = connection.execute(_ONE, {"id": fields.key(review_id, ReviewNotFound)}).first()
    if row is None:
        raise ReviewNotFound
    return row


def _shown(row: Row[Any]) -> Review:
    sides = {"pendingEntryId": str(row.pending_entry_id), "postedEntryId": str(row.posted_entry_id)}
    told = review_document((str(row.id), row.state, None, *row[5:10]))
    del told["otherEntryId"]
    return {**told, **sides, "score": float(row.score), "createdAt": row.created_at, "decidedAt": row.decided_at}
