"""`python -m local.kms`: the stand-in as a process. Makes a first key; ends on SIGINT or SIGTERM."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from local.kms.errors import KmsError
from local.kms.server import REGION, start


def main() -> int:
    """Runs until told to stop; answers the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.kms", description="A stand-in for AWS KMS.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8091, help="port to listen on, 0 for a free one (default 8091)")
    parser.add_argument("--region", default=REGION, help=f"the region in its ARNs (default {REGION})")
    parser.add_argument("--data", type=Path, help="file for its keys; in memory when left out")
    parser.add_argument("--alias", default="alias/livespend", help="alias of the first key (default alias/livespend)")
    given = parser.parse_args()
    stop = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    try:
        running = start(host=given.host, port=given.port, region=given.region, data=given.data)
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"local kms: {error}", file=sys.stderr)
        return 1
    try:
        running.keys.find(given.alias)
    except KmsError:
        running.keys.name(given.alias, running.keys.create().id, new=True)
    kept = f"keys in {given.data}" if given.data else "keys in memory: gone when it ends"
    print(f"local kms: a STAND-IN for AWS KMS. {running.url} ({kept})", flush=True)
    signal.sigwait(stop)
    running.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
