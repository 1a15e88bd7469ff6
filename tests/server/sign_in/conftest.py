from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from engine.reports.index import REPORTS
from engine.server.auth import Access
from engine.server.sign_in.attempts import (
    FREE,
    FREE_HERE,
    LONGEST_HERE_S,
    LONGEST_S,
    Attempts,
)
from engine.server.sign_in.passwords import Hasher
from tests.server.sign_in.house import ADMIN, BEARER
from tests.serving import form, served, write_config


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Serve with an administrator's token, and one lead that is Li Na's; hashes are cheap."""
    folder = tmp_path_factory.mktemp("house")
    config = write_config(folder / "config")
    with served(config, folder / "leads.db", Access.token(ADMIN), reports=REPORTS) as client:
        client.app.state.desk.accounts.hasher = Hasher(passes=1, kib=64)  # type: ignore[attr-defined]
        client.post("/v1/events", json=form(1, company="金泰阀门"), headers=BEARER)
        client.post("/v1/events", json=form(2), headers=BEARER)
        yield client


@pytest.fixture
def client(house: TestClient) -> TestClient:
    """Visit with a browser that knows nothing yet, nobody having failed; waits do not pass."""
    house.cookies.clear()
    desk = house.app.state.desk  # type: ignore[attr-defined]
    desk._by_address = Attempts(FREE_HERE, LONGEST_HERE_S, lambda: 0.0)
    desk._by_account = Attempts(FREE, LONGEST_S, lambda: 0.0)
    return house
