"""Lineage: which rows of the bank are one real-world transaction, when that is told late, or told by the user.

What apply.py knows as rows arrive, it resolves itself. Here is the rest: a link that the bank tells after both rows
have an entry, a pending row that comes after its posting, and two entries that a person joined or parted. Joined by a
person, two entries exchange their rows: the posted rows stand under the pending's entry with its edits, the pending
rows rest under the other one, which is taken out of sight. Each row's own state stays the bank's all the while, so
parting them again loses no word that the bank said meanwhile. Called under the owner's lock: by the store step, and by
reviews.py.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from sync import log

_log = log.get(__name__)

NOTE_LENGTH = 500

# The claimer's own entry differs from that of the row it posts. Either the link came after both rows, or the pending
# row did. A pending row's entry that another live row holds stays with that one, as in apply.py.
_LATE = text("""
    with pairs as (
        select q.id as posted, p.id as pending, q.created_at
        from pulled_rows as s
        join transactions as q on q.plaid_transaction_id = s.plaid_transaction_id and q.user_id = :user_id
        join transactions as p on p.plaid_transaction_id = s.claims and p.user_id = :user_id
        where s.known and s.claims = s.pending_transaction_id and p.entry_id <> q.entry_id
        union all
        select q.id, p.id, q.created_at
        from pulled_rows as s
        join transactions as p on p.plaid_transaction_id = s.plaid_transaction_id and p.user_id = :user_id
        join transactions as q on q.pending_transaction_id = s.plaid_transaction_id and q.user_id = :user_id
        where s.pending and not s.known and s.heir is null and p.entry_id <> q.entry_id
    )
    select distinct on (pending) posted, pending from pairs order by pending, created_at, posted
""")
_PAIR = text("""
    select q.entry_id as posted_entry, p.entry_id as pending_entry, q.plaid_transaction_id as heir,
        exists (select from transactions as o where o.entry_id = q.entry_id and o.removed_at is null) as posted_lives,
        p.removed_at is null as pending_lives,
        exists (select from transactions as o
                where o.entry_id = p.entry_id and o.removed_at is null and o.id <> p.id) as taken
    from transactions as q, transactions as p where q.id = :posted and p.id = :pending
""")
_SUPERSEDE = text("""
    update transactions set removed_at = case when :dies then coalesce(removed_at, now()) else removed_at end,
        superseded_by = case when :dies or removed_at is not null then :heir else superseded_by end
    where id = :pending
""")
_MOVE = text("update transactions set entry_id = :winner where entry_id = :loser")
_GIVE_RULE = text("""
    update entries as w set rule_category_id = l.rule_category_id from entries as l
    where w.id = :winner and l.id = :loser and w.rule_category_id is distinct from l.rule_category_id
""")

# The shelf: rows of a confirmed pair's pending side that are live although they should not be the ones in sight. A
# posted one is what the pending became in truth; a pending one counts again when the posting was taken back.
_CONTRADICTED = text("""
    select r.id, r.pending_entry_id, r.posted_entry_id, r.pending_words, r.posted_words, not shelf.pending as settled
    from reviews as r join transactions as shelf on shelf.entry_id = r.posted_entry_id and shelf.removed_at is null
    where r.user_id = :user_id and r.state = 'confirmed'
      and (not shelf.pending or not exists (
            select from transactions as q where q.entry_id = r.pending_entry_id and q.removed_at is null))
""")
_CONFIRMED = text("""
    select id, pending_entry_id, posted_entry_id, pending_words, posted_words from reviews
    where user_id = :user_id and state = 'confirmed'
      and (pending_entry_id = any (:entries) or posted_entry_id = any (:entries))
""")
_SETTLE = text("update reviews set state = :state, decided_at = now() where id = :id")
# What was asked is answered by the bank: the two are one already, or the pending row was posted as another row.
_CLOSE = text("""
    update reviews as r set state = 'closed', decided_at = now()
    where r.user_id = :user_id and r.state in ('open', 'undone')
      and exists (select from transactions as t
                  where t.entry_id = r.pending_entry_id and t.removed_at is null and not t.pending)
""")
_CLOSE_ABOUT = text("""
    update reviews set state = 'closed', decided_at = now()
    where user_id = :user_id and (
        state <> 'closed' and (pending_entry_id = :loser or posted_entry_id = :loser)
        or state in ('open', 'undone') and posted_entry_id = :winner)
