"""A pull under the trace of what it serves: one webhook, several, a failure between, nobody's want."""

from __future__ import annotations

import json

import pytest

from sync import metrics, tracing
from sync.banks.webhooks import receive
from sync.deps import Deps
from sync.passports import read_trace
from sync.pull.refresh import refresh_item
from tests.integration.pull.bank import error, page, row
from tests.integration.pull.conftest import Linked


@pytest.fixture
def api(linked: Linked) -> Deps:
    return linked.deps_for("api", plaid=linked.deps.plaid)


def body(number: int) -> bytes:
    said = {"webhook_type": "TRANSACTIONS", "webhook_code": "SYNC_UPDATES_AVAILABLE", "item_id": "item-1"}
    return json.dumps(said | {"number": number}).encode()


def told(linked: Linked, api: Deps, number: int) -> str:
    """Receives a webhook of its own kind of content; answers its trace."""
    raw = body(number)
    with tracing.under(tracing.begin("webhook")) as passport:
        receive(api, raw, linked.bank.sign(raw))
    return passport.trace_id


def observed(hop: str) -> float:
    return metrics.REGISTRY.get_sample_value("livespend_hop_seconds_count", {"hop": hop}) or 0.0


def test_a_webhook_is_stored_with_its_trace_and_the_pull_goes_on_with_it(linked: Linked, api: Deps) -> None:
    linked.database.sql("update item_pulls set done = wanted")
    linked.bank.at(None, page(added=[row("a")]))
    before = observed("webhook_to_pull"), observed("pull_to_ledger")
    trace_id = told(linked, api, 1)

    linked.pull_owed()

    assert linked.one("select trace_id from webhook_inbox") == trace_id
    assert linked.run("traces") == [trace_id]
    assert linked.database.sql(
        "select distinct trace_id, origin from changes where path like '%%/transactions/%%'"
    ) == [(trace_id, "webhook")]
    assert linked.owed("traces") == []
    assert (observed("webhook_to_pull"), observed("pull_to_ledger")) == (before[0] + 1, before[1] + 1)


def test_a_webhook_received_without_a_request_gets_a_trace_of_its_own(linked: Linked, api: Deps) -> None:
    raw = body(1)

    receive(api, raw, linked.bank.sign(raw))

    assert tracing.is_trace_id(linked.one("select trace_id from webhook_inbox"))
    assert tracing.current() is None


def test_a_pull_that_serves_several_goes_on_with_the_first_and_links_the_others(linked: Linked, api: Deps) -> None:
    linked.bank.at(None, page(added=[row("a")]))
    traces = [told(linked, api, number) for number in range(3)]
    with tracing.under(tracing.begin("POST /api/items/<uuid:item_id>/refresh")) as asked:
        refresh_item(api, "u1", linked.item_id)

    linked.pull_owed()

    assert linked.run("traces") == [*traces, asked.trace_id]
    found = read_trace(linked.deps.engine, traces[2])
    (followed,) = [line["detail"] for line in found["hops"] if line["hop"] == "pull began"]
    assert followed == f"under trace {traces[0]}"


def test_a_pull_that_failed_leaves_its_traces_to_the_next(linked: Linked, api: Deps) -> None:
    trace_id = told(linked, api, 1)
    down = error("INTERNAL_SERVER_ERROR", kind="API_ERROR", status=500)
    linked.bank.at(None, down, down, down, page(added=[row("a")]))
    linked.pull_owed()
    assert linked.run("outcome") == "failed"
    assert linked.owed("traces") != []

    linked.database.sql("update item_pulls set retry_at = null, failures = 0")
    linked.pull_owed()

    assert linked.run("traces") == [trace_id]
    assert linked.owed("traces") == []


def test_what_the_schedule_wanted_has_a_trace_per_pull(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a")]))
    linked.database.sql("update item_pulls set traces = array[%s]", f"{'ab' * 16} 2026-11-01T00:00:00+00:00 task sweep")

    linked.pull_owed()

    (trace_id,) = linked.run("traces")
    assert trace_id != "ab" * 16
    assert linked.database.sql("select distinct origin from changes where trace_id = %s", trace_id) == [("pull",)]


def test_a_storm_of_webhooks_leaves_a_hundred_traces_at_most(linked: Linked) -> None:
    for _ in range(3):
        linked.database.sql(
            "select set_config('app.trace', %s, false)", f"{'cd' * 16} 2026-11-01T00:00:00+00:00 webhook"
        )
        for _ in range(50):
            linked.database.sql("update item_pulls set wanted = wanted + 1")

    assert len(linked.owed("traces")) == 100
