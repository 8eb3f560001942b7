"""The built page: `/`, its files, and its own addresses, which all are the same document.

An address that is neither a file nor an address of the API is the page's own (it has a router), so it gets the page
too. File names below `/assets` carry a digest of their content and are cached for ever; everything else is asked
again on each load, so a new release is seen at once.
"""

from __future__ import annotations

from pathlib import Path

from apiflask import APIBlueprint, APIFlask
from flask import Response, request, send_from_directory
from werkzeug.exceptions import NotFound

from api.auth import public
from api.current import deps
from api.problems import answer_http

bp = APIBlueprint("page", __name__, enable_openapi=False)

NOT_THE_PAGE = ("/api/", "/health/", "/webhooks/", "/assets/")
A_YEAR = 31_536_000
NOT_BUILT = """Livespend is running, but its page is not built.

Run `make setup` once (it builds the page into frontend/dist), then reload.
The API works without it: see /openapi.json.
"""


@bp.get("/")
@public
def index() -> Response:
    """The page."""
    directory = page_directory()
    if not (directory / "index.html").is_file():
        return Response(NOT_BUILT, status=503, mimetype="text/plain")
    return fresh(send_from_directory(directory, "index.html"))


@bp.get("/assets/<path:name>")
@public
def asset(name: str) -> Response:
    """A file of the build whose name changes with its content."""
    answer = send_from_directory(page_directory() / "assets", name, max_age=A_YEAR)
    answer.cache_control.public = True
    answer.cache_control.immutable = True
    answer.cache_control.no_cache = None
    return answer


def register_page(app: APIFlask) -> None:
    """Serves the page's own addresses where nothing else is."""
    app.register_blueprint(bp)
    app.register_error_handler(NotFound, page_or_problem)


def page_or_problem(error: NotFound) -> Response:
    """The page for an address that a person may have typed, a problem for everything else."""
    path = request.path
    if request.method not in ("GET", "HEAD") or path.startswith(NOT_THE_PAGE):
        return answer_http(error)
    if "." in path.rsplit("/", 1)[-1]:
        return file_or_problem(path.lstrip("/"), error)
    return index() if request.accept_mimetypes.accept_html else answer_http(error)


def file_or_problem(name: str, error: NotFound) -> Response:
    """A file beside index.html, such as the icon."""
    try:
        return fresh(send_from_directory(page_directory(), name))
    except NotFound:
        return answer_http(error)


def fresh(answer: Response) -> Response:
    """The same answer, to be asked again each time; unchanged files are answered 304 by their ETag."""
    answer.cache_control.no_cache = True
    return answer


def page_directory() -> Path:
    """Where the built page lies."""
    return deps().settings.frontend_dir.resolve()
