"""The one door to Plaid: the real plaid-python client, raw replies, exact decimals, errors translated.

The typed client needs about 2 ms per transaction and turns money into floats; here it only sends (it checks and signs
the request) and hands back the raw body. A request that the published limits leave no call for is not sent: that is a
PlaidPaced. Nothing is retried here and nothing is stored: a failure is raised as one of the kinds of errors.py, and
whoever called decides. Access tokens go in and out as arguments; no error, log line or repr of this module carries
one. Building it imports the client (0.3 to 1 s), so a process builds it once, after fork.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sync import log
from sync.banks.link_tokens import LinkResult, LinkToken, UpdateMode, link_request, read_link_token, read_results
from sync.banks.webhook_keys import WebhookKeys
from sync.errors import (
    PlaidContract,
    PlaidCursorRefused,
    PlaidError,
    PlaidItemGone,
    PlaidPaced,
    PlaidRateLimited,
    PlaidRefused,
    PlaidTransient,
)
from sync.pull.pages import UnreadPage, parse_json, read_account, storable
from sync.pull.plaid_codes import kind_of

if TYPE_CHECKING:
    from sync.pull.limits import Limits

PAGE_SIZE = 500
_CONNECT_SECONDS, _READ_SECONDS = 3.05, 60.0

_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,99}")  # anything else is no code, and may quote what was sent
_UNKNOWN_KEY = "INVALID_WEBHOOK_VERIFICATION_KEY_ID"


class Plaid:
    """Plaid's API for one client id. Threads may share it; each call is one HTTP request with a time limit."""

    def __init__(
        self,
        *,
        url: str,
        client_id: str,
        secret: str,
        webhook_url: str | None = None,
        redirect_uri: str | None = None,
        countries: Sequence[str] = ("US",),
        language: str = "en",
        read_seconds: float = _READ_SECONDS,
        limits: Limits | None = None,
    ) -> None:
        import plaid
        from plaid.api import plaid_api

        self._webhook_url = webhook_url
        self._redirect_uri = redirect_uri
        self._countries = list(countries)
        self._language = language
        self._limits = limits
        self._timeout = (_CONNECT_SECONDS, read_seconds)
        configuration = plaid.Configuration(
            host=url.rstrip("/"), api_key={"clientId": client_id, "secret": secret, "plaidVersion": "2020-09-14"}
        )
        client = plaid.ApiClient(configuration)
        client.set_default_header("Accept-Encoding", "gzip")
        self._api = plaid_api.PlaidApi(client)
        self._refusal = plaid.ApiException
        self.webhook_keys = WebhookKeys(self.webhook_key)

    def transactions_sync(self, token: str, cursor: str | None, count: int = PAGE_SIZE) -> UnreadPage:
        """Answers one page after `cursor` (None: from the beginning)."""
        request: dict[str, Any] = {
            "access_token": token,
            "count": count,
            "options": {"personal_finance_category_version": "v2"},
        }
        if cursor is not None:
            request["cursor"] = cursor
        raw = self._send("transactions_sync", request)
        return UnreadPage(_object_in("transactions_sync", raw), raw)

    def link_token_create(self, user_id: str, *, update: UpdateMode | None = None, hosted: bool = False) -> LinkToken:
        """A token that opens Link for a new bank or, with `update`, for an item; `hosted`: at an address of Plaid's."""
        request: dict[str, Any] = {
            "client_name": "Livespend",
            "language": self._language,
            "country_codes": self._countries,
            "user": {"client_user_id": user_id},
        }
        request |= link_request(update, hosted=hosted, webhook=self._webhook_url, redirect=self._redirect_uri)
        return read_link_token(self._call("link_token_create", request), hosted=hosted)

    def link_token_get(self, link_token: str) -> list[LinkResult]:
        """How the uses of a link token ended so far."""
        return read_results(self._call("link_token_get", {"link_token": link_token}))

    def exchange(self, public_token: str) -> tuple[str, str]:
        """Answers (access token, Plaid's item id); a public token can be exchanged once."""
        answer = self._call("item_public_token_exchange", {"public_token": public_token})
        return _text(answer, "access_token"), _text(answer, "item_id")

    def item_get(self, token: str) -> dict[str, Any]:
        """Answers the item as Plaid sees it now, in Plaid's shape."""
        item = _object(self._call("item_get", {"access_token": token}), "item")
        _text(item, "item_id")
        return item

    def item_and_status(self, token: str) -> dict[str, Any]:
        """Answers the item, and under "status", which may be null, what Plaid lately did for it, in Plaid's shape."""
        return self._call("item_get", {"access_token": token})

    def accounts_get(self, token: str) -> list[dict[str, Any]]:
        """Answers all open accounts of the item with cached balances, in Plaid's shape, checked, money as Decimal."""
        accounts = self._call("accounts_get", {"access_token": token}).get("accounts")
        if not isinstance(accounts, list):
            raise PlaidContract("accounts is not a list")
        for account in accounts:
            read_account(account)
        return accounts

    def recurring(self, token: str) -> dict[str, Any]:
        """Answers inflow_streams and outflow_streams in Plaid's shape, money as Decimal."""
        options = {"personal_finance_category_version": "v2"}
        return self._call("transactions_recurring_get", {"access_token": token, "options": options})

    def refresh(self, token: str) -> None:
        """Asks Plaid to look at the bank now; what it finds comes by webhook. Billed per call."""
        self._call("transactions_refresh", {"access_token": token})

    def institution(self, institution_id: str) -> dict[str, Any]:
        """Answers the institution in Plaid's shape; it has a name."""
        request = {"institution_id": institution_id, "country_codes": self._countries}
        institution = _object(self._call("institutions_get_by_id", request), "institution")
        _text(institution, "name")
        return institution

    def invalidate_token(self, token: str) -> tuple[str, str | None]:
        """Exchanges an access token; answers the new one and Plaid's request id. The old one is dead from then on.

        An answer that does not arrive may mean either: the token lives on, or both tokens are lost.
        """
        answer = self._call("item_access_token_invalidate", {"access_token": token})
        return _text(answer, "new_access_token"), _text_or_none(answer, "request_id")

    def item_remove(self, token: str) -> None:
        """Ends the item at Plaid. Twice is safe: an item that is gone already counts as removed."""
        try:
            self._call("item_remove", {"access_token": token})
        except PlaidItemGone:
            return

    def webhook_key(self, key_id: str) -> dict[str, Any] | None:
        """Answers the public key with that id as a JWK, None when Plaid knows none."""
        try:
            return _object(self._call("webhook_verification_key_get", {"key_id": key_id}), "key")
        except PlaidRefused as refused:
            if refused.plaid_code == _UNKNOWN_KEY:
                return None
            raise

    def _call(self, endpoint: str, request: dict[str, Any]) -> dict[str, Any]:
        return _object_in(endpoint, self._send(endpoint, request))

    def _send(self, endpoint: str, request: dict[str, Any]) -> bytes:
        from urllib3.exceptions import HTTPError

        self._take_a_call(endpoint, request)
        try:
            reply = getattr(self._api, endpoint)(request, _preload_content=False, _request_timeout=self._timeout)
            return bytes(reply.data)
        except self._refusal as refusal:
            raise translated(endpoint, refusal.status, refusal.body) from None
        except (HTTPError, AttributeError) as broken:  # a failed TLS handshake makes the client itself stumble
            raise PlaidTransient(f"{endpoint}: {type(broken).__name__}") from None
        except (TypeError, ValueError):
            raise PlaidRefused(f"{endpoint}: the client refused the request") from None

    def _take_a_call(self, endpoint: str, request: dict[str, Any]) -> None:
        if self._limits is None:
            return
        wait = self._limits.take(endpoint, request.get("access_token"))
        if wait > 0:
            raise PlaidPaced(endpoint, wait)


