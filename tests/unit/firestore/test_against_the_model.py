"""Random documents, random queries and random commits: what is found and what is stored is what a plain model says.

And listeners: after any history of commits and lost connections, what a client shows is what a fresh query finds.
"""

from __future__ import annotations

import contextlib
import math
from random import Random
from typing import Any

from google.protobuf import json_format
from hypothesis import given, note, settings
from hypothesis import strategies as st

from local.firestore import pb
from local.firestore.access import OWNER, Gate
from local.firestore.database import Database
from local.firestore.errors import FirestoreError
from local.firestore.listen.session import ListenSession
from local.firestore.query.run import run
from local.firestore.write.intent import read_intents
from tests.unit.firestore import plain_model as model
from tests.unit.firestore.world import NAME, ROOT, new_database, plan_of, put, value

_OPS = {
    "<": "LESS_THAN", "<=": "LESS_THAN_OR_EQUAL", ">": "GREATER_THAN", ">=": "GREATER_THAN_OR_EQUAL", "==": "EQUAL",
    "!=": "NOT_EQUAL", "array-contains": "ARRAY_CONTAINS", "in": "IN", "array-contains-any": "ARRAY_CONTAINS_ANY",
    "not-in": "NOT_IN",
}  # fmt: skip
_LISTED = {"in", "not-in", "array-contains-any"}

# Few values, so that they meet often; a field mostly of numbers and one mostly of lists, so that filters find some.
# Drawn by dice and not by hypothesis' own strategies: those prefer the small and empty, which meet nothing.
_NUMBERS = [0, 1, 2, 1.0, 1.5, -0.0, math.nan, math.inf, 2**53, 2.0**53, 2**53 + 1, 2**63 - 1, -(2**63)]
_WORDS = ["", "a", "ab", "é", "\U0001f600", "\uffee", b"", b"a", b"\xff"]
_ELEMENTS = [None, 0, 1, 1.0, "a", math.nan, {"x": 1}]
_PATHS = ["n", "l", "m.x", "any"]
_NAMES = ["d0", "d1", "d2", "d3", "d4", "é", "Z"]
_dice = st.randoms(use_true_random=True)


def _scalar(dice: Random) -> Any:
    return dice.choice([None, True, False, dice.choice(_NUMBERS), dice.choice(_WORDS)])


def _list(dice: Random) -> list[Any]:
    return dice.choices(_ELEMENTS, k=dice.randrange(4))


def _map(dice: Random) -> dict[str, Any]:
    return {name: dice.choice([_scalar(dice), dice.choice(_NUMBERS)]) for name in "xy" if dice.random() < 0.7}


def _value(dice: Random) -> Any:
    return dice.choice([_scalar, _scalar, _list, _map])(dice)


def _fields(dice: Random) -> dict[str, Any]:
    drawn = {
        "n": dice.choice([dice.choice(_NUMBERS), dice.choice(_NUMBERS), _scalar(dice)]),
        "l": dice.choice([_list, _list, _value])(dice),
        "m": _map(dice),
        "any": _value(dice),
    }
    return {name: value for name, value in drawn.items() if dice.random() < 0.8}


def _documents(dice: Random) -> model.Documents:
    return {name: _fields(dice) for name in dice.sample(_NAMES, k=dice.randrange(len(_NAMES) + 1))}


def _filter(dice: Random) -> model.Filter:
    path = dice.choice(_PATHS)
    arrays = ["array-contains", "array-contains-any"] if path in {"l", "any"} else []
    op = dice.choice([*arrays, *arrays, "<", "<=", ">", ">=", "==", "!=", "in"])
    if op == "==":
        return model.Filter(path, op, _value(dice))
    pool = {"l": _ELEMENTS, "n": _NUMBERS}.get(path, [_scalar(dice) for _ in range(3)])
    return model.Filter(path, op, dice.choices(pool, k=dice.randint(1, 3)) if op in _LISTED else dice.choice(pool))


