"""How fresh an item is, in the ledger: what a pull, a question to Plaid and the clock make of it, at what cost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from structlog.testing import capture_logs

from sync.banks import items
from sync.mirror.projection import project
from sync.pull import freshness
from sync.pull.limits import Limit, Limits
from sync.pull.plaid import Plaid
from sync.pull.sweep import sweep
from tests.fixtures.database import Database
from tests.fixtures.deps import DepsFor
from tests.fixtures.waiting import eventually
from tests.integration.pull.bank import error, page, row
from tests.integration.pull.conftest import Linked

HOUR = timedelta(hours=1)


def status(
    *, updated: datetime | None = None, failed: datetime | None = None, webhook: datetime | None = None, **item: Any
) -> dict[str, Any]:
    """What /item/get answers."""
    times = {"last_successful_update": updated, "last_failed_update": failed}
    return {
        "item": {"item_id": "item-1", "error": None} | item,
        "status": {
            "transactions": {name: None if at is None else at.isoformat() for name, at in times.items()},
            "last_webhook": None if webhook is None else {"sent_at": webhook.isoformat(), "code_sent": "X"},
        },
        "request_id": "r",
    }


@pytest.fixture
def later(linked: Linked) -> Callable[[timedelta], Any]:
    """The worker's dependencies at another time; the item has been pulled once, with one row."""
    linked.bank.at(None, page(added=[row("a")]))
    linked.bank.at("C1", page(accounts=[]))
    linked.pull_owed()
    start = linked.deps.now()
    return lambda passed: linked.deps_for("worker", plaid=linked.deps.plaid, now=lambda: start + passed)


def known(linked: Linked, columns: str) -> Any:
    found = linked.database.sql(f"select {columns} from item_freshness where id = %s", linked.item_id)
    return found[0][0] if len(found[0]) == 1 else found[0]


def look(linked: Linked, deps: Any) -> None:
    """A sweep whose bells are heard, and the pull that it rings for."""
    for item_id in sweep(deps):
        linked.pull_owed(now=deps.now)
        assert item_id == linked.item_id


def documents(database: Database, path: str) -> Any:
    """What the mirror would show at a path."""
    with database.engine("mirror").connect() as connection:
        return project(connection.connection.cursor(), [path], {})


def forget_marks(linked: Linked) -> None:
    linked.database.sql("delete from changes")


def test_a_pull_that_brought_something_marks_the_bank_once_an_hour_at_most(linked: Linked, later: Any) -> None:
    path = f"users/u1/items/{linked.item_id}"
    assert path in linked.marks()
    forget_marks(linked)

    linked.bank.at("C1", page(added=[row("b")], to="C2"))
    linked.pull(now=later(0.5 * HOUR).now)
    assert path not in linked.marks()
    linked.bank.at("C2", page(added=[row("c")], to="C3"))
    linked.pull(now=later(1.5 * HOUR).now)
    assert path in linked.marks()


def test_a_pull_that_finds_nothing_marks_nothing(linked: Linked, later: Any) -> None:
    forget_marks(linked)

    for hours in (0.1, 5, 11):
        linked.pull(now=later(hours * HOUR).now)

    assert linked.marks() == {}
    assert known(linked, "looked_at") == later(11 * HOUR).now()


def test_a_look_that_found_nothing_asks_how_plaid_gets_on_with_the_bank(linked: Linked, later: Any) -> None:
    at_nine = later(9 * HOUR)
    look(linked, at_nine)
    reached = at_nine.now() - HOUR
    linked.bank.others["/item/get"] = [status(updated=reached)]
    assert sweep(at_nine) == []
    assert linked.deps_for.bells[-1] == ("ask_bank", {"item_id": str(linked.item_id)})

    assert freshness.ask(at_nine, linked.item_id) is True

    assert known(linked, "state, bank_updated_at, ask_at") == ("ok", reached, None)
    assert sweep(at_nine) == []  # no news, no pull
    assert freshness.ask(at_nine, linked.item_id) is False
    assert [task for task, _ in linked.deps_for.bells].count("ask_bank") == 1


@pytest.mark.parametrize(
    "told",
    [
        lambda now: status(updated=now - HOUR, webhook=now + HOUR),
        lambda now: status(updated=now + HOUR),
        lambda now: status(updated=now, error={"error_code": "ITEM_LOGIN_REQUIRED"}),
    ],
)
def test_what_a_lost_webhook_said_is_heard_of_and_pulled(
    linked: Linked, later: Any, told: Callable[[datetime], dict[str, Any]]
) -> None:
    at_nine = later(9 * HOUR)
    look(linked, at_nine)
    linked.bank.others["/item/get"] = [told(at_nine.now())]
    linked.deps_for.bells.clear()

    freshness.ask(at_nine, linked.item_id)

    assert linked.owed("wanted - done") == 1
    assert linked.deps_for.bells == [("pull_item", {"item_id": str(linked.item_id)})]
    assert linked.pull_owed(now=at_nine.now).rounds == 1
    assert known(linked, "ask_at") is None  # a pull that was not a look asks nothing