""")

_HIDE = text("update transactions set removed_at = now() where entry_id = :entry and removed_at is null returning id")
_EXCHANGE = text("""
    update transactions set entry_id = case entry_id when :a then cast(:b as uuid) else cast(:a as uuid) end
    where entry_id in (:a, :b)
""")
_SHOW = text("update transactions set removed_at = null where id = any (:rows)")
_EXCHANGE_RULES = text("""
    update entries as e set rule_category_id = o.rule_category_id from entries as o
    where e.id in (:a, :b) and o.id in (:a, :b) and o.id <> e.id
      and e.rule_category_id is distinct from o.rule_category_id
""")
_SHELVE = text("update entries set removed_at = case when :away then now() end where id = :entry")
_LIVES = text("select exists (select from transactions where entry_id = :entry and removed_at is null)")

_WORDS = text("""
    select e.id, e.user_category_id as category_id, e.note,
        coalesce((select jsonb_agg(jsonb_build_array(s.category_id, s.amount::text, s.note) order by s.position)
                  from splits as s where s.entry_id = e.id), '[]') as splits
    from entries as e where e.id in (:a, :b)
""")
_SAY = text("""
    update entries set note = :note, user_category_id = (
        select id from categories where id = :category_id and removed_at is null)
    where id = :entry and (user_category_id, note) is distinct from (:category_id, :note)
""")
_NO_SPLITS = text("delete from splits where entry_id = :entry")
_SPLITS = text("""
    insert into splits (entry_id, user_id, position, category_id, amount, note)
    select e.id, e.user_id, s.position, s.part ->> 0, (s.part ->> 1)::numeric, s.part ->> 2
    from entries as e cross join jsonb_array_elements(:splits) with ordinality as s(part, position)
    where e.id = :entry
""").bindparams(bindparam("splits", type_=JSONB))


@dataclass(frozen=True)
class Words:
    """What the user said of an entry. A split is (category, exact amount, note)."""

    category_id: str | None = None
    note: str | None = None
    splits: tuple[tuple[str, str, str | None], ...] = ()

    @classmethod
    def of(cls, stored: Any) -> Words:
        """The words as a row of _WORDS, or a review's column, has them."""
        return cls(stored["category_id"], stored["note"], tuple(tuple(part) for part in stored["splits"]))

    @property
    def none(self) -> bool:
        """Whether the user said nothing."""
        return self == Words()

    def filled_from(self, other: Words) -> Words:
        """These words, and where there are none the other's."""
        return Words(self.category_id or other.category_id, self.note or other.note, self.splits or other.splits)

    def after(self, before: Words, joined: Words) -> Words:
        """These words, as they were `before` the two were joined wherever they still are what joining made of them."""
        return Words(
            before.category_id if self.category_id == joined.category_id else self.category_id,
            before.note if self.note == joined.note else self.note,
            before.splits if self.splits == joined.splits else self.splits,
        )


def join_late(connection: Connection, user_id: str) -> None:
    """Makes one entry of two whose rows the bank has just told to be one; no word of the user's is lost."""
    for posted, pending in connection.execute(_LATE, {"user_id": user_id}).all():
        _join_late(connection, user_id, posted, pending)


def release(connection: Connection, user_id: str) -> None:
    """After rows were stored or removed: parts what the bank contradicts, closes the questions it has answered."""
    for review in connection.execute(_CONTRADICTED, {"user_id": user_id}).all():
        part(connection, review)
        connection.execute(_SETTLE, {"id": review.id, "state": "closed" if review.settled else "undone"})
    connection.execute(_CLOSE, {"user_id": user_id})


def join(connection: Connection, pending_entry: UUID, posted_entry: UUID) -> tuple[Words, Words]:
    """The posted rows go under the pending's entry; answers what the user had said of either, for `part`."""
    pending, posted = _words(connection, pending_entry, posted_entry)
    _exchange(connection, pending_entry, posted_entry)
    _say(connection, pending_entry, pending.filled_from(posted), pending)
    connection.execute(_SHELVE, {"entry": posted_entry, "away": True})
    return pending, posted


def part(connection: Connection, review: Row[Any]) -> None:
    """Undoes `join`: each row under its own entry again, with what the user had said of it.

    What was said since goes with the posted row, which was in sight; if only the pending one is left, with that.
    """
    pending_entry, posted_entry = review.pending_entry_id, review.posted_entry_id
    before, posted_before = Words.of(review.pending_words), Words.of(review.posted_words)
    joined = before.filled_from(posted_before)
    now, posted_now = _words(connection, pending_entry, posted_entry)
    _exchange(connection, pending_entry, posted_entry)
    connection.execute(_SHELVE, {"entry": posted_entry, "away": False})
    since = now.after(posted_now, joined)
    _say(connection, posted_entry, replace(since, note=_both_notes(since.note, posted_now.note)), posted_now)
    if connection.execute(_LIVES, {"entry": posted_entry}).scalar():
        _say(connection, pending_entry, before, now)
    else:
        _say(connection, pending_entry, now.after(before, joined), now)


