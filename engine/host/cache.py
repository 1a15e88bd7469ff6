"""The leads in use, kept decoded: bounded, the least recently used goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from engine.machines.state import Lead


class LeadCache:
    """Up to ``most`` committed leads by id. What it returns must not be changed."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._leads: OrderedDict[str, Lead] = OrderedDict()

    def get(self, id: str) -> Lead | None:
        """Return a lead, if it is here."""
        lead = self._leads.get(id)
        if lead is not None:
            try:
                self._leads.move_to_end(id)
            except KeyError:  # another thread has made room meanwhile
                return None
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
