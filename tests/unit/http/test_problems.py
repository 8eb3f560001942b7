"""Whatever goes wrong, the answer is one problem with a stable code."""

from __future__ import annotations

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.auth import public
from sync.errors import ItemNotFound, PlaidPaced, PlaidRateLimited


def assert_problem(answer: TestResponse, status: int, code: str) -> dict[str, object]:
    assert (status, code, "application/problem+json") == (answer.status_code, answer.json["code"], answer.content_type)
    assert {"type", "title", "status", "code", "detail", "instance", "requestId"} <= answer.json.keys()
    assert answer.json["requestId"] == answer.headers["X-Request-Id"]
    return answer.json


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_an_unknown_address_is_a_problem_for_every_method(client: FlaskClient, method: str):
    assert_problem(getattr(client, method)("/api/nothing/here"), 404, "route-not-found")


def test_a_wrong_method_is_a_problem_that_names_the_right_ones(client: FlaskClient):
    answer = client.delete("/config.json")

    assert_problem(answer, 405, "method-not-allowed")
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("path", ["/webhooks/plaid", "/api/items", "/api/transactions"])
def test_a_body_of_three_megabytes_is_refused_before_anything_is_asked(client: FlaskClient, path: str):
    assert_problem(client.post(path, data=b"x" * 3_000_000), 413, "body-too-large")


def test_a_fault_of_ours_tells_nothing_but_the_request_id(app: APIFlask):
    @app.get("/broken")
    @public
    def broken() -> None:
        raise RuntimeError("access-sandbox-0000 select * from users")

    answer = app.test_client().get("/broken", headers={"X-Request-Id": "seen-by-the-client"})

    problem = assert_problem(answer, 500, "internal")
    assert problem["requestId"] == "seen-by-the-client"
    assert "select" not in answer.text
    assert "access-" not in answer.text


def test_an_error_of_sync_keeps_its_code_status_and_words(app: APIFlask):
    @app.get("/missing")
    @public
    def missing() -> None:
        raise ItemNotFound("no item 7")

    problem = assert_problem(app.test_client().get("/missing"), 404, "item-not-found")
    assert (problem["title"], problem["detail"]) == ("There is no such bank connection", "no item 7")


@pytest.mark.parametrize("sent", ["short", "has space in it", "x" * 65, "<script>alert(1)</script>"])
def test_a_request_id_of_the_wrong_form_is_replaced(client: FlaskClient, sent: str):
    assert sent != client.get("/health/live", headers={"X-Request-Id": sent}).headers["X-Request-Id"]


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Basic abc", "Bearer ", "Bearer abc", "Bearer a.b.c", "Bearer " + "x" * 9000]
)
def test_a_missing_or_broken_token_is_401(client: FlaskClient, header: str | None):
    answer = client.get("/api/me", headers={} if header is None else {"Authorization": header})

    assert_problem(answer, 401, "not-signed-in")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_every_route_under_api_needs_a_token(app: APIFlask):
    client = app.test_client()
    private = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/")]

    assert len(private) > 20
    for rule in private:
        path = rule.build(dict.fromkeys(rule.arguments, "00000000-0000-4000-8000-000000000000") | (
            {"month": "2026-11"} if "month" in rule.arguments else {}))[1]  # fmt: skip
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            assert client.open(path, method=method).status_code == 401, (method, path)


def test_a_call_that_our_pace_held_back_says_when_it_is_free(app: APIFlask):
    @app.get("/paced")
    @public
    def paced() -> None:
        raise PlaidPaced("item_get", 41.2)

    answer = app.test_client().get("/paced")

    assert_problem(answer, 503, "plaid-paced")
    assert answer.headers["Retry-After"] == "42"


def test_a_call_that_plaid_held_back_may_work_after_a_minute(app: APIFlask):
    @app.get("/held-back")
    @public
    def held_back() -> None:
        raise PlaidRateLimited("transactions_refresh")

    assert app.test_client().get("/held-back").headers["Retry-After"] == "60"
