"""An open store in a temporary folder, and leads to put in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.store.database import Store
from engine.store.reading import Reader


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """The writer's side of a new database."""
    store = Store(tmp_path / "leads.db")
    yield store
    store.close()


@pytest.fixture
def reader(store: Store) -> Iterator[Reader]:
    """The readers' side of the same database."""
    reader = Reader(store.path)
    yield reader
    reader.close()
