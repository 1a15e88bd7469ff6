"""Rulesets to test with: the default configuration, and small ones written in a test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.language.load import load_folder
from engine.network.ruleset import Ruleset

CONFIG = Path(__file__).parents[2] / "config"
ROUTING = "pools: {public: {label: 公海池}}\nrules: [{id: rest, assign: {pool: public}}]\n"


@pytest.fixture(scope="session")
def default_rules() -> Ruleset:
    """The default configuration, compiled."""
    loaded = load_folder(CONFIG)
    assert loaded.definitions is not None, loaded.diagnostics
    return Ruleset(loaded.definitions)


@pytest.fixture
def rules(tmp_path: Path) -> Callable[..., Ruleset]:
    """Compiles the files given by kind; routing to a pool and no journeys unless given."""

    def build(**files: str) -> Ruleset:
        texts = {"routing": ROUTING, "journeys": "journeys: []\n", **files}
        for kind, text in texts.items():
            (tmp_path / f"{kind}.yaml").write_text(text, encoding="utf-8")
        loaded = load_folder(tmp_path)
        assert loaded.definitions is not None, loaded.diagnostics
        return Ruleset(loaded.definitions)

    return build