def _object_in(endpoint: str, raw: bytes) -> dict[str, Any]:
    try:
        body = parse_json(raw)
    except ValueError:
        raise PlaidTransient(f"{endpoint}: the answer is not JSON") from None
    if not isinstance(body, dict):
        raise PlaidContract(f"{endpoint}: the answer is not an object")
    return body


def translated(endpoint: str, status: int | None, body: str | bytes | None) -> PlaidError:
    """Answers the error that a non-2xx reply is: by its error_code first, then its type, then its HTTP status."""
    try:
        told = parse_json((body or "").encode() if not isinstance(body, bytes) else body)
    except (ValueError, PlaidContract):
        told = None
    if not isinstance(told, dict) or not _CODE.fullmatch(str(told.get("error_code"))):
        kind = PlaidRateLimited if status == 429 else PlaidTransient
        return kind(f"{endpoint}: HTTP {status} without Plaid's error body")
    code = str(told["error_code"])
    said = _text_or_none(told, "display_message")
    error = kind_of(code, told.get("error_type"), status)
    if error is PlaidRefused and endpoint == "transactions_sync" and "cursor" in str(told.get("error_message")).lower():
        error = PlaidCursorRefused  # no code of its own is documented: the words are all there is
    return error(
        f"{endpoint}: {code}",
        plaid_code=code,
        request_id=_text_or_none(told, "request_id"),
        display_message=None if said is None else log.without_secrets(said),  # it goes to the screen as it is
    )


def _text(source: dict[str, Any], key: str) -> str:
    value = source.get(key)
    if not isinstance(value, str) or not value:
        raise PlaidContract(f"{key} is not text")
    return value


def _text_or_none(source: dict[str, Any], key: str) -> str | None:
    value = source.get(key)
    return storable(value) if isinstance(value, str) else None


def _object(source: dict[str, Any], key: str) -> dict[str, Any]:
    value = source.get(key)
    if not isinstance(value, dict):
        raise PlaidContract(f"{key} is not an object")
    return value
