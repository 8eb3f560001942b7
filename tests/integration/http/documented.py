"""Holds every answer against the OpenAPI document: its status must be there, its body must fit the schema."""

from __future__ import annotations

from functools import cache
from typing import Any

from apiflask import APIFlask
from jsonschema import Draft202012Validator
from werkzeug.test import TestResponse

from api.documentation import openapi_path


@cache
def document(app: APIFlask) -> dict[str, Any]:
    """The document as it is served."""
    spec: dict[str, Any] = app.test_client().get("/openapi.json").json
    return spec


def assert_documented(app: APIFlask, answer: TestResponse) -> None:
    """Fails for an answer that /openapi.json does not foresee; addresses that are no route are not judged."""
    adapter = app.url_map.bind("")
    if not adapter.test(answer.request.path, answer.request.method):
        return
    rule, _ = adapter.match(answer.request.path, answer.request.method, return_rule=True)
    spec = document(app)
    operation = spec["paths"][openapi_path(rule.rule)][answer.request.method.lower()]
    where = f"{answer.request.method} {rule.rule} -> {answer.status_code}"
    assert str(answer.status_code) in operation["responses"], f"{where} is not documented"
    content = operation["responses"][str(answer.status_code)].get("content", {})
    assert answer.mimetype in content, f"{where}: {answer.mimetype} is not documented"
    schema = {**content[answer.mimetype]["schema"], "components": spec["components"]}
    Draft202012Validator(schema).validate(answer.json)
