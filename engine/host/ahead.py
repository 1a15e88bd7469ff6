"""What is decided and not yet durable, for those who decide meanwhile what comes next.

While another process writes a batch, the next ones are decided upon what it will have brought.
Should it fail, all that stands here is forgotten, and decided anew upon the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from engine.machines.directory import Identity
from engine.machines.state import Lead, Teams


class Brought(NamedTuple):
    """What a batch brings: leads and events (whose) by id, identities, teams, newest ``at``."""

    leads: Mapping[str, Lead]
    events: Mapping[str, str]
    links: Mapping[Identity, str]
    teams: Teams
    newest: int | None


class Ahead:
    """What the database does not have yet: leads, events, identities, teams and the time."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Know nothing."""
        self.leads: dict[str, Lead] = {}
        self.events: dict[str, str] = {}
        self.links: dict[Identity, str] = {}
        self.teams: Teams | None = None
        self.newest: int | None = None

    def add(self, brought: Brought) -> None:
        """Know what a batch will have brought."""
        self.leads.update(brought.leads)
        self.events.update(brought.events)
        self.links.update(brought.links)
        self.teams = brought.teams
        if brought.newest is not None:
            self.newest = max(brought.newest, self.newest or brought.newest)

    def settle(self, brought: Brought) -> None:
        """Take out what is durable now, and was not changed since."""
        for id, lead in brought.leads.items():
            if self.leads.get(id) is lead:
                del self.leads[id]
        for event in brought.events:
            self.events.pop(event, None)
        for link in brought.links:
            self.links.pop(link, None)
        if self.teams is brought.teams:
            self.teams = None
