"""What get, exists, getAfter and existsAfter see: the stored documents through the server's reader, once per path."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from .errors import EvaluationError
from .limits import AccessBudget
from .values import Path, to_map, type_name

Reader: TypeAlias = Callable[[str], dict[str, object] | None]


class Documents:
    """One request's view of the database before and after it; remembers which documents the verdict touched."""

    def __init__(self, before: Reader, after: Reader, budgets: tuple[AccessBudget, ...]) -> None:
        self._readers = {"before": before, "after": after}
        self._budgets = budgets
        self._seen: dict[tuple[str, str], dict[str, object] | None] = {}
        self.touched: set[str] = set()

    def resource(self, path: object, when: str) -> dict[str, object] | None:
        """The document as the rules see it, None if missing; raises EvaluationError beyond the budget of lookups."""
        if not isinstance(path, Path):
            raise EvaluationError(f"expected a document path, not a {type_name(path)}")
        relative = path.document()
        self.touched.add(relative)
        for budget in self._budgets:
            budget.spend(relative)
        if (when, relative) not in self._seen:
            self._seen[when, relative] = self._readers[when](relative)
        return resource_of(relative, self._seen[when, relative])


def resource_of(relative: str, stored: dict[str, object] | None) -> dict[str, object] | None:
    """The `resource` of a stored document; None where there is none."""
    if stored is None:
        return None
    path = Path.of_document(relative)
    return {"data": to_map(stored), "id": path.segments[-1], "__name__": path}
