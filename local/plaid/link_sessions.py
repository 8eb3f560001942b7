"""Link sessions: what happened in the picker, as /link/token/get and the LINK webhooks of Hosted Link tell it.

A session begins when the picker opens a token and ends in success or exit; the next opening of the token begins
another. The caller holds the transaction.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from local.plaid import webhooks, wire
from local.plaid.world import World

_OTHERS = ("cra_item_add_results", "cra_update_results", "bank_income_results", "payroll_income_results")
METADATA = (
    "error_code", "error_message", "error_type", "exit_status", "institution_id", "institution_name",
    "institution_search_query", "request_id", "mfa_type", "view_name", "selection", "brand_name", "match_reason",
    "routing_number", "account_number_mask",
)  # fmt: skip


def begin(world: World, token: sqlite3.Row) -> str:
    """The id of the token's open session, begun if there is none."""
    row = _open(world, token)
    return str(row["session_id"]) if row else _start(world, token)


def is_open(world: World, token: sqlite3.Row) -> bool:
    """Whether a session of the token has begun and not ended."""
    return _open(world, token) is not None


def note(world: World, token: sqlite3.Row, name: str, metadata: dict[str, Any]) -> None:
    """Adds an event to the open session."""
    begin(world, token)
    body = _body(world, token)
    event = {
        "event_name": name,
        "event_id": world.mint.id("link-event"),
        "timestamp": wire.timestamp(world.clock.now()),
        "event_metadata": {key: value for key, value in metadata.items() if key in METADATA and value is not None},
    }
    _write(world, body | {"events": [*body["events"], event]})


def succeed(world: World, token: sqlite3.Row, public: str, metadata: dict[str, Any], *, added: bool) -> None:
    """Ends the open session in success; `added` says that there is a new item, not a healed one."""
    note(world, token, "HANDOFF", {})
    result = {"public_token": public, "accounts": metadata["accounts"], "institution": metadata["institution"]}
    results: dict[str, Any] = {name: [] for name in _OTHERS} | {"document_income_results": None}
    results["item_add_results"] = [result] if added else []
    outcome = {"on_success": {"public_token": public, "metadata": metadata}, "results": results}
    _end(world, token, outcome, "SUCCESS", [public] if added else [])


def leave(world: World, token: sqlite3.Row, error: dict[str, Any] | None, status: str | None) -> None:
    """Ends the open session without success."""
    session_id = begin(world, token)
    told = {name: error[name] for name in ("error_code", "error_type", "error_message")} if error else {}
    note(world, token, "EXIT", told | {"exit_status": status})
    metadata = {"link_session_id": session_id, "status": status or ""}
    left = {"error": error, "metadata": metadata}
    _end(world, token, {"exit": left, "on_exit": left}, "EXITED", [])


def _end(world: World, token: sqlite3.Row, outcome: dict[str, Any], status: str, public: list[str]) -> None:
    body = _body(world, token) | outcome | {"finished_at": wire.timestamp(world.clock.now())}
    _write(world, body)
    world.store.run("update link_sessions set done = 1 where session_id = ?", body["link_session_id"])
    _tell(world, token, body, status, public)


def _tell(world: World, token: sqlite3.Row, body: dict[str, Any], status: str, public: list[str]) -> None:
    """The LINK webhooks; Plaid sends them for Hosted Link."""
    asked = wire.loads(token["request"])
    if asked.get("hosted_link") is None or not asked.get("webhook"):
        return
    which = {"link_session_id": body["link_session_id"], "link_token": token["token"]}
    for one in public:
        webhooks.queue_link(world, asked["webhook"], "ITEM_ADD_RESULT", which | {"public_token": one})
    finished = which | {"status": status, "public_tokens": public}
    webhooks.queue_link(
        world, asked["webhook"], "SESSION_FINISHED", finished | ({"public_token": public[0]} if public else {})
    )
    webhooks.queue_link(world, asked["webhook"], "EVENTS", which | {"events": body["events"]})


def _open(world: World, token: sqlite3.Row) -> sqlite3.Row | None:
    sql = "select * from link_sessions where token = ? and done = 0 order by number desc limit 1"
    return world.store.one(sql, token["token"])


def _start(world: World, token: sqlite3.Row) -> str:
    number = int(world.store.value("select count(*) from link_sessions where token = ?", token["token"]))
    first = world.mint.digest(f"session:{token['token']}").hex()[:36]
    session_id = first if number == 0 else f"{first}-{number}"
    body = {"link_session_id": session_id, "started_at": wire.timestamp(world.clock.now()), "finished_at": None}
    sql = "insert into link_sessions (session_id, token, number, body, done) values (?, ?, ?, ?, 0)"
    world.store.run(sql, session_id, token["token"], number, wire.dumps(body | {"events": []}))
    return session_id


def _body(world: World, token: sqlite3.Row) -> dict[str, Any]:
    row = _open(world, token)
    assert row is not None
    body: dict[str, Any] = wire.loads(row["body"])
    return body


def _write(world: World, body: dict[str, Any]) -> None:
    sql = "update link_sessions set body = ? where session_id = ?"
    world.store.run(sql, wire.dumps(body), body["link_session_id"])
