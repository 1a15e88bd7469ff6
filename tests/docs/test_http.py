"""docs/http.md tells of every route, and its examples have the shape of real answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from engine.host.plugins import Plugins
from engine.reports.index import REPORTS
from engine.server import (
    accountability,
    channels,
    console,
    deliveries,
    events,
    leads,
    merging,
    operations,
    quarantine,
    reporting,
    subscriptions,
    work,
)
from engine.server.bodies import MAX_BODY, MAX_DEPTH, MAX_FORM_FIELDS
from engine.server.deliveries import STATUSES as DELIVERY_STATUSES
from engine.server.endpoint import MAX_LIMIT
from engine.server.events import MAX_EVENTS
from engine.server.people import deals, following, handing, inbox, pools
from engine.server.sign_in import users
from engine.server.work import TASK_STATUSES
from tests.docs.pages import code, headings, read, section
from tests.serving import form, served, wait_for, write_config

ROUTES = [
    (endpoint.method, re.sub(r":\w+\}", "}", endpoint.path), endpoint)
    for endpoint in (
        *(
            e
            for room in (
                events,
                accountability,
                quarantine,
                reporting,
                merging,
                leads,
                work,
                deliveries,
                operations,
                console,
                subscriptions,
                handing,
                inbox,
                following,
                pools,
                deals,
                users,
            )
            for e in room.ENDPOINTS
        ),
        *channels.endpoints_of(Plugins(entry_points=False)),
    )
]


def told(method: str, path: str) -> str:
    """Return the section of a route."""
    text, route = read("http.md"), f"{method} {path}"
    found = next((h for h in headings(text, 3) if route in code(h)), f"`{route}`")
    return section(text, found)


def test_every_route_has_its_section() -> None:
    """The page has one section for each route, which may be for several, and none for another."""
    shown = [route for heading in headings(read("http.md"), 3) for route in code(heading)]
    assert sorted(shown) == sorted(f"{method} {path}" for method, path, _ in ROUTES)


@pytest.mark.parametrize(("method", "path", "endpoint"), ROUTES, ids=lambda v: str(v)[:60])
def test_every_parameter_is_told(method: str, path: str, endpoint: Any) -> None:
    """A route's section names its query parameters (limit and cursor stand above) and its body's keys."""
    known = {*endpoint.query} - {"limit", "cursor"}
    known |= {*(endpoint.takes or {}).get("properties", {})} - {"id", "by"}
    text = told(method, path)
    assert {name for name in known if not re.search(rf'[`"]{name}[`"]', text)} == set()


def test_every_key_of_an_event_is_told() -> None:
    """The table of POST /v1/events has every key that an event may have."""
    from engine.host.door import KEYS

    text = told("POST", "/v1/events")
    assert set(KEYS) == set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))


def test_every_status_is_told() -> None:
    """To-dos and deliveries can be filtered by the statuses that the page lists."""
    assert set(TASK_STATUSES) <= set(code(told("GET", "/v1/tasks")))
    assert set(DELIVERY_STATUSES) <= set(code(told("GET", "/v1/deliveries")))


def test_the_limits_are_those_of_the_code() -> None:
    """The line of limits has the server's own figures."""
    assert (
        f"a body of {MAX_BODY:,} bytes, JSON {MAX_DEPTH} levels deep, {MAX_EVENTS:,} events in a "
        f"request, {MAX_FORM_FIELDS} fields in a form"
    ) in re.sub(r"\s+", " ", read("http.md"))
    assert f"(1 to {MAX_LIMIT})" in read("http.md")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server with one lead that has an owner, a to-do, and a delivery."""
    folder: Path = tmp_path_factory.mktemp("http")
    config = write_config(folder / "config")
    with served(config, folder / "leads.db", reports=REPORTS) as found:
        consent = {"marketing": {"status": "given", "text": "我同意接收产品资讯"}}
        found.post("/v1/events", json=form(company="金泰阀门", consent=consent))
        wait_for(lambda: found.get("/v1/deliveries").json()["items"])
        yield found


def example(method: str, path: str) -> Any:
    """Return the last JSON shown for a route, what is left out left out."""
    text = re.findall(r"```json\n(.*?)```", told(method, path), re.DOTALL)[-1]
    return json.loads(re.sub(r",?\s*\.\.\.(?=[\]}])", "", text))


def shape(value: Any) -> Any:
    """Return the keys of a value, of the first item of each list too."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else None


SHOWN = {
    "/v1/leads/{id}": {"scores", "fields"},
    "/v1/leads/{id}/explain": {"dimensions", "journeys", "deadlines", "others", "next"},
    "/v1/tasks": set(),
    "/v1/inbox?person=li.na": set(),
    "/v1/deliveries": {"params"},
    "/v1/reports/{name}": {"cells", "intervals", "leads", "rows", "formula", "total"},
    "/-/healthy": set(),
    "/-/ready": set(),
    "/-/status": {"deliveries", "connections"},
    "/-/plugins": set(),
}


def without(value: Any, names: set[str]) -> Any:
    """Return a shape without what depends on the rules and the lead."""
    if isinstance(value, dict):
        return {k: None if k in names else without(v, names) for k, v in value.items()}
    return [without(each, names) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("path", SHOWN)
def test_examples_have_the_shape_of_real_answers(path: str, client: TestClient) -> None:
    """What a GET shows has the keys that a real server's answer has, at every level."""
    real = client.get(path.replace("{id}", "w1@acme.cn").replace("{name}", "sources"))
    assert real.status_code == 200
    names = SHOWN[path] | {"tried", "considered", "clocks", "entered", "tags"}
    shown = example("GET", path.partition("?")[0])
    assert without(shape(shown), names) == without(shape(real.json()), names)


def test_the_timeline_shows_every_kind_as_it_is(client: TestClient) -> None:
    """The items in the timeline's example have the keys of real items of their kind."""
    items = client.get("/v1/leads/w1@acme.cn/timeline").json()["items"]
    real = {item["kind"]: set(item) for item in items}
    shown = {i["kind"]: set(i) for i in example("GET", "/v1/leads/{id}/timeline")["items"]}
    assert {kind: real[kind] for kind in shown} == shown
    assert set(real) <= set(code(told("GET", "/v1/leads/{id}/timeline")))


def test_the_answer_to_an_event_is_as_shown(client: TestClient) -> None:
    """The example's results have the keys of real ones, good and bad."""
    answer = client.post("/v1/events", json=[form(2), {"type": "page_vewed"}]).json()
    shown = example("POST", "/v1/events")
    assert set(answer) == set(shown)
    assert [set(r) for r in answer["results"]] == [set(r) for r in shown["results"]]
    bad = answer["results"][1]["error"]
    assert set(bad) == set(shown["results"][1]["error"])
    assert bad["message"] == shown["results"][1]["error"]["message"]


def test_every_metric_is_told(client: TestClient) -> None:
    """The section of /metrics names every metric that there is."""
    names = set(re.findall(r"^# TYPE (\w+)", client.get("/metrics").text, re.MULTILINE))
    assert names == set(re.findall(r"leadrules_\w+", told("GET", "/metrics")))
