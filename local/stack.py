"""The whole of Livespend on one machine: real Postgres and Valkey, the stand-ins, the API, a worker and the mirror.

`python -m local.stack` is what `livespend demo` executes. Everything is a child process started by module name; the
addresses and process ids stand in `<state>/stack.json` while it runs. State lives in one folder and survives a restart
and a kill; Ctrl-C stops what was started here and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import requests

from local import emulator, postgres, valkey
from local.processes import Child, end_leftovers

ROOT = Path(__file__).resolve().parents[1]
PROJECT = "demo-livespend"
PLAID_CLIENT_ID = "local-client"
PLAID_SECRET = "local-secret"
_RESTART_LIMIT = 20


class PortIsBusy(RuntimeError):
    """Somebody else listens on the wanted port; the message says how to choose another."""


class StackIsRunning(RuntimeError):
    """The state folder is in use by a running stack; stop that one first."""


@dataclass
class Stack:
    """A running stack: start it once, ask it for addresses, stop it."""

    state: Path
    port: int
    durable: bool = True
    sweep_seconds: int = 30
    restart_limit: int = _RESTART_LIMIT
    emulator: bool = False  # the vendor's Firestore emulator in the place of ours; it keeps nothing
    plaid_secret: str = field(default=PLAID_SECRET, repr=False)
    children: list[Child] = field(default_factory=list)
    database: postgres.Postgres | None = None
    broker: valkey.Valkey | None = None
    ports: dict[str, int] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)

    # --- addresses ----------------------------------------------------------------------------------------------

    project: str = PROJECT

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def plaid(self) -> str:
        return f"http://127.0.0.1:{self.ports['plaid']}"

    @property
    def auth(self) -> str:
        return f"http://127.0.0.1:{self.ports['auth']}"

    @property
    def firestore(self) -> str:
        return f"127.0.0.1:{self.ports['firestore']}"

    def database_url(self, role: str = "postgres") -> str:
        assert self.database is not None
        return self.database.url(role=role)

    # --- life ---------------------------------------------------------------------------------------------------

    def start(self) -> Iterator[str]:
        """Starts everything in order, yielding the name of what is being started; raises what went wrong."""
        if self.emulator and emulator.find() is None:
            raise emulator.NoEmulator(emulator.MISSING)
        self.state.mkdir(parents=True, exist_ok=True)
        before = self._read_record()
        end_leftovers(before.get("processes", {}), self.state)
        self._choose_ports(before.get("ports", {}))
        yield "Postgres"
        self.database = postgres.start(self.state / "postgres", port=self.ports["postgres"], durable=self.durable)
        yield "Valkey"
        self.broker = valkey.start(self.state / "valkey", port=self.ports["valkey"])
        yield "local Plaid, Firestore and auth"
        self._start_together(self._stand_ins())
        yield "migrations"
        self._run("workers.cli", "setup-key")
        self._run("workers.cli", "migrate", "--create-roles")
        yield "API, worker, mirror and intents"
        self._start_together(self._product())
        self._write_settings()
        self._write_record()

    def stop(self) -> None:
        """Stops everything, the product first. Stopping twice is safe."""
        self._stopping.set()
        for group in (self.children[3:], self.children[:3]):
            stoppers = [threading.Thread(target=child.stop) for child in group]
            for stopper in stoppers:
                stopper.start()
            for stopper in stoppers:
                stopper.join()
        if self.broker:
            self.broker.stop()
        if self.database:
            self.database.stop()
        record = self.state / "stack.json"
        if record.exists():
            kept = json.loads(record.read_text()) | {"processes": {}, "running": False}
            record.write_text(json.dumps(kept, indent=2) + "\n")

    def watch(self, say: Callable[[str], None]) -> None:
        """Until stopped: a child that dies is started again, and said so."""
        while not self._stopping.wait(0.3):
            for child in self.children:
                if child.ended() and not self._stopping.is_set():
                    self._restart(child, say)

    def child(self, name: str) -> Child:
        return next(child for child in self.children if child.name == name)

    # --- parts --------------------------------------------------------------------------------------------------

    def _stand_ins(self) -> list[Child]:
        auth, firestore, plaid = (self.state / name for name in ("auth", "firestore", "plaid"))
        rules = ROOT / "firestore_rules" / "firestore.rules"
        return [
            self._child("auth", ["-m", "local.auth", *self._listen("auth"), "--data", str(auth), "--project", PROJECT]),
            self._emulator(rules) if self.emulator else self._child(
                "firestore",
                ["-m", "local.firestore", *self._listen("firestore"), "--rules", str(rules), "--data", str(firestore),
                 "--project", PROJECT],
            ),
            self._child(
                "plaid",
                ["-m", "local.plaid", *self._listen("plaid"), "--data", str(plaid), "--client-id", PLAID_CLIENT_ID],
            ),
        ]  # fmt: skip

    def _emulator(self, rules: Path) -> Child:
        child = self._child("firestore", [])
        child.command = emulator.command(self.ports["firestore"], rules)
        return child

    def _product(self) -> list[Child]:
        worker = ["-m", "celery", "-A", "workers.app", "worker", "--beat", "--concurrency", "2", "--loglevel", "INFO",
                  "--schedule", str(self.state / "beat-schedule")]  # fmt: skip
        api = self._child("api", ["-m", "api", "--host", "127.0.0.1", "--port", str(self.port)])
        api.ready = lambda: _answers_http(f"{self.api}/health/live")
        return [
            api,
            self._child("worker", worker),
            self._child("mirror", ["-m", "workers.cli", "mirror"]),
            self._child("intents", ["-m", "workers.cli", "intents"]),
        ]

    def _listen(self, name: str) -> list[str]:
        return ["--host", "127.0.0.1", "--port", str(self.ports[name])]

    def _child(self, name: str, arguments: list[str]) -> Child:
        child = Child(name, [sys.executable, *arguments], self.environment(), self.state / "logs" / f"{name}.log")
        if name in self.ports:
            child.ready = lambda: _answers_tcp(self.ports[name])
        return child

    def environment(self) -> dict[str, str]:
        """Every setting the product needs to run against this stack."""
        settings = {
            "APP_ENV": "local",
            "REDIS_URL": self.broker.url() if self.broker else "",
            "PLAID_URL": self.plaid,
            "PLAID_CLIENT_ID": PLAID_CLIENT_ID,
            "PLAID_SECRET": self.plaid_secret,
            "LOCAL_PLAID_SECRET": self.plaid_secret,
            "PLAID_LIMITS": "none",  # the stand-in has those that it is told to have
            "PLAID_RECURRING": "on",
            "PLAID_REFRESH": "on",
            "PLAID_WEBHOOK_URL": f"{self.api}/webhooks/plaid",
            "PLAID_REDIRECT_URI": f"{self.api}/",
            "FIREBASE_PROJECT_ID": PROJECT,
            "FIREBASE_API_KEY": "local",
            "FIRESTORE_EMULATOR_HOST": self.firestore,
            "FIREBASE_AUTH_EMULATOR_HOST": f"127.0.0.1:{self.ports['auth']}",
            "BROWSER_FIRESTORE_HOST": self.firestore,
            "BROWSER_AUTH_URL": self.auth,
            "BROWSER_BANK_URL": self.plaid,
            "TOKEN_KEY_FILE": str(self.state / "token-keys.json"),
            "API_HOST": "127.0.0.1",
            "API_PORT": str(self.port),
            "SWEEP_SECONDS": str(self.sweep_seconds),
            "FRONTEND_DIR": str(ROOT / "frontend" / "dist"),
            "LIVESPEND_STACK": str(self.state),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }
        if self.database:
            settings["ADMIN_DATABASE_URL"] = self.database.url("postgres")
            for door, role in (("API", "api"), ("WORKER", "worker"), ("MIRROR", "mirror"), ("MIGRATION", "owner")):
                settings[f"{door}_DATABASE_URL"] = self.database.url(role=f"livespend_{role}")
        # An emulator or cloud variable of the developer's own shell must not lead the stack elsewhere.
        inherited = {
            k: v for k, v in os.environ.items() if not k.startswith(("PLAID_", "FIREBASE_", "GOOGLE_", "AWS_"))
        }
        return inherited | settings

    def _start_together(self, group: list[Child]) -> None:
        self.children += group
        for child in group:
            child.start()
        for child in group:
            child.wait_until_ready()

    def _run(self, module: str, *arguments: str) -> None:
        once = Child(arguments[0], [sys.executable, "-m", module, *arguments], self.environment(),
                     self.state / "logs" / f"{arguments[0]}.log")  # fmt: skip
        once.start()
        assert once.process is not None
        if once.process.wait(120) != 0:
            raise RuntimeError(f"`livespend {' '.join(arguments)}` failed:\n{once.tail()}")

    def _restart(self, child: Child, say: Callable[[str], None]) -> None:
        child.restarts += 1
        if child.restarts > self.restart_limit:
            raise RuntimeError(f"{child.name} died {child.restarts} times; the end of {child.log}:\n{child.tail()}")
        say(f"{child.name} ended; starting it again (its log: {child.log})")
        child.start_again()
        self._write_record()

    # --- ports and the record -----------------------------------------------------------------------------------

    def _choose_ports(self, before: dict[str, int]) -> None:
        """Keeps last time's ports where they are free: an open page finds its servers again after a restart."""
        if not port_is_free(self.port):
            raise PortIsBusy(f"port {self.port} is in use by another program. Choose another: PORT=5003 make demo")
        for name in ("postgres", "valkey", "auth", "firestore", "plaid"):
            old = before.get(name)
            self.ports[name] = old if old and port_is_free(old) else postgres.free_port()

    def _read_record(self) -> dict[str, dict[str, int]]:
        with contextlib.suppress(OSError, ValueError):
            return dict(json.loads((self.state / "stack.json").read_text()))
        return {}

    def _write_record(self) -> None:
        record = {
            "running": True,
            "launcher": os.getpid(),
            "addresses": {
                "page": self.api, "api": self.api, "plaid": self.plaid, "auth": self.auth, "firestore": self.firestore,
                "postgres": self.database_url(), "redis": self.broker.url() if self.broker else "",
            },
            "ports": self.ports,
            "project": PROJECT,
            "processes": self._processes(),
        }  # fmt: skip
        staging = self.state / "stack.json.new"
        staging.write_text(json.dumps(record, indent=2) + "\n")
        staging.replace(self.state / "stack.json")

    def _write_settings(self) -> None:
        """The product's settings for a shell: the operator's commands run beside the demo with them."""
        ours = {name: value for name, value in self.environment().items() if os.environ.get(name) != value}
        lines = [f"{name}={shlex.quote(value)}" for name, value in sorted(ours.items())]
        settings = self.state / "settings.env"
        settings.touch(0o600)
        settings.chmod(0o600)  # the Plaid secret is in it
        settings.write_text("\n".join(lines) + "\n")

    def _processes(self) -> dict[str, int]:
        running = {child.name: child.process.pid for child in self.children if child.process}
        servers = {"postgres": self.database, "valkey": self.broker}
        return running | {name: server.process.pid for name, server in servers.items() if server}


def port_is_free(port: int) -> bool:
    """Whether nobody listens on the port on 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def is_running(state: Path) -> bool:
    """Whether a launcher is alive on this state folder."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        record = json.loads((state / "stack.json").read_text())
        launcher = int(record["launcher"]) if record.get("running") else 0
        return bool(launcher) and launcher != os.getpid() and _is_launcher(launcher)
    return False


def _is_launcher(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return b"local." in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _answers_tcp(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _answers_http(url: str) -> bool:
    with contextlib.suppress(requests.RequestException):
        return requests.get(url, timeout=2).status_code == 200
    return False


def stop_on_signals(stack: Stack) -> None:
    """Ctrl-C and SIGTERM end the stack's watch; the launcher then stops its children."""

    def end(number: int, frame: FrameType | None) -> None:
        stack._stopping.set()

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)


if __name__ == "__main__":
    from local.demo import main

    sys.exit(main(sys.argv[1:]))
