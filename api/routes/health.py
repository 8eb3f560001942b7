"""Is the process alive, and can it serve?"""

from __future__ import annotations

from typing import Any, Literal

from apiflask import APIBlueprint
from flask import Response, current_app, jsonify

from api.answers import Answer
from api.auth import public
from api.probes import Probes

bp = APIBlueprint("health", __name__, url_prefix="/health", tag="Health")


class Live(Answer):
    """The process answers."""

    status: Literal["live"]


class Check(Answer):
    """One thing this process needs or reports."""

    ok: bool
    milliseconds: float | None
    means: str | None


class Ready(Answer):
    """`degraded` serves; `not-ready` (503) does not."""

    status: Literal["ready", "degraded", "not-ready"]
    checks: dict[str, Check]


NOT_READY: Any = {
    503: {
        "description": "The database does not answer.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Ready"}}},
    }
}


@bp.get("/live")
@bp.output(Live)
@public
def live() -> dict[str, str]:
    """The process is alive. Asks nobody else."""
    return {"status": "live"}


@bp.get("/ready")
@bp.output(Ready)
@bp.doc(responses=NOT_READY)
@public
def ready() -> Response:
    """Whether requests can be served, and what is degraded. Answers within two seconds whatever hangs."""
    probes: Probes = current_app.extensions["livespend_probes"]
    found = probes.look()
    serving = found["database"].ok
    status = "not-ready" if not serving else "ready" if all(finding.ok for finding in found.values()) else "degraded"
    answer = jsonify(Ready.model_validate({"status": status, "checks": found}).model_dump(by_alias=True))
    answer.status_code = 200 if serving else 503
    answer.headers["Cache-Control"] = "no-store"
    return answer
