"""What Prometheus reads: hops of changes in seconds, what the mirror did, and how far behind it is.

Counting costs nothing until somebody asks: hops are observed where an acknowledgement comes in, the mirror's own counts
and the ledger's gauges are read when the page is asked for. docs/metrics.md names every metric, held by a test. Served
by the API at /metrics and by mirror and workers at METRICS_PORT. Called by the doors, passports.py and screens.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Literal

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    start_http_server,
)
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from sync.log import get

CONTENT_TYPE = CONTENT_TYPE_LATEST
Hop = Literal[
    "webhook_to_pull", "pull_to_ledger", "mark_to_claim", "claim_to_commit", "commit_to_acknowledged",
    "commit_to_screen", "screen_to_rendered", "whole",
]  # fmt: skip

_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600)
REPAIRS = Counter("livespend_repairs", "Damaged documents that were marked to be mended.", ["kind"])
AUDITS = Counter("livespend_audits", "Owners held against Firestore.", ["level", "outcome"])
AUDIT_READS = Counter("livespend_audit_reads", "Firestore reads spent on audits.", ["purpose"])
UNKNOWN_CATEGORIES = Counter(
    "livespend_unknown_categories", "Rows whose detailed category the taxonomy does not know.", ["counted_as"]
)
PACE = Gauge("livespend_mirror_pace", "How fast this mirror may go.", ["limit"])
_HOPS = Histogram("livespend_hop_seconds", "Seconds of one hop of a change", ["hop"], buckets=_BUCKETS)


def hop(name: Hop, began: datetime, ended: datetime) -> None:
    """Notes how long one hop took; clocks that disagree make it zero, not negative."""
    _HOPS.labels(name).observe(max(0.0, (ended - began).total_seconds()))


class MirrorMetrics(Collector):
    """The mirror's counts and the ledger's backlog, read when they are asked for."""

    def __init__(self, counts: Mapping[str, int], backlog: Callable[[], tuple[int, float, int]]) -> None:
        self._counts, self._backlog = counts, backlog

    def collect(self) -> Iterator[Metric]:
        """One family per kind of thing; a ledger that cannot be read leaves its gauges out."""
        done = CounterMetricFamily("livespend_mirror", "What the mirror did, by kind", labels=["kind"])
        for kind, count in sorted(self._counts.items()):
            done.add_metric([kind], count)
        yield done
        try:
            dirty, oldest, parked = self._backlog()
        except Exception as error:  # a scrape must not fail because the ledger is away
            get(__name__).warning("backlog_unread", reason=type(error).__name__)
            return
        yield GaugeMetricFamily("livespend_dirty_owners", "Owners with marks that wait for a mirror", dirty)
        yield GaugeMetricFamily("livespend_oldest_mark_seconds", "Age of the mark that waits longest", oldest)
        yield GaugeMetricFamily("livespend_parked_documents", "Documents that Firestore refuses", parked)


def page(registry: CollectorRegistry = REGISTRY) -> bytes:
    """All metrics of this process, as Prometheus reads them."""
    return generate_latest(registry)


def serve(port: int) -> None:
    """Serves this process's metrics on 127.0.0.1 in a thread; a port that is taken is logged, not fatal. 0: not."""
    if port:
        try:
            start_http_server(port, addr="127.0.0.1")
        except OSError as error:
            get(__name__).error("metrics_not_served", port=port, reason=str(error))
