"""Ways to stop a change of shape half way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sync.deps import Deps


class Stopped(Exception):
    """The operator pressed Ctrl-C."""


@pytest.fixture
def stopped(shaped: Deps) -> Callable[..., None]:
    """Runs a step and stops it as soon as its progress says so."""

    def run(step: Callable[..., Any], *arguments: Any, when: Callable[[str, int], bool] = lambda state, done: True):
        def told(state: str, done: int, total: int) -> None:
            if when(state, done):
                raise Stopped

        with pytest.raises(Stopped):
            step(shaped, *arguments, told)

    return run
