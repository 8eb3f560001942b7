"""Metrics for Prometheus: behind a bearer token, or open where everything is local."""

from __future__ import annotations

import hmac

from apiflask import APIBlueprint
from flask import Response, request

from api.auth import public
from api.current import deps
from api.problems import RouteNotFound
from sync import metrics

bp = APIBlueprint("metrics", __name__, enable_openapi=False)


@bp.get("/metrics")
@public
def page() -> Response:
    """This process's metrics; whoever has no right to them learns nothing of the address."""
    settings = deps().settings
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if settings.metrics_token:
        allowed = hmac.compare_digest(given.encode(), settings.metrics_token.encode())
    else:
        allowed = settings.local
    if not allowed:
        raise RouteNotFound("Nothing is served at /metrics.")
    return Response(metrics.page(), content_type=metrics.CONTENT_TYPE, headers={"Cache-Control": "no-store"})
