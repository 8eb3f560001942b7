"""The change passport: one trace id (W3C, 32 hex digits) from a webhook or request to the screens that show the change.

Whoever begins work that may write the ledger holds a passport; every transaction of `db.py` tells it to the database
(`app.trace`), whose triggers keep it with each mark. The mirror passes it on from mark to commit, and screens tell the
versions they show, so no document has to carry it. With OTEL_EXPORTER_OTLP_ENDPOINT the same id is the trace id of
OpenTelemetry spans, exported over HTTP; without it neither tracer nor exporter is even imported. Spans carry counts,
codes and routes, never a name, an amount, a body, a user or a token. Called by the doors, webhooks.py, pull.py and
passports.py.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from sync.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span as OpenTelemetrySpan
    from opentelemetry.trace import SpanContext, Tracer

P = ParamSpec("P")
R = TypeVar("R")

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16
_TRACE_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Passport:
    """A trace, when it began and as what (`webhook`, a route, a task), and the span that is open in it."""

    trace_id: str
    began_at: datetime
    origin: str
    span_id: str = field(default=_NO_SPAN)


_current: ContextVar[Passport | None] = ContextVar("passport", default=None)
_first: ContextVar[str] = ContextVar("first", default="")


class _Collector:
    """Where this process's spans go: nowhere until `configure` was told."""

    provider: TracerProvider | None = None
    tracer: Tracer | None = None


_collector = _Collector()


# --- whose work this is ---


def begin(origin: str, *, traceparent: str = "", began_at: datetime | None = None) -> Passport:
    """A new passport; it goes on with the trace of a well-formed W3C `traceparent`."""
    found = _TRACEPARENT.fullmatch(traceparent)
    trace_id, span_id = (found[1], found[2]) if found else (_NO_TRACE, _NO_SPAN)
    if trace_id == _NO_TRACE or span_id == _NO_SPAN or traceparent.startswith("ff"):
        trace_id, span_id = secrets.token_hex(16), _NO_SPAN
    return Passport(trace_id, began_at or datetime.now(UTC), origin, span_id)


def resume(trace_id: str, origin: str, began_at: datetime) -> Passport:
    """The passport of a trace that another process began."""
    return Passport(trace_id, began_at, origin, root_span(trace_id))


def is_trace_id(text: str) -> bool:
    """Whether this can be a trace id."""
    return _TRACE_ID.fullmatch(text) is not None and text != _NO_TRACE


def current() -> Passport | None:
    """The passport of the work under way in this thread or task."""
    return _current.get()


def current_id() -> str | None:
    """Its trace id."""
    passport = _current.get()
    return None if passport is None else passport.trace_id


def hold(passport: Passport) -> Token[Passport | None]:
    """Makes it the passport of this thread's work until `drop`."""
    return _current.set(passport)


def drop(token: Token[Passport | None]) -> None:
    """Gives the former passport back."""
    _current.reset(token)


@contextmanager
def under(passport: Passport) -> Iterator[Passport]:
    """Does a block's work under this passport."""
    token = hold(passport)
    try:
        yield passport
    finally:
        drop(token)


def traced(task: Callable[P, R]) -> Callable[P, R]:
    """Wraps a task so that each run has a passport and a span of its own."""

    @wraps(task)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with under(begin(f"task {task.__name__}")), span(task.__name__):
            return task(*args, **kwargs)

    return run


def for_database() -> str:
    """What a transaction sets as `app.trace`: trace id, time and origin; empty without a passport."""
    passport = _current.get()
    return "" if passport is None else f"{passport.trace_id} {passport.began_at.isoformat()} {passport.origin}"


def traceparent() -> str | None:
    """What an answer says in its `Traceparent` header."""
    passport = _current.get()
    if passport is None:
        return None
    span_id = passport.span_id if passport.span_id != _NO_SPAN else root_span(passport.trace_id)
    return f"00-{passport.trace_id}-{span_id}-01"


def root_span(trace_id: str) -> str:
    """The id of a trace's first span, so that every process knows the parent without being told."""
    span_id = trace_id[:16]
    return span_id if span_id != _NO_SPAN else trace_id[16:]


# --- OpenTelemetry ---


def configure(settings: Settings, service: str) -> None:
    """Exports spans if the settings name a collector. Call it after fork; a second call changes nothing."""
    if not settings.otel_exporter_otlp_endpoint or _collector.provider is not None:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    class Ids(RandomIdGenerator):
        """The first span of a trace has the trace's own id, and the span id that every process knows."""

        def generate_trace_id(self) -> int:
            return int(wanted, 16) if (wanted := _first.get()) else super().generate_trace_id()

        def generate_span_id(self) -> int:
            return int(root_span(wanted), 16) if (wanted := _first.get()) else super().generate_span_id()

    exporter = OTLPSpanExporter(endpoint=f"{settings.otel_exporter_otlp_endpoint}/v1/traces")
    provider = TracerProvider(ALWAYS_ON, Resource({"service.name": f"livespend-{service}"}), id_generator=Ids())
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _collector.provider, _collector.tracer = provider, provider.get_tracer("livespend")


def shut_down() -> None:
    """Sends what is left, within seconds. Twice is safe."""
    provider, _collector.provider, _collector.tracer = _collector.provider, None, None
    if provider is not None:
        provider.shutdown()


def exporting() -> bool:
    """Whether anybody receives spans."""
    return _collector.tracer is not None


@contextmanager
def span(name: str, links: tuple[str, ...] = (), **attributes: str | int | float) -> Iterator[dict[str, Any]]:
    """A span around a block, in the trace of its passport; attributes added to the mapping it yields are sent too.

    `links` are other traces that this work serves. Without a collector or passport it does nothing.
    """
    added: dict[str, Any] = {}
    passport = _current.get()
    if _collector.tracer is None or passport is None:
        yield added
        return
    started = _start(name, passport, links=links)
    token = hold(replace(passport, span_id=f"{started.get_span_context().span_id:016x}"))
    try:
        yield added
    except BaseException as error:
        added["error.type"] = type(error).__name__
        raise
    finally:
        drop(token)
        started.set_attributes({**attributes, **added})
        started.end()


def record(name: str, trace_id: str, began: datetime, ended: datetime, **attributes: str | int | float) -> None:
    """A span of work that is over: a hop that was measured by its acknowledgement."""
    if _collector.tracer is not None:
        made = _start(name, resume(trace_id, "", began), began=began)
        made.set_attributes(attributes)
        made.end(_nanoseconds(max(began, ended)))


def _start(
    name: str, passport: Passport, *, links: tuple[str, ...] = (), began: datetime | None = None
) -> OpenTelemetrySpan:
    from opentelemetry.context import Context
    from opentelemetry.trace import Link, NonRecordingSpan, set_span_in_context

    assert _collector.tracer is not None
    is_first = passport.span_id == _NO_SPAN
    context = Context()
    if not is_first:
        context = set_span_in_context(NonRecordingSpan(_context(passport.trace_id, passport.span_id)), context)
    linked = [Link(_context(trace_id, root_span(trace_id))) for trace_id in links if is_trace_id(trace_id)]
    token = _first.set(passport.trace_id if is_first else "")
    try:
        return _collector.tracer.start_span(
            name, context, links=linked, start_time=None if began is None else _nanoseconds(began)
        )
    finally:
        _first.reset(token)


def _context(trace_id: str, span_id: str) -> SpanContext:
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000
