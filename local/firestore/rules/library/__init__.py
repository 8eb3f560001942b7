"""The functions and methods of the language as data: (type, name) -> function, and how many arguments each takes."""

from __future__ import annotations

from . import collections, conversions, digests, moments, numbers, places, text
from .table import Entry, Key

METHODS: dict[Key, Entry] = {
    **text.METHODS,
    **collections.METHODS,
    **moments.METHODS,
    **places.METHODS,
}
FUNCTIONS: dict[str, Entry] = {
    **conversions.FUNCTIONS,
    **digests.FUNCTIONS,
    **numbers.FUNCTIONS,
    **moments.FUNCTIONS,
    **places.FUNCTIONS,
}
# These read documents or the trace; the evaluator itself answers them.
ACCESS = frozenset({"get", "exists", "getAfter", "existsAfter"})
ARITIES: dict[str, tuple[int, ...]] = {
    **{name: entry.arities for name, entry in FUNCTIONS.items()},
    **dict.fromkeys(ACCESS, (1,)),
    "debug": (1,),
}


def known_method(name: str, arguments: int) -> bool:
    """Whether any type at all has a method of this name with so many arguments."""
    return any(method == name and arguments in entry.arities for (_, method), entry in METHODS.items())
