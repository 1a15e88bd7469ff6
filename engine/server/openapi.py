"""The API's description, made from the routes themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from engine.server.endpoint import Endpoint

_PARAMETER: Final = re.compile(r"\{(\w+)(?::\w+)?\}")
_INSTANT: Final = {"type": "string", "format": "date-time"}
_TEXT: Final = {"type": "string"}
_MAYBE: Final = {"type": ["string", "null"]}
_NUMBER: Final = {"type": ["number", "null"]}
_MEANING: Final = {
    400: "The request can't be read",
    401: "The token is missing or wrong",
    403: "Not from here",
    404: "There is no such thing",
    409: "Not possible in the present state",
    413: "Too large",
    422: "Read, but not acceptable",
    429: "Too much at once; try again after Retry-After",
    500: "A defect; the log has more under the id given",
    503: "Not ready",
    507: "The disk refuses; nothing is stored, try again after Retry-After",
}
_STANDING: Final = {"score": _NUMBER, "grade": _MAYBE, "stage": _MAYBE, "owner": _MAYBE}


def _object(required: Sequence[str] = (), **properties: Any) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    return {**schema, "required": list(required)} if required else schema


SCHEMAS: Final[dict[str, Any]] = {
    "Error": _object(
        ["error"],
        error=_object(
            ["code", "message", "details"], code=_TEXT, message=_TEXT, details={"type": "array"}
        ),
    ),
    "Event": {
        **_object(
            ["type"],
            id=_TEXT,
            type=_TEXT,
            at=_INSTANT,
            lead={"type": "object", "description": "Identities and fields; id names a known lead"},
            properties={"type": "object"},
            channel=_TEXT,
            history={"type": "boolean", "description": "A back-fill: counted, and no news"},
            by={**_TEXT, "description": "Who did it, where a person did"},
            client={**_object(ip=_TEXT, agent=_TEXT), "description": "Whose browser it came from"},
        ),
        "additionalProperties": False,
    },
    "Result": _object(
        ["id", "lead"], id=_MAYBE, lead=_MAYBE, **_STANDING, error=_object(), quarantined=_object()
    ),
    "Results": _object(
        ["accepted", "duplicates", "rejected", "results"],
        accepted={"type": "integer"},
        duplicates={"type": "integer"},
        rejected={"type": "integer"},
        quarantined={"type": "integer"},
        results={"type": "array", "items": {"$ref": "#/components/schemas/Result"}},
    ),
    "Lead": _object(
        ["id", "fields", "created_at", "updated_at"],
        id=_TEXT,
        **_STANDING,
        scores={"type": "object"},
        team=_MAYBE,
        pool=_MAYBE,
        source=_MAYBE,
        tags={"type": "array", "items": _TEXT},
        fields={"type": "object"},
        consents={
            "type": "object",
            "description": "By topic: the latest word on it, and what proves it",
            "additionalProperties": _object(
                ["status", "at", "source", "text", "event"],
                status={"enum": ["given", "withdrawn"]},
                at=_INSTANT,
                source=_TEXT,
                text=_MAYBE,
                event=_TEXT,
            ),
        },
        merged_into={**_TEXT, "description": "When asked by the id of a lead that was merged"},
        created_at=_INSTANT,
        updated_at=_INSTANT,
    ),
    "Explanation": _object(
        ["lead", "ruleset", "score", "grade", "stage", "owner", "journeys", "deadlines"],
        lead=_TEXT,
        ruleset=_TEXT,
        score={"type": "object"},
        grade={"type": "object"},
        stage={"type": "object"},
        owner={"type": "object"},
        journeys={"type": "array"},
        deadlines={"type": "array"},
        at={**_INSTANT, "description": "With at: the instant all this is as of"},
        other_rules={"type": "integer", "description": "With at: events that other rules decided"},
        rule={"type": "object", "description": "With rule: its conditions, events and wakers"},
        why_not={"type": "object", "description": "With why_not: what stands in its way"},
    ),
    "Page": _object(
        ["items", "next"],
        items={"type": "array", "items": {"type": "object"}},
        next={"type": ["string", "null"], "description": "The address of the next page"},
    ),
}


def describe(endpoints: Sequence[Endpoint], version: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of these routes."""
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        path = _PARAMETER.sub(r"{\1}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "leadrules",
            "version": version,
            "description": "Leads: captured, scored, routed and nurtured by rules in YAML.",
        },
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "tags": [endpoint.tag],
        "parameters": _parameters(endpoint),
        "responses": _responses(endpoint),
    }
    if endpoint.takes is not None:
        content = {"application/json": {"schema": endpoint.takes}}
        operation["requestBody"] = {"content": content, "required": True}
    if endpoint.tag == "channels" or endpoint.path in {"/-/healthy", "/-/ready"}:
        operation["security"] = []
    return operation


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": _TEXT}
        for name in _PARAMETER.findall(endpoint.path)
    ]
    in_query = [
        {"name": name, "in": "query", "required": False, "schema": schema}
        for name, schema in endpoint.query.items()
    ]
    return in_path + in_query


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    good = "202" if endpoint.tag == "channels" else "200"
    content = {endpoint.media: {"schema": endpoint.gives}}
    responses: dict[str, Any] = {good: {"description": endpoint.summary, "content": content}}
    if endpoint.tag == "channels":
        responses["200"] = {"description": "What the source wants to hear, or a page, or a file"}
    error: dict[str, Any] = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    if endpoint.path.startswith("/console/"):  # browsers get a page
        error["text/html"] = {"schema": {"type": "string"}}
    for status in sorted({400, 401, 403, 500, 503, 507, *endpoint.fails}):
        responses[str(status)] = {"description": _MEANING[status], "content": error}
    return responses
