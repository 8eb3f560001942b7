"""Whatever the bank and the user say, in whatever order: each live row of the bank counts once, no note is lost.

A bank holds, drops, posts, links late, changes, takes back and tells again; a user annotates, confirms, declines and
undoes. After every step the ledger is compared with a model that knows nothing of entries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from sync.deps import Deps
from sync.errors import ReviewClosed, ReviewConfirmed
from sync.ledger import reviews
from sync.ledger.ledger import edit_entry
from tests.fixtures.database import Database
from tests.fixtures.deps import DepsFor
from tests.integration.pull.bank import Bank, account, page, pending, row
from tests.integration.pull.conftest import Linked, link

_people = count(1)
_ACTS = ["hold", "drop", "post", "post unlinked", "post unlinked", "link late", "change", "take back", "tell again"]
_ACTS += ["note", "note", "confirm", "confirm", "confirm", "undo", "undo", "decline"]
STEPS = st.lists(st.tuples(st.sampled_from(_ACTS), st.integers(0, 5), st.booleans()), min_size=4, max_size=18)


@dataclass
class World:
    """One user's bank as its own model, and the ledger that follows it."""

    linked: Linked
    api: Deps
    told: dict[str, dict[str, Any]] = field(default_factory=dict)  # live at the bank
    gone: dict[str, dict[str, Any]] = field(default_factory=dict)
    owed: list[str] = field(default_factory=list)  # removals that the bank tells with its next update
    notes: set[str] = field(default_factory=set)
    names: Callable[[], int] = field(default_factory=lambda: count(1).__next__)
    cursors: int = 0

    # --- the bank ---

    def hold(self, _: int, __: bool) -> None:
        self.update(added=[pending(self.name("p"), 40 + len(self.told), name="SHELL 123")])

    def drop(self, which: int, _: bool) -> None:
        if held := self.pick(which, lambda one: one["pending"]):
            self.update(removed=[held["transaction_id"]])

    def post(self, which: int, at_once: bool) -> None:
        held = self.pick(which, lambda one: one["pending"] and not self.heir(one["transaction_id"]))
        if held:
            self.update(
                added=[row(self.name("q"), held["amount"], name="SHELL OIL", authorized_date=None,
                           pending_transaction_id=held["transaction_id"])],
                **self.removal(held["transaction_id"], at_once),
            )  # fmt: skip

    def post_unlinked(self, which: int, drops: bool) -> None:
        held = self.pick(which, lambda one: one["pending"])
        removed = [held["transaction_id"]] if held and drops else []
        amount = held["amount"] if held else 40
        self.update(added=[row(self.name("q"), amount, name="SHELL OIL", authorized_date=None)], removed=removed)

    def link_late(self, which: int, at_once: bool) -> None:
        posted = self.pick(which, lambda one: not one["pending"] and one["pending_transaction_id"] is None)
        held = [one for one in (*self.told.values(), *self.gone.values())
                if one["pending"] and not self.heir(one["transaction_id"])]  # fmt: skip
        if posted and held:
            name = held[which % len(held)]["transaction_id"]
            self.update(modified=[posted | {"pending_transaction_id": name}], **self.removal(name, at_once))

    def change(self, which: int, _: bool) -> None:
        if one := self.pick(which, lambda _: True):
            self.update(modified=[one | {"amount": one["amount"] + 1}])

    def take_back(self, which: int, revives: bool) -> None:
        posted = self.pick(which, lambda one: not one["pending"])
        if not posted:
            return
        held = posted["pending_transaction_id"]
        again = self.told.get(held) or (self.gone.get(held) if revives else None)
        self.update(removed=[posted["transaction_id"]], added=[again] if again else [])

    def tell_again(self, which: int, _: bool) -> None:
        if self.gone:
            self.update(added=[list(self.gone.values())[which % len(self.gone)]])

    # --- the user ---

    def note(self, which: int, _: bool) -> None:
        shown = self.shown()
        if shown:
            entry, before = sorted(shown.values())[which % len(shown)]
            self.notes -= set((before or "").split("\n"))
            text = f"note {self.names()}"
            self.notes.add(text)
            edit_entry(self.api, self.linked.user_id, entry, note=text)

    def decide(self, answer: str, which: int, _: bool) -> None:
        asked = reviews.list_reviews(self.api, self.linked.user_id)
        if asked:
            try:
                getattr(reviews, answer)(self.api, self.linked.user_id, asked[which % len(asked)]["id"])
                event(f"{answer} accepted")
            except (ReviewClosed, ReviewConfirmed) as refused:
                event(f"{answer} {refused.code}")

    # --- the model ---

    def name(self, kind: str) -> str:
        return f"{self.linked.user_id}-{kind}{self.names()}"

    def heir(self, plaid_id: str) -> bool:
        """Whether a live row of the bank says that it posts this one."""
        return any(one["pending_transaction_id"] == plaid_id for one in self.told.values())

    def pick(self, which: int, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
        found = [one for one in self.told.values() if wanted(one)]
        return found[which % len(found)] if found else None

    def removal(self, plaid_id: str, at_once: bool) -> dict[str, list[str]]:
        """A pending row that was posted is told as removed in the same update or in the next one."""
        if plaid_id not in self.told or at_once:
            return {"removed": [plaid_id] if plaid_id in self.told else []}
        self.owed.append(plaid_id)
        return {}

    def update(self, removed: list[str] | None = None, **told: list[dict[str, Any]]) -> None:
        rows = {one["transaction_id"]: one for part in told.values() for one in part}
        gone = list(dict.fromkeys([*(removed or []), *(name for name in self.owed if name not in rows)]))
        self.owed = []
        for name in gone:
            if name in self.told:
                self.gone[name] = self.told.pop(name)
        for name, one in rows.items():
            self.gone.pop(name, None)
            self.told[name] = one
        start = f"{self.linked.user_id}-{self.cursors}" if self.cursors else None
        self.cursors += 1
        account_id = f"acc-{self.linked.user_id}"
        sent = {kind: [one | {"account_id": account_id} for one in part] for kind, part in told.items()}
        to = f"{self.linked.user_id}-{self.cursors}"
        self.linked.bank.at(start, page(removed=gone, to=to, accounts=[account(account_id)], **sent))
        assert self.linked.pull().outcome in ("applied", "nothing")

    def shown(self) -> dict[str, tuple[Any, str | None]]:
        """The rows in sight, with entry and note."""
        rows = self.linked.database.sql(
            "select t.plaid_transaction_id, e.id, e.note from transactions as t join entries as e on e.id = t.entry_id "
            "where t.user_id = %s and t.removed_at is null and e.removed_at is null",
            self.linked.user_id,
        )
        assert len({row[0] for row in rows}) == len({row[1] for row in rows}) == len(rows)
        return {plaid_id: (entry, note) for plaid_id, entry, note in rows}

    def joined(self) -> set[str]:
        """Pending rows that the user joined with a row in sight."""
        return {
            plaid_id
            for (plaid_id,) in self.linked.database.sql(
                "select t.plaid_transaction_id from reviews as r "
                "join transactions as t on t.entry_id = r.posted_entry_id and t.pending "
                "join transactions as q on q.entry_id = r.pending_entry_id and q.removed_at is null "
                "where r.user_id = %s and r.state = 'confirmed'",
                self.linked.user_id,
            )
        }

    def check(self) -> None:
        expected = {name for name in self.told if not self.heir(name)} - self.joined()
        assert set(self.shown()) == expected
        kept = "\n".join(
            note for (note,) in self.linked.database.sql(
                "select note from entries where user_id = %s and note is not null", self.linked.user_id)
        )  # fmt: skip
        assert self.notes <= set(kept.split("\n"))
        amounts = dict(
            self.linked.database.sql(
                "select plaid_transaction_id, amount from transactions where user_id = %s and removed_at is null",
                self.linked.user_id,
            )
        )
        assert all(amounts[name] == self.told[name]["amount"] for name in expected)


@pytest.fixture
def new_world(deps_for: DepsFor, database: Database, bank: Bank) -> Callable[[], World]:
    """A user with a bank of their own, for each example."""

    def build() -> World:
        user_id = f"user{next(_people)}"
        linked = link(deps_for, database, bank, user_id, f"item-{user_id}")
        return World(linked, deps_for("api", plaid=linked.deps.plaid))

    return build


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_each_live_row_of_the_bank_counts_once_and_no_note_is_lost(
    new_world: Callable[[], World], steps: list[tuple[str, int, bool]]
) -> None:
    world = new_world()
    world.hold(0, True)
    world.note(0, True)
    world.post_unlinked(0, steps[0][2])
    for act, which, variant in steps:
        if act in ("confirm", "undo", "decline"):
            world.decide(act, which, variant)
        else:
            getattr(world, act.replace(" ", "_"))(which, variant)
        world.check()
