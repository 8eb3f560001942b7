"""Endpoints beside the service's own: the emulator's (clear, load rules) and ours (`/_local/...`) for tests.

Pages from elsewhere are turned away (http.py). Whoever else reaches the port may use them, which is why the server
listens on the loopback address unless told otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from local.firestore.adapters.json_codec import read_json
from local.firestore.engine import Engine
from local.firestore.errors import Code, FirestoreError, invalid
from local.firestore.plain import SHOWN, as_json
from local.firestore.rules import Rules
from local.firestore.rules.coverage import Coverage
from local.firestore.rules.coverage_page import page
from local.firestore.storage.transfer import export_lines, import_lines

IMPORT = "/_local/import"


class Admin:
    """Clears, loads rules, orders faults, counts and dumps."""

    def __init__(self, engine: Engine, project: str) -> None:
        self._engine = engine
        self._project = project

    def routes(self) -> Iterable[web.RouteDef]:
        documents = "/emulator/v1/projects/{project}/databases/{database}/documents"
        return [
            web.get("/", self._ok),
            web.delete(documents, self._clear),
            web.put("/emulator/v1/projects/{project:[^/:]+}:securityRules", self._load_rules),
            web.get("/emulator/v1/projects/{project:[^/:]+}:ruleCoverage", self._coverage),
            web.get("/emulator/v1/projects/{project:[^/:]+}:ruleCoverage.html", self._coverage_page),
            web.post("/_local/faults", self._order_faults),
            web.get("/_local/faults", self._show_faults),
            web.get("/_local/stats", self._show_stats),
            web.delete("/_local/stats", self._reset_stats),
            web.get("/_local/documents", self._dump),
            web.get("/_local/export", self._export),
            web.post(IMPORT, self._import),
        ]

    async def _ok(self, _request: web.Request) -> web.Response:
        return web.Response(text="Ok\n")

    async def _clear(self, request: web.Request) -> web.Response:
        name = f"projects/{request.match_info['project']}/databases/{request.match_info['database']}"
        self._engine.database(name).clear()
        return web.json_response({})

    async def _load_rules(self, request: web.Request) -> web.Response:
        text = _only_file(read_json(await request.read()))
        try:
            self._engine.load_rules(text, request.match_info["project"])
        except ValueError as problem:
            return web.Response(text=f"INVALID_ARGUMENT: {problem}", status=400)
        return web.json_response({})

    async def _coverage(self, request: web.Request) -> web.Response:
        rules, coverage = self._covered(request)
        files = [{"name": "firestore.rules", "content": rules.text}]
        return web.json_response({"rules": {"files": files}, "report": coverage.report(rules.file)})

    async def _coverage_page(self, request: web.Request) -> web.Response:
        rules, coverage = self._covered(request)
        return web.Response(text=page(rules.text, rules.file, coverage), content_type="text/html")

    def _covered(self, request: web.Request) -> tuple[Rules, Coverage]:
        rules = self._engine.rules_of(request.match_info["project"])
        if rules is None or rules.coverage is None:
            raise FirestoreError(Code.NOT_FOUND, "No rules are loaded for this project.")
        return rules, rules.coverage

    async def _order_faults(self, request: web.Request) -> web.Response:
        self._engine.faults.order(read_json(await request.read()))
        return web.json_response(self._engine.faults.as_json())

    async def _show_faults(self, _request: web.Request) -> web.Response:
        return web.json_response(self._engine.faults.as_json())

    async def _show_stats(self, _request: web.Request) -> web.Response:
        listening = sum(database.index.targets for database in self._engine.databases())
        return web.json_response({**self._engine.stats.as_json(), "listening": listening})

    async def _reset_stats(self, _request: web.Request) -> web.Response:
        self._engine.stats.reset()
        return web.json_response({})

    async def _dump(self, request: web.Request) -> web.Response:
        prefix = request.query.get("path", "")
        project = request.query.get("project", self._project)
        documents = dump(self._engine, project, prefix)
        return web.json_response(documents, dumps=lambda body: json.dumps(body, default=as_json))

    async def _export(self, _request: web.Request) -> web.Response:
        text = "".join(f"{line}\n" for line in export_lines(self._engine))
        return web.Response(text=text, content_type="application/x-ndjson")

    async def _import(self, request: web.Request) -> web.Response:
        # As large as the documents are: no limit.
        text = (await request.clone(client_max_size=0).read()).decode("utf-8", "replace")
        return web.json_response({"documents": import_lines(self._engine, text.split("\n"))})


def _only_file(body: dict[str, Any]) -> str:
    match body:
        case {"rules": {"files": [{"content": str(text)}]}}:
            return text
    raise invalid("Exactly one rules file is expected, as text.")


def dump(engine: Engine, project: str, prefix: str = "") -> dict[str, dict[str, Any]]:
    """All documents at or below a path, by relative path, as plain values; references are paths."""
    store = engine.database(f"projects/{project}/databases/(default)").store
    return {
        record.path: SHOWN.fields(record.content().fields)
        for record in sorted(store.everything(), key=lambda record: record.path)
        if not prefix or record.path == prefix or record.path.startswith(f"{prefix}/")
    }
