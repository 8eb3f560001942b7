"""A bank whose every answer the test writes: Plaid's wire for sync, accounts, /item/remove and webhook keys.

`local.plaid` behaves like Plaid; this one behaves exactly as told, so a test can say which page fails, which repeats an
id, which contradicts itself. Answers are kept per cursor: the last one stays, those before it are used up in order.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

Answer = dict[str, Any] | tuple[int, bytes] | Callable[[], Any]
INITIAL, HISTORICAL, NOT_READY = "INITIAL_UPDATE_COMPLETE", "HISTORICAL_UPDATE_COMPLETE", "NOT_READY"


def row(plaid_id: str, amount: Any = 10, **fields: Any) -> dict[str, Any]:
    """A transaction with everything Plaid promises."""
    return {
        "transaction_id": plaid_id,
        "account_id": "acc-1",
        "amount": amount,
        "iso_currency_code": "USD",
        "unofficial_currency_code": None,
        "date": "2026-11-05",
        "authorized_date": "2026-11-04",
        "pending": False,
        "pending_transaction_id": None,
        "name": f"Shop {plaid_id}",
        "merchant_name": None,
        "payment_channel": "in store",
        "personal_finance_category": {
            "primary": "FOOD_AND_DRINK",
            "detailed": "FOOD_AND_DRINK_COFFEE",
            "confidence_level": "HIGH",
        },
    } | fields


def pending(plaid_id: str, amount: Any = 10, **fields: Any) -> dict[str, Any]:
    """A transaction that the bank has only authorised."""
    return row(plaid_id, amount, pending=True, **fields)


def account(plaid_id: str = "acc-1", **fields: Any) -> dict[str, Any]:
    """A checking account."""
    return {
        "account_id": plaid_id,
        "name": "Checking",
        "official_name": None,
        "mask": "0000",
        "type": "depository",
        "subtype": "checking",
        "balances": {
            "available": 100,
            "current": 110.5,
            "limit": None,
            "iso_currency_code": "USD",
            "unofficial_currency_code": None,
        },
    } | fields


def page(
    *,
    added: list[dict[str, Any]] | None = None,
    modified: list[dict[str, Any]] | None = None,
    removed: list[str] | None = None,
    to: str = "C1",
    more: bool = False,
    status: str = HISTORICAL,
    accounts: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """One page of an update that leads to the cursor `to`."""
    return {
        "transactions_update_status": status,
        "accounts": [account()] if accounts is None else accounts,
        "added": added or [],
        "modified": modified or [],
        "removed": [{"transaction_id": plaid_id, "account_id": "acc-1"} for plaid_id in removed or []],
        "next_cursor": to,
        "has_more": more,
        "request_id": f"to-{to}",
    }


def error(code: str, *, kind: str = "ITEM_ERROR", status: int = 400, said: str | None = None) -> tuple[int, bytes]:
    """Plaid's error body."""
    body = {
        "error_type": kind,
        "error_code": code,
        "error_message": code.lower(),
        "display_message": said,
        "request_id": "req-error",
    }
    return status, json.dumps(body).encode()


MUTATION = error("TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION", kind="TRANSACTIONS_ERROR")


@dataclass
class Bank:
    """The scripted server; `calls` are the cursors asked for, in order ("" = from the beginning).

    `others` says what the endpoints answer that are not scripted by name, by path.
    """

    url: str = ""
    script: dict[str, list[Answer]] = field(default_factory=dict)
    removal: list[Answer] = field(default_factory=lambda: [{"request_id": "r"}])
    others: dict[str, list[Answer]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    key_fetches: list[str] = field(default_factory=list)
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    _private: dict[str, Any] = field(default_factory=dict)
    _shown: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.others.setdefault("/accounts/get", [lambda: _accounts(self._shown.values())])

    def at(self, cursor: str | None, *answers: Answer) -> None:
        """Says what comes after a cursor."""
        self.script[cursor or ""] = list(answers)

    def has(self, *accounts: dict[str, Any]) -> None:
        """Lets /accounts/get say that these are the item's accounts; before that they are those of all pages so far."""
        self.others["/accounts/get"] = [_accounts(accounts)]

    def new_key(self, key_id: str, expired_at: int | None = None) -> None:
        """Makes a signing key that Plaid would hand out."""
        private = ec.generate_private_key(ec.SECP256R1())
        public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(private.public_key()))
        public |= {"alg": "ES256", "use": "sig", "kid": key_id, "created_at": 1, "expired_at": expired_at}
        self.keys[key_id], self._private[key_id] = public, private

    def sign(self, body: bytes, *, key_id: str = "key-1", issued_at: float | None = None) -> str:
        """Signs a webhook as Plaid does."""
        if key_id not in self._private:
            self.new_key(key_id)
        claims = {
            "iat": int(time.time() if issued_at is None else issued_at),
            "request_body_sha256": hashlib.sha256(body).hexdigest(),
        }
        return jwt.encode(claims, self._private[key_id], algorithm="ES256", headers={"kid": key_id})

    def answer(self, path: str, request: dict[str, Any]) -> Answer:
        """What the wire says to one request."""
        self.requests.append((path, request))
        if path == "/transactions/sync":
            self.calls.append(request.get("cursor", ""))
            answer = _next(self.script[request.get("cursor", "")])
            if isinstance(answer, dict):
                self._shown |= {shown["account_id"]: shown for shown in answer.get("accounts", [])}
            return answer
        if path == "/item/remove":
            return _next(self.removal)
        if path == "/webhook_verification_key/get":
            self.key_fetches.append(request["key_id"])
            if request["key_id"] in self.keys:
                return {"key": self.keys[request["key_id"]], "request_id": "r"}
            return error("INVALID_WEBHOOK_VERIFICATION_KEY_ID", kind="INVALID_INPUT")
        if path in self.others:
            return _next(self.others[path])
        return error("NOT_FOUND", kind="INVALID_REQUEST", status=404)


def _accounts(accounts: Iterable[dict[str, Any]]) -> Answer:
    item = {"item_id": "item-1", "institution_id": "ins_1", "webhook": None, "error": None}
    return {"accounts": list(accounts), "item": item, "request_id": "r"}


def _next(answers: list[Answer]) -> Answer:
    answer = answers.pop(0) if len(answers) > 1 else answers[0]
    return answer() if callable(answer) else answer


@contextmanager
def serve() -> Iterator[Bank]:
    """Runs a scripted bank on a free port of 127.0.0.1."""
    bank = Bank()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = bank.answer(self.path, request)
            if answer == (0, b""):
                self.close_connection = True
                return
            status, body = answer if isinstance(answer, tuple) else (200, json.dumps(answer).encode())
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stays quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    bank.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield bank
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
