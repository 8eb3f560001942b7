"""The cost meter, against what Firestore itself counted, and the caps."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc
import psycopg2
import pytest
from click.testing import CliRunner, Result

from local.firestore.plain import Plain
from sync.mirror import cost, cost_report
from sync.mirror.changes import Acknowledgement, Held, Shown, Version
from sync.mirror.cost import Indexes, read_indexes
from sync.mirror.encode import delete_write
from sync.mirror.meter import Meter
from sync.mirror.plan import Write
from sync.mirror.settling import acknowledge
from sync.settings import Settings
from tests.fixtures.gate import Gate, Refusal
from workers.cli import livespend
from workers.mirror_commands import mirror

NOW = datetime(2026, 11, 5, tzinfo=UTC)
INDEXES = read_indexes(Path(__file__).parents[3] / "firestore_rules" / "firestore.indexes.json")


def sums(database) -> dict[str, tuple[int, ...]]:
    rows = database.sql(
        "select kind, changes, writes, deletes, index_entries, listened from mirror_costs where owner = 'users/ada'"
    )
    return {kind: tuple(facts) for kind, *facts in rows}


@pytest.fixture
def call(database, firestore_server, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs one command with this test's servers in the environment."""
    monkeypatch.setenv("MIRROR_DATABASE_URL", database.url("mirror"))
    monkeypatch.setenv("FIREBASE_PROJECT_ID", firestore_server.project)
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_server.address)

    def run(*arguments: str) -> Result:
        group = mirror if arguments[0] == "status" else livespend
        return CliRunner().invoke(group, arguments, catch_exceptions=False)

    return run


def test_the_meter_counts_what_firestore_counted(books, mirrored, writes, database):
    ada = books()
    with writes() as counted:
        rows = ada.add(120)
        mirrored()
        ada.categorize(rows[0], "TRAVEL")
        mirrored()
        for row in rows[:7]:
            ada.remove(row)
        mirrored()

    found = sums(database)
    written = sum(facts[1] for facts in found.values())
    assert (written, sum(facts[2] for facts in found.values())) == (
        counted["creates"] + counted["updates"], counted["deletes"]
    )  # fmt: skip
    assert found["transactions"][:3] == (128, 121, 7)
    assert found["transactions"][4] == 101  # at most 100 of the first page, then one
    assert found["months"][:3] == (3, 3, 0)
    assert found["accounts"][:3] == (1, 1, 0)


def test_bytes_and_index_entries_are_those_of_the_requests(books, mirrored, gate: Gate, database):
    ada = books()
    row, other = ada.add(2)
    ada.split(row, ("TRAVEL", "1"), ("MEDICAL", "2"))
    database.sql("insert into categories (id, user_id, name) values ('own', 'ada', 'Own')")
    database.sql(
        "insert into budgets (user_id, category_id, iso_currency, limit_amount, starts_month) "
        "values ('ada', 'TRAVEL', 'USD', 100, '2026-11-01')"
    )
    mirrored(host=gate.address)
    ada.annotate(other, "lunch")
    mirrored(host=gate.address)

    sent = [write for seen in gate.seen for write in seen.request.writes]
    assert database.sql("select sum(bytes)::int from mirror_costs") == [(sum(write.ByteSize() for write in sent),)]
    walked = sum(INDEXES.walked(_kind(write), _PLAIN.fields(write.update.fields)) for write in sent)
    assert database.sql("select sum(index_entries)::int from mirror_costs") == [(walked,)]
    everything = sum(Indexes().walked(_kind(write), _PLAIN.fields(write.update.fields)) for write in sent)
    assert walked < everything / 2


_PLAIN = Plain(str, lambda latitude, longitude: None)


def _kind(write: Any) -> str:
    return cost.kind_of(write.update.name.split("/documents/", 1)[1])


