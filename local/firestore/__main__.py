"""`python -m local.firestore`: the server as a process. Ctrl-C or SIGTERM stops it gracefully."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
from pathlib import Path

from local.firestore.engine import Engine
from local.firestore.errors import FirestoreError
from local.firestore.rules_file import RulesFile
from local.firestore.serving import Server
from local.firestore.storage.transfer import export_lines, import_lines

_RULES_HELP = "security rules, read again when the file changes; without them only the admin may do anything"

_kept: list[Engine] = []


def main(arguments: list[str] | None = None) -> int:
    """Serves until told to stop; 2 when it cannot start, with the reason on stderr."""
    options = _options(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        rules_text = options.rules.read_text() if options.rules else None
        return asyncio.run(_serve(options, rules_text))
    except (OSError, ValueError, RuntimeError, FirestoreError) as problem:
        print(f"local Firestore: {problem}", file=sys.stderr)
        return 2


async def _serve(options: argparse.Namespace, rules_text: str | None) -> int:
    engine = Engine(options.data, rules_text)
    _kept.append(engine)
    if options.import_from:
        with options.import_from.open(encoding="utf-8") as lines:
            import_lines(engine, lines)
    server = Server(engine, options.project)
    await server.start(options.host, options.port)
    _collect_seldom()
    follower = asyncio.create_task(RulesFile(options.rules).follow(engine)) if options.rules else None
    ended = asyncio.Event()
    for wanted in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(wanted, ended.set)
    kept = f"data in {options.data}" if options.data else "nothing is kept"
    ruled = f"rules {options.rules}" if options.rules else "no rules: only the admin may do anything"
    print(f"local Firestore on {options.host}:{server.port} ({kept}; {ruled})", flush=True)
    print(f"documents: http://{options.host}:{server.port}/_local/page", flush=True)
    await ended.wait()
    if follower is not None:
        follower.cancel()
    if options.export_on_exit:
        options.export_on_exit.write_text("".join(f"{line}\n" for line in export_lines(engine)), encoding="utf-8")
    await server.stop()
    return 0


def _collect_seldom() -> None:
    """What is loaded stays, and documents come by the thousand: looking for cycles among them all costs a pause."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port: 0 to 65535")
    return int(text)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.firestore", description="A local Firestore.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=_port, default=8080, help="0 takes a free one")
    parser.add_argument(
        "--rules",
        type=Path,
        help="security rules, read again when the file changes; without them only the admin may do anything",
    )
    parser.add_argument("--data", type=Path, help="directory to keep documents in; without it nothing is kept")
    parser.add_argument("--import", type=Path, dest="import_from", metavar="FILE", help="take an export in first")
    parser.add_argument("--export-on-exit", type=Path, metavar="FILE", help="export when stopped by a signal")
    parser.add_argument("--project", default="demo-livespend", help="project that dumps are taken from")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # everything is on disk; to take apart what is in memory would take seconds
