"""Child processes of the stack: started by module name, logged to a file, restarted when they die, stopped by id.

A child is told by the kernel when its parent is gone (Linux: PR_SET_PDEATHSIG), so that a killed launcher leaves nobody
behind; what outlives it all the same is found through `stack.json` at the next start and stopped first.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_STOP_SECONDS = 15


class ChildWouldNotStart(RuntimeError):
    """A process of the stack ended or stayed silent; the message names its log and shows its end."""


@dataclass
class Child:
    """One process of the stack; `ready` is asked until it answers true."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    log: Path
    ready: Callable[[], bool] = lambda: True
    restarts: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Starts the process in a session of its own: Ctrl-C reaches the launcher alone."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                with_parent(self.command),
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_until_ready(self, seconds: float = 60) -> None:
        """Returns when the process answers; raises ChildWouldNotStart with the end of its log."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            if self.ended():
                break
            if self.ready():
                return
            time.sleep(0.05)
        raise ChildWouldNotStart(f"{self.name} did not start; the end of {self.log}:\n{self.tail()}")

    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def start_again(self) -> None:
        """Starts a process that died, after what is left of its group: a dead server's children may hold its port."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.start()

    def stop(self) -> None:
        """Asks the process and its children to end, then insists. Stopping twice is safe."""
        if self.process is not None and self.process.poll() is None:
            end_group(self.process.pid, self.process.wait)

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else "(no output)"


def end_group(pid: int, wait: Callable[[float], object]) -> None:
    """SIGTERM to the process, and SIGKILL to its whole group when it does not end in time."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    try:
        wait(_STOP_SECONDS)
    except (subprocess.TimeoutExpired, TimeoutError):
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError):
                kill(pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired, TimeoutError):
            wait(5)


def end_leftovers(processes: Mapping[str, int], state: Path) -> None:
    """Stops what a killed launcher left behind: members of its children's groups whose environment names this state."""
    groups = set(processes.values())
    for pid in [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]:
        if _belongs_to(pid, groups, state):
            end_group(pid, lambda seconds, pid=pid: _wait_gone(pid, seconds))


def _belongs_to(pid: int, groups: set[int], state: Path) -> bool:
    try:
        mine = os.getpgid(pid) in groups
        return mine and f"LIVESPEND_STACK={state}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _wait_gone(pid: int, seconds: float) -> None:
    give_up = time.monotonic() + seconds
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > give_up:
            raise TimeoutError
        time.sleep(0.05)


def with_parent(command: Sequence[str], owner: str = "") -> list[str]:
    """The command, tied to this process: the kernel (Linux) ends it when this one is gone. `owner`: `USER:GROUP`."""
    tie = [sys.executable, "-I", "-S", str(Path(__file__).with_name("with_parent.py")), str(os.getpid())]
    return [*tie, *filter(None, [owner]), "--", *command]