def test_a_commit_whose_answer_was_lost_is_counted_once(books, mirrored, gate: Gate, writes, database):
    ada = books()
    (row,) = ada.add(1)
    mirrored()
    before = sums(database)["transactions"]
    lost: list[Any] = []

    def lose_the_answer(seen: Any) -> None:
        if not lost:
            lost.append(seen)
            gate._forward("Commit", seen.request.SerializeToString(), ())
            raise Refusal(grpc.StatusCode.UNAVAILABLE)

    gate.before = lose_the_answer
    ada.annotate(row, "lunch")
    with writes() as counted:
        mirrored(host=gate.address)

    after = sums(database)["transactions"]
    assert (after[0] - before[0], after[1] - before[1]) == (1, 1)
    assert counted["requested"] == 1


def deleted(owner: str, moment: datetime = NOW) -> Acknowledgement:
    """What a commit that deleted one month settles."""
    path = f"{owner}/months/2026-11"
    done = Acknowledgement(owner, shown=[Shown(path, Held(moment, True, None, Version(0, 1)))])
    done.writes = [Write(path, delete_write(path, moment), None, Version(0, 1), True, None)]
    return done


def record(database, meter: Meter, *done: Acknowledgement) -> None:
    connection = psycopg2.connect(database.url("mirror"))
    with connection, connection.cursor() as cursor:
        meter.record(cursor, done, acknowledge(cursor, done).moved)
    connection.close()


def test_an_acknowledgement_that_is_written_twice_costs_once(books, database):
    books()
    meter = Meter(Settings())
    done = deleted("users/ada")

    record(database, meter, done)
    record(database, meter, done)

    assert sums(database) == {"months": (0, 0, 1, 0, 0)}


def test_an_owner_above_the_cap_waits_its_interval_until_midnight(books, database):
    books("ada"), books("bob")
    (today,) = database.sql("select (now() at time zone 'utc')::date")[0]
    database.sql("insert into mirror_costs values ('users/ada', %s, 'months', 1, 1000, 0, 9, 9, 0)", today)
    database.sql("insert into mirror_costs values ('users/ada', %s, 'head', 1, 9000, 0, 9, 9, 0)", today - timedelta(1))
    meter = Meter(Settings(cost_cap_user_day=Decimal("0.0009")))
    now = time.monotonic()

    record(database, meter, deleted("users/ada"), deleted("users/bob"))

    assert 59 <= meter.wait("users/ada", now + 1, today) <= 60
    assert meter.wait("users/ada", time.monotonic() + 60, today) == 0
    assert meter.wait("users/ada", now + 1, today + timedelta(1)) == 0
    assert meter.wait("users/bob", now + 1, today) == 0


def test_above_the_total_everybody_waits_after_one_commit(books, database):
    books("ada"), books("bob")
    (today,) = database.sql("select (now() at time zone 'utc')::date")[0]
    database.sql("insert into mirror_costs values ('users/bob', %s, 'months', 1, 1000, 0, 9, 9, 0)", today)
    over, below = (Meter(Settings(cost_cap_total_day=Decimal(cap))) for cap in ("0.0009", "0.1"))
    now = time.monotonic()

    record(database, over, deleted("users/ada"))
    record(database, below, deleted("users/ada", NOW + timedelta(1)))

    assert 59 <= over.wait("users/ada", now + 1, today) <= 60
    assert over.wait("users/bob", now + 1, today) == 0
    assert below.wait("users/ada", now + 1, today) == 0


