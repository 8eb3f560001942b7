"""Households in a random history: people make them, join, show this and that, leave, are taken out, dissolve them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import psycopg2

from local.person import Person

if TYPE_CHECKING:
    from tests.oracle.program import Program

Act = Callable[[Person], str | None]


class Homes:
    """The households of one run, those that are gone among them."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.owners: list[str] = []

    def acts(self) -> dict[Act, int]:
        return {
            self._makes_home: 2, self._lets_in: 5, self._shares: 6, self._leaves_home: 2, self._is_taken_out: 1,
            self._dissolves_home: 1, self._sets_shared_budget: 2, self._renames_home: 1, self._types_membership: 1,
        }  # fmt: skip

    def wait_until_mirrored(self, seconds: float) -> None:
        """Returns when no household has a mark left; raises TimeoutError."""
        give_up = time.monotonic() + seconds
        while self._ask("select path from changes where owner = any (%s)", self.owners):
            if time.monotonic() > give_up:
                raise TimeoutError(f"the households were not mirrored within {seconds} s")
            time.sleep(0.05)

    def _makes_home(self, person: Person) -> str:
        made = person.post("/api/households", {"name": f"Home {len(self.owners)}"})["household"]["id"]
        self.owners.append(f"households/{made}")
        return str(made)[:8]

    def _lets_in(self, person: Person) -> str | None:
        home = self._home(person)
        if home is None:
            return None
        other = self._program.dice.choice(self._program.people)
        code = person.post(f"/api/households/{home}/invitations", {})["code"]
        other.post("/api/households/join", {"code": code})
        return f"{other.uid[:6]} into {home[:8]}"

    def _shares(self, person: Person) -> str | None:
        home = self._home(person)
        if home is None:
            return None
        accounts = sorted(account["id"] for account in person.get("/api/accounts")["accounts"])
        chosen = [account for account in accounts if self._program.dice.random() < 0.6]
        body = {"everything": self._program.dice.random() < 0.4, "accounts": chosen}
        marked = person.put(f"/api/households/{home}/shares", body)["marked"]
        return f"{body['everything']} {len(chosen)} of {len(accounts)} in {home[:8]} marks {len(marked)}"

    def _leaves_home(self, person: Person) -> str | None:
        home = self._home(person)
        return home and str(person.delete(f"/api/households/{home}/members/{person.uid}")["marked"])[:20]

    def _is_taken_out(self, person: Person) -> str | None:
        home = self._home(person)
        other = self._program.dice.choice(self._program.people)
        return home and str(person.delete(f"/api/households/{home}/members/{other.uid}")["marked"])[:40]

    def _dissolves_home(self, person: Person) -> str | None:
        home = self._home(person)
        return home and str(person.delete(f"/api/households/{home}"))[:20]

    def _renames_home(self, person: Person) -> str | None:
        home = self._home(person)
        name = f"Castle {self._program.dice.randint(0, 99)}"
        return home and str(person.patch(f"/api/households/{home}", {"name": name})["marked"])[:40]

    def _sets_shared_budget(self, person: Person) -> str | None:
        home = self._home(person)
        if home is None:
            return None
        path = f"/api/households/{home}/budgets"
        budgets = person.get(path)["budgets"]
        if budgets and self._program.dice.random() < 0.4:
            return str(person.delete(f"{path}/{budgets[0]['id']}")["marked"])[:40]
        category = self._program.dice.choice(["FOOD_AND_DRINK", "TRAVEL", "ENTERTAINMENT"])
        body = {"categoryId": category, "currency": self._program.dice.choice(["USD", "JPY"]), "limit": "75.5",
                "startsMonth": "2026-01"}  # fmt: skip
        return str(person.post(path, body)["marked"])[:40]

    def _types_membership(self, person: Person) -> str:
        """Somebody in psql changes what people share, locking nothing first."""
        with psycopg2.connect(self._program.stack.database_url()) as connection, connection.cursor() as cursor:
            cursor.execute("update household_members set shares_all = not shares_all where user_id = %s", (person.uid,))
            return f"{cursor.rowcount} memberships"

    def _home(self, person: Person) -> str | None:
        homes = [home["id"] for home in person.get("/api/households")["households"]]
        return str(self._program.dice.choice(sorted(homes))) if homes else None

    def _ask(self, query: str, *bound: Any) -> list[tuple[Any, ...]]:
        with psycopg2.connect(self._program.stack.database_url()) as connection, connection.cursor() as cursor:
            cursor.execute(query, bound)
            return cursor.fetchall()
