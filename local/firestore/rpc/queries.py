"""RunQuery and RunAggregationQuery."""

from __future__ import annotations

from typing import Any

from local.firestore import pb
from local.firestore.errors import invalid, not_here
from local.firestore.query.aggregate import aggregate, read_aggregations
from local.firestore.query.plan import Plan, make_plan
from local.firestore.query.run import run, shown
from local.firestore.rpc.call import Call, Moment, Site


async def run_query(call: Call, request: Any) -> list[Any]:
    """The documents of a query at one moment; at least one answer, which then carries the read time only."""
    if request.WhichOneof("query_type") is None:
        raise invalid("A query is required.")
    site, moment, plan = _prepare(call, request, request.structured_query)
    result = run(plan, moment.reader)
    answers = []
    for found in result.found:
        answer = pb.rpc_message("RunQueryResponse")()
        answer.document.CopyFrom(shown(found.record, site.database.root, plan.projection))
        moment.stamp(answer.read_time)
        answers.append(answer)
    if not answers or moment.begun or result.skipped:
        first = pb.rpc_message("RunQueryResponse")(
            transaction=moment.new_transaction_id, skipped_results=result.skipped
        )
        moment.stamp(first.read_time)
        answers.insert(0, first)
    return answers


async def run_aggregation_query(call: Call, request: Any) -> list[Any]:
    """The numbers of an aggregation, in one answer."""
    if request.WhichOneof("query_type") is None:
        raise invalid("A query is required.")
    wanted = read_aggregations(request.structured_aggregation_query.aggregations)
    _, moment, plan = _prepare(call, request, request.structured_aggregation_query.structured_query)
    answer = pb.rpc_message("RunAggregationQueryResponse")(transaction=moment.new_transaction_id)
    for alias, value in aggregate(plan, moment.reader, wanted).items():
        answer.result.aggregate_fields[alias].CopyFrom(value)
    moment.stamp(answer.read_time)
    return [answer]


def _prepare(call: Call, request: Any, query: pb.StructuredQuery) -> tuple[Site, Moment, Plan]:
    if request.HasField("explain_options"):
        raise not_here("query explain")
    site = call.within(request.parent)
    plan = make_plan(site.database.name, request.parent, query)
    moment = site.view(request)
    site.gate.list(plan, moment.reader)
    moment.remember(plan)
    return site, moment, plan