def test_above_a_users_cap_that_user_is_paced_and_nothing_is_lost(
    books, mirrored, running_mirror, gate: Gate, eventually, clean, assert_mirrored, database, call, monkeypatch
):
    ada, bob = books("ada"), books("bob")
    rows, others = ada.add(50), bob.add(1)
    mirrored()
    # From here each commit of Ada's is above her cap.
    caps = {"cost_cap_user_day": Decimal("0.00002"), "cost_cap_interval_seconds": 2.0}
    running_mirror(host=gate.address, **caps)
    ada.annotate(rows[0], "first")
    eventually(lambda: len(gate.seen) == 1)
    eventually(clean)
    for number in range(5):
        ada.annotate(rows[0], f"note {number}")
    bob.annotate(others[0], "in between")
    eventually(clean)

    of_ada = [seen for seen in gate.seen if "users/ada" in seen.paths[0]]
    of_bob = [seen for seen in gate.seen if "users/bob" in seen.paths[0]]
    assert len(of_ada) == 2  # five edits waited for one commit
    assert of_ada[1].at - of_ada[0].at >= 1.8
    assert of_bob[0].at < of_ada[1].at
    assert_mirrored()

    monkeypatch.setenv("COST_CAP_USER_DAY", "0.00002")
    told = json.loads(call("status", "--json").stdout)["cost"]
    assert [one["user"] for one in told["paced"]] == ["ada"]
    assert told["everybodyIsPaced"] is False
    assert Decimal(told["paced"][0]["cost"]) > Decimal(told["userCap"])


def test_above_the_total_cap_everybody_is_paced(
    books, mirrored, running_mirror, gate: Gate, eventually, clean, assert_mirrored, call, monkeypatch
):
    ada = books("ada")
    (row,) = ada.add(1)
    mirrored()
    running_mirror(host=gate.address, cost_cap_total_day=Decimal("0.000001"), cost_cap_interval_seconds=1.5)
    ada.annotate(row, "first")
    eventually(lambda: len(gate.seen) == 1)
    eventually(clean)
    ada.annotate(row, "second")
    eventually(clean)

    assert gate.seen[1].at - gate.seen[0].at >= 1.3
    assert_mirrored()
    monkeypatch.setenv("COST_CAP_TOTAL_DAY", "0.000001")
    assert json.loads(call("status", "--json").stdout)["cost"]["everybodyIsPaced"] is True


def test_the_command_tells_costs_by_day_user_and_kind(books, mirrored, call, database):
    ada, bob = books("ada"), books("bob")
    rows = ada.add(9)
    bob.add(1)
    mirrored()
    ada.categorize(rows[0], "TRAVEL")
    mirrored()

    by_user = json.loads(call("cost", "--by", "user", "--json").stdout)
    by_kind = json.loads(call("cost", "--by", "kind", "--user", "ada", "--json").stdout)
    by_day = json.loads(call("cost", "--json").stdout)

    assert [row["user"] for row in by_user["rows"]] == ["ada", "bob"]
    assert {row["kind"] for row in by_kind["rows"]} == {"head", "transactions", "months", "accounts", "items"}
    # rows 10, months 2, account, item, head twice (made alone, then with the rows)
    assert (by_kind["changedTransactions"], by_kind["writesPerChangedTransaction"]) == (10, 1.6)
    assert len(by_day["rows"]) == 1
    row = by_day["rows"][0]
    exact = (row["writes"] * Decimal("0.09") + int(row["expectedReads"]) * Decimal("0.03")) / 100_000
    assert Decimal(row["cost"]) == Decimal(by_day["cost"]) == exact == Decimal(by_user["cost"])
    assert by_day["prices"] == {
        "currency": "USD", "per": 100_000, "writes": "0.09", "deletes": "0.01", "reads": "0.03", "listeners": "1"
    }  # fmt: skip


def test_the_command_is_for_people_too(books, mirrored, call):
    books().add(1)
    mirrored()

    told = call("cost", "--by", "user").stdout

    assert "ada" in told
    assert "█" in told
    assert "USD since" in told
    assert "no writes per changed transaction" in call("cost", "--user", "nobody").stdout


def test_days_of_long_ago_are_forgotten(books, mirrored, database, deps_for):
    books().add(1)
    mirrored()
    deps = deps_for("worker")
    old = deps.now().date() - timedelta(days=deps.settings.cost_keep_days + 1)
    database.sql("insert into mirror_costs values ('users/ada', %s, 'months', 1, 1, 0, 9, 9, 1)", old)

    assert cost_report.forget_old(deps) == 1
    assert cost_report.forget_old(deps) == 0
    assert database.sql("select count(*) > 0 from mirror_costs") == [(True,)]
