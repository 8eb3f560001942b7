"""The application factory: one Flask application from the dependencies it is given.

Nothing is global: two applications in one process share nothing. Order matters in one place: the request is named
and measured first, then its caller is identified, then its fields are read, so that a stranger learns nothing about
what a body should look like.
"""

from __future__ import annotations

from apiflask import APIFlask

from api.auth import SignIn, register_auth
from api.current import DEPS
from api.documentation import describe
from api.headers import register_headers
from api.probes import Probes
from api.problems import register_problems
from api.requests import register_requests
from api.routes import (
    accounts,
    budgets,
    categories,
    config,
    health,
    households,
    items,
    me,
    metrics,
    months,
    page,
    reviews,
    rules,
    screens,
    transactions,
    webhooks,
)
from sync.deps import Deps

ROUTES = (
    health,
    metrics,
    webhooks,
    config,
    me,
    items,
    accounts,
    transactions,
    reviews,
    categories,
    rules,
    months,
    budgets,
    households,
    screens,
)


def create_app(deps: Deps, sign_in: SignIn | None = None) -> APIFlask:
    """The application over these dependencies; connects to nothing until the first request."""
    app = APIFlask(
        "api",
        title="Livespend",
        version=config.release(),
        spec_path="/openapi.json",
        docs_path=None,
        static_folder=None,  # type: ignore[arg-type]
    )
    app.extensions[DEPS] = deps
    app.extensions["livespend_probes"] = Probes(deps)
    register_requests(app)
    register_headers(app, deps.settings)
    register_problems(app)
    register_auth(app, sign_in or SignIn(deps.settings))
    for route in ROUTES:
        app.register_blueprint(route.bp)
    page.register_page(app)
    describe(app)
    return app
