"""What is done with a lead, typed: routing, journeys, messages, and the server that does it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.language.diagnostic import Source
from engine.language.label import Text
from engine.language.notices import Notices
from engine.language.reader import Path
from engine.language.rules import Condition, Span, Struct
from engine.language.sending import MARKETING, Linking
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
    per_day: int | None = None
    calendar: str | None = None  # the working hours in which leads are given to them
    level: str | None = None
    languages: tuple[str, ...] = ()
    notices: Notices = Notices()


class Team(Struct, frozen=True, kw_only=True):
    """A sales team; its supervisor hears of escalations."""

    id: str
    label: Text | None
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
    skills: tuple[str, ...] = ()  # of these a member must have one, as of the two below
    levels: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()  # members who get nothing by it
    weight: str | None = None  # win_rate: for `weighted`, instead of the members' own
    sticky: bool = True  # who has the lead already keeps it
    label: Text | None = None


class Rung(Struct, frozen=True, kw_only=True):
    """One step of the ladder that a late follow-up climbs."""

    after: Span
    do: str  # remind, escalate or recycle
    to: str | None
    source: Source


NEXT: Final = "next_contact"  # the one clock that each contact starts anew
ASSIGNMENT: Final = "assignment"
CONTACTED: Final = "contact"


class Sla(Struct, frozen=True, kw_only=True):
    """The clocks that start when a lead is assigned, or at each contact: `NEXT`."""

    id: str
    when: Condition | None
    clocks: tuple[tuple[str, Span], ...]  # notify, accept, first_contact, next_contact
    calendar: str
    rungs: tuple[Rung, ...]
    source: Source
    pause: Condition | None = None  # while it holds they stand still
    label: Text | None = None

    @property
    def occasions(self) -> tuple[str, ...]:
        """When it is looked at: what has only `NEXT` has nothing to say before a contact."""
        names = [name for name, _ in self.clocks]
        at_contact = (CONTACTED,) if NEXT in names else ()
        return at_contact if names == [NEXT] else (ASSIGNMENT, *at_contact)


class Claim(Struct, frozen=True, kw_only=True):
    """What a pool asks of those who claim from it. ``per_day`` counts a day in China."""

    per_day: int | None = None
    previous_owner_after: Span | None = None  # since their time with the lead ended
    newest_after: Span | None = None  # since the lead came into the pool


class Recycle(Struct, frozen=True, kw_only=True):
    """What takes a lead from its owner back into the pool.

    With ``idle`` while ``when`` holds and nobody has followed up for so long; else when ``when``
    comes true.
    """

    id: str
    when: Condition | None
    idle: Span | None
    calendar: str
    source: Source
    label: Text | None = None


class Pool(Struct, frozen=True, kw_only=True):
    """A public pool (公海) of leads without an owner. ``teams`` may claim, none: all of them."""

    id: str
    label: Text | None
    source: Source
    teams: tuple[str, ...] = ()
    claim: Claim = Claim()
    recycle: tuple[Recycle, ...] = ()


class Routing(Struct, frozen=True, kw_only=True):
    """Teams, the rules that choose among them, clocks and pools.

    ``notices`` are for people who are in no team, such as a supervisor.
    """

    teams: Mapping[str, Team]
    rules: tuple[Route, ...]
    slas: tuple[Sla, ...]
    pools: Mapping[str, Pool]
    notices: Notices = Notices()

    def member(self, id: str | None) -> Member | None:
        """Return a salesperson of any team by id, or None."""
        for team in self.teams.values():
            for member in team.members:
                if member.id == id:
                    return member
        return None


# --- journeys --------------------------------------------------------------------------------


class Moment(Struct, frozen=True, kw_only=True):
    """A time of day, or with ``time`` None the next working time of a calendar.

    ``zone`` is an IANA name, ``lead`` for the lead's own, None for the server's or calendar's.
    """

    time: int | None = None  # minutes since midnight
    days: tuple[int, ...] = ()  # 0 = Monday; empty: every day
    calendar: str | None = None
    zone: str | None = None


class DateOf(Struct, frozen=True, kw_only=True):
    """A day that stands in a field of the lead, moved by ``shift`` days; ``time`` in minutes."""

    fact: str
    yearly: bool = False
    shift: int = 0
    time: int = 0
    zone: str | None = None


class Variant(Struct, frozen=True, kw_only=True):
    """One way of a split. ``weight`` is relative to that of the others."""

    name: str
    weight: float
    next: str


class AutoWinner(Struct, frozen=True, kw_only=True):
    """When a split decides by itself; ``events`` are what its metric counts, once for a lead.

    ``own`` says that they are about messages of this journey; ``within`` is how long after the
    split they count, in milliseconds; ``sample`` is how many leads each variant needs.
    """

    metric: str
    events: tuple[str, ...]
    own: bool
    confidence: float
    sample: int
    within: int


class Split(Struct, frozen=True, kw_only=True):
    """Leads dealt out by weight. ``holdout`` is a share of all, before the variants."""

    variants: tuple[Variant, ...]
    holdout: float = 0.0
    spared: str = "end"  # where those of the holdout go
    winner: str | None = None  # a person's choice
    auto: AutoWinner | None = None


class Step(Struct, frozen=True, kw_only=True):
    """One step of a journey.

    ``kind`` is one of KINDS in `engine.language.sections.journeys`; ``with_`` holds what
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
    moment: Moment | None = None
    date: DateOf | None = None
    split: Split | None = None


