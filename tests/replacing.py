"""Tests that put something else in the place of a function: where it is compiled they can't."""

from __future__ import annotations

import os

import pytest

REPLACING = pytest.mark.skipif(
    bool(os.environ.get("LEADRULES_COMPILED")), reason="what is compiled does not see it replaced"
)
