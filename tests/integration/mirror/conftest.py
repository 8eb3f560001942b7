"""What the mirror's tests count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.fixtures.firestore import FirestoreServer

_NAMES = ("commits", "requested", "creates", "updates", "deletes")


@pytest.fixture
def writes(firestore_server: FirestoreServer) -> Callable[[], AbstractContextManager[dict[str, int]]]:
    """Counts what Firestore was asked to write inside a block."""

    @contextmanager
    def counting() -> Iterator[dict[str, int]]:
        before = firestore_server.stats()
        counted: dict[str, int] = {}
        yield counted
        after = firestore_server.stats()
        counted.update({name: after[name] - before[name] for name in _NAMES})

    return counting
