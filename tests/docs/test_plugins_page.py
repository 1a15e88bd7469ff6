"""docs/plugins.md tells of every hook, and its plugins work as they stand."""

from __future__ import annotations

import json
from inspect import signature
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from engine.host.plugins import Plugins
from engine.language.schemas import base
from engine.plugin import ActionContext, ChannelRequest, Hooks, OutgoingDelivery
from engine.server import auth
from tests.docs.pages import DOCS, ROOT, blocks, code, read, rows, section
from tests.serving import JOURNEYS, ROUTING, SERVER, served, wait_for, write_config

WRITTEN = [block.text for block in blocks(DOCS / "plugins.md") if block.language == "python"]


def module(text: str) -> ModuleType:
    """Return the module that a block of the page is."""
    made = ModuleType("from_the_page")
    exec(compile(text, "docs/plugins.md", "exec"), made.__dict__)
    return made


@pytest.fixture
def plugins() -> Plugins:
    """The built-in plugins and those of the page."""
    extra = {f"page-{n}": module(text) for n, text in enumerate(WRITTEN)}
    return Plugins(extra, entry_points=False)


def test_every_hook_has_its_row() -> None:
    """The table of hooks has each hook with its arguments, and no other."""
    told = [code(cells[0])[0] for cells in rows(section(read("plugins.md"), "Hooks"))]
    hooks = {name: hook for name, hook in vars(Hooks).items() if not name.startswith("_")}
    known = [
        f"{name}({', '.join(list(signature(hook).parameters)[1:])})" for name, hook in hooks.items()
    ]
    assert sorted(told) == sorted(known)


def test_what_plugins_get_is_told() -> None:
    """Every attribute of a delivery, its context and a channel's request is named on the page."""
    text = read("plugins.md")
    for struct in (OutgoingDelivery, ActionContext, ChannelRequest):
        for field in msgspec.structs.fields(struct):
            assert f"`{field.name}`" in text or f".{field.name}`" in text, field.name


def test_the_plugins_of_the_page_are_accepted(plugins: Plugins) -> None:
    """The action and the channel register without complaint."""
    assert {"file"} <= set(plugins.actions)
    assert {"phone"} <= set(plugins.channels)


def test_the_plugins_of_the_page_work(plugins: Plugins, tmp_path: Path) -> None:
    """A call through the channel becomes a lead, and a journey's step ends in the action's file."""
    notices = tmp_path / "notices.ndjson"
    config = write_config(
        tmp_path / "config",
        journeys=JOURNEYS.replace(
            "enter: {event: form_submitted}", "enter: {event: rep_consulted}"
        ),
        routing=ROUTING.replace("when: {lead.company: {exists: true}}, ", ""),
        server=SERVER.format(port=9, notify=f"file, path: {notices}"),
    )
    with served(config, tmp_path / "leads.db", plugins=plugins) as client:
        call = {"id": 1, "caller": "13800138000"}
        assert client.post("/channels/phone/calls", json=call).status_code == 202
        assert client.post("/channels/phone/calls", json=call).status_code == 202
        assert client.post("/channels/phone/calls", json={"id": 2}).status_code == 400
        wait_for(notices.exists)
        events = client.get("/v1/leads/13800138000/timeline").json()["items"]
        assert [i["type"] for i in events if i.get("channel") == "phone"] == ["rep_consulted"]
    (line,) = notices.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["title"] == "新线索 ?"


def test_every_variable_is_told() -> None:
    """settings.md tells of every environment variable that the engine reads by name."""
    text = read("settings.md")
    assert auth.TOKEN_VARIABLE in text
    for file in (ROOT / "engine").rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        for name in ("LEADRULES_TOKEN", "LEADRULES_URL", "LEADRULES_DEBUG", "GITHUB_ACTIONS"):
            if name in source:
                assert f"`{name}`" in text


def test_every_setting_is_told() -> None:
    """settings.md lists the keys of server.yaml."""
    schema = base("server")
    told = {code(cells[0])[0] for cells in rows(section(read("settings.md"), "server.yaml"))}
    assert told == set(schema["properties"])