def _query(dice: Random) -> model.Query:
    groups = [[_filter(dice) for _ in range(dice.randint(1, 2))] for _ in range(dice.choice([0, 1, 1, 1, 2]))] or [[]]
    if dice.random() < 0.1:
        groups = [[model.Filter(dice.choice(_PATHS), "not-in", [_scalar(dice) for _ in range(dice.randint(1, 3))])]]
    # At most one array filter for each alternative, and one inequality by exclusion in all.
    groups = [_one_array_filter(group) for group in groups]
    excluding = [one for group in groups for one in group if one.op in {"!=", "not-in"}]
    groups = [[one for one in group if one not in excluding[1:]] for group in groups]
    groups = [group for group in groups if group] or [[]]
    order_by = [(path, dice.random() < 0.5) for path in dice.sample(_PATHS, k=dice.choice([0, 0, 1, 2]))]
    start, end = (_bound(dice, len(order_by)) for _ in range(2))
    offset, limit = dice.choice([0, 0, 0, 1, 2]), dice.choice([None, None, 1, 2, 4])
    return model.Query(groups, order_by, start, end, offset, limit)


def _bound(dice: Random, longest: int) -> tuple[list[Any], bool] | None:
    if not longest or dice.random() < 0.7:
        return None
    return [_value(dice) for _ in range(dice.randint(1, longest))], dice.random() < 0.5


def _one_array_filter(group: list[model.Filter]) -> list[model.Filter]:
    arrays = [place for place, one in enumerate(group) if one.op.startswith("array-contains")]
    return [one for place, one in enumerate(group) if place not in arrays[1:]]


def _as_json(query: model.Query) -> dict[str, Any]:
    wanted: dict[str, Any] = {"offset": query.offset}
    groups = [[_filter_json(one) for one in group] for group in query.alternatives if group]
    if groups:
        wanted["where"] = _joined("OR", [_joined("AND", group) for group in groups])
    if query.order_by:
        wanted["orderBy"] = [
            {"field": {"fieldPath": path}, "direction": "DESCENDING" if descending else "ASCENDING"}
            for path, descending in query.order_by
        ]
    for name, bound in (("startAt", query.start), ("endAt", query.end)):
        if bound is not None:
            wanted[name] = {"values": [_json(one) for one in bound[0]], "before": bound[1]}
    if query.limit is not None:
        wanted["limit"] = query.limit
    return wanted


def _joined(op: str, filters: list[Any]) -> Any:
    return filters[0] if len(filters) == 1 else {"compositeFilter": {"op": op, "filters": filters}}


def _filter_json(one: model.Filter) -> Any:
    field = {"fieldPath": one.path}
    return {"fieldFilter": {"field": field, "op": _OPS[one.op], "value": _json(one.operand)}}


def _json(plain: Any) -> Any:
    return json_format.MessageToDict(value(plain))


@settings(max_examples=600, deadline=None)
@given(dice=_dice)
def test_a_query_finds_what_the_model_finds_in_its_order(dice: Random) -> None:
    database, documents, query = new_database(), _documents(dice), _query(dice)
    note(f"{documents}\n{query}")
    for name, content in documents.items():
        database.commit([put(f"c/{name}", **content)])
    found = run(plan_of("c", **_as_json(query)), database.store).found
    assert [one.record.path for one in found] == [f"c/{name}" for name in query.run(documents)]


def _transform(dice: Random) -> tuple[str, str, Any]:
    if dice.random() < 0.5:
        return dice.choice(["n", *_PATHS]), dice.choice(["increment", "maximum", "minimum"]), dice.choice(_NUMBERS)
    return dice.choice(["l", "l", "m.x"]), dice.choice(["union", "remove"]), _list(dice)


def _write(dice: Random) -> model.Write:
    name, exists = dice.choice(_NAMES), dice.choice([None, None, None, None, True, False])
    if dice.random() < 0.2:
        return model.Write(name, None, exists=exists)
    mask = None if dice.random() < 0.5 else tuple(dice.sample(_PATHS, k=dice.randrange(4)))
    transforms = tuple(_transform(dice) for _ in range(dice.choice([0, 0, 1, 2])))
    return model.Write(name, _fields(dice), mask, transforms, exists)


def _writes(dice: Random) -> list[model.Write]:
    return [_write(dice) for _ in range(dice.randint(1, 3))]


_TRANSFORM_FIELDS = {
    "increment": "increment", "maximum": "maximum", "minimum": "minimum", "union": "append_missing_elements",
    "remove": "remove_all_from_array",
}  # fmt: skip


