"""`python -m api [--host H] [--port P]`: the API under gunicorn, one worker process with threads.

The master opens the port and watches; the worker serves. SIGTERM and Ctrl-C let running requests finish (10 seconds),
then both end. A killed worker is replaced by the master; when the master is killed, the worker notices and ends.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click
from apiflask import APIFlask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from api.wsgi import compose, settings_of_process
from sync.errors import InvalidSettings
from sync.settings import Settings

THREADS = 8
GRACE_SECONDS = 10


class Server(BaseApplication):  # type: ignore[misc]
    """Gunicorn, configured from our settings instead of from files and arguments."""

    def __init__(self, settings: Settings, host: str, port: int) -> None:
        self._settings = settings
        self._options: dict[str, Any] = {
            "bind": f"{host}:{port}",
            "workers": 1,
            "worker_class": "gthread",
            "threads": THREADS,
            "graceful_timeout": GRACE_SECONDS,
            "timeout": 60,
            "keepalive": 75,
            "control_socket_disable": True,
            "loglevel": "warning",
            "proc_name": "livespend-api",
            "limit_request_line": 8190,
        }
        super().__init__()

    def load_config(self) -> None:
        """Hands the options to gunicorn; its own files and variables are not read."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> APIFlask:
        """Builds the application, in the worker."""
        return compose(self._settings)


def serve(settings: Settings, host: str, port: int) -> None:
    """Serves until SIGTERM or SIGINT; exits the process when the port is taken."""
    Server(settings, host, port).run()


@click.command()
@click.option("--host", default=None, help="Address to listen on; API_HOST unless given.")
@click.option("--port", type=int, default=None, help="Port to listen on; API_PORT unless given.")
def main(host: str | None, port: int | None) -> None:
    """Serve the Livespend API."""
    try:
        settings = settings_of_process()
    except InvalidSettings as error:
        raise click.ClickException(error.detail) from None
    serve(settings, host or settings.api_host, port or settings.api_port)


def run(arguments: Sequence[str]) -> None:
    """The command with these arguments."""
    main.main(args=list(arguments), prog_name="python -m api")


if __name__ == "__main__":
    run(sys.argv[1:])
