"""Random reads: queries of every shape, aggregations, documents, lists, collection ids."""

from __future__ import annotations

from random import Random
from typing import Any

from local.firestore import pb
from tests.differential.firestore import values
from tests.differential.firestore.program import DATABASE, ROOT, Step

_EQUAL, _UNEQUAL, _IN, _NOT_IN, _CONTAINS, _CONTAINS_ANY = 5, 6, 8, 10, 7, 9
_OPS = [1, 2, 3, 4, _EQUAL, _EQUAL, _EQUAL, _UNEQUAL, _CONTAINS, _IN, _CONTAINS_ANY, _NOT_IN]
_PATHS = ["a", "a", "b", "c", "n", "n", "t", "t", "m", "m.x", "__name__", "`a.b`"]


def reading(rng: Random) -> Step:
    """A call that reads."""
    return rng.choices([_query, _aggregation, _get_many, _get, _list, _ids], [10, 4, 2, 1, 2, 1])[0](rng)


def structured(rng: Random, *, limited: bool = True) -> tuple[str, Any]:
    """A parent and a query below it."""
    query = pb.StructuredQuery()
    where = rng.choice(["", "", "", "c/d0", "c/d1"])
    selector = query.from_.add(collection_id="s" if where else rng.choice(["c", "c", "c", "d", "s"]))
    selector.all_descendants = selector.collection_id == "s" and rng.random() < 0.6
    if rng.random() < 0.75:
        query.where.CopyFrom(_filter(rng, 0))
    _orders(rng, query)
    _cursors(rng, query)
    if limited and rng.random() < 0.4:
        query.limit.value = rng.randint(1, 4)
    if limited and rng.random() < 0.15:
        query.offset = rng.randint(1, 3)
    if rng.random() < 0.2:
        query.select.SetInParent()
        for path in dict.fromkeys(rng.choices(["a", "n", "m.x", "m.y", "__name__", "`a.b`", "t"], k=rng.randint(0, 3))):
            query.select.fields.add(field_path=path)
    return (f"{ROOT}/{where}" if where else ROOT), query


def names(rng: Random, collection: str | None = None) -> list[str]:
    """A few documents, each once."""
    return list(dict.fromkeys(values.document_name(rng, collection) for _ in range(rng.randint(1, 4))))


def _query(rng: Random) -> Step:
    parent, query = structured(rng)
    return Step("RunQuery", pb.rpc_message("RunQueryRequest")(parent=parent, structured_query=query))


def _aggregation(rng: Random) -> Step:
    parent, query = structured(rng)
    request = pb.rpc_message("RunAggregationQueryRequest")(parent=parent)
    inner = request.structured_aggregation_query
    query.ClearField("select")
    inner.structured_query.CopyFrom(query)
    for position in range(rng.choice([1, 1, 2, 3])):
        one = inner.aggregations.add(alias=rng.choice(["", f"x{position}", f"x{position}"]))
        kind = rng.choice(["count", "count", "sum", "avg"])
        if kind == "count":
            one.count.SetInParent()
            if rng.random() < 0.2:
                one.count.up_to.value = rng.randint(1, 4)
        else:
            getattr(one, kind).field.field_path = rng.choice(["n", "n", "a", "m.x"])
    return Step("RunAggregationQuery", request)


def _get_many(rng: Random) -> Step:
    request = pb.rpc_message("BatchGetDocumentsRequest")(database=DATABASE, documents=names(rng))
    if rng.random() < 0.3:
        request.mask.field_paths.extend(rng.sample(["a", "n", "m.x", "t"], rng.randint(0, 2)))
        request.mask.SetInParent()
    return Step("BatchGetDocuments", request)


def _get(rng: Random) -> Step:
    return Step("GetDocument", pb.rpc_message("GetDocumentRequest")(name=values.document_name(rng)))


def _list(rng: Random) -> Step:
    where = rng.choice(values.COLLECTIONS)
    parent, _, last = where.rpartition("/")
    request = pb.rpc_message("ListDocumentsRequest")(parent=f"{ROOT}/{parent}" if parent else ROOT, collection_id=last)
    request.show_missing = rng.random() < 0.4
    if rng.random() < 0.4:
        request.page_size = rng.randint(1, 3)
    if not request.show_missing and rng.random() < 0.3:
        request.order_by = rng.choice(["a", "n desc", "__name__ desc"])
    return Step("ListDocuments", request)


def _ids(rng: Random) -> Step:
    parent = rng.choice([ROOT, f"{ROOT}/c/d0", f"{ROOT}/c/d1", f"{ROOT}/x/y"])
    return Step("ListCollectionIds", pb.rpc_message("ListCollectionIdsRequest")(parent=parent))


def _filter(rng: Random, depth: int) -> Any:
    message = pb.Filter()
    if depth < 2 and rng.random() < (0.35 if depth == 0 else 0.2):
        message.composite_filter.op = rng.choice([1, 1, 2])
        message.composite_filter.filters.extend(_filter(rng, depth + 1) for _ in range(rng.choice([1, 2, 2, 3])))
    elif rng.random() < 0.12:
        message.unary_filter.op = rng.choice([2, 3, 4, 5])
        message.unary_filter.field.field_path = rng.choice(_PATHS[:-2])
    else:
        _compare(rng, message.field_filter)
    return message


def _compare(rng: Random, message: Any) -> None:
    path, op = rng.choice(_PATHS), rng.choice(_OPS)
    if path == "t" and rng.random() < 0.7:
        op = rng.choice([_CONTAINS, _CONTAINS_ANY])
    if path == "__name__" and op in {_CONTAINS, _CONTAINS_ANY}:
        op = _EQUAL
    message.field.field_path, message.op = path, op
    if op in {_IN, _NOT_IN, _CONTAINS_ANY}:
        message.value.array_value.SetInParent()
        message.value.array_value.values.extend(_operand(rng, path) for _ in range(rng.choice([1, 2, 2, 3])))
    else:
        message.value.CopyFrom(_operand(rng, path))
        while op in {_EQUAL, _UNEQUAL} and _wants_unary(message.value):  # no client compares with these
            message.value.CopyFrom(_operand(rng, path))


def _wants_unary(value: Any) -> bool:
    return value.WhichOneof("value_type") == "null_value" or (value.double_value != value.double_value)


def _operand(rng: Random, path: str) -> Any:
    if path == "__name__":
        return pb.Value(reference_value=values.document_name(rng, rng.choice(["c", "c", "c", "d", "c/d0/s"])))
    if path == "n" and rng.random() < 0.8:
        return values.number(rng)
    return values.value(rng, 2 if rng.random() < 0.7 else 0)


def _orders(rng: Random, query: Any) -> None:
    if rng.random() < 0.45:
        return
    for path in dict.fromkeys(rng.choices(["a", "n", "n", "m.x", "b", "m", "t"], k=rng.choice([1, 1, 2]))):
        query.order_by.add(direction=rng.choice([1, 2])).field.field_path = path
    if rng.random() < 0.25:
        query.order_by.add(direction=rng.choice([1, 2])).field.field_path = "__name__"


def _cursors(rng: Random, query: Any) -> None:
    for name in ("start_at", "end_at"):
        if query.order_by and rng.random() < 0.25:
            cursor = getattr(query, name)
            cursor.before = rng.random() < 0.5
            for order in query.order_by[: rng.randint(1, len(query.order_by))]:
                cursor.values.append(_operand(rng, order.field.field_path))
