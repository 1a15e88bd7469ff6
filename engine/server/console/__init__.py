"""The console: pages for ops people, sales managers and salespeople, in Chinese and English."""

from __future__ import annotations

from typing import Final

from engine.server.console import (
    accounts,
    audit,
    day,
    deeds,
    deliveries,
    entering,
    experiments,
    files,
    inbox,
    journeys,
    lead,
    leads,
    live,
    many,
    overview,
    people,
    reports,
    routing,
    rules,
)
from engine.server.endpoint import Endpoint

_PAGES: Final = (
    *(overview, day, leads, many, lead, deeds, journeys, experiments, reports),
    *(routing, people, deliveries, rules, audit, live, inbox, entering, accounts, files),
)
ENDPOINTS: Final[tuple[Endpoint, ...]] = tuple(e for each in _PAGES for e in each.ENDPOINTS)
