"""The mirror as a process: settings, logs, signals, and an exit status that says how it ended.

SIGTERM and SIGINT let what is under way be acknowledged, then it ends with 0; a second one changes nothing. Killed
outright it leaves marks, which the next mirror finds. Started by `livespend mirror`; any number may run.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from prometheus_client import REGISTRY

from sync import log, metrics, tracing
from sync.audit.audit import Auditor
from sync.deps import Deps, build_deps
from sync.mirror.mirror import Mirror
from sync.mirror.status import read_backlog
from sync.schema import require_schema
from sync.settings import NEEDS, read_settings
from sync.shapes.shapes import SHAPES, Shape
from workers.interpreter import tune

_AUDITOR_SECONDS = 5.0


def run(
    env: Mapping[str, str] = os.environ, *, until_clean: bool = False, shapes: Mapping[int, Shape] = SHAPES
) -> None:
    """Mirrors until a signal comes, or until nothing is dirty. Raises InvalidSettings, SchemaTooOld."""
    with mirror_deps(env, shapes=shapes) as deps:
        tracing.configure(deps.settings, "mirror")
        require_schema(deps.engine)
        mirror = Mirror(deps)
        tune()
        REGISTRY.register(metrics.MirrorMetrics(mirror.counts, lambda: read_backlog(deps)))
        metrics.serve(deps.settings.metrics_port)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: mirror.stop())
        with _auditing(deps, wanted=not until_clean):
            mirror.run(until_clean=until_clean)
        tracing.shut_down()
        log.get(__name__).info("mirror_ended", **mirror.counts)


@contextmanager
def _auditing(deps: Deps, *, wanted: bool) -> Iterator[None]:
    """Audits in a thread beside the mirror: this process alone has both Firestore and the mirror's role."""
    if not (wanted and deps.settings.audit_reads_per_day):
        yield
        return
    auditor = Auditor(deps)
    thread = threading.Thread(target=auditor.run, name="auditor", daemon=True)
    thread.start()
    try:
        yield
    finally:
        auditor.stop()
        thread.join(_AUDITOR_SECONDS)


@contextmanager
def mirror_deps(env: Mapping[str, str] = os.environ, *, shapes: Mapping[int, Shape] = SHAPES) -> Iterator[Deps]:
    """The mirror's dependencies, closed afterwards. Raises InvalidSettings."""
    settings = read_settings(env, needs=NEEDS["mirror"])
    log.configure(settings.log_level, settings.log_format)
    deps = replace(build_deps(settings, door="mirror"), shapes=shapes)
    try:
        yield deps
    finally:
        deps.engine.dispose()
        if deps.firestore is not None:
            deps.firestore.close()
