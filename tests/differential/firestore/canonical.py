"""Answers in a form that two servers can be compared by: times by the step that made them, everything else as it is."""

from __future__ import annotations

import time
from typing import Any

from tests.differential.firestore.program import ROOT

_RECENT_SECONDS = 24 * 3600


class Times:
    """The names of a run's times: "c7" is the time of step 7's commit; a time nobody has seen is "?"."""

    def __init__(self) -> None:
        self._names: dict[tuple[int, int], str] = {}
        self._commits: dict[int, Any] = {}

    def learn(self, step: int, moment: Any, name: str | None = None) -> None:
        """Names a time, unless it has a name."""
        self._names.setdefault((moment.seconds, moment.nanos), name or f"c{step}")
        self._commits.setdefault(step, moment)

    def name(self, moment: Any) -> str:
        return self._names.get((moment.seconds, moment.nanos), "?")

    def of_step(self, step: int) -> Any:
        """The time of a step's commit, or None where it did not commit."""
        return self._commits.get(step)


def document(found: Any, times: Times) -> dict[str, Any]:
    """A document: relative path, fields, and the steps that created and updated it."""
    shown: dict[str, Any] = {"path": relative(found.name), "fields": fields(found.fields)}
    if found.HasField("create_time"):
        shown["times"] = [times.name(found.create_time), times.name(found.update_time)]
    return shown


def relative(name: str) -> str:
    return name.removeprefix(f"{ROOT}/")


def fields(found: Any) -> dict[str, str]:
    return {name: value(found[name]) for name in sorted(found)}


def value(found: Any) -> str:
    """One value as text, kind and all; a time of this run is `now`."""
    kind = found.WhichOneof("value_type")
    return _TEXTS[kind](getattr(found, kind)) if kind else "unset"


def _moment(found: Any) -> str:
    if abs(found.seconds - time.time()) < _RECENT_SECONDS:
        return "now"
    return f"time({found.seconds}.{found.nanos:09d})"


_TEXTS: dict[str, Any] = {
    "null_value": lambda _value: "null",
    "boolean_value": lambda value: str(value).lower(),
    "integer_value": str,
    "double_value": lambda value: f"double({value!r})",
    "timestamp_value": _moment,
    "string_value": repr,
    "bytes_value": repr,
    "reference_value": lambda value: f"ref({relative(value)})",
    "geo_point_value": lambda value: f"point({value.latitude!r},{value.longitude!r})",
    "array_value": lambda found: "[" + ",".join(value(each) for each in found.values) + "]",
    "map_value": lambda found: "{" + ",".join(f"{key!r}:{text}" for key, text in fields(found.fields).items()) + "}",
}
