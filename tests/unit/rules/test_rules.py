"""What loads, what is refused and where, what a verdict tells, and that nothing opens by accident."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from local.firestore.rules import AccessBudget, GeoPoint, Query, Reference, Request, Rules, RulesSyntaxError
from tests.unit.rules.test_vectors import ANN, NOW, wrapped


def whole(inside: str) -> str:
    return f"rules_version = '2';\nservice cloud.firestore {{\nmatch /databases/{{_d}}/documents {{\n{inside}\n}}\n}}\n"


ANYTHING = "match /any/{one} { allow get; }"


def get(path: str = "t/d1", before: dict[str, object] | None = None) -> Request:
    return Request("get", path, ANN, NOW, before=before)


def nothing(path: str) -> None:
    return None


def holding(path: str, fields: dict[str, object]) -> Callable[[str], dict[str, object] | None]:
    """A reader of a database with one document."""
    return {path: fields}.get


def chain(length: int) -> str:
    """Functions f0 to f<length>, each calling the next."""
    links = [f"function f{n}() {{ return f{n + 1}(); }}" for n in range(length)]
    return " ".join([*links, f"function f{length}() {{ return true; }}"])


def nested(depth: int) -> str:
    inside = "allow get: if true;"
    for level in range(depth):
        inside = f"match /c{level}/d{level} {{ {inside} }}"
    return inside


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        (whole("match /t/{id} { allow get: if ; }"), 4, 31, "missing condition after 'if'"),
        (whole("match /t/{id} { allow get if true; }"), 4, 27, "unexpected 'if'"),
        (whole("match /t/{id} { allow peek: if true; }"), 4, 23, "unknown method 'peek'"),
        (whole("match /t/{id} { allow get: if 1 is money; }"), 4, 36, "unknown type 'money'"),
        (whole(r"match /t/{id} { allow get: if 'a'.matches('\d'); }"), 4, 43, r"unknown escape \d"),
        (whole("match /t/{id} { allow get: if id.matches('('); }"), 4, 42, "invalid regular expression"),
        (whole("match /t/{id} { allow get: if id == # }"), 4, 37, "unexpected '#'"),
        (whole("match /t/{id}/x/{id} { allow get; }"), 4, 17, "already bound"),
        (whole("match /t/{math} { allow get; }"), 4, 10, "reserved"),
        (whole("match /{a=**}/{b=**} { allow get; }"), 4, 1, "two globs"),
        (whole("function f(a, a) { return a; }"), 4, 1, "already bound"),
        (whole("function f() { return g(); } function g() { return f(); }"), 4, 1, "recursive call"),
        (whole("function f() { return 1; } function f() { return 2; }"), 4, 28, "already defined"),
        (whole("function f(a,b,c,d,e,g,h,i) { return a; }"), 4, 1, "more than 7 parameters"),
        (whole("match /t/{id} { allow get: if 9223372036854775808 > 0; }"), 4, 31, "64 bits"),
        (whole("match /t/{id} { allow get: if " + "!(" * 150 + "true" + ")" * 150 + "; }"), 4, 31, "too complex"),
        (whole(chain(25)), 4, None, "more than 20 deep"),
        (whole(nested(11)), 4, None, "matches nest"),
        ("rules_version = '3';\nservice cloud.firestore { }", 1, 17, "unknown rules_version"),
        (f"rules_version = '2';\nservice firebase.storage {{ {ANYTHING} }}", 2, 9, "not cloud.firestore"),
        (whole(ANYTHING) + whole(ANYTHING).partition("\n")[2], 7, 9, "declared twice"),
        (whole("match /t/{id} { }"), 4, 17, "the body of a 'match' must contain"),
        (whole("match /t/{id} { match /u/{other} {\n} }"), 5, 1, "the body of a 'match' must contain"),
        (whole(""), 5, 1, "the body of a 'match' must contain"),
        ("rules_version = '2';\nservice cloud.firestore { }", 2, 27, "the body of a 'service' must contain"),
        (whole("function f() { let a = true return a; }"), 4, 29, "unexpected 'return'"),
        (whole("match /t/{id} { allow get;; }"), 4, 27, "unexpected ';'"),
        ("rules_version = '2';\nservice cloud.firestore {", 2, 26, "unexpected end"),
        ("", 1, 1, "unexpected end"),
        ("x" * (256 * 1024 + 1), 1, 1, "larger than"),
    ],
)
def test_what_does_not_load_says_where(text: str, line: int, column: int | None, message: str) -> None:
    with pytest.raises(RulesSyntaxError, match=message.replace("\\", "\\\\")) as refused:
        Rules.load(text)
    assert refused.value.line == line
    assert column is None or refused.value.column == column


@pytest.mark.parametrize("condition", ["nosuch(id)", "owner == id", "id.fits()", "exists()", "math.isInfinite(1.0)"])
def test_what_the_vendor_only_warns_about_denies_and_strict_refuses(condition: str) -> None:
    rules = Rules.load(wrapped(condition, "t"))
    assert len(rules.warnings) == 1
    assert not rules.allows(get(), nothing).allowed
    with pytest.raises(RulesSyntaxError):
        Rules.load(wrapped(condition, "t"), strict=True)


def test_a_denial_says_which_allows_were_asked() -> None:
    rules = Rules.load(whole("match /t/{id} { allow get: if id == 'x';\nallow get: if id.y == 1; }"))
    decision = rules.allows(get(), nothing)
    assert decision.reasons[0] == "false for the allow at L4:17"
    assert decision.reasons[1] == "error in the allow at L5:1: no property 'y' of a string [L5:15]"
    assert rules.allows(get("u/d1"), nothing).reasons == ["no matching allow statements"]


def test_a_verdict_names_the_documents_it_read() -> None:
    rules = Rules.load(wrapped("get(/databases/$(database)/documents/m/$(id)).data.ok && exists(/x/y) || true", "t"))
    decision = rules.allows(get(), holding("m/d1", {"ok": True}))
    assert decision.allowed
    assert decision.touched == {"m/d1"}


@pytest.mark.parametrize(("distinct", "allowed"), [(10, True), (11, False)])
def test_one_request_looks_up_ten_documents(distinct: int, allowed: bool) -> None:
    lookups = " && ".join(f"!exists(/databases/$(database)/documents/m/d{n % distinct})" for n in range(15))
    assert Rules.load(wrapped(lookups, "t")).allows(get(), nothing).allowed is allowed


def test_a_batch_shares_twenty_lookups() -> None:
    rules = Rules.load(wrapped("!exists(/databases/$(database)/documents/m/$(id))", "t"))
    batch = AccessBudget(20)
    verdicts = [rules.allows(get(f"t/d{n}"), nothing, batch=batch).allowed for n in range(22)]
    assert verdicts == [True] * 20 + [False] * 2


def test_a_clause_visits_a_thousand_expressions_and_nothing_absorbs_the_next() -> None:
    def rules(items: int) -> Rules:
        return Rules.load(wrapped(f"[{','.join(['1'] * items)}].size() > 0 || true", "t"))

    assert rules(990).allows(get(), nothing).allowed
    assert not rules(1001).allows(get(), nothing).allowed


def test_the_state_after_a_write_is_seen_by_the_after_functions_only() -> None:
    path = "/databases/$(database)/documents/t/$(id)"
    rules = Rules.load(wrapped(f"get({path}).data.k == 1 && getAfter({path}).data.k == 2", "t"))
    write = Request("update", "t/d1", ANN, NOW, before={"k": 1}, after={"k": 2})
    assert rules.allows(write, holding("t/d1", {"k": 1})).allowed


def test_the_whole_commit_is_seen_through_its_own_reader() -> None:
    rules = Rules.load(wrapped("existsAfter(/databases/$(database)/documents/log/$(id))", "t"))
    write = Request("create", "t/d1", ANN, NOW, after={})
    assert not rules.allows(write, nothing).allowed
    assert rules.allows(write, nothing, read_after=holding("log/d1", {})).allowed


def test_a_reader_that_fails_denies() -> None:
    def broken(path: str) -> None:
        raise RuntimeError("disk on fire")

    rules = Rules.load(wrapped("exists(/databases/$(database)/documents/m/x) || true", "t"))
    decision = rules.allows(get(), broken)
    assert not decision.allowed
    assert decision.reasons == ["the allow at L1:104 could not be evaluated: RuntimeError"]


@pytest.mark.parametrize("method", ["read", "write", "peek", ""])
def test_an_unknown_method_is_denied(method: str) -> None:
    assert not Rules.load(wrapped("true", "t")).allows(Request(method, "t/d1", ANN, NOW), nothing).allowed


@pytest.mark.parametrize(
    ("stored", "condition"),
    [
        (Reference("users/u1"), "resource.data.v == /databases/(default)/documents/users/u1"),
        (GeoPoint(1.5, 2.5), "resource.data.v == latlng.value(1.5, 2.5)"),
        (b"\x00", "resource.data.v.size() == 1 && resource.data.v is bytes"),
        (True, "resource.data.v is bool && !(resource.data.v is int)"),
        ([{"x": [1]}], "resource.data.v[0].x[0] == 1"),
    ],
)
def test_stored_values_keep_their_types(stored: object, condition: str) -> None:
    assert Rules.load(wrapped(condition, "t")).allows(get(before={"v": stored}), nothing).allowed


@pytest.mark.parametrize(
    ("query", "allowed"),
    [
        (Query(((("o", "==", "ann"),), (("o", "==", "bob"),))), False),
        (Query(((("o", "==", "ann"),), (("o", "==", "ann"), ("x", ">", 1)))), True),
        (Query(((("o", "in", []),),)), False),
        (Query(((("o", "in", ["ann"]), ("x", "in", list(range(101)))),)), False),
    ],
)
def test_every_alternative_of_a_query_must_be_allowed(query: Query, allowed: bool) -> None:
    rules = Rules.load(wrapped("resource.data.o == request.auth.uid", "n"))
    assert rules.allows(Request("list", "n", ANN, NOW, query=query), nothing).allowed is allowed


def test_a_quoted_field_path_is_one_field() -> None:
    rules = Rules.load(wrapped("resource.data['a.b'].c == 1", "n"))
    decide: Callable[[str], bool] = lambda field: (  # noqa: E731
        rules.allows(Request("list", "n", ANN, NOW, query=Query((((field, "==", 1),),))), nothing).allowed
    )
    assert decide("`a.b`.c")
    assert not decide("a.b.c")


@pytest.mark.parametrize(
    ("pattern", "path", "allowed"),
    [
        ("/{p=**}/n/{id}", "n", True),
        ("/{p=**}/n/{id}", "users/u1/n", True),
        ("/users/{u}/{rest=**}", "users/u1/n", True),
        ("/users/{u}/{rest=**}", "n", False),
        ("/{p=**}", "n", True),
        ("/users/{u}/n/{id}", "users/u1/n", False),
        ("/{p=**}/m/{id}", "n", False),
    ],
)
def test_a_collection_group_needs_a_glob_over_its_parents(pattern: str, path: str, allowed: bool) -> None:
    rules = Rules.load(whole(f"match {pattern} {{ allow list: if request.auth.uid == 'ann'; }}"))
    request = Request("list", path, ANN, NOW, query=Query(collection_group=True))
    assert rules.allows(request, nothing).allowed is allowed


@pytest.mark.parametrize("text", ["{" * 5000, "(" * 5000, "match /" * 3000, "\x00", "'" * 9999, "/*", "🙂"])
def test_garbage_is_refused_with_a_place(text: str) -> None:
    with pytest.raises(RulesSyntaxError):
        Rules.load(text)


@pytest.mark.parametrize(
    "text",
    [
        "rules_version = '2' service cloud.firestore { match /databases/{d}/documents { %s } }",
        "service firebase.storage { match /b/{b} { allow read } } "
        "service cloud.firestore { match /databases/{d}/documents { %s } }",
        "service cloud.firestore { match /databases/{d}/documents { %s } } function t() { return true }",
    ],
)
def test_what_may_be_left_out_or_stand_beside(text: str) -> None:
    inside = "match /t/{id} { allow get: if resource == null allow list match /u/{v} { allow get } }"
    rules = Rules.load(text.replace("%s", inside))
    assert rules.allows(get(), nothing).allowed
    assert not rules.allows(get("t/d1", before={}), holding("t/d1", {})).allowed
