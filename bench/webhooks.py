"""A storm of webhooks over many items: `python -m bench.webhooks [webhooks] [items] [seconds]`.

The whole stack runs with fsync on: API, two worker processes, mirror. Each webhook is signed, sent at its planned time
whatever the answers before it took (open loop), and counted until it is accepted with 200. Afterwards the run waits
until nothing is owed and nothing is left to mirror, then counts: every row the bank told has to be in the ledger.
"""

from __future__ import annotations

import dataclasses
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg2
import psycopg2.extras
import requests

from bench.ground import child, publish, spread
from bench.signed import news_of, signature
from bench.webhook_bank import TOKEN, News, plan
from local.postgres import free_port
from local.stack import Stack
from sync.keys.vault import Sealed, open_vault

_SENDERS = 32
_SEED = 7
_PATIENCE = 600.0


class _Stack(Stack):
    """The stack with another bank."""

    bank_url = ""

    def environment(self) -> dict[str, str]:
        return super().environment() | {"PLAID_URL": self.bank_url}


def main(webhooks: int, items: int, seconds: float) -> None:
    started = time.monotonic()
    state = Path(tempfile.mkdtemp(prefix="livespend-webhooks-"))
    port = free_port()
    stack = _Stack(state, free_port(), durable=True)
    stack.bank_url = f"http://127.0.0.1:{port}"
    told = plan(items, webhooks, seconds, _SEED)
    with child("bench.webhook_bank", str(port), str(items), str(webhooks), str(seconds), str(_SEED)):
        try:
            for _ in stack.start():
                pass
            _link(stack, items)
            _settled(stack)
            figures = _storm(stack, told)
            took = time.monotonic()
            _settled(stack)
            figures |= _count(stack, told) | {"settled_after_seconds": round(time.monotonic() - took, 1)}
        finally:
            stack.stop()
            shutil.rmtree(state, ignore_errors=True)
    publish("webhooks", started, webhooks=webhooks, items=items, over_seconds=seconds, **figures)


def _link(stack: Stack, items: int) -> None:
    """Links every item to a user of its own, as the API would leave it."""
    vault = open_vault(stack.environment()["TOKEN_KEY_FILE"])
    rows = [(uuid4(), f"storm{number}", f"item-{number}", TOKEN.format(number)) for number in range(items)]
    sealed = [(item_id, user_id, vault.encrypt(item_id, token)) for item_id, user_id, _, token in rows]
    columns = [field.name for field in dataclasses.fields(Sealed)]
    with psycopg2.connect(stack.database_url()) as connection, connection.cursor() as cursor:
        _insert(cursor, "users (id)", [(user_id,) for _, user_id, _, _ in rows])
        _insert(cursor, "items (id, user_id, plaid_item_id)", [row[:3] for row in rows])
        _insert(cursor, "item_pulls (item_id, user_id)", [row[:2] for row in rows])
        _insert(
            cursor,
            f"item_tokens (item_id, user_id, {', '.join(columns)})",
            [(item_id, user_id, *dataclasses.astuple(one)) for item_id, user_id, one in sealed],
        )


def _insert(cursor: Any, into: str, rows: list[tuple[Any, ...]]) -> None:
    psycopg2.extras.register_uuid()
    psycopg2.extras.execute_values(cursor, f"insert into {into} values %s", rows)


def _storm(stack: _Stack, told: list[News]) -> dict[str, Any]:
    """Sends every webhook at its time; answers how long each waited, from its planned time to its 200."""
    sessions, waits, refused = threading.local(), list[float](), Counter[int]()
    requests.get(f"{stack.bank_url}/start", timeout=10)
    start = time.monotonic()

    def send(number: int, news: News) -> None:
        session = sessions.__dict__.setdefault("session", requests.Session())
        time.sleep(max(start + news.at - time.monotonic(), 0))
        body = news_of(f"item-{news.item}", number)
        headers = {"Plaid-Verification": signature(body), "Content-Type": "application/json"}
        answer = session.post(f"{stack.api}/webhooks/plaid", data=body, headers=headers, timeout=30)
        waits.append((time.monotonic() - start - news.at) * 1000)
        if answer.status_code != 200:
            refused[answer.status_code] += 1

    with ThreadPoolExecutor(_SENDERS) as senders:
        for sent in [senders.submit(send, number, news) for number, news in enumerate(told)]:
            sent.result()
    return {
        "sent_in_seconds": round(time.monotonic() - start, 1),
        "accepted_milliseconds": spread(waits),
        "refused": dict(refused),
    }


def _settled(stack: Stack) -> None:
    """Waits until no pull is owed and nothing is left to mirror."""
    give_up = time.monotonic() + _PATIENCE
    while time.monotonic() < give_up:
        ((owed, dirty),) = _sql(
            stack,
            "select (select count(*) from item_pulls where wanted > done), (select count(*) from owners where dirty)",
        )
        if owed == dirty == 0:
            return
        time.sleep(0.25)
    raise SystemExit(f"{owed} items are still owed a pull and {dirty} owners are dirty")


def _count(stack: Stack, told: list[News]) -> dict[str, Any]:
    expected = Counter(news.item for news in told)
    stored = dict(
        _sql(
            stack,
            """select substr(i.plaid_item_id, 6)::int, count(*) from transactions as t
               join accounts as a on a.id = t.account_id join items as i on i.id = a.item_id
               where t.removed_at is null group by 1""",
        )
    )
    ((pulls,),) = _sql(stack, "select count(*) from sync_runs where start_cursor is not null")
    ((inbox,),) = _sql(stack, "select count(*) from webhook_inbox")
    ((documents,),) = _sql(
        stack, "select count(*) from mirror_state where path like '%/transactions/%' and not deleted"
    )
    return {
        "lost_rows": sum((expected - Counter(stored)).values()),
        "webhooks_stored": inbox,
        "transaction_documents": documents,
        "pulls": pulls,
        "webhooks_per_pull": round(len(told) / max(pulls, 1), 2),
    }


def _sql(stack: Stack, statement: str) -> list[tuple[Any, ...]]:
    with psycopg2.connect(stack.database_url()) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


if __name__ == "__main__":
    given = [float(argument) for argument in sys.argv[1:]]
    wanted = given + [10_000, 1_000, 60][len(given) :]
    main(int(wanted[0]), int(wanted[1]), wanted[2])
