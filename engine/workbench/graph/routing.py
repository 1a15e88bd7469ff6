"""Routing drawn: the rules in their order, whom they choose, and the clocks that start then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from engine.language.definitions import Condition, Member, Pool, Recycle, Route, Sla, Team
from engine.language.label import Text
from engine.language.wording import write, write_span
from engine.network.ruleset import Ruleset
from engine.workbench.graph.model import CHOICE, START, STORE, Cluster, Edge, Node, name

_MOST_MEMBERS: Final = 12


def routing(ruleset: Ruleset) -> list[Cluster]:
    """Return the frames of the routing rules, and of SLAs and recycling where there are any."""
    slas = [rule.definition for rule in ruleset.slas]
    clocks = [_slas(slas)] if slas else []
    return [_routes(ruleset), *clocks, *([_recycling(ruleset)] if ruleset.recycles else [])]


def _routes(ruleset: Ruleset) -> Cluster:
    rules = [rule.definition for rule in ruleset.routes]
    start = Node(name("routing", "start"), ("a lead is sent to routing",), START)
    nodes = [start, *(_rule(route.id, route.when, ("route",)) for route in rules)]
    nodes += _targets(ruleset, rules)
    edges = [Edge(start.id, name("route", rules[0].id))]
    for route, below in zip(rules, [*rules[1:], None], strict=True):
        edges += _choices(route, below)
    return Cluster("routing", "routing", tuple(nodes), tuple(edges))


def _rule(id: str, when: Condition | None, kind: tuple[str, ...]) -> Node:
    return Node(name(*kind, id), (id, write(when) if when else "always"), CHOICE)


def _targets(ruleset: Ruleset, rules: Sequence[Route]) -> Iterator[Node]:
    """Yield the teams and pools that any rule chooses, each once."""
    for team in dict.fromkeys(route.team for route in rules if route.team):
        yield _team(ruleset.teams[team])
    for pool in dict.fromkeys(route.pool for route in rules if route.pool):
        yield _pool(pool, ruleset.pools.get(pool))


def _team(team: Team) -> Node:
    more = len(team.members) - _MOST_MEMBERS
    people = [_member(member) for member in team.members[:_MOST_MEMBERS]]
    lines = [_titled(team.id, team.label), *people, *([f"and {more} more"] if more > 0 else [])]
    return Node(name("team", team.id), tuple(lines))


def _member(member: Member) -> str:
    areas = f": {', '.join(member.areas)}" if member.areas else ""
    return f"{member.name} ({member.id}){areas}"


def _pool(id: str, pool: Pool | None) -> Node:
    return Node(name("pool", id), (_titled(id, pool.label if pool else None),), STORE)


def _titled(id: str, label: Text | None) -> str:
    return f"{id} {label}" if label else id


def _choices(route: Route, below: Route | None) -> Iterator[Edge]:
    start = name("route", route.id)
    if route.pool:
        yield Edge(start, name("pool", route.pool), "yes" if route.when else "")
    else:
        yield Edge(start, name("team", route.team or ""), _how(route))
    if below is None:
        return
    if route.pool is None:
        label = "no, or nobody is free" if route.when else "nobody is free"
        yield Edge(start, name("route", below.id), label)
    elif route.when:
        yield Edge(start, name("route", below.id), "no")


def _how(route: Route) -> str:
    strategy = route.strategy or ""
    strategy += f" by {route.by}" if route.by else ""
    strategy += f" {route.member}" if route.member else ""
    return f"yes: {strategy}" if route.when else strategy


# --- recycling -------------------------------------------------------------------------------


def _recycling(ruleset: Ruleset) -> Cluster:
    """Draw what takes leads back: every rule for itself, into its pool."""
    start = Node(name("recycle", "start"), ("somebody has a lead",), START)
    pools = dict.fromkeys(rule.pool for rule in ruleset.recycles)
    nodes = [start, *(_recycle(rule.definition) for rule in ruleset.recycles)]
    for id in pools:
        label = _titled(id, ruleset.pools[id].label)
        nodes.append(Node(name("recycle", "pool", id), (label,), STORE))
    edges = []
    for rule in ruleset.recycles:
        place = name("recycle", "rule", rule.definition.id)
        edges += [Edge(start.id, place), Edge(place, name("recycle", "pool", rule.pool), "yes")]
    return Cluster("recycle", "recycle", tuple(nodes), tuple(edges))


def _recycle(rule: Recycle) -> Node:
    idle = [f"no follow-up for {write_span(rule.idle)}"] if rule.idle else []
    lines = (rule.id, *([write(rule.when)] if rule.when else []), *idle)
    return Node(name("recycle", "rule", rule.id), lines, CHOICE)


# --- SLAs ------------------------------------------------------------------------------------


def _slas(slas: Sequence[Sla]) -> Cluster:
    start = Node(name("sla", "start"), ("a lead is given to somebody",), START)
    nodes, edges = [start], [Edge(start.id, name("sla", "rule", slas[0].id))]
    for sla, below in zip(slas, [*slas[1:], None], strict=True):
        choice = _rule(sla.id, sla.when, ("sla", "rule"))
        ladder = list(_ladder(sla))
        nodes += [choice, *ladder]
        edges.append(Edge(choice.id, ladder[0].id, "yes" if sla.when else ""))
        edges += (Edge(low.id, high.id, "late") for low, high in pairwise(ladder))
        if below is not None and sla.when:
            edges.append(Edge(choice.id, name("sla", "rule", below.id), "no"))
    return Cluster("sla", "sla", tuple(nodes), tuple(edges))


def _ladder(sla: Sla) -> Iterator[Node]:
    """Yield the clocks, then each rung of what happens when nobody follows up."""
    clocks = [f"{clock}: {write_span(span)}" for clock, span in sla.clocks] or ["no clocks"]
    still = [f"standing still while {write(sla.pause)}"] if sla.pause else []
    yield Node(name("sla", "clocks", sla.id), (*clocks, *still))
    for number, rung in enumerate(sla.rungs, 1):
        to = f" to {rung.to}" if rung.to else ""
        lines = (f"after {write_span(rung.after)}", f"{rung.do}{to}")
        yield Node(name("sla", "rung", sla.id, str(number)), lines)
