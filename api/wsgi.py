"""The composition root of the HTTP door: environment to settings to dependencies to application.

Run as `gunicorn 'api.wsgi:app()'` or `python -m api`. A missing setting ends the process with every missing name in
one message, before a port is opened.
"""

from __future__ import annotations

import os

from apiflask import APIFlask

from api.app import create_app
from api.doorbell import Doorbell
from sync import log, tracing
from sync.deps import build_deps
from sync.settings import NEEDS, Settings, read_settings


def app() -> APIFlask:
    """The application of this process's environment."""
    return compose(settings_of_process())


def settings_of_process() -> Settings:
    """The settings from the environment; raises InvalidSettings."""
    return read_settings(os.environ, needs=NEEDS["api"])


def compose(settings: Settings) -> APIFlask:
    """The application over real dependencies. Call it after fork: it owns connections and threads."""
    log.configure(settings.log_level, settings.log_format)
    tracing.configure(settings, "api")
    return create_app(build_deps(settings, door="api", ring=Doorbell(settings.redis_url).ring))
