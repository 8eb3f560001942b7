"""Follows a rules file: what is saved is in force within a second; what does not load leaves the old rules in force.

Looked at by size and time of change, which every file system can tell. Errors go to stderr with line and column.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from local.firestore.engine import Engine
from local.firestore.rules import RulesSyntaxError

_LOOK_SECONDS = 0.5


class RulesFile:
    """A rules file and when it was last read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen = self._stamp()

    async def follow(self, engine: Engine) -> None:
        """Loads the file into the engine whenever it changes, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self.look(engine)

    def look(self, engine: Engine) -> None:
        """Loads the file if it has changed since the last look; a missing one is waited for."""
        stamp = self._stamp()
        if stamp is None or stamp == self._seen:
            return
        self._seen = stamp
        try:
            engine.load_rules(self.path.read_text())
        except RulesSyntaxError as problem:
            _tell(f"{self.path}: {problem}; the old rules stay in force")
        except (OSError, UnicodeDecodeError) as problem:
            _tell(f"{self.path} cannot be read ({problem}); the old rules stay in force")
        else:
            _tell(f"{self.path} was loaded again")

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size


def _tell(text: str) -> None:
    print(f"local Firestore: {text}", file=sys.stderr, flush=True)
