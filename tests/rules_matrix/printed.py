"""The table as docs/rules-matrix.md has it: `python -m tests.rules_matrix.printed > docs/rules-matrix.md`."""

from __future__ import annotations

from collections.abc import Iterator

from tests.rules_matrix.table import CALLERS, DOCUMENTS, LISTINGS, OPERATIONS, Listing, expected

_HEAD = """# Who may do what in Firestore

Every kind of caller tries every operation on every kind of document: {cells:,} cells, each tried over gRPC
([test](../tests/rules_matrix/test_matrix.py)) and, as far as the web SDK has the operation, through the vendor's own
`@firebase/rules-unit-testing` ([test](../tests/rules_matrix/test_sdk_matrix.py)). This page is printed from the table
that they try (`python -m tests.rules_matrix.printed`), and a test holds it to it. The documents are those of the user
`u1`, who is a member of the household `h1` and not of `h2`; the admin, with whose credentials the mirror writes, passes
no rules. What may be left as an intent is a table of its own ([intents.py](../tests/rules_matrix/intents.py)).

● allowed · denied
"""


def page() -> str:
    """The whole page."""
    cells = len(CALLERS) * len(DOCUMENTS) * len(OPERATIONS)
    return "\n".join([_HEAD.format(cells=cells), *_groups(), *_queries()]) + "\n"


def _groups() -> Iterator[str]:
    """One table for callers with the same rights; one sentence for those without any."""
    by_rights: dict[str, list[str]] = {}
    for caller in CALLERS:
        by_rights.setdefault("\n".join(_rows(caller)), []).append(caller)
    for rows, callers in by_rights.items():
        yield f"## {', '.join(callers)}\n"
        if "●" in rows:
            yield f"| document | {' | '.join(OPERATIONS)} |"
            yield "|---|" + "---|" * len(OPERATIONS)
            yield rows + "\n"
        else:
            yield "Every operation on every document is denied.\n"


def _rows(caller: str) -> Iterator[str]:
    for path in DOCUMENTS:
        verdicts = expected(caller, path)
        marks = ("●" if verdicts[operation] == "ALLOW" else "·" for operation in OPERATIONS)
        yield f"| `{path}` | {' | '.join(marks)} |"


def _queries() -> Iterator[str]:
    yield "## The operations\n"
    yield "*get missing* and *create* are about a document beside the named one that does not exist; *create anew* is"
    yield "about the named one after it was deleted. The others are queries of the document's collection:\n"
    yield "| operation | query |"
    yield "|---|---|"
    for name, listing in LISTINGS.items():
        yield f"| {name} | {_told(name, listing)} |"


def _told(name: str, listing: Listing) -> str:
    parts = ["the collection group" if listing.group else "the collection"]
    parts += [f"where {field} {operator} {value}" for field, operator, value in listing.where]
    parts += [f"ordered by {field} {way.lower()}" for field, way in listing.order]
    parts += [f"limit {listing.limit}"] if listing.limit is not None else ["no limit"]
    parts += [f"offset {listing.offset}"] if listing.offset else []
    return ("count of " if name == "count" else "") + ", ".join(parts)


if __name__ == "__main__":
    print(page(), end="")
