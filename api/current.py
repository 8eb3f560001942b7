"""What belongs to the current request: the dependencies of the application and the user who asks."""

from __future__ import annotations

from typing import cast

from flask import current_app, g

from api.auth import Caller
from sync.deps import Deps

DEPS = "livespend_deps"


def deps() -> Deps:
    """The dependencies that `create_app` was given."""
    return cast(Deps, current_app.extensions[DEPS])


def caller() -> Caller:
    """Who asks; only in views that are not public."""
    return cast(Caller, g.caller)


def user_id() -> str:
    """The Firebase uid of who asks; only in views that are not public."""
    return caller().user_id
