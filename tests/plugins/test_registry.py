from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from engine.host.plugins import PluginError, Plugins, names_of
from engine.language.load import load_folder
from engine.plugin import Action, Channel, Delivered, Route, hookimpl
from tests.serving import write_config


class Noop(Action):
    name = "noop"

    async def perform(self, delivery: Any, context: Any) -> Delivered:
        return Delivered()


def plugin(**hooks: Any) -> object:
    """Return a plugin with these hooks."""
    module = ModuleType("mine")
    for name, function in hooks.items():
        setattr(module, name, hookimpl(function))
    return module


def registering(*actions: Any) -> object:
    """Return a plugin that registers these actions."""

    def register_actions(register: Any) -> None:
        for action in actions:
            register(action)

    return plugin(register_actions=register_actions)


def test_built_ins_come_through_the_hooks() -> None:
    """The built-in plugins are listed like anybody's, with what they bring."""
    found = {info.name: info for info in Plugins().describe()}
    assert found["email"].actions == ["email"]
    assert found["log"].actions == ["log"]
    assert found["form"].channels == ["form"]
    assert found["form"].origin == "plugins.channels.form"


def test_third_party_action() -> None:
    """An action of a further plugin is there beside the built-in ones."""
    plugins = Plugins({"mine": registering(Noop())})
    assert {"email", "log", "noop"} <= set(plugins.actions)


def test_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed distribution's plugin is found by its entry point and named with its version."""
    (tmp_path / "acme_plugin.py").write_text(
        "from engine.plugin import Action, Delivered, hookimpl\n"
        "class Fax(Action):\n"
        "    name = 'fax'\n"
        "    async def perform(self, delivery, context):\n"
        "        return Delivered()\n"
        "@hookimpl\n"
        "def register_actions(register):\n"
        "    register(Fax())\n"
    )
    info = tmp_path / "acme_plugin-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-plugin\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[leadrules]\nacme = acme_plugin\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        plugins = Plugins()
    finally:
        sys.modules.pop("acme_plugin", None)
    assert "fax" in plugins.actions
    (own,) = [i for i in plugins.describe() if i.name == "acme"]
    assert own.origin == "acme_plugin (acme-plugin 1.2)"


@pytest.mark.parametrize(
    ("packages", "owner"),
    [({"mine": "email"}, "leadrules itself"), ({"acme": "fax", "mine": "fax"}, "the package acme")],
)
def test_an_entry_point_whose_name_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packages: dict[str, str], owner: str
) -> None:
    """A package whose plugin would be left out is an error that names both."""
    for package, name in packages.items():
        info = tmp_path / f"{package}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[leadrules]\n{name} = json\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(PluginError) as error:
        Plugins()
    (name,) = set(packages.values())
    assert f'brings a plugin "{name}"' in str(error.value)
    assert "the package mine" in str(error.value)
    assert owner in str(error.value) or "the package mine has" in str(error.value)


class Sync(Noop):
    def perform(self, delivery: Any, context: Any) -> Delivered:  # type: ignore[override]
        return Delivered()


class Narrow(Noop):
    async def perform(self, delivery: Any) -> Delivered:  # type: ignore[override]
        return Delivered()


class Nameless(Noop):
    name = ""


class NoRoutes(Channel):
    name = "x"

    def routes(self, extra: int) -> list[Route]:  # type: ignore[override]
        return []


def boom(register: Any) -> None:
    """Fail."""
    raise RuntimeError("boom")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (plugin(register_action=lambda register: None), ["register_action", "register_actions"]),
        (plugin(register_actions=lambda regster: None), ["regster"]),
        (plugin(register_actions=boom), ["RuntimeError", "boom"]),
        (registering(object()), ["engine.plugin.Action"]),
        (registering(Noop), ["instance"]),
        (registering(Sync()), ["Sync.perform", "async def perform(self, delivery, context)"]),
        (registering(Narrow()), ["Narrow.perform", "async def perform(self, delivery, context)"]),
        (registering(Nameless()), ["name ''"]),
        (registering(Noop(), Noop()), ['already an action named "noop"']),
        (
            plugin(register_channels=lambda register: register(NoRoutes())),
            ["NoRoutes.routes", "def routes(self) -> list[Route]"],
        ),
    ],
)
def test_bad_plugins_are_refused_by_name(bad: object, words: list[str]) -> None:
    """A plugin that would fail later is refused at start, with its name and what is expected."""
    with pytest.raises(PluginError) as caught:
        Plugins({"mine": bad})
    for word in ["mine", *words]:
        assert word in str(caught.value)


