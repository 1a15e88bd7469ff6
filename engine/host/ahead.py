"""What is decided and not yet durable, for those who decide meanwhile what comes next.

While another process writes a batch, the next ones are decided upon what it will have brought.
Should it fail, all that stands here is forgotten, and decided anew upon the database.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.machines.directory import Identity
from engine.machines.state import Lead, Teams


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

    def add(
        self,
        leads: Mapping[str, Lead],
        events: Mapping[str, str],
        links: Mapping[Identity, str],
        teams: Teams,
        newest: int | None,
    ) -> None:
        """Know what a batch will have brought: its leads, events, links, teams, newest ``at``."""
        self.leads.update(leads)
        self.events.update(events)
        self.links.update(links)
        self.teams = teams
        if newest is not None:
            self.newest = newest if self.newest is None else max(newest, self.newest)

    def settle(
        self,
        leads: Mapping[str, Lead],
        events: Mapping[str, str],
        links: Mapping[Identity, str],
        teams: Teams,
    ) -> None:
        """Take out what is durable now, and was not changed since."""
        for id, lead in leads.items():
            if self.leads.get(id) is lead:
                del self.leads[id]
        for event in events:
            self.events.pop(event, None)
        for link in links:
            self.links.pop(link, None)
        if self.teams is teams:
            self.teams = None
