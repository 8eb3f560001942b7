"""Lists, sets, maps and the difference of two maps."""

from __future__ import annotations

from ..errors import EvaluationError
from ..values import MapDiff, RuleSet, contains, equal, type_name
from .conversions import to_string
from .table import Entry, Key, want


def _holds(container: object, wanted: object) -> bool:
    if isinstance(container, RuleSet):
        return container.has(wanted)
    return contains(_items(container), wanted)


def _items(value: object) -> list[object]:
    if isinstance(value, RuleSet):
        return value.items
    if isinstance(value, list):
        return value
    raise EvaluationError(f"expected a list or a set, not a {type_name(value)}")


def _has_all(receiver: object, wanted: object) -> bool:
    return all(_holds(receiver, item) for item in _items(wanted))


def _has_any(receiver: object, wanted: object) -> bool:
    return any(_holds(receiver, item) for item in _items(wanted))


def _has_only(receiver: object, allowed: object) -> bool:
    within = allowed if isinstance(receiver, list) and isinstance(allowed, list) else RuleSet(_items(allowed))
    return all(_holds(within, item) for item in _items(receiver))


def _get(receiver: dict[str, object], key: object, default: object) -> object:
    steps = key if isinstance(key, list) else [key]
    current: object = receiver
    for step in steps:
        name = want(str, step)
        if not isinstance(current, dict) or name not in current:
            return default
        current = current[name]
    return current


def _changed(diff: MapDiff, *, same: bool) -> RuleSet:
    both = (key for key in diff.new if key in diff.old)
    return RuleSet(key for key in both if equal(diff.new[key], diff.old[key], nested=True) is same)


def _affected(diff: MapDiff) -> RuleSet:
    return RuleSet([*(diff.new.keys() ^ diff.old.keys()), *_changed(diff, same=False).items])


def _both(a: RuleSet, b: object) -> RuleSet:
    other = want(RuleSet, b)
    return RuleSet(item for item in a.items if other.has(item))


def _without(a: RuleSet, b: object) -> RuleSet:
    other = want(RuleSet, b)
    return RuleSet(item for item in a.items if not other.has(item))


def _remove_all(receiver: list[object], unwanted: object) -> list[object]:
    return [item for item in receiver if not _holds(unwanted, item)]


def _join(receiver: list[object], separator: object) -> str:
    return want(str, separator).join(to_string(item) for item in receiver)


METHODS: dict[Key, Entry] = {
    ("list", "size"): Entry(len),
    ("list", "concat"): Entry(lambda receiver, other: receiver + want(list, other), (1,)),
    ("list", "hasAll"): Entry(_has_all, (1,)),
    ("list", "hasAny"): Entry(_has_any, (1,)),
    ("list", "hasOnly"): Entry(_has_only, (1,)),
    ("list", "join"): Entry(_join, (1,)),
    ("list", "removeAll"): Entry(_remove_all, (1,)),
    ("list", "toSet"): Entry(RuleSet),
    ("set", "size"): Entry(lambda receiver: len(receiver.items)),
    ("set", "hasAll"): Entry(_has_all, (1,)),
    ("set", "hasAny"): Entry(_has_any, (1,)),
    ("set", "hasOnly"): Entry(_has_only, (1,)),
    ("set", "union"): Entry(lambda a, b: RuleSet([*a.items, *want(RuleSet, b).items]), (1,)),
    ("set", "intersection"): Entry(_both, (1,)),
    ("set", "difference"): Entry(_without, (1,)),
    ("map", "size"): Entry(len),
    ("map", "keys"): Entry(sorted),
    ("map", "values"): Entry(lambda receiver: [receiver[key] for key in sorted(receiver)]),
    ("map", "get"): Entry(_get, (2,)),
    ("map", "diff"): Entry(lambda new, old: MapDiff(new, want(dict, old)), (1,)),
    ("map diff", "addedKeys"): Entry(lambda diff: RuleSet(diff.new.keys() - diff.old.keys())),
    ("map diff", "removedKeys"): Entry(lambda diff: RuleSet(diff.old.keys() - diff.new.keys())),
    ("map diff", "changedKeys"): Entry(lambda diff: _changed(diff, same=False)),
    ("map diff", "unchangedKeys"): Entry(lambda diff: _changed(diff, same=True)),
    ("map diff", "affectedKeys"): Entry(_affected),
}