@pytest.mark.parametrize(
    "answer",
    [
        error("INTERNAL_SERVER_ERROR", kind="API_ERROR", status=500),
        {"item": {}, "status": {"transactions": {"last_successful_update": "yesterday"}}, "request_id": "r"},
        (200, b"<html>"),
    ],
)
def test_a_question_that_fails_changes_nothing_and_is_asked_after_the_next_empty_look(
    linked: Linked, later: Any, answer: Any
) -> None:
    look(linked, later(9 * HOUR))
    linked.bank.others["/item/get"] = [answer]
    before = known(linked, "state, bank_updated_at, look_at, stale_at")

    assert freshness.ask(later(9 * HOUR), linked.item_id) is False

    assert known(linked, "state, bank_updated_at, look_at, stale_at") == before
    assert known(linked, "ask_at") is None
    look(linked, later(18 * HOUR))
    assert known(linked, "ask_at") == later(18 * HOUR).now()


def test_a_question_without_a_call_left_waits_for_one(linked: Linked, later: Any) -> None:
    look(linked, later(9 * HOUR))
    limits = Limits({"item_get": Limit(None, 1)}, clock=lambda: 0.0)
    limits.take("item_get", None)
    plaid = Plaid(url=linked.bank.url, client_id="c", secret="s", limits=limits)
    now = later(9 * HOUR).now

    assert freshness.ask(linked.deps_for("worker", plaid=plaid, now=now), linked.item_id) is False

    assert known(linked, "ask_at") == now() + timedelta(seconds=61)


def test_an_item_without_a_status_at_plaid_is_left_as_it_is(linked: Linked, later: Any) -> None:
    look(linked, later(9 * HOUR))
    linked.bank.others["/item/get"] = [{"item": {"item_id": "item-1"}, "status": None, "request_id": "r"}]

    assert freshness.ask(later(9 * HOUR), linked.item_id) is True

    assert known(linked, "state") == "ok"


def test_an_item_that_cannot_be_pulled_turns_stale_by_the_clock_and_is_marked_once(linked: Linked, later: Any) -> None:
    linked.bank.at("C1", error("INTERNAL_SERVER_ERROR", kind="API_ERROR", status=500))
    look(linked, later(9 * HOUR))
    forget_marks(linked)

    sweep(later(11.9 * HOUR))
    assert (known(linked, "state"), linked.marks()) == ("ok", {})
    sweep(later(12 * HOUR))
    assert known(linked, "state") == "stale"
    marked = linked.marks()
    assert list(marked) == [f"users/u1/items/{linked.item_id}"]
    sweep(later(40 * HOUR))
    assert linked.marks() == marked

    linked.bank.at("C1", page(accounts=[]))
    linked.pull(now=later(50 * HOUR).now)
    assert known(linked, "state") == "quiet"


def test_a_bank_that_plaid_cannot_reach_is_stale_and_one_that_has_nothing_is_quiet(linked: Linked, later: Any) -> None:
    start = later(timedelta()).now()
    for hours in (9, 18, 27, 36):
        look(linked, later(hours * HOUR))
        linked.bank.others["/item/get"] = [status(updated=start + (hours - 2) * HOUR)]
        freshness.ask(later(hours * HOUR), linked.item_id)
    assert known(linked, "state") == "quiet"

    for hours in (45, 54):
        look(linked, later(hours * HOUR))
        linked.bank.others["/item/get"] = [status(updated=start + 34 * HOUR, failed=start + 44 * HOUR)]
        freshness.ask(later(hours * HOUR), linked.item_id)
    assert known(linked, "state, bank_updated_at") == ("stale", start + 34 * HOUR)


@pytest.mark.parametrize("gone", ["status = 'login_required'", "status = 'revoked'", "removed_at = now()"])
def test_who_waits_for_its_user_is_not_looked_at_asked_about_nor_turned(linked: Linked, later: Any, gone: str) -> None:
    look(linked, later(9 * HOUR))
    linked.database.sql(f"update items set {gone}")
    forget_marks(linked)
    linked.deps_for.bells.clear()

    for hours in (9, 13, 19, 60):
        assert sweep(later(hours * HOUR)) == []

    assert (linked.marks(), known(linked, "state")) == ({}, "ok")
    assert {task for task, _ in linked.deps_for.bells} <= {"remove_item", "purge_item"}


def test_an_item_of_before_there_was_freshness_is_looked_at_within_the_promise(linked: Linked, later: Any) -> None:
    linked.database.sql("delete from item_freshness")
    forget_marks(linked)

    assert sweep(later(HOUR)) == []
    assert sweep(later(10 * HOUR)) == [linked.item_id]
    assert linked.marks() == {}


