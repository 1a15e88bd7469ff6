"""The leads in use, kept decoded: bounded, the least recently used goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final

from engine.machines.directory import Identity
from engine.machines.state import Lead

_LINKS: Final = 4  # identities for each lead, on average


class LeadCache:
    """Up to ``most`` committed leads by id, and by which identities they are known.

    What it returns must not be changed.
    """

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._leads: OrderedDict[str, Lead] = OrderedDict()
        self._links: dict[Identity, str] = {}

    def get(self, id: str) -> Lead | None:
        """Return a lead, if it is here."""
        lead = self._leads.get(id)
        if lead is not None:
            self._leads.move_to_end(id)
        return lead

    def drop(self, id: str) -> None:
        """Know a lead no longer."""
        self._leads.pop(id, None)

    def put(self, leads: Iterable[Lead]) -> None:
        """Keep leads as they were committed."""
        for lead in leads:
            self._leads[lead.id] = lead
            self._leads.move_to_end(lead.id)
        while len(self._leads) > self._most:
            self._leads.popitem(last=False)

    def clear(self) -> None:
        """Know nothing."""
        self._leads.clear()
        self._links.clear()

    # --- identities --------------------------------------------------------------------------

    def known(self, identities: Iterable[Identity]) -> dict[Identity, str]:
        """Return whom of the leads that are here these identities mean."""
        links, leads = self._links, self._leads
        found = {}
        for identity in identities:
            lead = links.get(identity)
            if lead is not None and lead in leads:  # else it may have been merged or forgotten
                found[identity] = lead
        return found

    def link(self, links: Mapping[Identity, str]) -> None:
        """Keep whom identities mean, as it was committed."""
        if len(self._links) > _LINKS * self._most:
            self._links.clear()
        self._links.update(links)

    def unlink(self) -> None:
        """Know no identities any more: some mean another lead now."""
        self._links.clear()
