"""The OpenAPI document is valid and complete, and docs/api.md names every route."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from api.documentation import openapi_path
from api.idempotency import CREATING

PAGE = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
METHODS = {"get", "put", "post", "patch", "delete"}


@pytest.fixture
def spec(client: FlaskClient) -> dict[str, Any]:
    document: dict[str, Any] = client.get("/openapi.json").json
    return document


def operations(spec: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, operation) for path, item in spec["paths"].items() for method, operation in item.items()]


def test_the_document_has_the_form_of_openapi_3_1(spec: dict[str, Any]):
    assert spec["openapi"] == "3.1.0"
    assert {"title", "version", "description"} <= spec["info"].keys()
    names = [operation["operationId"] for _, _, operation in operations(spec)]
    assert len(names) == len(set(names)) > 25
    for path, method, operation in operations(spec):
        assert method in METHODS
        assert operation["summary"]
        assert {tag["name"] for tag in spec["tags"]} >= set(operation["tags"]), path
        named = [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"]
        assert sorted(named) == sorted(re.findall(r"{(\w+)}", path)), path
        for response in operation["responses"].values():
            assert response["description"], path


def test_every_schema_is_valid_and_every_reference_leads_somewhere(spec: dict[str, Any]):
    for name, schema in spec["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert re.fullmatch(r"[a-zA-Z0-9._-]+", name)
    for reference in set(re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(spec))):
        assert reference in spec["components"]["schemas"], reference


def test_every_operation_under_api_needs_the_token_and_documents_its_refusal(spec: dict[str, Any]):
    assert spec["components"]["securitySchemes"]["firebase"]["scheme"] == "bearer"
    for path, method, operation in operations(spec):
        private = path.startswith("/api/")
        assert operation["security"] == ([{"firebase": []}] if private else []), (method, path)
        assert not private or "application/problem+json" in operation["responses"]["401"]["content"]


def test_every_creating_post_documents_its_idempotency_key(spec: dict[str, Any]):
    keyed = {
        (method, path)
        for path, method, operation in operations(spec)
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation["parameters"])
    }

    assert keyed == {("post", path) for path in CREATING}


def test_every_write_documents_its_marks(spec: dict[str, Any]):
    unmarked = ("/api/link-tokens", "/api/rules/preview", "/webhooks/plaid", "/api/items/{item_id}/refresh")
    unmarked += ("/api/acknowledgements", "/api/repairs")
    for path, method, operation in operations(spec):
        if method == "get" or path in unmarked or (method, path) == ("delete", "/api/me"):
            continue
        success = next(operation["responses"][status] for status in ("200", "201") if status in operation["responses"])
        name = success["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        assert "marked" in spec["components"]["schemas"][name]["required"], (method, path)


def test_every_route_is_in_the_docs(app: APIFlask):
    for rule in app.url_map.iter_rules():
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            assert f"`{method} {openapi_path(rule.rule)}`" in PAGE, f"{method} {rule.rule}"
