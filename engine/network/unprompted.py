"""What has to be looked at of a new lead although nothing has told of it: what it lacks.

A silence begins with the lead's creation, a missing field is missing from then on, and of no
events there have been none: such conditions hold, or come to hold, without any change.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.language.definitions import Absence, Aggregate, Not, Test
from engine.network.condition import Compiled


def unprompted(conditions: Iterable[Compiled]) -> frozenset[str]:
    """Return the facts and windows that are read by conditions on what a lead lacks."""
    names = [when.reads | when.windows for when in conditions if _asks_for_less(when)]
    return frozenset[str]().union(*names)


def _asks_for_less(when: Compiled) -> bool:
    definition = when.definition
    if isinstance(definition, Test):
        return definition.op == "exists" and definition.operand is False
    if isinstance(definition, Not | Absence | Aggregate):
        return True
    return any(map(_asks_for_less, when.parts))
