"""An incident's file, told again: the local Plaid serves its pages, the product links the bank and pulls.

Everything goes the way it goes for a user: public token, exchange, pull after pull, a full resync where there was one.
Only a Plaid on this machine and APP_ENV=local are accepted. A crash leaves a test user with a bank that is half told;
replay again, it is another user. Called by the operator.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, BinaryIO
from urllib.parse import urlsplit
from uuid import UUID

import urllib3
from sqlalchemy import text

from sync.banks.items import exchange
from sync.db import transaction
from sync.deps import Deps
from sync.errors import IncidentRefused
from sync.pull.pages import parse_json
from sync.pull.pull import pull_item
from sync.pull.resync import want_resync
from sync.rebuild.incident import FORMAT, exact_json, read_file
from sync.rebuild.ledger_digest import bank_lines, sum_of_lines
from sync.users import sign_up

_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
_PAGES_AT_ONCE = 20
_WANT = text("update item_pulls set wanted = wanted + 1, failures = 0, retry_at = null where item_id = :item_id")


@dataclass(frozen=True)
class Replayed:
    """How a replay ended; `expected` is the digest that the file names, None where its pages do not tell all."""

    user_id: str
    item_id: UUID
    windows: int
    pages: int
    outcomes: tuple[str, ...]
    digest: str
    expected: str | None

    @property
    def equal(self) -> bool | None:
        """Whether the ledger is the one that the file was made from, scrambled; None if the file cannot tell."""
        return None if self.expected is None else self.digest == self.expected


def require_local(deps: Deps) -> None:
    """Raises IncidentRefused unless this is a local setting with a Plaid on this machine."""
    host = urlsplit(deps.settings.plaid_url).hostname
    if not deps.settings.local or host not in _LOCAL:
        raise IncidentRefused("an incident is replayed at a Plaid on this machine, with APP_ENV=local")


def replay(api: Deps, worker: Deps, source: BinaryIO) -> Replayed:
    """Tells a file to the local Plaid and pulls it into the ledger of a new test user.

    Raises IncidentRefused for a file that is none, a Plaid that is not local, or a product that refuses the bank.
    """
    require_local(api)
    require_local(worker)
    lines = read_file(source)
    head = next(lines, {})
    if head.get("format") != FORMAT:
        raise IncidentRefused("this is no file of an incident")
    plaid = _LocalPlaid(worker)
    user_id = f"replay-{secrets.token_hex(6)}"
    sign_up(api, user_id, None, None)
    public_token, plaid_item_id = plaid.new_bank()
    windows = plaid.tell(plaid_item_id, (line for line in lines if "page" in line))
    item, _ = exchange(api, user_id, public_token)
    item_id = UUID(str(item["id"]))
    outcomes = tuple(_pull(worker, item_id, resync=resync) for resync, _ in windows)
    with transaction(worker.engine) as connection:
        digest = sum_of_lines(line for line in bank_lines(connection, item_id) if line[0] == "transaction")
    pages = sum(count for _, count in windows)
    return Replayed(user_id, item_id, len(windows), pages, outcomes, digest, head["digest"])


def _pull(worker: Deps, item_id: UUID, *, resync: bool) -> str:
    with transaction(worker.engine) as connection:
        if resync:
            want_resync(connection, item_id)
        else:
            connection.execute(_WANT, {"item_id": item_id})
    return pull_item(worker, item_id).outcome


class _LocalPlaid:
    """The back door of the local Plaid."""

    def __init__(self, deps: Deps) -> None:
        self._settings = deps.settings
        self._http = urllib3.PoolManager(timeout=30.0, retries=False)

    def new_bank(self) -> tuple[str, str]:
        """A bank that waits to be linked: its public token and Plaid's id of the item."""
        before = {item["item_id"] for item in self._call("GET", "/_local/items")["items"]}
        asked = {
            "client_id": self._settings.plaid_client_id,
            "secret": self._settings.plaid_secret,
            "institution_id": "ins_109508",
            "initial_products": ["transactions"],
        }
        public_token = self._call("POST", "/sandbox/public_token/create", asked)["public_token"]
        items = self._call("GET", "/_local/items")["items"]
        (made,) = (item["item_id"] for item in items if item["item_id"] not in before)
        return public_token, made

    def tell(self, plaid_item_id: str, lines: Iterable[dict[str, Any]]) -> list[tuple[bool, int]]:
        """Has these pages served; answers each window: whether it is a full resync, and how many pages it has."""
        windows: list[tuple[bool, int]] = []
        for (_, resync), told in groupby(lines, lambda line: (line["window"], line["resync"])):
            pages = [{"cursor": line["cursor"], "page": line["page"]} for line in told]
            for first in range(0, len(pages), _PAGES_AT_ONCE):
                part = pages[first : first + _PAGES_AT_ONCE]
                asked = {"item_id": plaid_item_id, "append": bool(windows or first), "notify": False, "pages": part}
                self._call("POST", "/_local/replay", asked)
            windows.append((resync, len(pages)))
        return windows

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        sent = None if body is None else exact_json(body).encode()
        try:
            answer = self._http.request(
                method, self._settings.plaid_url + path, body=sent, headers={"Content-Type": "application/json"}
            )
            told = parse_json(answer.data)
        except (urllib3.exceptions.HTTPError, ValueError):
            raise IncidentRefused("the local Plaid does not answer") from None
        if answer.status != 200 or not isinstance(told, dict):
            raise IncidentRefused(f"the local Plaid refuses {path}: {told.get('error_code')}")
        return told
