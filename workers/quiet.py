"""An operator's command as a door: its dependencies, closed afterwards, and logs out of the way of the answer.

Only errors are logged, to standard error. Called by the commands.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from sync.deps import Deps


@contextmanager
def quiet_deps(door: Literal["api", "worker"] = "worker", **settled: Any) -> Iterator[Deps]:
    """The dependencies of one door; `settled` are settings that the command line says."""
    from sync import log
    from sync.deps import build_deps
    from sync.settings import NEEDS, read_settings

    needs = NEEDS["worker"] | ({"API_DATABASE_URL"} if door == "api" else frozenset())
    settings = replace(read_settings(os.environ, needs=needs), **settled)
    log.configure("ERROR", settings.log_format, stream=sys.stderr)
    deps = build_deps(settings, door=door)
    try:
        yield deps
    finally:
        deps.engine.dispose()
