"""The interpreter's own settings, for processes that handle rows by the thousand: the mirror and the worker.

Called once, when everything is loaded: what is there by then is never looked through for garbage again.
"""

from __future__ import annotations

import gc
import sys

# How long one thread may compute before another has its turn: a large import being built delays a small change by it,
# and a page that is read the one that comes.
_SWITCH_SECONDS = 0.001
# Rows come in great numbers and make no cycles: looking for cycles at every 700 objects cost the mirror a quarter of
# its time, and the worker a fifth.
_OBJECTS_BETWEEN_COLLECTIONS = (50_000, 20, 100)


def tune() -> None:
    """Threads take quick turns, garbage is looked for rarely."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_OBJECTS_BETWEEN_COLLECTIONS)
