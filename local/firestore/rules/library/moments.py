"""Timestamps and durations, in whole nanoseconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from ..errors import EvaluationError
from ..values import Duration, Timestamp
from .table import Entry, Key, want

_SECOND = 1_000_000_000
_DAY = 86_400 * _SECOND
_UNITS = {
    "w": 7 * _DAY, "d": _DAY, "h": 3_600 * _SECOND, "m": 60 * _SECOND, "s": _SECOND, "ms": 1_000_000, "ns": 1,
}  # fmt: skip


def _part(read: Callable[[datetime], int]) -> Entry:
    return Entry(lambda stamp: read(stamp.moment()))


def _date(year: object, month: object, day: object) -> Timestamp:
    try:
        return Timestamp.of(datetime(want(int, year), want(int, month), want(int, day), tzinfo=UTC))
    except (ValueError, OverflowError):
        raise EvaluationError("no such date") from None


def _duration(amount: object, unit: object) -> Duration:
    size = _UNITS.get(want(str, unit))
    if size is None:
        raise EvaluationError(f"unknown unit of duration '{unit}'")
    return Duration(want(int, amount) * size)


def _time(hours: object, minutes: object, seconds: object, nanos: object) -> Duration:
    whole = (want(int, hours) * 60 + want(int, minutes)) * 60 + want(int, seconds)
    return Duration(whole * _SECOND + want(int, nanos))


def _whole(length: Duration) -> int:
    return abs(length.nanos) // _SECOND * (1 if length.nanos >= 0 else -1)


METHODS: dict[Key, Entry] = {
    ("timestamp", "year"): _part(lambda moment: moment.year),
    ("timestamp", "month"): _part(lambda moment: moment.month),
    ("timestamp", "day"): _part(lambda moment: moment.day),
    ("timestamp", "hours"): _part(lambda moment: moment.hour),
    ("timestamp", "minutes"): _part(lambda moment: moment.minute),
    ("timestamp", "seconds"): _part(lambda moment: moment.second),
    ("timestamp", "dayOfWeek"): _part(lambda moment: moment.isoweekday()),
    ("timestamp", "dayOfYear"): _part(lambda moment: moment.timetuple().tm_yday),
    ("timestamp", "nanos"): Entry(lambda stamp: stamp.nanos % _SECOND),
    ("timestamp", "date"): Entry(lambda stamp: Timestamp(stamp.nanos - stamp.nanos % _DAY)),
    ("timestamp", "time"): Entry(lambda stamp: Duration(stamp.nanos % _DAY)),
    ("timestamp", "toMillis"): Entry(lambda stamp: stamp.nanos // 1_000_000),
    ("duration", "seconds"): Entry(_whole),
    ("duration", "nanos"): Entry(lambda length: length.nanos - _whole(length) * _SECOND),
}
FUNCTIONS: dict[str, Entry] = {
    "timestamp.date": Entry(_date, (3,)),
    "timestamp.value": Entry(lambda millis: Timestamp(want(int, millis) * 1_000_000), (1,)),
    "duration.value": Entry(_duration, (2,)),
    "duration.time": Entry(_time, (4,)),
    "duration.abs": Entry(lambda length: Duration(abs(want(Duration, length).nanos)), (1,)),
}
