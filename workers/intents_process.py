"""The intents' process: settings, logs, signals, and an exit status that says how it ended.

SIGTERM and SIGINT let what is under way be finished, then it ends with 0. Killed outright it leaves intents in
Firestore, which the next finds. Started by `livespend intents`; any number may run.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

from sync import log, tracing
from sync.deps import build_deps
from sync.intents.intent_feed import IntentFeed
from sync.settings import NEEDS, read_settings


def run(env: Mapping[str, str] = os.environ) -> None:
    """Feeds intents into the ledger until a signal comes. Raises InvalidSettings."""
    settings = read_settings(env, needs=NEEDS["intents"])
    log.configure(settings.log_level, settings.log_format)
    deps = build_deps(settings, door="intents")
    try:
        tracing.configure(settings, "intents")
        feed = IntentFeed(deps)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: feed.stop())
        feed.run()
        tracing.shut_down()
        log.get(__name__).info("intents_ended", **feed.counts)
    finally:
        deps.engine.dispose()
        if deps.firestore is not None:
            deps.firestore.close()
