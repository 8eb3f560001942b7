"""Named steps at which a disaster test may kill this process.

`step(name)` does nothing, unless APP_ENV is local and LIVESPEND_CRASH_AT names that step: then the process is killed
as if by the kernel, with no chance to clean up. It is the one place besides settings.py that looks at the
environment, so that neither a setting nor a dependency of the product knows of it.
Steps: pull:paged (a page of a large update is kept), pull:fetched, import:folded, import:step (a step is stored that is
not the last), pull:applied (before the commit), pull:committed, rotate:asked (before Plaid is asked),
rotate:answered (before the new token is stored), rotate:stored, link:asked (before Plaid is asked), link:answered
(before the token is stored), link:exchanged, link:stored, purge:step (after each of its commits),
erase: and the name of a step of erase.py (after it), erase:some (after each of its commits that deletes rows),
intents:found, intents:applied (before the commit),
intents:committed (before the document is deleted), mirror:claimed, mirror:built, mirror:committed, mirror:acknowledged.
"""

from __future__ import annotations

import os
import signal
from functools import cache


def step(name: str) -> None:
    """Marks that a step was reached; kills the process if a local test asked for it."""
    if _deadly_step() == name:
        os.kill(os.getpid(), signal.SIGKILL)


@cache
def _deadly_step() -> str | None:
    return os.environ.get("LIVESPEND_CRASH_AT") if os.environ.get("APP_ENV") == "local" else None
