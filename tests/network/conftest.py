"""One configuration with every kind of rule, for the tests that ask about rules."""

from __future__ import annotations

import pytest

from engine.language.definitions import Definitions
from engine.network.ruleset import Ruleset
from tests.network.configured import configured


@pytest.fixture(scope="session")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> Definitions:
    """What `configured.py` says, read once."""
    return configured(tmp_path_factory.mktemp("whole")).definitions


@pytest.fixture
def whole(definitions: Definitions) -> Ruleset:
    """The same, compiled anew for each test, so that what is compiled is what it tests."""
    return Ruleset(definitions)
