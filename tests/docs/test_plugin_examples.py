"""Every channel and action has a complete example in the documentation that `validate` accepts."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path

import pytest

from engine.host.plugins import Plugins
from engine.language.load import load_folder
from tests.docs.pages import DOCS, Example, examples
from tests.docs.test_examples import BASES, findings, lay

# Shown in the reference of server.yaml, which is the page of the two that come without another.
REFERENCE = {DOCS / "rules" / "server.md", DOCS / "rules" / "messages.md"}


@cache
def shown() -> dict[str, set[str]]:
    """Return the examples' ids by ``action NAME`` or ``channel NAME`` that they set up."""
    found: dict[str, set[str]] = {}
    for example in examples("file"):
        if example.name != "server.yaml":
            continue
        page = Path(example.block.page)
        if "plugins" not in page.parts and DOCS.parent / page not in REFERENCE:
            continue
        for name in _set_up(example):
            found.setdefault(name, set()).add(example.id)
    return found


def _set_up(example: Example) -> set[str]:
    """Return the plugins that an example sets up, loaded over the configuration that it names."""
    with tempfile.TemporaryDirectory() as folder:
        lay(example, example.base, Path(folder) / "config")
        loaded = load_folder(
            Path(folder) / "config", extensions=Plugins(entry_points=False).extensions
        )
        assert findings(loaded) == [], example.id
        assert loaded.definitions is not None
        server = loaded.definitions.server
    actions = {f"action {each.plugin}" for each in server.connections.values()}
    return actions | {f"channel {name}" for name in server.channels}


def registered() -> list[str]:
    """Return every built-in action and channel."""
    plugins = Plugins(entry_points=False)
    channels = [f"channel {name}" for name in plugins.channels]
    return sorted([*(f"action {name}" for name in plugins.actions), *channels])


@pytest.mark.parametrize("name", registered())
def test_every_plugin_has_an_example(name: str) -> None:
    """A page of docs/plugins, or the reference of server.yaml, sets the plugin up in whole."""
    assert name in shown()


def test_an_example_with_a_mistake_would_be_found(tmp_path: Path) -> None:
    """The check is that of `validate`: a setting that a plugin does not have is a finding."""
    shutil.copytree(BASES["config"], tmp_path / "config")
    text = "connections: {notify: {plugin: log}, email: {plugin: log}, a: {plugin: apprise}}\n"
    (tmp_path / "config" / "server.yaml").write_text(text, encoding="utf-8")
    assert "bad-connection" in {each.code for each in findings(load_folder(tmp_path / "config"))}
