"""Does the table notice? Each operand of each && and || of the rules file is dropped, each verb, comparison, number,
class of characters and name of a key changed, each allow taken away, each collection called by the name of another
edition (`kind_v2`), in turn; every such mutant must give at least one wrong verdict, or be explained here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from local.firestore.rules import Query, Request, Rules, nodes
from tests.rules_matrix.intents import ADMITTED, BAD_IDS, DENIED, GOOD_IDS, ID, NOW, SOUND, Fields
from tests.rules_matrix.table import CALLERS, DOCUMENTS, LISTINGS, OPERATIONS, OWNERS, collection, expected, sibling
from tests.rules_matrix.test_matrix import RULES


@dataclass(frozen=True, eq=False)
class Case:
    """A request and whether it must be allowed."""

    told: str
    request: Request
    allowed: bool


def line(text: str) -> str:
    """Where the rules say this first."""
    return f"line {RULES[: RULES.index(text)].count(chr(10)) + 1}"


# Mutant -> why no request can tell.
EXPLAINED = {
    "line 35: allow get: -> allow get, list:": "a list of users does not know the ids of its results: an error",
    "line 161: allow get: -> allow get, list:": "nor does a list of households: an error",
    "drop request.auth != null": "without a token request.auth.token is an evaluation error, which denies as well",
    "drop data.keys().hasAll(['v', 'kind', 'device', 'sequence', 'base', 'madeAt', 'createdAt', 'body'])": (
        "each of them is read, and reading what is missing is an error; the names stand there for the reader"
    ),
    **dict.fromkeys(
        (
            f"{line('.hasAll([')}: '{name}',  -> "
            for name in ("v", "kind", "device", "sequence", "base", "madeAt", "createdAt")
        ),
        "each of them is read, and reading what is missing is an error; the names stand there for the reader",
    ),
    **dict.fromkeys(
        (f"{line('allow create')}: allow create -> allow create, {verb}" for verb in ("delete", "list")),
        "the condition reads request.resource, which only a create or an update has: an error",
    ),
}


def dropped_operands(file: nodes.File) -> Iterator[tuple[str, str]]:
    functions = [*file.functions, *file.service_functions]
    parts = [part for function in functions for part in nodes.function_expressions(function)]
    for match in file.matches:
        parts += nodes.expressions(match)
    for node in (inner for part in parts for inner in nodes.walk(part)):
        if isinstance(node, nodes.Logic):
            for out in range(len(node.operands)):
                left = [f"({source(other)})" for place, other in enumerate(node.operands) if place != out]
                kept = f" {node.operator} ".join(left)
                mutant = RULES[: node.at.start] + f"({kept})" + RULES[node.at.end :]
                yield f"drop {source(node.operands[out])}", mutant


def source(node: nodes.Expr) -> str:
    return RULES[node.at.start : node.at.end]


def replaced(pattern: str, instead: str) -> Iterator[tuple[str, str]]:
    code = re.sub(r"//[^\n]*", lambda comment: " " * len(comment.group()), RULES)
    for found in re.finditer(pattern, code):
        line = RULES.count("\n", 0, found.start()) + 1
        mutant = RULES[: found.start()] + found.expand(instead) + RULES[found.end() :]
        yield f"line {line}: {found.group()} -> {found.expand(instead)}", mutant


def other_numbers(step: int) -> Iterator[tuple[str, str]]:
    """Each number of the rules, in patterns too, made one larger or smaller."""
    code = re.sub(r"//[^\n]*|rules_version[^\n]*", lambda comment: " " * len(comment.group()), RULES)
    for place, found in enumerate(re.finditer(r"(?<![\w'])\d+(?!\w)", code)):
        line, other = RULES.count("\n", 0, found.start()) + 1, int(found.group()) + step
        if other >= 0:
            yield (
                f"line {line}, number {place}: {found.group()} -> {other}",
                (RULES[: found.start()] + str(other) + RULES[found.end() :]),
            )


def mutants() -> list[tuple[str, str]]:
    return [
        *dropped_operands(Rules.load(RULES).file),
        *replaced(r"&&", "||"),
        *replaced(r"==", "!="),
        *replaced(r"!=", "=="),
        *replaced(r"<=", "<"),
        *replaced(r"<=", ">="),
        *replaced(r">=", ">"),
        *replaced(r"(>= )1\b", r"\g<1>0"),
        *replaced(r"(>= )0\b", r"\g<1>-1"),
        *replaced(r"<(?= request)", "<="),
        *replaced(r"\b1, 'd'", "2, 'd'"),
        *replaced(r"(?<!, )500", "501"),
        *replaced(r"\b(1|2|5|160)00\)", r"\g<1>01)"),
        *replaced(r"\b(1|2|5)00\)", r"\g<1>99)"),
        *replaced(r"is (int|string)", "is bool"),
        *replaced(r"is int", "is number"),
        *replaced(r"allow [^;]+;", "allow get: if false;"),
        *replaced(r"match /(\w+)/\{(?!_database)", r"match /\1_v2/{"),
        *replaced(r"match /([a-z]+)/\{(?=_(?!database))", r"match /{\1}/{"),
        *other_numbers(1),
        *other_numbers(-1),
        *replaced(r"'\w+', (?=')", ""),
        *replaced(r"\[0-9\]", "."),
        *replaced(r"\[A-Z\]", "[A-Za-z]"),
        *replaced(r"\[0-9a-f\]", "[0-9a-fA-F]"),
        *replaced(r"'-\?", "'[+-]?"),
        *replaced(r"\)\?'", ")*'"),
        *replaced(r"'\)(?= &&|;)", "x')"),
        *replaced(r"createdAt == request", "createdAt <= request"),
        *replaced(r"request\.auth\.uid", "request.auth.token.email"),
        *replaced(r"allow create", "allow create, update"),
        *replaced(r"allow create", "allow create, delete"),
        *replaced(r"allow create", "allow create, list"),
        *replaced(r"\{1,128\}", "{1,129}"),
        *replaced(r"\{1,128\}", "{0,128}"),
        *replaced(r"\{1,15\}", "{1,16}"),
        *replaced(r"\{1,10\}", "{1,11}"),
        *replaced(r"_-\]", "_./-]"),
        *replaced(r"hasOnly\(\['(\w+)'", r"hasOnly(['more', '\1'"),
        *replaced(r"get, list", "get"),
        *replaced(r"get, list", "list"),
        *replaced(r"allow get:", "allow get, list:"),
        *replaced(r"allow get", "allow get, create"),
        *replaced(r"allow get", "allow get, update"),
        *replaced(r"allow get", "allow get, delete"),
        *replaced(r"allow (list|get):", r"allow delete:"),
        *replaced(r"\{(_\w+)\} \{(?!\s*match)(?=\s*allow)", r"{\1=**} {"),
        *replaced(r"if [^;]+;", "if true;"),
        *replaced(r"if [^;]+;", "if request.auth != null;"),
    ]


MUTANTS = mutants()


def request(operation: str, path: str, caller: dict[str, object] | None) -> Request:
    auth = {**caller, "uid": caller["user_id"]} if caller else None
    if operation in LISTINGS:
        listing = LISTINGS[operation]
        conjunction = (listing.where,) if listing.where else ()
        query = Query(conjunction, listing.limit, listing.offset, listing.order, listing.group)
        return Request("list", collection(path, listing), auth, NOW, query=query)
    before = DOCUMENTS[path]
    after: dict[str, object] = {"x": 1}
    match operation:
        case "get missing":
            return Request("get", sibling(path), auth, NOW)
        case "create":
            return Request("create", sibling(path), auth, NOW, after=after)
        case "create anew":
            return Request("create", path, auth, NOW, after=after)
        case "get" | "delete":
            return Request(operation, path, auth, NOW, before=before)
        case _:
            return Request("update", path, auth, NOW, before=before, after=after)


def leaving(caller: str, fields: Fields, name: str = ID, over: Fields | None = None) -> Request:
    claims = CALLERS[caller]
    auth = {**claims, "uid": claims["user_id"]} if claims else None
    method, path = "create" if over is None else "update", f"users/u1/intents/{name}"
    return Request(method, path, auth, NOW, before=over, after=fields)


def cells() -> Iterator[Case]:
    """Every cell of the table."""
    for path in DOCUMENTS:
        for caller, claims in CALLERS.items():
            wanted = expected(caller, path)
            for operation in OPERATIONS:
                allowed = wanted[operation] == "ALLOW"
                yield Case(f"{caller}: {operation} {path}", request(operation, path, claims), allowed)


def leavings() -> Iterator[Case]:
    """Every intent, admitted or not."""
    owner = "owner (password)"
    for name, fields in ADMITTED.items():
        for caller in CALLERS:
            yield Case(f"{caller}: leave {name}", leaving(caller, fields), caller in OWNERS)
    for name, fields in DENIED.items():
        yield Case(f"leave {name}", leaving(owner, fields), False)
    for good in GOOD_IDS:
        yield Case(f"leave as {good}", leaving(owner, SOUND, good), True)
    for bad in BAD_IDS:
        yield Case(f"leave as {bad}", leaving(owner, ADMITTED["a note"], bad), False)
    yield Case("leave over another", leaving(owner, SOUND, over={"kind": "set-note"}), False)


CASES = [*leavings(), *cells()]


def differs(rules: Rules) -> str | None:
    """A request on which these rules are wrong; those of the place that was changed are tried first."""
    change = next((at for at, (one, other) in enumerate(zip(rules.text, RULES, strict=False)) if one != other), 0)
    places = re.findall(r"match /(\w+)/", RULES[:change])[-2:]
    cases = sorted(CASES, key=lambda case: -sum(f"/{place}/" in f"/{case.request.path}/" for place in places))
    wrong = (case for case in cases if rules.allows(case.request, DOCUMENTS.get).allowed != case.allowed)
    if (found := next(wrong, None)) is None:
        return None
    # What tells one mutant from the rules probably tells the next.
    CASES.remove(found)
    CASES.insert(0, found)
    return found.told


def test_the_rules_as_they_are_give_the_table() -> None:
    assert differs(Rules.load(RULES)) is None


@pytest.mark.parametrize(("name", "mutant"), MUTANTS, ids=[name for name, _ in MUTANTS])
def test_every_mutant_is_noticed_or_explained(name: str, mutant: str) -> None:
    noticed = differs(Rules.load(mutant))
    assert (noticed is None) == (name in EXPLAINED), noticed


def test_every_explanation_still_has_its_mutant() -> None:
    assert set(EXPLAINED) <= {name for name, _ in MUTANTS}