def test_each_wrong_setting_has_its_place_and_the_nearest_name(tmp_path: Path) -> None:
    """Every slip is told, in its own line and column, in connections and in channels."""
    server = """connections:
  email: {plugin: email, hots: 127.0.0.1, from: a@b.cn}
  notify:
    plugin: email
    host: 127.0.0.1
    pasword: hunter2
    zzzzzz: 1
channels:
  webhook:
    sources:
      acme:
        verfy: {}
      other: {}
"""
    loaded = load_folder(write_config(tmp_path, server=server))
    assert loaded.definitions is not None, loaded.diagnostics
    checked = Plugins().check(loaded.definitions)
    found = sorted(checked, key=lambda each: (each.source.line, each.source.column))
    said = [(d.source.line, d.source.column, d.message.partition(": ")[2]) for d in found]
    assert [(line, column) for line, column, _ in said] == [
        *((2, 3), (2, 26), (3, 3), (6, 5), (7, 5), (11, 7), (12, 9), (13, 7)),
    ]
    texts = [text for _, _, text in said]
    assert texts[:4] == [
        'it needs "host"',
        'there is no "hots"; did you mean "host"?',
        'it needs "from"',
        'there is no "pasword"; did you mean "password"?',
    ]
    assert texts[4].startswith('there is no "zzzzzz"; known here: ')
    assert texts[5:] == [
        '"sources.acme" needs "verify"',
        'there is no "verfy"; did you mean "verify"?',
        '"sources.other" needs "verify"',
    ]
    assert not any("hunter2" in text for text in texts)


def test_connections_are_checked(tmp_path: Path) -> None:
    """A connection's plugin and settings are checked at its place, and no secret is shown."""
    server = """
connections:
  email: {plugin: emial, host: 127.0.0.1, from: a@b.cn}
  notify: {plugin: log, colour: red}
  relay: {plugin: email, host: 127.0.0.1, from: a@b.cn, port: hunter2, password: hunter3}
"""
    loaded = load_folder(write_config(tmp_path, server=server))
    assert loaded.definitions is not None, loaded.diagnostics
    found = {d.source.line: d for d in Plugins().check(loaded.definitions)}
    assert found[3].code == "unknown-plugin"
    assert 'did you mean "email"?' in found[3].message
    assert found[4].code == "bad-connection"
    assert "colour" in found[4].message
    assert found[5].code == "bad-connection"
    assert '"port"' in found[5].message
    assert all(d.hint and d.source.column for d in found.values())
    assert "hunter" not in repr(found)


def test_settings_of_channels_are_checked(tmp_path: Path) -> None:
    """A channel's name and settings are checked at their place; variables are filled in."""
    server = """
channels:
  form: {honeypott: website}
  fom: {}
connections: {email: {plugin: log}, notify: {plugin: log}}
"""
    loaded = load_folder(write_config(tmp_path, server=server))
    assert loaded.definitions is not None, loaded.diagnostics
    found = {d.source.line: d for d in Plugins().check(loaded.definitions)}
    assert (found[3].code, found[4].code) == ("bad-channel", "unknown-plugin")
    assert "honeypott" in found[3].message
    assert 'did you mean "form"?' in found[4].message


def test_channels_see_what_may_be_filled(tmp_path: Path) -> None:
    """Derived fields are not among the names that a channel sees."""
    loaded = load_folder(write_config(tmp_path))
    assert loaded.definitions is not None
    names = names_of(loaded.definitions.catalogue)
    assert names.fields["employees"] == "integer"
    assert "email.kind" not in names.fields
    assert names.events["form_submitted"] == {"form": "string"}


class Fax(Noop):
    name = "fax"
    connection_schema = {  # noqa: RUF012 - as documented
        "type": "object",
        "additionalProperties": False,
        "properties": {"password": {"type": "string"}, "port": {"type": "integer"}},
    }


@pytest.mark.parametrize(
    ("password", "used"),
    [("${FAX_PASSWORD}", "12345678"), ("${OTHER:-0123}", "0123"), ("12345678", None)],
)
def test_a_password_may_be_all_digits(tmp_path: Path, password: str, used: str | None) -> None:
    """A variable is text where the plugin takes text; what YAML itself calls a number is none."""
    config = write_config(tmp_path)
    (config / "server.yaml").write_text(
        "database: x.db\nconnections:\n  notify: {plugin: log}\n"
        f"  email:\n    plugin: fax\n    port: ${{FAX_PORT}}\n    password: {password}\n",
        "utf-8",
    )
    plugins = Plugins({"mine": registering(Fax())})
    loaded = load_folder(config, {"FAX_PASSWORD": "12345678", "FAX_PORT": "25"})
    assert loaded.definitions is not None, loaded.diagnostics
    found = [d.message for d in plugins.check(loaded.definitions)]
    if used is None:
        assert 'the connection "email": "password" must match {type: string}' in found
        return
    assert not found
    params = plugins.complete(loaded.definitions).server.connections["email"].params
    assert params == {"port": 25, "password": used}