class Journey(Struct, frozen=True, kw_only=True):
    """A nurturing journey. ``reentry`` None: never, 0: always, else milliseconds after leaving.

    Of the journeys of a ``group`` a lead is in one at most, the one of the highest ``priority``.
    ``version`` says what it means, wherever it is written; ``on_change`` what becomes of leads
    that are in another version: finish, migrate or restart.
    """

    id: str
    label: Text | None
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
    group: str | None = None
    priority: int = 0
    on_change: str = "finish"
    version: str = ""

    def step(self, id: str) -> Step | None:
        """Return the step with this id, or None."""
        return next((s for s in self.steps if s.id == id), None)

    def after(self, step: Step) -> Step | None:
        """Return the step that stands below ``step``, or None at the end."""
        index = self.steps.index(step) + 1
        return self.steps[index] if index < len(self.steps) else None


class Wording(Struct, frozen=True):
    """A template: what errors call it, what it says, and where that stands.

    ``inline``: it stands in YAML, at ``source``; else it is a file of its own.
    """

    name: str
    text: str
    source: Source
    inline: bool = False


class Attached(Struct, frozen=True):
    """A file that goes with a message: its name for the reader, and where it is."""

    name: str
    path: str


class Message(Struct, frozen=True, kw_only=True):
    """Something to send: an action's connection, a subject and a body as templates.

    ``wordings`` maps a form (subject, text, html, markdown) to its languages; ``subject``,
    ``text`` and ``html`` are those of most readers. ``params`` is for the action; its texts
    are templates. ``language`` is that of leads without one.
    """

    id: str
    label: Text | None
    action: str
    topic: str | None
    subject: str | None
    text: str | None
    html: str | None
    to: str | None  # the fact that holds the address; the action's default when None
    stale_after: int
    source: Source
    deadline: int | None = None  # ms after it was queued; not sent later
    channel: str = ""  # email, sms, wecom ...: what quiet hours and caps know it by
    purpose: str = MARKETING
    stop_words: tuple[str, ...] = ()  # beside those of its channel
    wordings: Mapping[str, Mapping[str, Wording]] = {}
    params: Mapping[str, Any] = {}
    attachments: tuple[Attached, ...] = ()
    language: str | None = None


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
    """A configured use of an action plugin, with its parameters as written.

    ``places`` are those of the parameters' keys, by their path. ``digits`` has those again that
    come from a variable that is all digits, as its text: they may be a port or a password.
    """

    name: str
    plugin: str
    params: Mapping[str, Any]
    source: Source
    limits: Limits = Limits()
    places: Mapping[Path, Source] = {}
    digits: Mapping[str, str] = {}

    def params_for(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, with text where a plugin's JSON Schema takes nothing else."""
        known = schema.get("properties", {})
        texts = {n: t for n, t in self.digits.items() if known.get(n, {}).get("type") == "string"}
        return {**self.params, **texts}


class ChannelSettings(Struct, frozen=True, kw_only=True):
    """What ``channels`` in server.yaml says of one channel plugin; variables are filled in.

    ``places`` are those of the parameters' keys, by their path.
    """

    name: str
    params: Mapping[str, Any]
    source: Source
    places: Mapping[Path, Source] = {}


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
    linking: Linking | None = None
    channels: Mapping[str, ChannelSettings] = {}
