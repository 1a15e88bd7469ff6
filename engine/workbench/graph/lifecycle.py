"""The lifecycle drawn: stages, and what moves a lead from one to the next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from engine.language.definitions import Stage
from engine.language.wording import names, write
from engine.network.ruleset import Ruleset
from engine.workbench.graph.model import ACTION, END, NOTE, START, Cluster, Edge, Node, name

_ANY: Final = name("stages", "open")


def lifecycle(ruleset: Ruleset) -> list[Cluster]:
    """Return the frame of the stages; one node stands for "from any stage that is open"."""
    stages = [rule.definition for rule in ruleset.stages.values()]
    first, others = stages[0], stages[1:]
    nodes = [_stage(stage, stage is first) for stage in stages]
    if any(stage.enter_from is None for stage in others):
        nodes.append(Node(_ANY, ("any open stage",), NOTE))
    edges = tuple(edge for stage in others for edge in _ways(stage))
    return [Cluster("lifecycle", "lifecycle", tuple(nodes), edges)]


def _stage(stage: Stage, is_first: bool) -> Node:
    shape = START if is_first else END if stage.final else ACTION
    lines = [stage.id]
    lines += [str(stage.label)] if stage.label else []
    lines += [f"requires {', '.join(stage.requires)}"] if stage.requires else []
    return Node(_id(stage.id), tuple(lines), shape)


def _id(stage: str) -> str:
    return name("stage", stage)


def _ways(stage: Stage) -> Iterator[Edge]:
    label, by_hand = _moved_by(stage), not (stage.when or stage.events)
    if stage.enter_from is None:
        yield Edge(_ANY, _id(stage.id), label, by_hand)
    for start in stage.enter_from or ():
        yield Edge(_id(start), _id(stage.id), label, by_hand)


def _moved_by(stage: Stage) -> str:
    """Say what enters a stage by itself."""
    parts = [names(stage.events)] if stage.events else []
    parts += [write(stage.where, "event.")] if stage.where else []
    parts += [write(stage.when)] if stage.when else []
    return ", ".join(parts) or "by hand"
