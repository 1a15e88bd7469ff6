from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from engine.reports.index import REPORTS
from tests.serving import served, write_config


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Write the small company's configuration."""
    return write_config(tmp_path / "config")


@pytest.fixture
def client(config: Path, tmp_path: Path) -> Iterator[TestClient]:
    """Serve it to a client on this machine, without a token."""
    with served(config, tmp_path / "leads.db", reports=REPORTS) as client:
        yield client