def stored(words: Words) -> dict[str, Any]:
    """The words as a review keeps them."""
    return asdict(words)


def _join_late(connection: Connection, user_id: str, posted: UUID, pending: UUID) -> None:
    pair = _read_pair(connection, posted, pending)
    if pair is None:
        return
    known = _part_others(connection, user_id, pair)
    pair = _read_pair(connection, posted, pending)
    if pair is None:
        return
    dies = pair.posted_lives and pair.pending_lives
    connection.execute(_SUPERSEDE, {"pending": pending, "heir": pair.heir, "dies": dies})
    winner, loser = _merge(connection, pair, already_joined=known)
    connection.execute(_MOVE, {"winner": winner, "loser": loser})
    connection.execute(_CLOSE_ABOUT, {"user_id": user_id, "winner": winner, "loser": loser})
    _log.info("late_link", winner=str(winner), loser=str(loser))


def _part_others(connection: Connection, user_id: str, pair: Row[Any]) -> bool:
    """Parts either entry from what the user joined it with; answers whether that is the other, as the bank says too."""
    said_so = False
    entries = [pair.posted_entry, pair.pending_entry]
    for review in connection.execute(_CONFIRMED, {"user_id": user_id, "entries": entries}).all():
        if [review.pending_entry_id, review.posted_entry_id] == entries:
            said_so = True
        else:
            part(connection, review)
            connection.execute(_SETTLE, {"id": review.id, "state": "closed"})
    return said_so


def _read_pair(connection: Connection, posted: UUID, pending: UUID) -> Row[Any] | None:
    pair = connection.execute(_PAIR, {"posted": posted, "pending": pending}).first()
    return None if pair is None or pair.taken or pair.posted_entry == pair.pending_entry else pair


def _merge(connection: Connection, pair: Row[Any], *, already_joined: bool) -> tuple[UUID, UUID]:
    """Which entry stays and which goes: the posted's stays, unless only the pending's has words of the user."""
    pending, posted = _words(connection, pair.pending_entry, pair.posted_entry)
    if posted.none and not pending.none and not already_joined:
        connection.execute(_GIVE_RULE, {"winner": pair.pending_entry, "loser": pair.posted_entry})
        return pair.pending_entry, pair.posted_entry
    if not already_joined:
        _say(connection, pair.posted_entry, _both(posted, pending), posted)
    return pair.posted_entry, pair.pending_entry


def _both(posted: Words, pending: Words) -> Words:
    """The posted's words, filled from the pending's; two different notes become one."""
    return replace(posted.filled_from(pending), note=_both_notes(posted.note, pending.note))


def _both_notes(first: str | None, second: str | None) -> str | None:
    """Both notes; the first alone where the second says nothing new, or there is no room for it."""
    if not first or not second or second in first:
        return first or second
    longer = f"{first}\n{second}"
    return longer if len(longer) <= NOTE_LENGTH else first


def _exchange(connection: Connection, a: UUID, b: UUID) -> None:
    # Both may have a live row, and at no moment may one entry have two.
    hidden = list(connection.execute(_HIDE, {"entry": a}).scalars())
    connection.execute(_EXCHANGE, {"a": a, "b": b})
    if hidden:
        connection.execute(_SHOW, {"rows": hidden})
    connection.execute(_EXCHANGE_RULES, {"a": a, "b": b})


def _words(connection: Connection, first: UUID, second: UUID) -> tuple[Words, Words]:
    found = {row["id"]: Words.of(row) for row in connection.execute(_WORDS, {"a": first, "b": second}).mappings()}
    return found[first], found[second]


def _say(connection: Connection, entry: UUID, words: Words, before: Words) -> None:
    if words == before:
        return
    connection.execute(_SAY, {"entry": entry, "category_id": words.category_id, "note": words.note})
    if words.splits != before.splits:
        connection.execute(_NO_SPLITS, {"entry": entry})
        if words.splits:
            connection.execute(_SPLITS, {"entry": entry, "splits": [list(part) for part in words.splits]})
