"""The ways from stage to stage."""

from __future__ import annotations

from collections.abc import Sequence

from engine.language.rules import Stage


def leads_to(stage: Stage, other: Stage) -> bool:
    """Whether a lead in ``stage`` may enter ``other``."""
    if stage.id == other.id:
        return False
    return stage.id in other.enter_from if other.enter_from is not None else not stage.final


def reachable(stages: Sequence[Stage]) -> set[str]:
    """Return the stages that a lead can get into, from the first one on."""
    found, open_ = {stages[0].id}, [stages[0]]
    while open_:
        stage = open_.pop()
        for other in stages:
            if other.id not in found and leads_to(stage, other):
                found.add(other.id)
                open_.append(other)
    return found
