"""RunQuery, RunAggregationQuery and PartitionQuery."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from local.firestore import pb
from local.firestore.clock import microseconds_of
from local.firestore.errors import invalid, not_here
from local.firestore.fields import NAME
from local.firestore.query.aggregate import aggregate, read_aggregations
from local.firestore.query.order import Order
from local.firestore.query.plan import Plan, make_plan
from local.firestore.query.run import in_order, shown
from local.firestore.rpc.call import Call, Moment, Site
from local.firestore.rpc.paging import offset_of, size_of, token_of


async def run_query(call: Call, request: Any) -> list[Any]:
    """The documents of a query at one moment; at least one answer, which then carries the read time only."""
    if request.WhichOneof("query_type") is None:
        raise invalid("A query is required.")
    site, moment, plan = _prepare(call, request, request.structured_query)
    result = await moment.run(plan)
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
    await moment.remember(plan)
    answer = pb.rpc_message("RunAggregationQueryResponse")(transaction=moment.new_transaction_id)
    for alias, value in aggregate(plan, moment.reader, wanted).items():
        answer.result.aggregate_fields[alias].CopyFrom(value)
    moment.stamp(answer.read_time)
    return [answer]


async def partition_query(call: Call, request: Any) -> Any:
    """Cursors that cut a collection group into about equal parts, in order; fewer where there are few documents."""
    site = call.within(request.parent)
    site.gate.admin_only()
    plan = make_plan(site.database.name, request.parent, request.structured_query)
    if request.partition_count <= 0:
        raise invalid("partition_count must be greater than zero.")
    if plan != _whole_group(plan):
        raise invalid("Partition queries are for whole collection groups in ascending order of __name__.")
    at = microseconds_of(request.read_time) if request.HasField("read_time") else None
    names = [found.record.path for found in in_order(plan, site.database.reader(at))]
    cuts = _cuts(names, request.partition_count)
    start = offset_of(request.page_token)
    stop = start + (size_of(request.page_size) or len(cuts))
    answer = pb.rpc_message("PartitionQueryResponse")()
    for name in cuts[start:stop]:
        answer.partitions.add(before=True).values.add().reference_value = f"{site.database.root}/{name}"
    if len(cuts) > stop:
        answer.next_page_token = token_of(stop)
    return answer


def _whole_group(plan: Plan) -> Plan:
    """The same plan without anything that a partition query must not have."""
    scope = replace(plan.scope, descendants=True)
    by_name = (Order(NAME, False),)
    return replace(plan, scope=scope, tree=None, orders=by_name, start=None, end=None, offset=0, limit=None)


def _cuts(names: list[str], count: int) -> list[str]:
    """The first name of each part but the first."""
    parts = min(count + 1, len(names))
    return [names[number * len(names) // parts] for number in range(1, parts)]


def _prepare(call: Call, request: Any, query: pb.StructuredQuery) -> tuple[Site, Moment, Plan]:
    if request.HasField("explain_options"):
        raise not_here("query explain")
    site = call.within(request.parent)
    plan = make_plan(site.database.name, request.parent, query)
    moment = site.view(request)
    site.gate.list(plan, moment.reader)
    return site, moment, plan
