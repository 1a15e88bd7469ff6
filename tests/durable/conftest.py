"""Says at the end which seed the differential test ran with, and how much it compared."""

from __future__ import annotations

from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter

from tests.durable.small import write


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print what the differential test recorded, whether it passed or failed."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in getattr(report, "user_properties", ()):
                if name == "differential":
                    terminalreporter.write_line(f"durable-rules {name} test: {value}")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration that durable-rules can carry, and asks for it."""
    return write(tmp_path / "config")
