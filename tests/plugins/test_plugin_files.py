"""Plugins that are files of the folder that server.yaml names, as an integrator begins."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.host.plugin_files import plugins_of
from engine.host.plugins import PluginError
from tests.serving import write_config

FAX = """
from engine.plugin import Action, Delivered, hookimpl

class Fax(Action):
    name = "fax"
    connection_schema = {"type": "object", "required": ["number"],
                         "properties": {"number": {"type": "string"}}}

    async def perform(self, delivery, context):
        return Delivered()

@hookimpl
def register_actions(register):
    register(Fax())

@hookimpl
def extend_catalogue():
    return {"fields": {"fax": {"type": "string"}}}
"""
CONNECTION = "plugins_dir: own\nconnections:\n  office: {plugin: fax, number: '021'}\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a configuration that sends by a plugin of its own."""
    folder = write_config(tmp_path / "config")
    (folder / "messages.yaml").unlink(missing_ok=True)
    (folder / "journeys.yaml").write_text("journeys: []\n", encoding="utf-8")
    (folder / "server.yaml").write_text(CONNECTION, encoding="utf-8")
    (folder / "own").mkdir()
    (folder / "own" / "fax.py").write_text(FAX, encoding="utf-8")
    return folder


def leadrules(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return subprocess.run(
        [sys.executable, "-m", "engine.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **variables},
    )


def test_a_file_is_a_plugin(config: Path) -> None:
    """Its connection, its settings, its field: `validate` knows them, `plugins` shows the file."""
    done = leadrules("validate", str(config))
    assert done.returncode == 0, done.stdout + done.stderr
    told = leadrules("plugins", "fax", "--config", str(config)).stdout
    assert f"fax  {config.resolve() / 'own' / 'fax.py'}" in told
    assert "action fax: number*" in told
    (config / "server.yaml").write_text(CONNECTION.replace("number", "nummer"), encoding="utf-8")
    done = leadrules("validate", str(config))
    assert done.returncode == 1
    assert "nummer" in done.stdout


def test_a_folder_is_a_plugin_and_what_begins_with_an_underscore_is_none(config: Path) -> None:
    """A package imports its own modules; helpers and what is no Python are left alone."""
    own = config / "own"
    (own / "post").mkdir()
    (own / "post" / "words.py").write_text("NAME = 'post'\n")
    text = FAX.replace('name = "fax"', "name = words.NAME").replace('{"fax":', '{"stamp":')
    (own / "post" / "__init__.py").write_text(f"from . import words\n{text}")
    (own / "_helper.py").write_text("raise RuntimeError\n")
    (own / "notes.md").write_text("notes\n")
    (own / "empty").mkdir()
    assert {"fax", "post"} <= set(plugins_of(config).actions)


def test_the_same_name_twice(config: Path) -> None:
    """A file beside a folder of its name, and one that is named like a built-in plugin."""
    (config / "own" / "fax").mkdir()
    (config / "own" / "fax" / "__init__.py").write_text(FAX)
    with pytest.raises(PluginError, match='already a plugin "fax"; rename the file'):
        plugins_of(config)
    (config / "own" / "fax" / "__init__.py").unlink()
    (config / "own" / "email.py").write_text(FAX)
    with pytest.raises(PluginError, match='plugin "email", which leadrules itself has already'):
        plugins_of(config)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def x(:\n", r"fax\.py:1: .*SyntaxError"),
        ("\nimport nowhere\n", r"fax\.py:2: .*No module named 'nowhere'"),
        ("\n\ndef f():\n    raise KeyError('k')\nf()\n", r"fax\.py:4: .*KeyError"),
    ],
)
def test_a_file_that_cannot_be_loaded(config: Path, text: str, said: str) -> None:
    """The error names the file and the line; there is no traceback."""
    (config / "own" / "fax.py").write_text(text)
    with pytest.raises(PluginError, match=said):
        plugins_of(config)
    done = leadrules("validate", str(config))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_hooks_are_traced(config: Path) -> None:
    """LEADRULES_TRACE_PLUGINS prints each call of a hook to standard error."""
    done = leadrules("plugins", "fax", "--config", str(config), LEADRULES_TRACE_PLUGINS="1")
    assert "register_actions [hook]" in done.stderr
    assert "extend_catalogue" in done.stderr
    assert "fax" in done.stdout
    assert leadrules("plugins", "fax", "--config", str(config)).stderr == ""
