"""`python -m local.auth`: serves local auth until it is told to stop."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from .server import AuthWouldNotStart, NotADemoProject, start


def main(arguments: list[str] | None = None) -> int:
    """Serves until SIGINT or SIGTERM; exit code 2 if it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m local.auth", description="Firebase Auth, on this machine.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    parser.add_argument("--port", type=int, default=9099, help="port to listen on, 0 for any free one")
    parser.add_argument("--data", type=Path, help="directory for the accounts (default: in memory)")
    parser.add_argument("--project", default="demo-livespend", help="project id, demo-... only")
    given = parser.parse_args(arguments)
    try:
        running = start(host=given.host, port=given.port, project=given.project, data=given.data)
    except (NotADemoProject, AuthWouldNotStart) as error:
        print(f"local auth: {error}", file=sys.stderr)
        return 2
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: running.begin_stop())
    print(f"local auth for {running.project} on http://{running.address}", flush=True)
    running.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
