"""One whole life of two bank connections on the real stack, at debug level; and every secret that came by.

Link on the page and at Plaid's own address, webhooks, pulls, a bank that quotes the token in its errors, a token that
does not open, keys and tokens changed by the operator, a worker killed while it held a new token, unlinking, the
mirror. Whatever was a token at any moment of it is remembered, also what Plaid has forgotten since.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg2
import psycopg2.extras
import pytest
import requests

from local.person import Person, Refused
from local.stack import ROOT, Stack
from sync.keys.key_file import read_keys
from sync.keys.rotation import HOLDERS
from sync.keys.vault import DataKey, Vault, WrappedKey, open_vault
from tests.fixtures.waiting import eventually
from tests.integration.secrets.search import Search

PLAID_SECRET = "only-the-bank-and-we-know-this-one"
TOKEN = re.compile(rb"(?:access|public|link)-sandbox-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EXCHANGE = "import sys, uuid; from sync.banks.tokens import rotate_token; from workers.app import deps; " \
            "rotate_token(deps(), uuid.UUID(sys.argv[1]))"  # fmt: skip


class LoudStack(Stack):
    """The stack with every log line there is."""

    def environment(self) -> dict[str, str]:
        return super().environment() | {"LOG_LEVEL": "DEBUG", "LOG_FORMAT": "json"}


@dataclass
class Run:
    """What happened: the stack as it stands, every secret by name, what the API answered, what lay in the queue."""

    stack: Stack
    person: Person
    secrets: dict[str, bytes] = field(default_factory=dict)
    answers: list[tuple[str, bytes]] = field(default_factory=list)
    queued: list[bytes] = field(default_factory=list)
    said: bytes = b""

    # --- the story ----------------------------------------------------------------------------------------------

    def live(self) -> None:
        """Everything, in order; raises AssertionError where something did not come true."""
        first, second = self.link_on_the_page(), self.link_at_plaids_address()
        self.trouble(first)
        self.change_keys_and_tokens()
        self.lose_a_token(second)
        self.link_again(second)
        self.fill_the_queue(first)
        self.refusals()
        self.person.delete(f"/api/items/{first}")
        eventually(lambda: not self.ask("select key_id from item_tokens where item_id = %s", first))
        self.settle()

    def link_on_the_page(self) -> str:
        item_id = str(self.person.link_bank("user_good", "pass_good")["id"])
        self.settle()
        return item_id

    def link_at_plaids_address(self) -> str:
        opened = self.person.post("/api/link-tokens", {"hosted": True})
        typed = {"institution_id": "ins_109509", "username": "user_good", "password": "pass_good"}
        self.person.bank("/_local/link/connect", {"link_token": opened["linkToken"], **typed})
        self.remember()
        eventually(lambda: len(self.ask("select id from items where removed_at is null")) == 2)
        self.settle()
        return str(self.ask("select id from items order by created_at desc limit 1")[0][0])

    def trouble(self, item_id: str) -> None:
        """A bank that quotes what it was sent, and a token that does not open."""
        (token,) = [token for token in self.tokens() if token.startswith(b"access-")][:1]
        quoted = f"cannot use {token.decode()} now"
        for code in ("INTERNAL_SERVER_ERROR", "INVALID_FIELD", "ITEM_LOGIN_REQUIRED"):
            fault = {"fault": "error", "error_code": code, "error_message": quoted, "times": 3}
            self.person.bank("/_local/faults", fault)
            self.wants_a_pull(item_id)
            eventually(lambda code=code: (code,) in self.ask("select error_code from sync_runs"))  # type: ignore[misc]
            requests.delete(f"{self.stack.plaid}/_local/faults", timeout=10).raise_for_status()
        self.person.post(f"/api/items/{item_id}/repaired", {})
        self.ask("update item_tokens set wrapped_key = wrapped_key || '\\x00'::bytea where item_id = %s", item_id)
        self.wants_a_pull(item_id)
        eventually(lambda: ("vault-failed",) in self.ask("select error_code from sync_runs"))
        self.ask(
            "update item_tokens set wrapped_key = substr(wrapped_key, 1, length(wrapped_key) - 1) where item_id = %s",
            item_id,
        )
        self.wants_a_pull(item_id)
        self.settle()

    def change_keys_and_tokens(self) -> None:
        for words in (["keys", "rotate"], ["keys", "rewrap"], ["keys", "status"], ["tokens", "rotate", "--all"]):
            self.command(*words)
            self.remember()
        self.command("tokens", "rotate", "--all", "--json")
        self.settle()

    def lose_a_token(self, item_id: str) -> None:
        environment = self.stack.environment() | {"LIVESPEND_CRASH_AT": "rotate:answered"}
        command = [sys.executable, "-c", _EXCHANGE, item_id]
        killed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=60)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        self.said += killed.stdout + killed.stderr
        self.remember()
        self.wants_a_pull(item_id)
        eventually(lambda: (UUID(item_id), "TOKEN_LOST") in self.ask("select id, error_code from items"))

    def link_again(self, lost: str) -> None:
        """What the user does about a lost token: the same bank anew, which takes the old one's place."""
        entries = self.ask("select count(*) from transactions where removed_at is null")
        self.person.link_bank("user_good", "pass_good", "ins_109509")
        eventually(lambda: self.ask("select removed_at is not null from items where id = %s", lost) == [(True,)])
        self.settle()
        assert self.ask("select count(*) from transactions where removed_at is null") == entries

    def fill_the_queue(self, item_id: str) -> None:
        """The worker stands still while doorbells ring: what lies in the broker is what it would have read."""
        assert self.stack.broker is not None
        worker = self.stack.child("worker").process
        assert worker is not None
        os.killpg(worker.pid, signal.SIGSTOP)
        try:
            for _ in range(3):
                self.person.buy(amount="1")
            self.person.post(f"/api/items/{item_id}/repaired", {})
            eventually(lambda: len(self.messages()) > 1)
            self.queued += self.messages()
            self.queued += [hit.encode() for hit in self.search().in_redis(self.stack.broker.url())]
        finally:
            os.killpg(worker.pid, signal.SIGCONT)

    def refusals(self) -> None:
        """What is not accepted, with a token in it: answers must not repeat it."""
        used = next(token for token in self.secrets_like(b"public-")).decode()
        for body in ({"publicToken": used}, {"publicToken": [used]}, {"publicToken": used + "\0"}, {used: used}):
            with contextlib.suppress(Refused):
                self.person.post("/api/items", body)
        forged = json.dumps({"webhook_type": "LINK", "webhook_code": "SESSION_FINISHED", "public_token": used})
        for headers in ({}, {"Plaid-Verification": used}):
            requests.post(f"{self.stack.api}/webhooks/plaid", data=forged, headers=headers, timeout=10)
        requests.get(f"{self.stack.api}/api/items", headers={"Authorization": f"Bearer {used}"}, timeout=10)
        requests.get(f"{self.stack.api}/api/{used}", timeout=10)

    # --- its parts ----------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Everything owed is done and mirrored; then what is a secret now is remembered."""
        self.person.wait_until_mirrored()
        self.remember()

    def wants_a_pull(self, item_id: str) -> None:
        self.ask("update item_pulls set wanted = wanted + 1, failures = 0, retry_at = null where item_id = %s", item_id)
        task = "from workers.app import ring; import sys; ring('pull_item', {'item_id': sys.argv[1]})"
        done = subprocess.run(
            [sys.executable, "-c", task, item_id], cwd=ROOT, env=self.stack.environment(), capture_output=True
        )
        self.said += done.stdout + done.stderr

    def command(self, *words: str) -> None:
        """An operator's command; what it said is searched too."""
        command = [sys.executable, "-m", "workers.cli", *words]
        done = subprocess.run(command, cwd=ROOT, env=self.stack.environment(), capture_output=True, timeout=120)
        assert done.returncode == 0, done.stderr
        self.said += done.stdout + done.stderr

    def ask(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg2.connect(self.stack.database_url()) as connection, connection.cursor() as cursor:
            psycopg2.extras.register_uuid(conn_or_curs=connection)
            cursor.execute(query, parameters or None)
            rows = cursor.fetchall() if cursor.description else []
        connection.close()
        return rows

    def messages(self) -> list[bytes]:
        import redis

        assert self.stack.broker is not None
        with redis.Redis.from_url(self.stack.broker.url()) as broker:
            return list(broker.lrange("celery", 0, -1))

    # --- the secrets --------------------------------------------------------------------------------------------

    def tokens(self) -> list[bytes]:
        """Every token that the bank's own store holds at this moment."""
        found: list[bytes] = []
        for path in (self.stack.state / "plaid").rglob("*"):
            if path.is_file() and path.read_bytes()[:15] == b"SQLite format 3":
                with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
                    found += TOKEN.findall("\n".join(store.iterdump()).encode())
        return sorted(set(found))

    def secrets_like(self, start: bytes) -> list[bytes]:
        return [secret for secret in self.secrets.values() if secret.startswith(start)]

    def remember(self) -> None:
        """Adds every token, key and data key that there is now."""
        self.secrets["the Plaid secret"] = PLAID_SECRET.encode()
        for token in self.tokens():
            self.secrets[f"{token[:6].decode()} token …{token[-4:].decode()}"] = token
        for key_id, key in read_keys(self.stack.state / "token-keys.json").keys.items():
            self.secrets[f"key {key_id}"] = key
            self.secrets[f"key {key_id} in the file"] = base64.b64encode(key)
        self.secrets |= self.data_keys()

    def data_keys(self) -> dict[str, bytes]:
        vault = open_vault(self.stack.state / "token-keys.json")
        found = {}
        for holder in HOLDERS:
            query = (
                f"select {holder.id}, key_id, {holder.wrapped} from {holder.table} where {holder.wrapped} is not null"
            )
            for row_id, key_id, wrapped in self.ask(query):
                context = holder.context(row_id) if holder.context else f"the token of item {row_id}"
                with contextlib.suppress(Exception):
                    key = raw_key(vault, context, WrappedKey(key_id, bytes(wrapped)))
                    found[f"data key of {holder.table} {row_id}"] = key
        return found

    def search(self, *, without: Callable[[str], bool] = lambda name: False) -> Search:
        """A search for everything remembered."""
        return Search({name: secret for name, secret in self.secrets.items() if not without(name)})

    def processes(self) -> list[int]:
        """Every process of this stack, those that its processes started too."""
        mark = f"LIVESPEND_STACK={self.stack.state}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
        return found


def raw_key(vault: Vault, context: str, wrapped: WrappedKey) -> bytes:
    """The bytes of a data key, which the vault never hands out."""
    assert isinstance(vault.open_key(context, wrapped), DataKey)
    return vault.key_file().unwrap(context, wrapped)


@contextlib.contextmanager
def live_once(state: Path, port: int) -> Iterator[Run]:
    """Runs the whole story on a stack of its own, which goes on until the block ends."""
    stack = LoudStack(state, port, durable=False, sweep_seconds=2, plaid_secret=PLAID_SECRET)
    answers: list[tuple[str, bytes]] = []
    with pytest.MonkeyPatch.context() as patch:
        send = requests.Session.send

        def listening(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> Any:
            answer = send(session, request, **options)
            if str(request.url).startswith(stack.api):
                head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
                answers.append((f"{request.method} {request.path_url}", head.encode() + b"\n" + answer.content))
            return answer

        patch.setattr(requests.Session, "send", listening)
        try:
            for _ in stack.start():
                pass
            person = Person.sign_in_or_up(stack, "leaks@livespend.test", "correct horse")
            person.introduce("Leaks")
            run = Run(stack, person, answers=answers)
            run.live()
            yield run
        finally:
            stack.stop()
