"""What is done with a lead, typed: routing, journeys, messages, and the server that does it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.language.diagnostic import Source
from engine.language.rules import Condition, Span, Struct
from engine.language.serving import Serving

# --- routing ---------------------------------------------------------------------------------


class Away(Struct, frozen=True, kw_only=True):
    """A member's absence, both instants in milliseconds, ``until`` exclusive."""

    since: int
    until: int


class Member(Struct, frozen=True, kw_only=True):
    """A salesperson in a team."""

    id: str
    name: str
    email: str | None
    capacity: int | None
    weight: int
    skills: tuple[str, ...]
    areas: tuple[str, ...]  # cities, provinces, industries and products of the territory
    away: tuple[Away, ...]
    source: Source


class Team(Struct, frozen=True, kw_only=True):
    """A sales team; its supervisor hears of escalations."""

    id: str
    label: str | None
    supervisor: str | None
    members: tuple[Member, ...]
    source: Source


class Route(Struct, frozen=True, kw_only=True):
    """One routing rule; the first whose condition holds decides."""

    id: str
    when: Condition | None
    team: str | None
    strategy: str | None
    by: str | None  # the fact that `territory` compares
    member: str | None  # for `designated`
    pool: str | None
    source: Source


class Rung(Struct, frozen=True, kw_only=True):
    """One step of the ladder that a late follow-up climbs."""

    after: Span
    do: str  # remind, escalate or recycle
    to: str | None
    source: Source


class Sla(Struct, frozen=True, kw_only=True):
    """The clocks that start when a lead is assigned."""

    id: str
    when: Condition | None
    clocks: tuple[tuple[str, Span], ...]  # notify, accept, first_contact
    calendar: str
    rungs: tuple[Rung, ...]
    source: Source


class Pool(Struct, frozen=True, kw_only=True):
    """A public pool (公海) of leads without an owner."""

    id: str
    label: str | None
    source: Source


class Routing(Struct, frozen=True, kw_only=True):
    """Teams, the rules that choose among them, clocks and pools."""

    teams: Mapping[str, Team]
    rules: tuple[Route, ...]
    slas: tuple[Sla, ...]
    pools: Mapping[str, Pool]


# --- journeys --------------------------------------------------------------------------------


class Step(Struct, frozen=True, kw_only=True):
    """One step of a journey.

    ``kind`` is send, do, task, wait, branch, set, score, route or end; ``with_`` holds what
    that kind needs (message name, action parameters, task texts, values to set). ``next``
    None falls through to the step below; ``end`` ends.
    """

    id: str
    kind: str
    with_: Mapping[str, Any]
    next: str | None
    source: Source
    events: tuple[str, ...] = ()
    where: Condition | None = None
    of: str | None = None
    span: Span | None = None
    since: str | None = None
    then: str | None = None
    otherwise: str | None = None
    cases: tuple[tuple[Condition, str], ...] = ()


class Journey(Struct, frozen=True, kw_only=True):
    """A nurturing journey. ``reentry`` None: never, 0: always, else milliseconds after leaving."""

    id: str
    label: str | None
    when: Condition | None
    events: tuple[str, ...]
    where: Condition | None
    reentry: int | None
    exit_when: Condition | None
    exit_events: tuple[str, ...]
    goal_when: Condition | None
    goal_events: tuple[str, ...]
    steps: tuple[Step, ...]
    source: Source
    exit_where: Condition | None = None
    goal_where: Condition | None = None

    def step(self, id: str) -> Step | None:
        """Return the step with this id, or None."""
        return next((s for s in self.steps if s.id == id), None)

    def after(self, step: Step) -> Step | None:
        """Return the step that stands below ``step``, or None at the end."""
        index = self.steps.index(step) + 1
        return self.steps[index] if index < len(self.steps) else None


class Message(Struct, frozen=True, kw_only=True):
    """Something to send: an action's connection, a subject and a body as templates."""

    id: str
    label: str | None
    action: str
    topic: str | None
    subject: str | None
    text: str | None
    html: str | None
    to: str | None  # the fact that holds the address; the action's default when None
    stale_after: int
    source: Source
    deadline: int | None = None  # ms after it was queued; not sent later


# --- server ----------------------------------------------------------------------------------


class Limits(Struct, frozen=True, kw_only=True):
    """How much a provider is asked at once, and for how long; None: as somebody else says.

    ``burst`` is how many may go at one instant under a rate. ``max_age`` and ``deadline`` are
    milliseconds since the delivery was queued: older ones are given up, later ones not sent.
    """

    concurrency: int | None = None
    per_second: float | None = None
    per_minute: float | None = None
    burst: int | None = None
    attempts: int | None = None
    max_age: int | None = None
    deadline: int | None = None


class Connection(Struct, frozen=True, kw_only=True):
    """A configured use of an action plugin, with its parameters as written."""

    name: str
    plugin: str
    params: Mapping[str, Any]
    source: Source
    limits: Limits = Limits()


class Server(Struct, frozen=True, kw_only=True):
    """Where this installation differs from others: database, connections, tokens.

    ``network`` answers the conditions of scoring rules: own or durable.
    """

    database: str
    connections: Mapping[str, Connection]
    zone: str
    settings: Mapping[str, Any]
    serving: Serving = Serving()
    network: str = "own"
    network_source: Source | None = None
