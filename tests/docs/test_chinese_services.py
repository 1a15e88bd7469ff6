"""The pages of Chinese services: their YAML is whole, and every setting has its place."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.host.plugins import Plugins
from engine.language.lint.running import lint
from engine.language.load import load_folder
from engine.network.ruleset import Ruleset
from plugins.channels.answers import MAPPING
from tests.docs.pages import DOCS, blocks, code, read, rows, section
from tests.docs.test_examples import BASES, findings

PAGES = {
    "sms_aliyun": ("sms.md", "sms_aliyun"),
    "sms_tencent": ("sms.md", "sms_tencent"),
    "dingtalk": ("dingtalk.md", "dingtalk"),
    "dingtalk.notice": ("dingtalk.md", "dingtalk.notice"),
    "feishu": ("feishu.md", "Feishu: feishu"),
    "apprise": ("apprise.md", "Apprise: apprise"),
}


def told(text: str) -> dict[str, bool]:
    """Return the settings in the first column of tables headed "setting", bold ones True."""
    found = {}
    for head, _, table in re.findall(r"^\| (setting[^|]*) \|(.*)\n((?:\|.*\n?)*)", text, re.M):
        assert head.startswith("setting")
        for cells in rows(f"| setting | meaning |\n{table}"):
            for part in cells[0].split(", "):
                found[code(part)[0]] = part.startswith("**")
    return found


@pytest.mark.parametrize("action", PAGES)
def test_every_setting_of_an_action_is_told(action: str) -> None:
    """Each setting has its row, required ones in bold, and no other has one."""
    page, heading = PAGES[action]
    schema = Plugins(entry_points=False).actions[action].connection_schema
    wanted = {name: name in schema["required"] for name in schema["properties"]}
    assert told(section(read(f"plugins/{page}"), heading)) == wanted


def names(schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of settings, down to those that all form channels share."""
    for name, inner in schema.get("properties", {}).items():
        yield name
        if name not in MAPPING and name != "forms":
            yield from names(inner)


@pytest.mark.parametrize(
    ("channel", "page"), [("sms_receipts", "sms.md"), ("forms_cn", "forms_cn.md")]
)
def test_every_setting_of_a_channel_is_told(channel: str, page: str) -> None:
    """Each setting of a channel has its row."""
    text = read(f"plugins/{page}")
    own = section(text, "sms_receipts") if channel == "sms_receipts" else text
    assert set(told(own)) == set(names(Plugins(entry_points=False).channels[channel].config_schema))


def test_the_message_of_the_page_goes_out_by_its_connection(tmp_path: Path) -> None:
    """Connection and message of sms.md load together without findings, from `lint` too."""
    folder = tmp_path / "config"
    shutil.copytree(BASES["config"], folder)
    server, message = [b.text for b in blocks(DOCS / "plugins" / "sms.md") if b.language == "yaml"]
    (folder / "server.yaml").write_text(server, "utf-8")
    (folder / "messages").mkdir()
    (folder / "messages.yaml").rename(folder / "messages" / "others.yaml")
    (folder / "messages" / "sms.yaml").write_text(message, "utf-8")
    loaded = load_folder(folder, {}, Plugins(entry_points=False).extensions)
    assert findings(loaded) == []
    assert loaded.definitions is not None
    Ruleset(loaded.definitions)
    assert loaded.definitions.messages["trial-offer"].channel == "sms"
    said = lint(loaded, loaded.definitions, 0).diagnostics
    assert "sms-without-opt-out" not in {each.code for each in said}