def test_a_sweep_that_meets_a_pull_which_stores_the_same_item_for_the_first_time_lets_it(linked: Linked) -> None:
    """Both find no row; whoever inserts second must neither fail nor overwrite."""
    with psycopg2.connect(linked.database.url()) as pull, pull.cursor() as cursor, ThreadPoolExecutor(1) as beside:
        cursor.execute(
            "insert into item_freshness (id, user_id, state) values (%s, 'u1', 'quiet')", (str(linked.item_id),)
        )
        swept = beside.submit(sweep, linked.deps)
        eventually(lambda: waits_for(linked.database, pull.info.backend_pid))
        pull.commit()
        swept.result()

    assert known(linked, "state") == "quiet"


def waits_for(database: Database, pid: int) -> bool:
    return bool(database.sql("select pid from pg_stat_activity where %s = any (pg_blocking_pids(pid))", pid))


def test_the_api_and_the_document_say_the_same(linked: Linked, later: Any, database: Database) -> None:
    database.sql("update item_freshness set state = 'quiet'")
    (told,) = items.list_items(linked.deps_for("api"), "u1")
    path = f"users/u1/items/{told.pop('id')}"

    assert documents(database, path) == {path: told}
    assert told["freshness"] == "quiet"
    assert told["bankUpdatedAt"] == known(linked, "bank_updated_at")


@pytest.mark.parametrize("status_of_item", ["login_required", "revoked", "error"])
def test_an_item_that_is_out_of_order_is_broken_whatever_else_is_known(linked: Linked, status_of_item: str) -> None:
    linked.database.sql("update items set status = %s", status_of_item)

    (told,) = items.list_items(linked.deps_for("api"), "u1")
    (document,) = documents(linked.database, f"users/u1/items/{linked.item_id}").values()

    assert told["freshness"] == document["freshness"] == "broken"


# --- ten thousand items ---


@pytest.fixture
def fleet(database: Database) -> Database:
    """10,000 items of 2,000 users, pulled and looked at in the last hours, of which nothing is due."""
    database.sql("insert into users (id) select 'u' || n from generate_series(0, 1999) as n")
    database.sql(
        "insert into items (user_id, plaid_item_id) select 'u' || n % 2000, 'i' || n from generate_series(1, 10000) n"
    )
    database.sql(
        "insert into item_pulls (item_id, user_id, wanted, done, last_pulled_at) "
        "select id, user_id, 1, 1, now() from items"
    )
    database.sql(
        "insert into item_freshness (id, user_id, looked_at, look_at, quiet_at, stale_at, turn_at) "
        "select id, user_id, now(), now() + random() * interval '9 hours', now() + interval '30 hours', "
        "now() + interval '12 hours', now() + interval '12 hours' from items"
    )
    database.sql("analyze items, item_pulls, item_freshness")
    return database


def test_ten_thousand_items_that_are_due_at_once_do_not_stampede(fleet: Database, deps_for: DepsFor) -> None:
    now = datetime.now(UTC) + timedelta(hours=11)
    deps = deps_for("worker", now=lambda: now)

    first = sweep(deps)

    assert len(first) == 500
    oldest = fleet.sql("select id from item_freshness order by look_at limit 500")
    assert {item_id for (item_id,) in oldest} == set(first)
    sweep(deps)
    assert fleet.sql("select count(*) from item_pulls where wanted > done") == [(550,)]  # half of them still wait
    fleet.sql("update item_pulls set done = wanted")
    fleet.sql("update item_freshness set look_at = %s where id = any (%s)", now + HOUR, first)
    assert len(sweep(deps)) == 500


def test_the_looks_of_ten_thousand_items_are_found_without_reading_them_all(fleet: Database, deps_for: DepsFor) -> None:
    now = datetime.now(UTC) + timedelta(minutes=1)
    deps = deps_for("worker", now=lambda: now)
    sweep(deps)
    fleet.sql("update item_pulls set done = wanted")

    for statement in (freshness._LOOK, freshness._TO_ASK, freshness._TURNING):
        plan = _plan(fleet, str(statement), now)
        assert "Seq Scan" not in plan, plan


def _plan(database: Database, statement: str, now: datetime) -> str:
    written = statement.replace(":now", f"timestamptz '{now.isoformat()}'").replace(":most", "500")
    return "\n".join(line for (line,) in database.sql(f"explain {written}".replace("%", "%%")))


def test_state_is_turned_for_all_that_are_due_user_by_user(fleet: Database, deps_for: DepsFor) -> None:
    fleet.sql("update item_freshness set turn_at = now() where user_id in ('u1', 'u2')")
    fleet.sql("update item_freshness set stale_at = now() where user_id = 'u2'")
    fleet.sql("delete from changes")
    deps = deps_for("worker", now=lambda: datetime.now(UTC) + timedelta(seconds=5))

    with capture_logs():
        assert freshness.turn(deps) == 10

    states = dict(fleet.sql("select user_id, string_agg(distinct state, '') from item_freshness group by 1"))
    assert (states["u1"], states["u2"], states["u3"]) == ("quiet", "stale", "ok")
    assert fleet.sql("select owner, count(*) from changes group by 1 order by 1") == [("users/u1", 5), ("users/u2", 5)]
    assert freshness.turn(deps) == 0
