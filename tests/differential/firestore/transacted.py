"""Transactions in turns: what they read, what others write meanwhile, how they end.

Nobody waits here: while a transaction that writes is open, others leave alone what it has read. Who waits for whom,
and for how long, is where servers may differ; that the outcome is right all the same is tested with threads.
"""

from __future__ import annotations

from random import Random
from typing import Any

from local.firestore import pb
from tests.differential.firestore import queries, writes
from tests.differential.firestore.program import COMMIT_TIME, DATABASE, ROOT, Step

_OURS, _THEIRS = "c", "d"
_NOBODYS = b"T99"


def transacted_steps(rng: Random) -> list[Step]:
    """A few transactions, one after the other; ours work on one collection, the others on another."""
    steps = [writes.commit_of(*(writes.write(rng, where) for _ in range(2))) for where in (_OURS, _THEIRS) * 3]
    for number in range(6):
        kind = rng.choice(["write", "write", "look", "past", "odd"])
        steps += _STORIES[kind](rng, f"T{number}".encode(), len(steps))
    steps.append(_whole(_OURS))
    steps.append(_whole(_THEIRS))
    return steps


def _write(rng: Random, name: bytes, _before: int) -> list[Step]:
    steps = [_begin()]
    for _ in range(rng.randint(0, 3)):
        steps.append(rng.choice([_get, _query, _count])(rng, name))
        if rng.random() < 0.3:
            steps.append(writes.commit_of(writes.write(rng, _THEIRS)))
    end = rng.random()
    if end < 0.75:
        steps.append(writes.commit_of(*(writes.write(rng, _OURS) for _ in range(rng.randint(0, 3))), transaction=name))
    steps.append(_rollback(name))
    if rng.random() < 0.3:
        steps.append(writes.commit_of(writes.write(rng, _OURS), transaction=name))
    return steps


def _look(rng: Random, name: bytes, _before: int) -> list[Step]:
    steps = [_begin(read_only=True)]
    for _ in range(rng.randint(1, 3)):
        steps.append(rng.choice([_get, _query, _count])(rng, name))
        steps.append(writes.commit_of(writes.write(rng, _OURS)))
    steps.append(writes.commit_of(*([writes.write(rng, _OURS)] if rng.random() < 0.3 else []), transaction=name))
    return steps


def _past(rng: Random, name: bytes, before: int) -> list[Step]:
    step = _begin(read_only=True)
    moment = step.request.options.read_only.read_time
    moment.seconds, moment.nanos = COMMIT_TIME, rng.randrange(before)
    reads = [rng.choice([_get, _query])(rng, name) for _ in range(2)]
    past = _query(rng, b"")
    past.request.read_time.seconds, past.request.read_time.nanos = COMMIT_TIME, rng.randrange(before)
    return [step, *reads, _rollback(name), past]


def _odd(rng: Random, name: bytes, _before: int) -> list[Step]:
    """What a client should not do."""
    return [_begin(), *rng.choice([
        [_rollback(name), _rollback(name), _get(rng, name)],
        [writes.commit_of(transaction=name), writes.commit_of(transaction=name)],
        [_get(rng, _NOBODYS), writes.commit_of(writes.write(rng, _OURS), transaction=_NOBODYS), _rollback(_NOBODYS),
         _rollback(name)],
    ])]  # fmt: skip


_STORIES = {"write": _write, "look": _look, "past": _past, "odd": _odd}


def _begin(*, read_only: bool = False) -> Step:
    request = pb.rpc_message("BeginTransactionRequest")(database=DATABASE)
    getattr(request.options, "read_only" if read_only else "read_write").SetInParent()
    return Step("BeginTransaction", request)


def _rollback(name: bytes) -> Step:
    return Step("Rollback", pb.rpc_message("RollbackRequest")(database=DATABASE, transaction=name))


def _get(rng: Random, name: bytes) -> Step:
    request = pb.rpc_message("BatchGetDocumentsRequest")(database=DATABASE, documents=queries.names(rng, _OURS))
    request.transaction = name
    return Step("BatchGetDocuments", request)


def _query(rng: Random, name: bytes) -> Step:
    query = _plain_query(rng)
    request = pb.rpc_message("RunQueryRequest")(parent=ROOT, structured_query=query)
    if name:
        request.transaction = name
    return Step("RunQuery", request)


def _count(rng: Random, name: bytes) -> Step:
    request = pb.rpc_message("RunAggregationQueryRequest")(parent=ROOT, transaction=name)
    request.structured_aggregation_query.structured_query.CopyFrom(_plain_query(rng))
    request.structured_aggregation_query.aggregations.add(alias="all").count.SetInParent()
    return Step("RunAggregationQuery", request)


def _plain_query(rng: Random) -> Any:
    _, query = queries.structured(rng)
    del query.from_[:]
    query.from_.add(collection_id=_OURS)
    return query


def _whole(collection: str) -> Step:
    query = pb.StructuredQuery()
    query.from_.add(collection_id=collection)
    return Step("RunQuery", pb.rpc_message("RunQueryRequest")(parent=ROOT, structured_query=query))
