"""Every report by its name: functions of what can be read and of the rules in use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.network.ruleset import Ruleset
from engine.reports.funnel import Funnel, funnel
from engine.store.reading import Reader

Report = Callable[[Reader, Ruleset], Any]


def funnel_report(reader: Reader, ruleset: Ruleset) -> Funnel:
    """Return the funnel of the whole database."""
    return funnel(reader.stage_entries(), ruleset.definitions.lifecycle)


REPORTS: Final[Mapping[str, Report]] = {"funnel": funnel_report}
