"""What Plaid is asked and answers when Link is opened: link tokens, update mode, how a use of Link ended.

Pure: it builds the requests and reads the answers that plaid.py sends and gets. A token is in no repr. A crash loses
nothing, for nothing is kept here. Used by plaid.py, and by whoever opens Link.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sync.errors import PlaidContract

DAYS_REQUESTED = 730
_PRODUCT = "transactions"


@dataclass(frozen=True)
class LinkToken:
    """What opens Link, until when, and for Hosted Link where."""

    token: str = field(repr=False)
    expires_at: datetime
    hosted_url: str | None = field(repr=False)


@dataclass(frozen=True)
class UpdateMode:
    """The item that Link is opened for again; to choose its accounts anew, to consent to what it lacks."""

    access_token: str = field(repr=False)
    account_selection: bool = False
    consent: bool = False


@dataclass(frozen=True)
class LinkResult:
    """How one use of a link token ended: with which public tokens, and whether in success."""

    public_tokens: tuple[str, ...] = field(repr=False)
    success: bool


def link_request(
    update: UpdateMode | None, *, hosted: bool, webhook: str | None, redirect: str | None
) -> dict[str, Any]:
    """The part of /link/token/create that says what Link is opened for."""
    request = _new_item() if update is None else _update_mode(update)
    if webhook and (update is None or hosted):
        request["webhook"] = webhook
    if hosted:
        request["hosted_link"] = {}  # and no redirect_uri: Plaid's own page sees to a bank's OAuth
    elif redirect:
        request["redirect_uri"] = redirect
    return request


def read_link_token(answer: dict[str, Any], *, hosted: bool) -> LinkToken:
    """Reads /link/token/create; raises PlaidContract."""
    try:
        expires_at = datetime.fromisoformat(_text(answer, "expiration"))
    except ValueError:
        raise PlaidContract("expiration is not a time") from None
    if expires_at.tzinfo is None:
        raise PlaidContract("expiration has no offset")
    return LinkToken(_text(answer, "link_token"), expires_at, _text(answer, "hosted_link_url") if hosted else None)


def read_results(answer: dict[str, Any]) -> list[LinkResult]:
    """Reads /link/token/get: the uses that have ended. Raises PlaidContract."""
    sessions = answer.get("link_sessions") or []
    if not isinstance(sessions, list) or not all(isinstance(session, dict) for session in sessions):
        raise PlaidContract("link_sessions is not a list of objects")
    return [_result(session) for session in sessions if session.get("finished_at")]


def _new_item() -> dict[str, Any]:
    return {"products": [_PRODUCT], "transactions": {"days_requested": DAYS_REQUESTED}}


def _update_mode(update: UpdateMode) -> dict[str, Any]:
    request: dict[str, Any] = {"access_token": update.access_token}
    if update.account_selection:
        request["update"] = {"account_selection_enabled": True}
    if update.consent:
        request["additional_consented_products"] = [_PRODUCT]
    return request


def _result(session: dict[str, Any]) -> LinkResult:
    tokens = tuple(dict.fromkeys(_public_tokens(session)))
    return LinkResult(tokens, success=bool(tokens) or not (session.get("exit") or session.get("on_exit")))


def _public_tokens(session: dict[str, Any]) -> Iterator[str]:
    results, success = session.get("results"), session.get("on_success")
    added = results.get("item_add_results") if isinstance(results, dict) else None
    for told in [*(added or []), success]:
        token = told.get("public_token") if isinstance(told, dict) else None
        if isinstance(token, str) and token:
            yield token


def _text(source: dict[str, Any], key: str) -> str:
    value = source.get(key)
    if not isinstance(value, str) or not value:
        raise PlaidContract(f"{key} is not text")
    return value
