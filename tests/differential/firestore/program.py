"""What a random program is: steps that any Firestore can be asked to take, in order, and nothing that only one knows.

Times and transaction ids are not known when a program is drawn. A step names them: a precondition's update_time of
`KNOWN_TIME` stands for the time that the document has then, a read_time of second `COMMIT_TIME` for the time of an
earlier step's commit, and a transaction `b"T0"` for what the first BeginTransaction answered.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from google.protobuf import text_format

DATABASE = "projects/demo-differential/databases/(default)"
ROOT = f"{DATABASE}/documents"
KNOWN_TIME = 1
STALE_TIME = 2
COMMIT_TIME = 3


@dataclass(frozen=True)
class Step:
    """One call as one user, or one of: `Rules` (text), `Follow` and `Leave` (a listener's target)."""

    method: str
    request: Any
    user: str = "owner"

    def print(self) -> str:
        """The step for people."""
        if isinstance(self.request, str):
            return f"{self.method}\n{self.request}"
        text = text_format.MessageToString(self.request, as_one_line=True, as_utf8=True)
        return f"{self.method} as {self.user}: {text.replace(ROOT, '').replace(DATABASE, '')}"

    def fingerprint(self) -> bytes:
        raw = (
            self.request.encode()
            if isinstance(self.request, str)
            else self.request.SerializeToString(deterministic=True)
        )
        return f"{self.method} {self.user} ".encode() + raw


@dataclass(frozen=True)
class Program:
    """All steps of one seed."""

    kind: str
    seed: int
    steps: tuple[Step, ...]

    def fingerprint(self) -> str:
        """Changes whenever a step does: recorded answers belong to one fingerprint."""
        digest = hashlib.sha256()
        for step in self.steps:
            digest.update(step.fingerprint())
        return digest.hexdigest()[:16]
