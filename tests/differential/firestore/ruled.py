"""Random rules, and requests of several kinds of user under them."""

from __future__ import annotations

from random import Random
from typing import Any

from local.firestore import pb
from tests.differential.firestore import queries, values, writes
from tests.differential.firestore.program import ROOT, Step

USERS = ["ann", "ann", "bob", "nobody", "owner"]
_FIELDS = ["a", "n", "b", "t", "m"]
_LITERALS = ["1", "0", "-1", "2.5", "'a'", "''", "null", "true", "false", "[1]", "[]", "{'x': 1}", "'é'"]
_COMPARE = ["==", "==", "!=", "<", "<=", ">", ">="]
_OPERANDS = ["1", "0", "2", "'a'"]
_DIFFS = ["addedKeys", "removedKeys", "changedKeys", "unchangedKeys"]
_CONFIG = "/databases/$(database)/documents/cfg/one"
_NOTHING = (
    "rules_version = '2'; service cloud.firestore { match /databases/{database}/documents {"
    " match /nothing/{id} { allow read: if false; } } }"
)
_LOOKUPS = ["get", "exists", "getAfter", "existsAfter"]


def ruled_steps(rng: Random) -> list[Step]:
    """Rules, then what people try under them; the rules are replaced in the middle."""
    steps = [
        Step("Rules", _NOTHING),  # those of an earlier program would stay where ours are refused
        _config(rng),
        *(writes.commit_of(writes.write(rng, where)) for where in ("c", "c", "c", "c/d0/s", "c/d1/s", "d") * 2),
    ]
    for _ in range(2):
        steps.append(Step("Rules", rules(rng)))
        for _ in range(22):
            steps.append(rng.choice(_REQUESTS)(rng))
    return steps


def rules(rng: Random) -> str:
    """A rules file whose conditions are random."""
    group = f"match /{{any=**}}/s/{{id}} {{ allow list: if {listing(rng)}; }}" if rng.random() < 0.5 else ""
    return f"""rules_version = '2';
service cloud.firestore {{ match /databases/{{database}}/documents {{
  function signed() {{ return request.auth != null; }}
  function mine(id) {{ return request.auth.uid == id; }}
  function odd(x) {{ let y = {condition(rng, "get", 1).replace("odd(", "mine(")}; return y || x == 1; }}
  match /beats/{{id}} {{ allow read: if true; }}
  {_block(rng, "/c/{id}")}
  {_block(rng, "/c/{parent}/s/{id}")}
  {_block(rng, "/d/{id}")}
  {group}
}} }}
"""


def _block(rng: Random, pattern: str) -> str:
    lines = [f"allow {method}: if {condition(rng, method, 0)};" for method in ("get", "create", "update", "delete")]
    lines.append(f"allow list: if {listing(rng)};")
    if rng.random() < 0.4:
        method = rng.choice(["read", "write", "get", "update"])
        lines.append(f"allow {method}: if {condition(rng, method, 0)};")
    return f"match {pattern} {{ " + "\n    ".join(lines) + " }"


def condition(rng: Random, method: str, depth: int) -> str:
    """A condition on one document's access."""
    if depth < 3 and rng.random() < 0.55:
        left, right = condition(rng, method, depth + 1), condition(rng, method, depth + 1)
        shapes = [f"({left} && {right})", f"({left} || {right})", f"!({left})", f"({left} ? {right} : true)"]
        return rng.choices(shapes, [4, 5, 2, 1])[0]
    return rng.choices([_about_caller, _about_data, _about_lookup, _about_change, _about_shape], [4, 5, 1, 2, 3])[0](
        rng, method
    )


def listing(rng: Random, depth: int = 0) -> str:
    """A condition on a list, which must follow from the query."""
    if depth < 2 and rng.random() < 0.5:
        left, right = listing(rng, depth + 1), listing(rng, depth + 1)
        return rng.choice([f"({left} && {right})", f"({left} || {right})", f"({left} || {right})"])
    return rng.choice([
        _about_caller(rng, "list"),
        f"request.query.limit <= {rng.randint(1, 4)}",
        f"resource.data.{rng.choice(['a', 'n'])} {rng.choice(_COMPARE)} {rng.choice(_OPERANDS)}",
        f"{rng.choice(_OPERANDS)} in resource.data.t",
        f"exists({_CONFIG})",
    ])  # fmt: skip


def _about_caller(rng: Random, _method: str) -> str:
    return rng.choice([
        "signed()", "request.auth == null", "mine('ann')", "request.auth.token.role == 'admin'", "true", "false",
        "request.auth.token.email_verified", "request.auth.token.get('role', '') in ['user', 'x']",
        "request.auth.uid in ['ann', 'zoe']", "request.auth.token.email.matches('.*@example[.]org')",
        "'role' in request.auth.token", "request.auth.token.nothing == null",
    ])  # fmt: skip