def _message(write: model.Write) -> pb.Write:
    name = f"{ROOT}/c/{write.name}"
    message = pb.Write(delete=name) if write.fields is None else pb.Write()
    if write.fields is not None:
        message.update.name = name
        for field, plain in write.fields.items():
            message.update.fields[field].CopyFrom(value(plain))
    if write.mask is not None:
        message.update_mask.field_paths.extend(write.mask)
        message.update_mask.SetInParent()
    for path, kind, operand in write.transforms:
        transform = message.update_transforms.add(field_path=path)
        target, made = getattr(transform, _TRANSFORM_FIELDS[kind]), value(operand)
        target.SetInParent()
        target.CopyFrom(made.array_value if kind in {"union", "remove"} else made)
    if write.exists is not None:
        message.current_document.exists = write.exists
    return message


@settings(max_examples=300, deadline=None)
@given(dice=_dice)
def test_commits_leave_what_the_model_says(dice: Random) -> None:
    database, documents = new_database(), model.Documents()
    for writes in [_writes(dice) for _ in range(8)]:
        note(str(writes))
        try:
            expected = model.commit(documents, writes)
        except model.Refused:
            expected = None
        try:
            database.commit(read_intents(NAME, [_message(write) for write in writes]))
            assert expected is not None
            documents = expected
        except FirestoreError:
            assert expected is None
        assert _stored(database) == {f"c/{name}": _data(content) for name, content in documents.items()}


def _stored(database: Database) -> dict[str, bytes]:
    return {
        record.path: pb.Document(fields=record.content().fields).SerializeToString(deterministic=True)
        for record in database.store.everything()
    }


def _data(content: dict[str, Any]) -> bytes:
    document = pb.Document()
    for name, plain in content.items():
        document.fields[name].CopyFrom(value(plain))
    return bytes(document.SerializeToString(deterministic=True))


class Client:
    """A listener that keeps what it was shown over lost connections, as the SDKs do."""

    def __init__(self, database: Database, query: dict[str, Any]) -> None:
        self._database = database
        self._query = query
        self._session: ListenSession | None = None
        self._token = b""
        self._shown: set[str] = set()
        self._coming: set[str] = set()

    @property
    def shown(self) -> set[str]:
        return self._shown

    def connect(self) -> None:
        if self._session is not None:
            return
        self._coming = set(self._shown)
        gate = Gate(lambda: None, self._database, OWNER)
        self._session = ListenSession(self._database, gate, self._take)
        structured = {"from": [{"collectionId": "c"}], **self._query}
        target = {"targetId": 2, "query": {"parent": ROOT, "structuredQuery": structured}}
        request = json_format.ParseDict({"addTarget": target}, pb.ListenRequest())
        if self._token:
            request.add_target.resume_token = self._token
        self._session.receive(request)

    def lose(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _take(self, message: pb.ListenResponse) -> None:
        kind = message.WhichOneof("response_type")
        if kind == "target_change":
            self._change(message.target_change)
        elif kind == "document_change" and 2 in message.document_change.target_ids:
            self._coming.add(message.document_change.document.name)
        elif kind == "document_change":
            self._coming.remove(message.document_change.document.name)
        else:
            self._coming.discard(message.document_delete.document)

    def _change(self, change: Any) -> None:
        assert change.target_change_type != 2, change.cause
        if change.target_change_type == 4:
            self._coming.clear()
        if change.target_change_type == 0 and not change.target_ids:
            self._shown, self._token = set(self._coming), change.resume_token


@settings(max_examples=300, deadline=None)
@given(dice=_dice)
def test_a_listener_shows_what_a_fresh_query_finds_however_often_it_lost_its_line(dice: Random) -> None:
    database, query = new_database(), _query(dice)
    asked = _as_json(query)
    note(str(query))
    for name, content in _documents(dice).items():
        database.commit([put(f"c/{name}", **content)])
    client = Client(database, asked)
    for _ in range(dice.randrange(12)):
        if dice.random() < 0.3:
            (client.connect if dice.random() < 0.6 else client.lose)()
        else:
            with contextlib.suppress(FirestoreError):
                database.commit(read_intents(NAME, [_message(write) for write in _writes(dice)]))
    client.connect()
    found = run(plan_of("c", **asked), database.store).found
    assert client.shown == {f"{ROOT}/{one.record.path}" for one in found}
