"""The built page, its files, and the addresses that are its own."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from api.routes.config import release
from sync.settings import Settings


@pytest.fixture
def built(settings: Settings) -> None:
    assets = settings.frontend_dir / "assets"
    assets.mkdir(parents=True)
    (settings.frontend_dir / "index.html").write_text("<!doctype html><title>Livespend</title>")
    (settings.frontend_dir / "favicon.svg").write_text("<svg/>")
    (settings.frontend_dir.parent / "secret.txt").write_text("secret")
    (assets / "index-4f2a.js").write_text("export {}")


@pytest.mark.parametrize("path", ["/", "/months/2026-11", "/sign-in"])
@pytest.mark.usefixtures("built")
def test_every_address_of_the_page_is_the_page(client: FlaskClient, path: str):
    answer = client.get(path, buffered=True, headers={"Accept": "text/html"})

    assert (answer.status_code, answer.content_type) == (200, "text/html; charset=utf-8")
    assert "no-cache" in answer.headers["Cache-Control"]


@pytest.mark.usefixtures("built")
def test_an_asset_is_cached_for_ever(client: FlaskClient):
    answer = client.get("/assets/index-4f2a.js", buffered=True)

    assert answer.status_code == 200
    assert {"max-age=31536000", "public", "immutable"} == set(answer.headers["Cache-Control"].split(", "))


@pytest.mark.usefixtures("built")
def test_other_files_are_asked_again_each_time(client: FlaskClient):
    answer = client.get("/favicon.svg", buffered=True)

    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")
    assert (
        client.get("/favicon.svg", buffered=True, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    )


@pytest.mark.parametrize(
    "path",
    [
        "/assets/gone.js",
        "/gone.png",
        "/api/gone",
        "/health/gone",
        "/webhooks/gone",
        "/../secret.txt",
        "/assets/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt",
    ],
)
@pytest.mark.usefixtures("built")
def test_what_is_not_there_is_a_problem_and_not_the_page(client: FlaskClient, path: str):
    answer = client.get(path, buffered=True, headers={"Accept": "text/html"})

    assert (answer.status_code, answer.json["code"]) == (404, "route-not-found")


def test_a_page_that_is_not_built_says_how_to_build_it(client: FlaskClient):
    answer = client.get("/", buffered=True)

    assert answer.status_code == 503
    assert "make setup" in answer.text


def test_the_page_learns_its_settings_at_run_time(client: FlaskClient):
    project = {"projectId": "demo-livespend", "authDomain": "demo-livespend.firebaseapp.com"}

    assert client.get("/config.json", buffered=True).json == {
        "firebase": {"apiKey": "demo-key", **project},
        "release": release(),
        "firestoreHost": "127.0.0.1:5011",
        "authUrl": "http://127.0.0.1:5012",
        "bankUrl": "http://127.0.0.1:5010",
        "linkShimUrl": "http://127.0.0.1:5010/link/shim.js",
    }
