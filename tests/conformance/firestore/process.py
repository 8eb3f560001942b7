"""The server as a process of its own: `python -m local.firestore` on a port that is known beforehand."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path


class Process:
    """`python -m local.firestore` on a fixed port, with a data directory if one is named."""

    def __init__(self, data: Path | None = None, log: Path | None = None) -> None:
        self.data = data
        self._log = log
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        self._process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        port = self.address.rpartition(":")[2]
        command = [sys.executable, "-m", "local.firestore", "--port", port]
        command += ["--data", str(self.data)] if self.data else []
        with contextlib.ExitStack() as opened:
            errors = opened.enter_context(self._log.open("ab")) if self._log else None
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert self._process.stdout is not None
        assert "local Firestore on" in self._process.stdout.readline()

    def end(self, how: signal.Signals) -> float:
        """Signals the process and waits; answers the seconds that took."""
        assert self._process is not None
        began = time.monotonic()
        self._process.send_signal(how)
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return time.monotonic() - began

    @property
    def exit_status(self) -> int | None:
        """None while it runs."""
        return None if self._process is None else self._process.returncode

    def log(self) -> str:
        """What it has said on stderr so far."""
        assert self._log is not None
        return self._log.read_text()

    def resident_megabytes(self) -> int:
        """What it holds in memory."""
        assert self._process is not None
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) // 1024

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None
