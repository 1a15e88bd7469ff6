"""What the console has, and who sees what of it."""

from __future__ import annotations

from typing import Final

import msgspec

from engine.server.roles import Principal


class Entry(msgspec.Struct, frozen=True):
    """A line of the menu; its words stand under ``menu.NAME``."""

    name: str
    path: str
    scope: str


MENU: Final[tuple[tuple[str, tuple[Entry, ...]], ...]] = (
    (
        "work",
        (
            Entry("overview", "/console/", "read"),
            Entry("day", "/console/day", "work"),
            Entry("leads", "/console/leads", "leads"),
        ),
    ),
    (
        "marketing",
        (
            Entry("journeys", "/console/journeys", "read"),
            Entry("experiments", "/console/experiments", "read"),
            Entry("reports", "/console/reports", "leads"),
        ),
    ),
    (
        "sales",
        (
            Entry("routing", "/console/routing", "read"),
            Entry("people", "/console/people", "read"),
        ),
    ),
    (
        "system",
        (
            Entry("deliveries", "/console/deliveries", "read"),
            Entry("rules", "/console/rules", "read"),
            Entry("audit", "/console/audit", "admin"),
        ),
    ),
)


def menu_of(who: Principal, active: str) -> list[tuple[str, list[tuple[Entry, bool]]]]:
    """Return the menu's groups for somebody, each entry with whether one is there."""
    groups = [
        (group, [(entry, entry.name == active) for entry in entries if who.may(entry.scope)])
        for group, entries in MENU
    ]
    return [(group, entries) for group, entries in groups if entries]
