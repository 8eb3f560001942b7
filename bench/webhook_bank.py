"""A bank for many items, its own process: `python -m bench.webhook_bank PORT ITEMS NEWS SECONDS SEED`.

It plans which item has news when, serves /transactions/sync by that plan (one row per piece of news), and hands out the
key that webhooks are signed with. `GET /start` starts its clock. The plan is the same for the same arguments, so the
process that fires the webhooks knows it without asking.
"""

from __future__ import annotations

import bisect
import json
import random
import sys
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from bench.signed import public_key

TOKEN = "access-sandbox-00000000-0000-0000-0000-{:012d}"


class News(NamedTuple):
    """At `at` seconds after the start, one item has one row more."""

    at: float
    item: int


def plan(items: int, news: int, seconds: float, seed: int) -> list[News]:
    """News spread evenly over the time; a fifth of the items gets four fifths of it, as busy cards do."""
    draw = random.Random(seed)
    busy = max(items // 5, 1)
    return [
        News(seconds * number / news, draw.randrange(busy) if draw.random() < 0.8 else draw.randrange(items))
        for number in range(news)
    ]


class Bank:
    """What is known at which item at any time of the run."""

    def __init__(self, times: dict[int, list[float]]) -> None:
        self.times, self.started = times, float("inf")

    def answer(self, path: str, request: dict[str, Any]) -> dict[str, Any]:
        if path == "/webhook_verification_key/get":
            return {"key": public_key(), "request_id": "r"}
        item = int(request["access_token"][-12:])
        known = int(request.get("cursor") or 0)
        told = bisect.bisect_right(self.times[item], time.monotonic() - self.started)
        return {
            "transactions_update_status": "HISTORICAL_UPDATE_COMPLETE",
            "accounts": [_account(item)],
            "added": [_row(item, number) for number in range(known, told)],
            "modified": [],
            "removed": [],
            "next_cursor": str(told),
            "has_more": False,
            "request_id": "r",
        }


def _account(item: int) -> dict[str, Any]:
    balances = {"available": None, "current": 1, "limit": None, "iso_currency_code": "USD",
                "unofficial_currency_code": None}  # fmt: skip
    return {"account_id": f"acc-{item}", "name": "Card", "official_name": None, "mask": None, "type": "credit",
            "subtype": None, "balances": balances}  # fmt: skip


def _row(item: int, number: int) -> dict[str, Any]:
    return {"transaction_id": f"t-{item}-{number}", "account_id": f"acc-{item}", "amount": 1.25,
            "iso_currency_code": "USD", "unofficial_currency_code": None, "date": "2026-11-05",
            "authorized_date": None, "pending": False, "pending_transaction_id": None, "name": "Shop",
            "personal_finance_category": None}  # fmt: skip


def main(port: int, items: int, news: int, seconds: float, seed: int) -> None:
    times: dict[int, list[float]] = defaultdict(list)
    for one in plan(items, news, seconds, seed):
        times[one.item].append(one.at)
    bank = Bank(times)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            bank.started = time.monotonic()
            self._send({})

        def do_POST(self) -> None:
            self._send(bank.answer(self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))

        def _send(self, answer: dict[str, Any]) -> None:
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stays quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
