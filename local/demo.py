"""`livespend demo`: starts the stack, makes a demo user with a linked bank on first start, prints one address.

With `--once` it is the headless proof instead (see `local.once`).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import requests
from rich.console import Console
from rich.markup import escape

from local.emulator import NoEmulator
from local.once import prove
from local.person import Person
from local.stack import ROOT, PortIsBusy, Stack, is_running, stop_on_signals

EMAIL = "demo@livespend.test"
PASSWORD = "livespend"
_DEFAULT_PORT = 5002
_WITH_EMULATOR = "with-emulator"  # the demo on the vendor's emulator has a state of its own below the other's


def main(arguments: list[str]) -> int:
    """Runs one of: the demo until Ctrl-C, `--once`, `--reset`; answers the exit code."""
    options = _parse(arguments)
    if options.reset:
        return _reset(options.state)
    if options.once:
        return prove(options.user_file, as_json=options.json, with_emulator=options.firestore == "emulator")
    return _demo(options.state, options.port, with_emulator=options.firestore == "emulator")


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="livespend demo", description=__doc__)
    parser.add_argument("--state", type=Path, default=Path(os.environ.get("LIVESPEND_STATE", ROOT / ".livespend")))
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", _DEFAULT_PORT)))
    parser.add_argument("--once", action="store_true", help="prove the whole path on throw-away state, then stop")
    parser.add_argument("--json", action="store_true", help="with --once: print one JSON object and nothing else")
    parser.add_argument("--user-file", type=Path, help="with --once: link a bank from a Plaid custom-user file")
    parser.add_argument(
        "--firestore",
        choices=["local", "emulator"],
        default="local",
        help="emulator: on the vendor's, where it is on the machine; it keeps nothing, so every start is a first one",
    )
    parser.add_argument("--reset", action="store_true", help="forget the demo's state")
    options = parser.parse_args(arguments)
    options.state = options.state.resolve()
    return options


def _reset(state: Path) -> int:
    if is_running(state) or is_running(state / _WITH_EMULATOR):
        print(f"The demo is running on {state}: stop it with Ctrl-C first.", file=sys.stderr)
        return 1
    shutil.rmtree(state, ignore_errors=True)
    print("The demo's state is gone; `make demo` starts afresh.")
    return 0


def _demo(state: Path, port: int, *, with_emulator: bool) -> int:
    console = Console()
    state = state / _WITH_EMULATOR if with_emulator else state
    if is_running(state):
        console.print(f"[red]The demo is already running on {state}.[/] Stop it with Ctrl-C, or choose --state.")
        return 1
    if with_emulator:
        shutil.rmtree(state, ignore_errors=True)
    stack = Stack(state, port, emulator=with_emulator)
    stop_on_signals(stack)
    try:
        started = time.monotonic()
        with console.status("starting ...") as status:
            for part in stack.start():
                status.update(f"starting {part} ...")
                console.print(f"  starting {part}")
            _make_demo_user(stack, lambda text: console.print(f"  {text}"))
        _welcome(console, stack, time.monotonic() - started)
        stack.watch(lambda text: console.print(f"  {text}"))
    except (PortIsBusy, NoEmulator) as problem:
        console.print(f"[red]{problem}[/]")
        return 1
    finally:
        stack.stop()
    console.print(f"\nStopped. State is kept in {escape(str(state))}; `make demo-reset` forgets it.")
    return 0


def _make_demo_user(stack: Stack, say: Callable[[str], None]) -> None:
    """On first start: signs up, links a bank, waits until the first month is mirrored. Later starts find the user."""
    person = Person.sign_in_or_up(stack, EMAIL, PASSWORD)
    person.introduce("Demo")
    if person.get("/api/items")["items"]:
        return
    say("linking a bank for the demo user")
    person.link_bank("user_good", "pass_good")
    person.wait_until_mirrored(seconds=60)


def _welcome(console: Console, stack: Stack, seconds: float) -> None:
    config = requests.get(f"{stack.api}/config.json", timeout=5)
    if config.status_code != 200:
        console.print("[yellow]The API answers, but not with its settings; see .livespend/logs/api.log[/]")
    console.print(f"\n[bold green]Livespend is up[/] after {seconds:.1f} s.\n")
    console.print(f"  Open       [bold]{stack.api}[/]")
    console.print(f"  Sign in    {EMAIL} / {PASSWORD}")
    console.print(f"  The bank   {stack.plaid}  (buy something there, or on the page, and watch)")
    console.print(f"  Details    {json.dumps(str(stack.state / 'stack.json'))[1:-1]}\n")
    console.print("  Ctrl-C stops everything that was started here.\n")
