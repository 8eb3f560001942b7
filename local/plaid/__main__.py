"""`python -m local.plaid`: the stand-in as a process. Ends on SIGINT or SIGTERM; a kill -9 loses nothing either."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from datetime import date
from pathlib import Path

from local.plaid import knobs
from local.plaid.limits import PUBLISHED
from local.plaid.server import CLIENT_ID, SECRET, Config, ProductionSecret, reachable, serve


def main() -> int:
    """Runs until told to stop; answers the exit status."""
    config = _config(_parser().parse_args())
    try:
        asyncio.run(_run(config))
    except (ProductionSecret, ValueError, OSError) as error:
        print(f"local plaid: {error}", file=sys.stderr)
        return 1
    return 0


async def _run(config: Config) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(config, listening=lambda port: _banner(config, port), until=stop.wait)


def _banner(config: Config, port: int) -> None:
    kept = f"state in {config.data}" if config.data else "state in memory"
    url = f"http://{config.host}:{port}"
    print(f"local plaid: a STAND-IN for Plaid, no real bank, no real money. {url} ({kept})", flush=True)
    page = config.public_url or f"http://{reachable(config.host)}:{port}"
    print(f"local plaid: act as the bank at {page}/bank", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.plaid", description="A stand-in for Plaid's API.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8090, help="port to listen on, 0 for a free one (default 8090)")
    parser.add_argument("--data", type=Path, help="folder for its state; in memory when left out")
    parser.add_argument("--seed", default="livespend", help="the same seed and calls give the same ids and data")
    parser.add_argument(
        "--today", type=date.fromisoformat, help="a fixed day, yyyy-mm-dd; the machine's clock if left out"
    )
    parser.add_argument("--client-id", default=CLIENT_ID, help=f"client id to accept (default {CLIENT_ID})")
    parser.add_argument(
        "--secret",
        default=os.environ.get("LOCAL_PLAID_SECRET") or SECRET,
        help=f"secret to accept, also LOCAL_PLAID_SECRET: nobody sees that in a list of processes (default {SECRET})",
    )
    parser.add_argument(
        "--readiness",
        type=_two_numbers,
        metavar="INITIAL,HISTORICAL",
        help="seconds until a new item's last 30 days, and then all its history, are ready; at once if left out",
    )
    parser.add_argument("--manual-readiness", action="store_true", help="new items stay NOT_READY until told")
    parser.add_argument("--retry-scale", type=float, default=1.0, help="factor on the webhook retry schedule")
    parser.add_argument("--clock-rate", type=float, help="clock seconds in a real one (default 1, 0 with --today)")
    parser.add_argument("--public-url", help="where browsers find it (default http://127.0.0.1:PORT)")
    parser.add_argument("--limits", choices=PUBLISHED, help="rate limits as Plaid publishes them (default none)")
    parser.add_argument(
        "--knob", action="append", type=knobs.parse, default=[], metavar="NAME=VALUE", help="turn a knob, see the docs"
    )
    return parser


def _two_numbers(text: str) -> tuple[float, float]:
    first, second = map(float, text.split(","))
    return first, second


def _config(given: argparse.Namespace) -> Config:
    return Config(
        client_id=given.client_id,
        secret=given.secret,
        host=given.host,
        port=given.port,
        data=given.data,
        seed=given.seed,
        today=given.today,
        readiness=given.readiness,
        manual_readiness=given.manual_readiness,
        retry_scale=given.retry_scale,
        clock_rate=given.clock_rate,
        public_url=given.public_url,
        knobs=dict(given.knob) | ({"limits": given.limits} if given.limits else {}),
    )


if __name__ == "__main__":
    sys.exit(main())
