from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from engine.reports.funnel import funnel
from tests.serving import served, write_config


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Write the small company's configuration."""
    return write_config(tmp_path / "config")


@pytest.fixture
def client(config: Path, tmp_path: Path) -> Iterator[TestClient]:
    """Serve it to a client on this machine, without a token."""

    def report(reader: object, ruleset: object) -> object:
        entries = reader.stage_entries()  # type: ignore[attr-defined]
        return funnel(entries, ruleset.definitions.lifecycle)  # type: ignore[attr-defined]

    with served(config, tmp_path / "leads.db", reports={"funnel": report}) as client:
        yield client
