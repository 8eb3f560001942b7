"""Security rules, language version 2: parse, check, evaluate; lists are decided from the query's constraints.

Stands alone: it knows neither the server nor a protocol. `Rules.load(text)` then `rules.allows(request, read)`.
"""

from __future__ import annotations

from .errors import RulesSyntaxError
from .limits import MAX_ACCESSES_OF_A_BATCH, AccessBudget
from .request import Decision, Query, Request
from .ruleset import Rules
from .values import GeoPoint, Reference

__all__ = [
    "MAX_ACCESSES_OF_A_BATCH",
    "AccessBudget",
    "Decision",
    "GeoPoint",
    "Query",
    "Reference",
    "Request",
    "Rules",
    "RulesSyntaxError",
]
