from __future__ import annotations

import re
from typing import Any

from jsonschema import Draft202012Validator
from starlette.routing import Route
from starlette.testclient import TestClient

from tests.serving import form


def test_every_route_is_described(client: TestClient) -> None:
    """The description has each route and method that the application serves, and no other."""
    described = {
        (method.upper(), path)
        for path, operations in client.get("/openapi.json").json()["paths"].items()
        for method in operations
    }
    served = {
        (method, re.sub(r":\w+}", "}", route.path))
        for route in client.app.routes  # type: ignore[attr-defined]
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert described == served


def test_operations_are_whole(client: TestClient) -> None:
    """Each operation says what it does, names its path's parameters and its errors."""
    document = client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["summary"]
            in_path = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert in_path == set(re.findall(r"\{(\w+)\}", path))
            assert {"400", "401", "500"} <= set(operation["responses"])


def test_schemas_are_sound(client: TestClient) -> None:
    """Every schema is valid, and every reference leads somewhere."""
    document = client.get("/openapi.json").json()
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for name in re.findall(r"'#/components/schemas/(\w+)'", str(document)):
        assert name in document["components"]["schemas"]


def test_answers_are_as_described(client: TestClient) -> None:
    """What the server really says fits its own description."""
    document = client.get("/openapi.json").json()

    def check(name: str, value: Any) -> None:
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        Draft202012Validator(schema).validate(value)

    event = form(company="阀门厂")
    check("Event", event)
    check("Results", client.post("/v1/events", json=[event, {"type": "x"}]).json())
    check("Page", client.get("/v1/leads").json())
    check("Lead", client.get("/v1/leads/w1@acme.cn").json())
    check("Explanation", client.get("/v1/leads/w1@acme.cn/explain").json())
    check("Result", client.post("/v1/leads/w1@acme.cn/accept").json())
    check("Error", client.get("/nope").json())
