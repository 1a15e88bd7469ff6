"""From WeCom's callback to WeCom's interface, with the configuration that wecom.md shows."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from starlette.testclient import TestClient

from engine.host.checking import check_connections
from engine.host.plugins import Plugins
from engine.language.load import load_folder
from tests.docs.pages import DOCS, blocks
from tests.plugins.wecom_callbacks import callback, contact
from tests.plugins.wecom_server import Wecom, peer
from tests.serving import served, wait_for, write_config

PAGE = [b.text for b in blocks(DOCS / "plugins" / "wecom.md") if b.language == "yaml"]
CUSTOMER = "wmAAAA"


def write(folder: Path, url: str) -> Path:
    """Write the page's configuration, its connections to WeCom turned to ``url``."""
    server, messages, journeys = PAGE
    settings = yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", server))
    for connection in settings["connections"].values():
        if connection["plugin"].startswith("wecom"):
            connection |= {"endpoint": url, "allow_private": True}
    files = {"messages": messages, "journeys": journeys}
    return write_config(folder, server=yaml.safe_dump(settings, allow_unicode=True), **files)


@pytest.fixture
def wecom() -> Iterator[tuple[Wecom, str]]:
    """Run a WeCom; return it and its address."""
    made = Wecom()
    with peer(made) as server:
        yield made, server.url


def scan(client: TestClient, code: str = "CODE") -> None:
    """Let a customer scan a code, now; ``code`` is what a welcome message needs."""
    now = int(time.time())
    message = contact("add_external_contact", at=now, State="fair-2026", WelcomeCode=code)
    sent = callback("/contacts", {**message, "ExternalUserID": CUSTOMER}, at=now)
    answer = client.post(f"/channels/wecom{sent.path}", params=dict(sent.query), content=sent.body)
    assert (answer.status_code, answer.text) == (200, "")


def test_the_page_is_a_sound_configuration(tmp_path: Path) -> None:
    """What the page shows is validated without findings, plugins' settings too."""
    server, messages, journeys = PAGE
    loaded = load_folder(
        write_config(tmp_path, server=server, messages=messages, journeys=journeys)
    )
    assert loaded.definitions is not None, loaded.diagnostics
    assert [*loaded.diagnostics, *Plugins().check(loaded.definitions)] == []


def names(schema: Any) -> Iterator[str]:
    """Yield the names of all settings in a schema."""
    for name, inner in schema.get("properties", {}).items():
        yield name
        yield from names(inner)
    for key in ("additionalProperties", "items"):
        if isinstance(schema.get(key), dict):
            yield from names(schema[key])


@pytest.mark.parametrize("page", ["wecom", "wechat_oa"])
def test_the_page_tells_of_every_setting(page: str) -> None:
    """Settings of the channel and the actions, and what a step may say, are all on the page."""
    text = (DOCS / "plugins" / f"{page}.md").read_text(encoding="utf-8")
    plugins = Plugins()
    actions = [a for name, a in plugins.actions.items() if name.partition(".")[0] == page]
    assert len(actions) == {"wecom": 5, "wechat_oa": 0}[page]
    schemas = [plugins.channels[page].config_schema]
    schemas += [s for a in actions for s in (a.connection_schema, a.params_schema)]
    told = {name for schema in schemas for name in names(schema)}
    assert {name for name in told if not re.search(rf"\b{name}\b", text)} == set()


def test_who_scans_a_code_is_welcomed_tagged_and_told_of(
    tmp_path: Path, wecom: tuple[Wecom, str]
) -> None:
    """One callback: a lead with its source, and all four of WeCom's interfaces are asked."""
    state, url = wecom
    begun = time.monotonic()
    with served(write(tmp_path / "config", url), tmp_path / "leads.db") as client:
        scan(client)
        wait_for(lambda: len({path for path, _ in state.calls}) == 4)
        assert time.monotonic() - begun < 20
        fields = client.get(f"/v1/leads/{CUSTOMER}").json()["fields"]
        assert fields["source.name"] == "华东区线下展会"
        assert fields["source.code"] == "fair-2026"
        wait_for(
            lambda: all(
                each["status"] == "delivered"
                for each in client.get("/v1/deliveries").json()["items"]
            )
        )
    (welcome,) = state.sent("externalcontact/send_welcome_msg")
    assert welcome["welcome_code"] == "CODE"
    assert welcome["attachments"][0]["link"]["title"] == "产品白皮书"
    (mark,) = state.sent("externalcontact/mark_tag")
    assert (mark["userid"], mark["external_userid"]) == ("LiNa", CUSTOMER)
    (spoken,) = state.sent("webhook/send")
    assert spoken["text"]["content"] == "新客户\n来自 华东区线下展会"
    (told,) = state.sent("message/send")
    assert told["textcard"]["url"] == "https://crm.example.cn/leads"
    assert state.tokens == 1, "connections of one app share a token"


def test_quiet_hours_do_not_hold_a_welcome(tmp_path: Path, wecom: tuple[Wecom, str]) -> None:
    """Tomorrow there is nobody to welcome: it goes out now, or not at all."""
    state, url = wecom
    config = write(tmp_path / "config", url)
    quiet = 'quiet_hours: [{between: ["00:00", "23:59"]}, {between: ["23:59", "00:00"]}]\n'
    with (config / "messages.yaml").open("a", encoding="utf-8") as file:
        file.write(quiet)
    with served(config, tmp_path / "leads.db") as client:
        scan(client)
        wait_for(lambda: state.sent("externalcontact/send_welcome_msg"))


def test_without_a_code_nobody_is_welcomed(tmp_path: Path, wecom: tuple[Wecom, str]) -> None:
    """When WeCom gives no code the delivery says so, and the journey goes on."""
    state, url = wecom
    with served(write(tmp_path / "config", url), tmp_path / "leads.db") as client:
        scan(client, code="")
        wait_for(lambda: state.sent("message/send"))
        found = client.get("/v1/deliveries").json()["items"]
    (greeting,) = (each for each in found if each["connection"] == "greeting")
    assert greeting["status"] in ("blocked", "failed")
    assert "wecom_welcome_code" in str(greeting)
    assert state.sent("externalcontact/send_welcome_msg") == []


def test_doctor_tries_each_connection_and_sends_nothing(
    tmp_path: Path, wecom: tuple[Wecom, str]
) -> None:
    """A wrong secret is an error, what works is told to work, and nobody gets a message."""
    state, url = wecom
    loaded = load_folder(write(tmp_path, url))
    assert loaded.definitions is not None
    connections = dict(loaded.definitions.server.connections)
    wrong = {**connections["tag"].params, "secret": "another"}
    connections["tag"] = msgspec.structs.replace(connections["tag"], params=wrong)
    mine = {n: c for n, c in connections.items() if c.plugin.startswith("wecom")}

    async def ask() -> list[Any]:
        return await check_connections(Plugins(), mine, now=0)

    found = {each.connection: each for each in asyncio.run(ask())}
    assert {name: each.level for name, each in found.items()} == {
        "notify": "ok",
        "greeting": "ok",
        "code": "ok",
        "tag": "error",
        "group": "ok",
    }
    assert "40001" in found["tag"].message
    assert state.calls == []