def _about_data(rng: Random, method: str) -> str:
    data = _data(rng, method)
    field = rng.choice(_FIELDS)
    return rng.choice([
        f"{data}.{field} {rng.choice(_COMPARE)} {rng.choice(_LITERALS)}",
        f"{data}.{field} is {rng.choice(['int', 'float', 'number', 'string', 'list', 'map', 'bool', 'timestamp'])}",
        f"'{field}' in {data}",
        f"{data}.get('{field}', 1) == {rng.choice(_LITERALS)}",
        f"{data}.get(['m', 'x'], null) == {rng.choice(_LITERALS)}",
        f"{data}.keys().{rng.choice(['hasAll', 'hasAny', 'hasOnly'])}(['a', 'n', '{field}'])",
        f"{data}.size() {rng.choice(_COMPARE)} 2",
        f"{data}.t.size() > 0",
        f"{rng.choice(_LITERALS)} in {data}.t",
        f"{data}.t.hasAny([1, 'a', null])",
        f"{data}.m.keys().size() >= 1",
        f"{data}.values().size() < 4",
    ])  # fmt: skip


def _about_lookup(rng: Random, _method: str) -> str:
    call = rng.choice(_LOOKUPS)
    place = rng.choice(
        [_CONFIG, _CONFIG, "/databases/$(database)/documents/c/$(id)", "/databases/$(database)/documents/c/d0"]
    )
    asked = f"{call}({place})"
    return asked if call.startswith("exists") else f"{asked}.data.{rng.choice(['k', 'n'])} == {rng.choice(['1', '2'])}"


def _about_change(rng: Random, method: str) -> str:
    if method not in {"update", "write", "create"}:
        return rng.choice(["resource == null", "resource != null", "resource.id == id", "id == 'd0'"])
    return rng.choice([
        f"request.resource.data.diff(resource.data).affectedKeys().hasOnly(['{rng.choice(_FIELDS)}', 'n'])",
        f"request.resource.data.diff(resource.data).{rng.choice(_DIFFS)}().size() <= 1",
        f"request.resource.data.{rng.choice(_FIELDS)} == resource.data.{rng.choice(_FIELDS)}",
        "request.resource.data.n == request.time",
        "request.resource.data.n > resource.data.n",
        "resource == null",
        "request.resource.data == resource.data",
    ])  # fmt: skip


def _about_shape(rng: Random, method: str) -> str:
    return rng.choice([
        f"request.method == '{method}'", f"request.method in ['{method}', 'x']",
        "request.time > timestamp.date(2020, 1, 1)",
        "id.size() == 2", "id.matches('d[0-3]')", "id in ['d0', 'd1']", "id > 'd1'", "database == '(default)'",
        "request.path[4] == id", "request.path[3] == 'c'", "odd(1)", "odd(id)", "math.abs(-1) == 1", "1 / 0 == 1",
        "[1, 2].toSet().hasAny([2, 3])", "id + 'x' == 'd0x'", "int(id[1]) > 1", "'a,b'.split(',')[1] == 'b'",
    ])  # fmt: skip


def _data(rng: Random, method: str) -> str:
    if method in {"create", "update", "write"} and rng.random() < 0.6:
        return "request.resource.data"
    return "resource.data"


def _config(rng: Random) -> Step:
    write = pb.Write()
    write.update.name = f"{ROOT}/cfg/{rng.choice(['one', 'one', 'other'])}"
    write.update.fields["k"].integer_value = rng.choice([1, 2])
    return writes.commit_of(write)


def _someone(rng: Random, step: Step) -> Step:
    return Step(step.method, step.request, rng.choice(USERS))


def _get(rng: Random) -> Step:
    name = values.document_name(rng, rng.choice(["c", "c", "c/d0/s", "c/d1/s", "d"]))
    return _someone(rng, Step("GetDocument", pb.rpc_message("GetDocumentRequest")(name=name)))


def _reading(rng: Random) -> Step:
    return _someone(rng, queries.reading(rng))


def _writing(rng: Random) -> Step:
    return _someone(rng, writes.writing(rng, rng.choice(["c", "c", "c/d0/s", "c/d1/s", "d"])))


def _querying(rng: Random) -> Step:
    parent, query = queries.structured(rng)
    request: Any = pb.rpc_message("RunQueryRequest")(parent=parent, structured_query=query)
    return _someone(rng, Step("RunQuery", request))


_REQUESTS = [_get, _get, _reading, _writing, _writing, _querying, _querying]
