"""A random program: people, their banks, edits, SQL and kills, drawn from one seed and told step by step.

The program knows nothing of what should come out; `plain_sql` does. Whatever a server refuses is part of the story.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg2
import redis
import requests
from google.api_core.exceptions import GoogleAPICallError

from local.listener import owner_client
from local.person import Person, Refused
from local.stack import Stack
from sync.audit.verify import verify
from sync.deps import Deps, build_deps
from sync.mirror.window import move_window, order_window
from sync.pull.sweep import sweep
from sync.settings import read_settings
from tests.oracle.homes import Homes

_NAMES = ["Corner Café ☕", "ACME Grocery", "Shell Gas 42", "مطعم السلام", "Payroll ACME", "Transfer to savings",
          "CREDIT CRD AUTOPAY", "Rent August", "x" * 120, "Netflix"]  # fmt: skip
_AMOUNTS = ["4.75", "1200", "-25", "10.021521", "0.01", "99999.99", "-3000.5", "7.005", "12.3456789"]
_CURRENCIES = ["USD", "USD", "USD", "EUR", "JPY", "KWD"]
_CATEGORIES = ["FOOD_AND_DRINK", "TRAVEL", "INCOME", "LOAN_PAYMENTS_CREDIT_CARD_PAYMENT", "ENTERTAINMENT", None]


@dataclass
class Program:
    """The people of one run and the dice they share."""

    stack: Stack
    people: list[Person]
    dice: random.Random
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.homes = Homes(self)

    def run(self, steps: int) -> None:
        """Does `steps` random things; a refusal (an unknown id, a closed bank) is told and passed over."""
        weighted = [act for act, weight in self._acts().items() for _ in range(weight)]
        for number in range(steps):
            act = self.dice.choice(weighted)
            person = self.dice.choice(self.people)
            try:
                outcome = act(person)
            except (Refused, psycopg2.errors.DeadlockDetected) as refusal:  # whoever types SQL locks no counter first
                outcome = f"refused: {str(refusal)[:120]}"
            self.told.append(f"{number}: {act.__name__.strip('_')} {person.uid[:6]} {outcome or ''}")

    def settle(self) -> None:
        """Everything works again, and each bank has one last piece of news: lost webhooks are owed nothing more."""
        requests.delete(f"{self.stack.plaid}/_local/faults", timeout=10).raise_for_status()
        for person in self.people:
            last = person.buy(amount="1", description="The last purchase")["transaction"]["transaction_id"]
            self._wait_for_row(person, last)
            # What somebody typed in SQL no rule has judged: any edit of rules judges everything again.
            rule = person.post("/api/rules", {"categoryId": "OTHER", "minAmount": "100000000"})["rule"]
            person.delete(f"/api/rules/{rule['id']}")

    def bank_differences(self, person: Person) -> list[str]:
        """Names each transaction that the bank holds and the ledger does not, or the reverse, or differs."""
        held = requests.get(f"{self.stack.plaid}/_local/transactions", params={"user": person.uid}, timeout=30)
        bank = {
            row["transaction_id"]: (row["amount"], row["pending"], row["date"], row["iso_currency_code"])
            for row in held.json(parse_float=Decimal, parse_int=Decimal)["transactions"]
        }
        query = (
            "select plaid_transaction_id, amount, pending, date::text, iso_currency from transactions"
            " where user_id = %s and source = 'bank' and removed_at is null"
        )
        ledger = {row[0]: tuple(row[1:]) for row in self._ask(query, person.uid)}
        return [
            f"{key}: the bank has {bank.get(key)}, the ledger {ledger.get(key)}"
            for key in sorted(bank.keys() | ledger.keys())
            if bank.get(key) != ledger.get(key)
        ]

    def rule_differences(self, person: Person) -> list[str]:
        """Names each live row of the bank whose entry does not have the category of the first rule that holds."""
        rules = self._ask(
            "select category_id, name_match, lower(name_text), direction, min_amount, max_amount from category_rules"
            " where user_id = %s and removed_at is null order by position",
            person.uid,
        )
        rows = self._ask(
            "select e.id, e.rule_category_id, lower(t.name), lower(t.merchant_name), t.amount from transactions t"
            " join entries e on e.id = t.entry_id where t.user_id = %s and t.source = 'bank' and t.removed_at is null",
            person.uid,
        )
        return [
            f"{entry}: the rules say {decided}, the ledger {stored}"
            for entry, stored, *row in rows
            if stored != (decided := next((rule[0] for rule in rules if _holds(*rule[1:], *row)), None))
        ]

    def _wait_for_row(self, person: Person, plaid_transaction_id: str) -> None:
        give_up = time.monotonic() + 60
        query = (
            "select 1 from transactions where user_id = %s and plaid_transaction_id = '" + plaid_transaction_id + "'"
        )
        while not self._ask(query, person.uid):
            if time.monotonic() > give_up:
                raise TimeoutError(f"the last purchase never reached the ledger\n{self.story()}")
            time.sleep(0.05)

    def story(self) -> str:
        return "\n".join(self.told)

    def _acts(self) -> dict[Callable[[Person], str | None], int]:
        return {
            self._buys: 10, self._pends: 6, self._posts: 6, self._posts_unlinked: 9,
            self._bank_modifies: 5, self._bank_removes: 3,
            self._webhooks_go_wrong: 4, self._pages_change: 3,
            self._edits_category: 10, self._edits_note: 4, self._spends: 6,
            self._splits: 6, self._makes_rule: 2, self._changes_rule: 2,
            self._answers_question: 8, self._pendings_expire: 2,
            self._takes_away: 3, self._restores: 2, self._adds_category: 1, self._sets_budget: 2, self._types_sql: 4,
            self._kills_worker: 2, self._kills_mirror: 3,
            self._restarts_firestore: 0 if self.stack.emulator else 1,  # a killed emulator has lost everything
            self._wipes_queue: 2, self._stalls_firestore: 2, self._stalls_mirror: 2, self._cuts_ledger: 2,
            self._damages_firestore: 4, self._moves_window: 2, self._changes_banks: 1, self._jumps_clock: 2,
            **self.homes.acts(),
        }  # fmt: skip

    # --- the bank ---

    def _buys(self, person: Person) -> str:
        return str(person.buy(**self._purchase())["transaction"]["name"])

    def _pends(self, person: Person) -> str:
        return str(person.buy(**self._purchase(), pending=True)["transaction"]["name"])

    def _purchase(self) -> dict[str, Any]:
        day = datetime.now(UTC).date() - timedelta(days=self.dice.choice([0, 1, 3, 20, 45, 200, 500]))
        return {"amount": self.dice.choice(_AMOUNTS), "description": self.dice.choice(_NAMES),
                "currency": self.dice.choice(_CURRENCIES), "date": day.isoformat()}  # fmt: skip

    def _posts(self, person: Person) -> str | None:
        pending = self._bank_rows(person, "pending")
        if not pending:
            return None
        row = self.dice.choice(pending)
        change = self.dice.choice([{}, {"amount": "5.55"}, {"name": "Posted under another name"}, {"link": False}])
        person.bank("/_local/post", {"transaction_id": row, **change})
        return f"{row[:8]} {change}"

    def _posts_unlinked(self, person: Person) -> str | None:
        """A young pending row that was pulled posts under an id that says no word of it: somebody has to be asked."""
        today = datetime.now(UTC).date().isoformat()
        bought = person.buy(**self._purchase() | {"date": today}, pending=True)["transaction"]["transaction_id"]
        give_up = time.monotonic() + 5
        while bought not in self._bank_rows(person, "pending"):
            if time.monotonic() > give_up:
                return None
            time.sleep(0.05)
        person.bank("/_local/post", {"transaction_id": bought, "link": False})
        return bought[:8]

    def _bank_modifies(self, person: Person) -> str | None:
        rows = self._bank_rows(person, "true")
        if not rows:
            return None
        row = self.dice.choice(rows)
        person.bank("/_local/modify", {"transaction_id": row, "amount": self.dice.choice(_AMOUNTS)})
        return row[:8]

    def _bank_removes(self, person: Person) -> str | None:
        rows = self._bank_rows(person, "true")
        if not rows:
            return None
        row = self.dice.choice(rows)
        person.bank("/_local/remove", {"transaction_ids": [row]})
        return row[:8]

    def _webhooks_go_wrong(self, person: Person) -> str:
        fault = self.dice.choice(["webhook_drop", "webhook_duplicate", "webhook_reorder", "webhook_bad_signature"])
        person.bank("/_local/faults", {"fault": fault, "user": person.uid, "times": 2})
        return fault

    def _pages_change(self, person: Person) -> str:
        fault = self.dice.choice(["mutation", "error", "drop", "html"])
        person.bank("/_local/faults", {"fault": fault, "user": person.uid, "times": 1})
        return fault

    # --- the user ---

    def _edits_category(self, person: Person) -> str | None:
        entry = self._entry(person, "true")
        category = self.dice.choice(_CATEGORIES + self._own_categories(person))
        if entry is None:
            return None
        answer = person.patch(f"/api/transactions/{entry}", {"categoryId": category})
        return f"{entry[:8]} {category} marks {len(answer['marked'])}"

    def _edits_note(self, person: Person) -> str | None:
        entry = self._entry(person, "true")
        note = self.dice.choice(["lunch with Ada", "übermäßig", None])
        return entry and str(person.patch(f"/api/transactions/{entry}", {"note": note})["marked"])[:40]

    def _splits(self, person: Person) -> str | None:
        """Cuts an entry into random parts, whole, too much, or joins it together again."""
        entry = self._entry(person, "e.removed_at is null")
        live = self._ask("select amount from transactions where removed_at is null and entry_id = %s", entry)
        if not live:  # none was there, or the bank has taken it away since
            return None
        ((amount,),) = live
        parts = [(amount * self.dice.choice([1, 2, 5]) / 10).quantize(Decimal("0.0001"))
                 for _ in range(self.dice.choice([0, 1, 2, 3, 5]))]  # fmt: skip
        if self.dice.random() < 0.2:
            parts = [amount]
        body = [{"categoryId": self.dice.choice(_CATEGORIES[:5]), "amount": format(part.normalize(), "f")}
                for part in parts]  # fmt: skip
        marked = person.put(f"/api/transactions/{entry}/splits", {"splits": body})["marked"]
        return f"{str(entry)[:8]} of {amount} {[one['amount'] for one in body]} marks {len(marked)}"

    def _makes_rule(self, person: Person) -> str:
        conditions = self.dice.choice([
            {"nameMatch": "contains", "nameText": self.dice.choice(["CAFÉ", "shell", "مطعم", "a"])},
            {"nameMatch": "starts", "nameText": "posted"}, {"nameMatch": "equals", "nameText": "netflix"},
            {"direction": self.dice.choice(["in", "out"]), "maxAmount": "20"}, {"minAmount": "1000"},
        ])  # fmt: skip
        body = {"categoryId": self.dice.choice(_CATEGORIES[:5]), **conditions}
        changed = person.post("/api/rules", body)["changed"]
        return f"{body} changes {changed}"

    def _changes_rule(self, person: Person) -> str | None:
        rules = person.get("/api/rules")["rules"]
        if not rules:
            return None
        path = f"/api/rules/{self.dice.choice(rules)['id']}"
        change = self.dice.choice([{"position": 1}, {"position": 9}, {"categoryId": "MEDICAL"}, None])
        answer = person.delete(path) if change is None else person.patch(path, change)
        return f"{change} changes {answer['changed']}"

    def _spends(self, person: Person) -> str:
        currency = self.dice.choice(_CURRENCIES)
        amount = Decimal(self.dice.randint(1, 90000)).scaleb({"JPY": 0, "KWD": -3}.get(currency, -2))
        body = {"amount": str(amount), "currency": currency, "date": self._purchase()["date"], "name": "Cash",
                "categoryId": self.dice.choice(_CATEGORIES[:5])}  # fmt: skip
        return str(person.post("/api/transactions", body)["marked"])[:40]

    def _takes_away(self, person: Person) -> str | None:
        entry = self._entry(person, "t.source = 'manual' and e.removed_at is null")
        return entry and str(person.delete(f"/api/transactions/{entry}")["marked"])[:40]

    def _restores(self, person: Person) -> str | None:
        entry = self._entry(person, "t.source = 'manual' and e.removed_at is not null")
        return entry and str(person.post(f"/api/transactions/{entry}/restore", {})["marked"])[:40]

    def _answers_question(self, person: Person) -> str | None:
        """Whatever was answered before: joined rows are parted and joined again, also where the bank has settled it."""
        asked = person.get("/api/reviews")["reviews"]
        if not asked:
            return None
        review = self.dice.choice(asked)
        answer = self.dice.choice(["confirm", "confirm", "decline", "undo"])
        marked = person.post(f"/api/reviews/{review['id']}/{answer}", {})["marked"]
        return f"{answer} {review['state']} {review['id'][:8]} marks {len(marked)}"

    def _pendings_expire(self, person: Person) -> str:
        """What the hourly task does once time has passed."""
        statement = (
            "update transactions set expired_at = now() where user_id = %s and pending and removed_at is null "
            "and expired_at is null and random() < 0.3"
        )
        with psycopg2.connect(self.stack.database_url()) as connection, connection.cursor() as cursor:
            cursor.execute(statement, (person.uid,))
            return f"{cursor.rowcount} rows"

    def _adds_category(self, person: Person) -> str:
        return str(person.post("/api/categories", {"name": f"Own {self.dice.randint(0, 10**9)}"})["category"]["id"])

    def _sets_budget(self, person: Person) -> str:
        body = {"categoryId": self.dice.choice(_CATEGORIES[:5]), "currency": self.dice.choice(["USD", "JPY"]),
                "limit": "250", "startsMonth": date.today().replace(day=1).isoformat()[:7]}  # noqa: DTZ011  # fmt: skip
        return str(person.post("/api/budgets", body)["marked"])[:60]

    # --- somebody in psql, and somebody with a hammer ---

    def _types_sql(self, person: Person) -> str:
        statement = self.dice.choice([
            "update transactions set name = name || '!' where user_id = %s and source = 'bank' and random() < 0.1",
            "update entries set user_category_id = 'TRAVEL' where user_id = %s and random() < 0.1",
            "update entries set rule_category_id = 'MEDICAL' where user_id = %s and random() < 0.1",
            "update transactions set amount = amount + 1 where user_id = %s and source = 'manual'",
            "update splits set amount = amount * 2, note = 'typed' where user_id = %s and random() < 0.3",
            "delete from splits where user_id = %s and random() < 0.2",
            "delete from transactions where user_id = %s and source = 'manual' and random() < 0.3",
        ])  # fmt: skip
        with psycopg2.connect(self.stack.database_url()) as connection, connection.cursor() as cursor:
            cursor.execute(statement, (person.uid,))
            return f"{cursor.rowcount} rows: {statement[:50]}"

    def _kills_worker(self, _: Person) -> str:
        return self._kill("worker")

    def _kills_mirror(self, _: Person) -> str:
        return self._kill("mirror")

    def _restarts_firestore(self, _: Person) -> str:
        return self._kill("firestore")

    def _wipes_queue(self, _: Person) -> str:
        assert self.stack.broker is not None
        with redis.Redis.from_url(self.stack.broker.url()) as client:
            return f"{client.dbsize()} keys, wiped {client.flushall()}"

    def _stalls_firestore(self, _: Person) -> str:
        return self._stall("firestore")

    def _stalls_mirror(self, _: Person) -> str:
        return self._stall("mirror")

    def _stall(self, name: str) -> str:
        """Stopped in the middle of whatever it does, then going on as if nothing had been."""
        process = self.stack.child(name).process
        assert process is not None
        seconds = self.dice.choice([0.1, 0.5, 1.5])
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGSTOP)
            time.sleep(seconds)
            os.killpg(process.pid, signal.SIGCONT)
        return f"{name} for {seconds} s"

    def _cuts_ledger(self, _: Person) -> str:
        """Every connection of one door ends, as in a failover."""
        door = self.dice.choice(["mirror", "worker", "api"])
        with psycopg2.connect(self.stack.database_url()) as connection, connection.cursor() as cursor:
            cursor.execute(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = %s",
                (f"livespend_{door}",),
            )
            return f"{cursor.fetchall()[0][0]} of {door}"

    def _damages_firestore(self, person: Person) -> str | None:
        """Somebody edits, deletes or adds a document behind our back; `settle` has it found and mended."""
        client = owner_client(self.stack.firestore, self.stack.project)
        try:
            mine = client.document(self.dice.choice([f"users/{person.uid}"] * 2 + self.homes.owners[-2:]))
            kinds = ["transactions", "months", "budgets", "members" if mine.path in self.homes.owners else "accounts"]
            kind = self.dice.choice(kinds)
            found = sorted(reference.id for reference in mine.collection(kind).list_documents(timeout=10))
            deed = self.dice.choice(["delete", "edit", "ghost"]) if found else "ghost"
            name = self.dice.choice(found) if deed != "ghost" else f"ghost{self.dice.randint(0, 10**9)}"
            target = mine.collection(kind).document(name)
            if deed == "delete":
                target.delete(timeout=10)
            else:
                target.set({"name": "tampered", "count": 99}, merge=deed == "edit", timeout=10)
            return f"{deed} {mine.path[:16]} {kind}/{name[:8]}"
        except GoogleAPICallError as away:
            return f"firestore is away: {type(away).__name__}"
        finally:
            client.close()

    def _moves_window(self, _: Person) -> str:
        """An operator changes how many months are shown row by row; the worker's job moves everybody there."""
        months = self.dice.choice([2, 7, 13, 25, None])
        with self._worker() as deps:
            order_window(deps, months)
            return f"{months} months, moved {move_window(deps, seconds=5)}"

    def _changes_banks(self, person: Person) -> str:
        """The bank is unlinked and linked again: what was said of its rows comes back with them."""
        items = person.get("/api/items")["items"]
        live = [item["id"] for item in items if item.get("status") == "ok"]
        if not live:
            return "no bank"
        person.delete(f"/api/items/{live[0]}")
        person.link_bank("user_custom", custom_bank(self.dice.randint(0, 10**9)))
        return f"{live[0][:8]} unlinked, another linked"

    def _jumps_clock(self, _: Person) -> str:
        """A worker whose clock is days wrong sweeps and goes away again."""
        days = self.dice.choice([-400, -3, 1, 3])
        with self._worker() as deps:
            wrong = dataclasses.replace(deps, now=lambda: datetime.now(UTC) + timedelta(days=days))
            return f"{days} days, {len(sweep(wrong))} owed"

    @contextlib.contextmanager
    def _worker(self) -> Iterator[Deps]:
        deps = build_deps(read_settings(self.stack.environment()), door="worker")
        try:
            yield deps
        finally:
            deps.engine.dispose()

    def mend(self) -> list[str]:
        """Has reconcile find what was damaged, and the mirror mend it; names what is different all the same."""
        settings = read_settings(self.stack.environment())
        deps = build_deps(settings, door="mirror")
        left: list[str] = []
        try:
            for owner in [person.uid for person in self.people] + self.homes.owners:
                for _ in range(4):
                    report = verify(deps, owner, mend=True)
                    if report["equal"]:
                        break
                    self.wait_until_mirrored(60)
                else:
                    left.append(f"never equal: {report['perUser']}")
        finally:
            deps.engine.dispose()
            if deps.firestore is not None:
                deps.firestore.close()
        return left

    def wait_until_mirrored(self, seconds: float) -> None:
        """Returns when nobody's pulls or marks are left, nor any household's; raises TimeoutError."""
        for person in self.people:
            person.wait_until_mirrored(seconds)
        self.homes.wait_until_mirrored(seconds)

    def _kill(self, name: str) -> str:
        process = self.stack.child(name).process
        assert process is not None
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        return f"pid {process.pid}"

    # --- looking ---

    def _bank_rows(self, person: Person, where: str) -> list[str]:
        query = (f"select plaid_transaction_id from transactions where user_id = %s and source = 'bank'"
                 f" and removed_at is null and {where} order by plaid_transaction_id")  # fmt: skip
        return [row[0] for row in self._ask(query, person.uid)]

    def _entry(self, person: Person, where: str) -> str | None:
        query = (f"select e.id::text from entries e join transactions t on t.entry_id = e.id and t.removed_at is null"
                 f" where e.user_id = %s and {where} order by e.id")  # fmt: skip
        rows = [row[0] for row in self._ask(query, person.uid)]
        return str(self.dice.choice(rows)) if rows else None

    def _own_categories(self, person: Person) -> list[str | None]:
        return [row[0] for row in self._ask("select id from categories where user_id = %s order by id", person.uid)]

    def _ask(self, query: str, uid: str) -> list[tuple[Any, ...]]:
        with psycopg2.connect(self.stack.database_url()) as connection, connection.cursor() as cursor:
            cursor.execute(query, (uid,))
            return cursor.fetchall()


