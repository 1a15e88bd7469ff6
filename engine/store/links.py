"""Narrow tables beside the leads: by which keys a lead is found, kept as its facts change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from engine.machines.state import Lead
from engine.store import rows
from engine.store.bulk import Insert, Target

_GONE: Final = "DELETE FROM {table} WHERE lead IN (SELECT value FROM json_each(?))"


class Links:
    """A ``table`` with a ``key`` column and ``lead``; ``keys`` makes a lead's from these facts."""

    def __init__(
        self, table: str, key: str, facts: tuple[str, ...], keys: Callable[[Lead], Iterable[str]]
    ) -> None:
        self.facts = facts
        self._keys = keys
        self._gone = _GONE.format(table=table)
        self._link = Insert(f"{table} ({key}, lead)", 2, "ON CONFLICT DO NOTHING")

    def refresh(self, target: Target, leads: Iterable[Lead], stored: Mapping[str, Lead]) -> None:
        """Bring these leads' rows up to date; ``stored`` has the leads as they were."""
        changed = [lead for lead in leads if not self._same(stored.get(lead.id), lead)]
        known = [lead.id for lead in changed if lead.id in stored]
        found = [(key, lead.id) for lead in changed for key in self._keys(lead)]
        if known:
            target.execute(self._gone, (rows.to_json(known),))
        self._link.write(target, found)

    def _same(self, before: Lead | None, lead: Lead) -> bool:
        if before is None:
            return all(lead.facts.get(name) is None for name in self.facts)
        return rows.same_facts(before, lead, self.facts)
