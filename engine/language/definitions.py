"""What a configuration says, typed, each thing with the place where it was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from engine.language.calendars import Calendar
from engine.language.catalogue import Catalogue
from engine.language.diagnostic import Source
from engine.language.serving import Serving

if TYPE_CHECKING:
    from engine.language.intake import Intake


class Struct(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all definitions: frozen, built by keyword."""


# --- durations -------------------------------------------------------------------------------


class Span(Struct, frozen=True, kw_only=True):
    """A length of time: plain milliseconds, or working hours or days of a calendar."""

    ms: int = 0
    working: int = 0
    unit: str = ""  # "hours" or "days" when working

    @property
    def is_working(self) -> bool:
        """Whether it is counted in the working time of a calendar."""
        return bool(self.unit)


# --- conditions ------------------------------------------------------------------------------


class FieldRef(Struct, frozen=True, kw_only=True):
    """An operand read from another fact of the same lead."""

    fact: str


class Test(Struct, frozen=True, kw_only=True):
    """One predicate on one fact, such as ``lead.employees gte 500``.

    ``fact`` is canonical: ``lead.X``, ``event.X``, ``score.MODEL.DIMENSION``, ``grade``,
    ``stage``, ``owner``, ``team`` or ``journey.ID``. ``ranks`` orders an ordered enum.
    """

    fact: str
    op: str
    operand: Any
    family: str
    source: Source
    ranks: tuple[str, ...] = ()


class All(Struct, frozen=True, kw_only=True):
    """Holds while every item holds; empty holds always."""

    items: tuple[Condition, ...]
    source: Source


class AnyOf(Struct, frozen=True, kw_only=True):
    """Holds while at least one item holds."""

    items: tuple[Condition, ...]
    source: Source


class Not(Struct, frozen=True, kw_only=True):
    """Holds while its item does not."""

    item: Condition
    source: Source


class Aggregate(Struct, frozen=True, kw_only=True):
    """A count, sum, max or last over matching events, compared with a number.

    ``window`` names the state on the lead that equal aggregates share.
    """

    kind: str
    events: tuple[str, ...]
    where: Condition | None
    of: str | None
    within: int | None
    tests: tuple[tuple[str, Any], ...]
    window: str
    source: Source


class Absence(Struct, frozen=True, kw_only=True):
    """Holds from ``span`` after the last matching event on; anchored at creation without any."""

    events: tuple[str, ...]
    where: Condition | None
    span: int
    window: str
    source: Source


class Guard(Struct, frozen=True, kw_only=True):
    """Holds at certain times of day and days of the week; never wakes a rule by itself."""

    start: int | None  # minutes since midnight
    end: int | None
    days: tuple[int, ...]  # 0 = Monday; empty: every day
    calendar: str | None
    zone: str
    source: Source


Condition = Test | All | AnyOf | Not | Aggregate | Absence | Guard


# --- scoring ---------------------------------------------------------------------------------


class Repeat(Struct, frozen=True, kw_only=True):
    """How often an event rule scores: once, each, or at most n per duration."""

    at_most: int | None = None  # None: each
    per: int | None = None  # None with at_most 1: once


class Dimension(Struct, frozen=True, kw_only=True):
    """A part of a score; its total is kept between ``min`` and ``max``."""

    id: str
    label: str | None
    weight: float
    max: float | None
    min: float | None
    source: Source


class ScoreRule(Struct, frozen=True, kw_only=True):
    """Gives points while a condition holds, or for each occurrence of an event."""

    id: str
    model: str
    dimension: str
    label: str | None
    events: tuple[str, ...]
    where: Condition | None
    when: Condition | None
    points: float  # already weighted
    points_fact: str | None  # a fact to multiply `points` with
    repeat: Repeat | None
    expires: int | None
    half_life: int | None
    exclusive: str | None
    source: Source


class Grade(Struct, frozen=True, kw_only=True):
    """A band of the total, from ``floor`` (inclusive) up to the next band."""

    grade: str
    floor: float
    source: Source


class Model(Struct, frozen=True, kw_only=True):
    """A scoring model; ``thresholds`` names totals such as mql."""

    id: str
    dimensions: tuple[Dimension, ...]
    rules: tuple[ScoreRule, ...]
    grades: tuple[Grade, ...]  # highest first
    thresholds: Mapping[str, float]
    source: Source


# --- lifecycle -------------------------------------------------------------------------------


class Stage(Struct, frozen=True, kw_only=True):
    """A stage of the funnel: from where it is entered, by what, and what it requires."""

    id: str
    label: str | None
    enter_from: tuple[str, ...] | None  # None: from any stage that is not final
    when: Condition | None
    events: tuple[str, ...]
    where: Condition | None
    requires: tuple[str, ...]
    final: bool
    source: Source


class Lifecycle(Struct, frozen=True, kw_only=True):
    """The stages in order; a lead starts in the first."""

    stages: tuple[Stage, ...]


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


class Definitions(Struct, frozen=True, kw_only=True):
    """A whole configuration that has been found good. ``version`` is its sha256, in hex."""

    version: str
    catalogue: Catalogue
    calendars: Mapping[str, Calendar]
    models: tuple[Model, ...]
    lifecycle: Lifecycle
    routing: Routing
    journeys: tuple[Journey, ...]
    messages: Mapping[str, Message]
    server: Server
    identities: tuple[str, ...]
    intake: Intake
    files: tuple[str, ...] = ()
    folder: str = ""

    def place(self, source: Source) -> str:
        """Return ``config/scoring.yaml:12:7``, wherever the folder itself is."""
        parent = self.folder.rpartition("/")[0]
        whole = str(source)
        return whole.removeprefix(f"{parent}/") if parent else whole

    @property
    def default_model(self) -> Model:
        """The model whose score and grade are the lead's own: ``default``, else the first."""
        return next((m for m in self.models if m.id == "default"), self.models[0])