def _holds(
    match: str | None,
    wanted: str | None,
    direction: str | None,
    least: Decimal | None,
    most: Decimal | None,
    name: str,
    merchant: str | None,
    amount: Decimal,
) -> bool:
    """Whether a rule holds for a row, said a second time; texts in lower case."""
    texts = [text for text in (name, merchant) if text is not None]
    named = {
        None: True,
        "contains": any(str(wanted) in text for text in texts),
        "starts": any(text.startswith(str(wanted)) for text in texts),
        "equals": wanted in texts,
    }[match]
    side = {None: True, "out": amount > 0, "in": amount < 0}[direction]
    return named and side and (least is None or abs(amount) >= least) and (most is None or abs(amount) <= most)


def custom_bank(seed: int) -> str:
    """A small bank in Plaid's custom-user format, from the seed."""
    dice = random.Random(seed)
    rows = [
        {
            "date_transacted": f"2026-{dice.randint(1, 11):02}-{dice.randint(1, 20):02}",
            "date_posted": f"2026-{dice.randint(1, 11):02}-{dice.randint(1, 20):02}",
            "amount": dice.randint(-5000, 20000) / 100,
            "description": dice.choice(["Uber ride", "Starbucks", "Payroll", "AMEX EPAYMENT", "Something else"]),
            "currency": dice.choice(["USD", "USD", "EUR"]),
        }
        for _ in range(30)
    ]
    account = {"type": "depository", "subtype": "checking", "transactions": rows}
    return json.dumps({"override_accounts": [account]})
