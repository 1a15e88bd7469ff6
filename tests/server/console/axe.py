"""axe-core in a browser's page: what people with impairments would stumble over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.node_peers import node_package

_ASSETS = Path(__file__).parents[3] / "engine/server/console/assets/package.json"
_RULES = "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa'], resultTypes: ['violations']})"


def axe_core() -> str:
    """Return axe-core's script, of the version that the console's assets name; skips without npm."""
    version = json.loads(_ASSETS.read_text("utf-8"))["devDependencies"]["axe-core"]
    folder = node_package("axe-core", version)
    return (folder / "node_modules/axe-core/axe.min.js").read_text("utf-8")


def offences(page: Any, script: str) -> list[tuple[str, str]]:
    """Return the serious and critical offences against WCAG 2.1 AA: rule, and where first."""
    page.evaluate(script)
    found = page.evaluate(_RULES)["violations"]
    bad = [each for each in found if each["impact"] in {"serious", "critical"}]
    return [(each["id"], each["nodes"][0]["html"][:160]) for each in bad]
