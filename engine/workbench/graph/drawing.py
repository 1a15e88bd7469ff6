"""Which graphs there are, and in which notations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from engine.network.ruleset import Ruleset
from engine.workbench.graph.dot import as_dot
from engine.workbench.graph.journeys import journeys
from engine.workbench.graph.lifecycle import lifecycle
from engine.workbench.graph.mermaid import as_mermaid
from engine.workbench.graph.model import Cluster
from engine.workbench.graph.routing import routing

GRAPHS: Final[Mapping[str, Callable[[Ruleset], list[Cluster]]]] = {
    "journeys": journeys,
    "routing": routing,
    "lifecycle": lifecycle,
}
NOTATIONS: Final[Mapping[str, Callable[[Sequence[Cluster]], Iterator[str]]]] = {
    "mermaid": as_mermaid,
    "dot": as_dot,
}


def draw(ruleset: Ruleset, what: str | None, notation: str) -> Iterator[str]:
    """Yield the lines of one of GRAPHS, of all of them for None, in one of NOTATIONS.

    The same configuration gives the same lines, and an edit changes only those about it.
    """
    wanted = list(GRAPHS) if what is None else [what]
    return NOTATIONS[notation]([cluster for each in wanted for cluster in GRAPHS[each](ruleset)])
