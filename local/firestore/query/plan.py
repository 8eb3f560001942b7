"""A structured query, taken apart and checked once.

The plan is pure: it knows scope, filter, order, cursors, limits and projection, and can tell for any document
whether it belongs and where. `run` reads documents through it; listeners match single changes against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from local.firestore import fields as field_paths
from local.firestore import names, pb
from local.firestore.errors import invalid, not_here
from local.firestore.fields import NAME, FieldPath
from local.firestore.query import filters
from local.firestore.query.filters import Candidate, Predicate, Tree
from local.firestore.query.order import Bound, Order, SortKey, complete, read_bound, sort_key
from local.firestore.storage.store import Scope


@dataclass(frozen=True)
class Plan:
    """A checked query; `key_of` is its whole meaning for one document."""

    scope: Scope
    tree: Tree | None
    matches: Predicate
    orders: tuple[Order, ...]
    explicit_orders: tuple[Order, ...]
    start: Bound | None
    end: Bound | None
    offset: int
    limit: int | None
    projection: tuple[FieldPath, ...] | None

    def key_of(self, candidate: Candidate) -> SortKey | None:
        """The document's place in the order, or None when it is not part of the result."""
        if not self.matches(candidate):
            return None
        key = sort_key(self.orders, candidate)
        if key is None or (self.start and not self.start.admits_as_start(key)):
            return None
        return None if self.end and not self.end.admits_as_end(key) else key

    @property
    def by_name_only(self) -> bool:
        """Whether results come in the order in which a collection is kept anyway."""
        return len(self.orders) == 1 and not self.orders[0].descending and self.scope.collection is not None

    @property
    def is_ordered_by_name(self) -> bool:
        """Whether the query itself orders or bounds by name, so that no other field can follow."""
        explicit = any(order.path == NAME for order in self.explicit_orders)
        below = self.scope.descendants and self.scope.collection_id is not None and bool(self.scope.parent)
        return below or explicit or any(condition.path == NAME for condition in filters.conditions(self.tree))

    def ordered_also_by(self, paths: Sequence[FieldPath]) -> Plan:
        """The same query, ordered by these fields too, right before the name; documents lacking one fall out."""
        *orders, name = self.orders
        return replace(self, orders=(*orders, *(Order(path, name.descending) for path in paths), name))


def make_plan(database: str, parent: str, query: pb.StructuredQuery) -> Plan:
    """Takes a query apart; raises INVALID_ARGUMENT, or UNIMPLEMENTED by name."""
    if query.HasField("find_nearest"):
        raise not_here("vector search (find_nearest)")
    scope = _scope(names.parent_path(database, parent), query)
    tree = filters.read_filter(query.where) if query.HasField("where") else None
    conditions = list(filters.conditions(tree))
    _check_conditions(tree, conditions)
    # What can never match has no say: neither in the order, nor in what goes with what.
    possible = list(filters.conditions(filters.possible(tree)))
    _check_key_equality(possible)
    orders = complete(query.order_by, [condition.path for condition in possible if condition.is_inequality])
    _check_group(scope, [*(c.path for c in conditions), *(order.path for order in orders)])
    return Plan(
        scope=scope,
        tree=tree,
        matches=filters.predicate(tree),
        orders=orders,
        explicit_orders=orders[: len(query.order_by)],
        start=read_bound(query.start_at, orders, scope.collection) if query.HasField("start_at") else None,
        end=read_bound(query.end_at, orders, scope.collection) if query.HasField("end_at") else None,
        offset=_not_negative(query.offset, "offset"),
        limit=_not_negative(query.limit.value, "limit") if query.HasField("limit") else None,
        projection=_projection(query),
    )


def _scope(parent: str, query: pb.StructuredQuery) -> Scope:
    if len(query.from_) > 1:
        raise invalid("A query can only name one collection.")
    if not query.from_:
        return Scope(parent, None, False)
    selector = query.from_[0]
    if selector.collection_id:
        names.check_id(selector.collection_id, "Collection id")
    return Scope(parent, selector.collection_id or None, selector.all_descendants)


def _projection(query: pb.StructuredQuery) -> tuple[FieldPath, ...] | None:
    if not query.HasField("select"):
        return None
    return tuple(dict.fromkeys(field_paths.parse(field.field_path) for field in query.select.fields))


def _not_negative(number: int, what: str) -> int:
    if number < 0:
        raise invalid(f"{what} is negative")
    return number


def _check_conditions(tree: Tree | None, conditions: list[filters.Condition]) -> None:
    if not conditions:
        return
    if _disjunctions(tree) > filters.MAX_DISJUNCTIONS:
        raise invalid(f"The query has more than {filters.MAX_DISJUNCTIONS} disjunctions after normalization.")
    _check_not_in(tree, conditions)
    if any(_array_conditions(group) > 1 for group in _and_groups(tree)):
        raise invalid("A maximum of 1 'ARRAY_CONTAINS' filter is allowed per disjunction.")
    if sum(condition.op in {"!=", "not-in"} for condition in conditions) > 1:
        raise invalid("Only a single 'NOT_EQUAL', 'NOT_IN', 'IS_NOT_NAN', or 'IS_NOT_NULL' filter allowed per query.")


def _check_group(scope: Scope, paths: Iterable[FieldPath]) -> None:
    if scope.descendants and scope.collection_id and scope.parent and any(path != NAME for path in paths):
        raise invalid("collection group queries are only allowed at the root parent")


def _check_key_equality(conditions: list[filters.Condition]) -> None:
    inequalities = {condition.path for condition in conditions if condition.is_inequality}
    if any(c.path == NAME and c.op in {"==", "in"} for c in conditions) and inequalities and NAME not in inequalities:
        raise invalid(
            "Equality on key is not allowed if there are other inequality fields and key does not appear in "
            "inequalities."
        )


def _disjunctions(tree: Tree | None) -> int:
    if tree is None:
        return 1
    if isinstance(tree, filters.Condition):
        return tree.disjuncts
    counts = [_disjunctions(part) for part in tree.parts]
    if tree.op == "OR":
        return sum(counts)
    product = 1
    for count in counts:
        product *= count
    return product


def _check_not_in(tree: Tree | None, conditions: list[filters.Condition]) -> None:
    excluding = [condition for condition in conditions if condition.op == "not-in"]
    if not excluding:
        return
    if len(excluding) > 1:
        raise invalid("Only a single 'NOT_IN' filter is allowed per query.")
    clashing = {"in", "array-contains-any", "!="} & {condition.op for condition in conditions}
    if clashing or any(isinstance(part, filters.Group) and part.op == "OR" for part in _parts(tree)):
        raise invalid("'NOT_IN' cannot be used in the same query with 'OR', 'IN', 'ARRAY_CONTAINS_ANY' or '!='.")


def _parts(tree: Tree | None) -> Iterator[Tree]:
    if tree is not None:
        yield tree
    if isinstance(tree, filters.Group):
        for part in tree.parts:
            yield from _parts(part)


def _and_groups(tree: Tree | None) -> list[list[filters.Condition]]:
    """Like `filters.disjuncts`, but an `in` stays one condition."""
    if tree is None or isinstance(tree, filters.Condition):
        return [[tree] if tree else []]
    if tree.op == "OR":
        return [group for part in tree.parts for group in _and_groups(part)]
    groups: list[list[filters.Condition]] = [[]]
    for part in tree.parts:
        groups = [left + right for left in groups for right in _and_groups(part)]
    return groups


def _array_conditions(group: list[filters.Condition]) -> int:
    return sum(condition.op.startswith("array-contains") for condition in group)
