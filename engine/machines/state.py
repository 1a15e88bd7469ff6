"""What the machines take and give: plain structs that encode to JSON.

Instants are whole milliseconds since 1970 UTC. A machine never changes what it was
given: it copies what it is about to write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

Number = int | float
STALE: Final = "stale"  # a key of ``screened``; its value says why


class Event(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Something that happened to a lead; the only thing that ever changes one.

    ``lead`` holds fields by catalogue name, nested ones flattened with dots
    (``source.utm_source``, ``consent.marketing``), already checked and normalised;
    ``at`` is the event's own time. ``history`` marks back-fills, which are no news.
    ``by`` is who did it, where a person did; ``bot`` marks suspected scanners. ``client``
    is whose browser it came from (``ip``, ``agent``), ``raw`` what was sent where another form
    is stored, and ``screened`` the verdict of intake: rule, do, reason, flags, matched, bot, and
    STALE where an event is older than events are kept: it is stored and does not count.
    """

    id: str
    type: str
    at: int
    lead: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    channel: str = "api"
    history: bool = False
    by: str | None = None
    bot: bool = False
    client: dict[str, str] = {}
    raw: dict[str, Any] = {}
    screened: dict[str, Any] = {}


class Enrolment(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A lead's way through one journey. ``done`` dates every step passed, by step id.

    ``version`` is that of the definition it goes by, ``variants`` are the ways it got, by split.
    ``late`` is how many ms the event came late that led to this step; 0 after a wait.
    """

    journey: str
    entered_at: int
    step: str | None
    arrived_at: int
    done: dict[str, int] = {}
    left_at: int | None = None
    reason: str | None = None
    entered_by: str = ""  # the id of the event that led in; part of delivery keys
    version: str = ""
    variants: dict[str, str] = {}
    late: int = 0


class Clock(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One SLA clock of an assignment: running, paused, met, breached or stopped."""

    sla: str
    started_at: int
    due: int
    status: str = "running"
    ended_at: int | None = None


class Assignment(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Who got a lead, by which rule, and everything that was considered.

    ``tried`` lists the routing rules in order with their outcome, ``considered`` the
    members with why not; both explain a lead without an owner, too. ``told`` is when it
    was told of, if that was later.
    """

    at: int
    owner: str | None = None
    team: str | None = None
    pool: str | None = None
    rule: str | None = None
    reason: str = ""
    tried: list[dict[str, Any]] = []
    considered: list[dict[str, Any]] = []
    told: int | None = None

    @property
    def known_at(self) -> int:
        """From when on spans count in which somebody may act."""
        return self.at if self.told is None else self.told


class Lead(msgspec.Struct, omit_defaults=True, gc=False):
    """A lead's whole state.

    ``facts`` is everything rules can read, by canonical name: ``lead.X``,
    ``score.MODEL.DIMENSION``, ``grade``, ``stage``, ``owner``, ``team``, ``pool``,
    ``journey.ID``. ``holds`` says what each truth-maintained rule gives at present and
    ``truths`` since when a watched condition holds; ``grants`` lists what event rules gave
    that will expire, as [instant, rule key, points], with how many occurrences gave them
    where it was not one. ``timers`` are named deadlines; the
    host wakes the lead at the earliest. ``unjudged`` keeps what history changed, as it was
    before, until the next live event. ``profile_at`` is the time of the newest event that
    brought fields: an older one only fills gaps. ``consents`` has the latest word on each
    topic with its evidence, ``mail`` the latest deliveries and clicks, to tell scanners.
    """

    id: str
    created_at: int
    updated_at: int
    facts: dict[str, Any] = {}
    stages: dict[str, int] = {}
    holds: dict[str, Number] = {}
    truths: dict[str, int] = {}
    counts: dict[str, list[int]] = {}
    grants: list[list[Any]] = []
    windows: dict[str, Any] = {}
    timers: dict[str, int] = {}
    journeys: dict[str, Enrolment] = {}
    clocks: dict[str, Clock] = {}
    assignment: Assignment | None = None
    unjudged: dict[str, Any] = {}
    profile_at: int = 0
    consents: dict[str, dict[str, Any]] = {}
    mail: dict[str, list[list[Any]]] = {}
    sends: list[list[Any]] = []  # marketing: [instant, channel, topic, message], for the caps
    addresses: dict[str, dict[str, Any]] = {}  # what bounced (soft, bounced) or complained
    ruleset: str = ""  # the version it was last decided with
    asked: int = 0  # how often the lead was sent to routing; part of request keys
    owners: dict[str, int] = {}  # when each earlier owner's time with the lead ended
    contacted_at: int = 0  # the latest follow-up by a person
    # SLAs that stand still: since when, and what would have been due then, by clock or rung
    halted: dict[str, list[Any]] = {}
    # [title, owner, due] of to-dos that somebody is reminded of; older ones have no due
    todos: dict[str, list[Any]] = {}

    if TYPE_CHECKING:

        def __copy__(self) -> Lead:
            """Return a shallow copy; every struct has this, faster than copy.copy."""

    @property
    def wake_at(self) -> int | None:
        """The earliest deadline, or None."""
        return min(self.timers.values()) if self.timers else None


class Given(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """What a click gave: ``points`` by rule key, windows as [key, amount, before], and the rules
    whose silence it ended, with the instant since when they held.
    """

    at: int
    delivery: str
    message: str
    id: str
    points: dict[str, Number] = {}
    windows: list[list[Any]] = []
    truths: dict[str, int] = {}


class LedgerLine(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One change of a score; the score of a model is the sum of its lines."""

    at: int
    model: str
    dimension: str
    rule: str
    points: Number
    event: str | None
    source: str
    ruleset: str
    reason: str = ""


class Happening(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Something the engine did or decided, for the timeline: ``kind`` and its details."""

    at: int
    kind: str
    data: dict[str, Any] = {}


class Delivery(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Something to be done outside by an action plugin.

    ``key`` is the idempotency key, derived from lead, event and step, so that a repeated
    decision repeats it. ``connection`` names a configured action. ``status`` is queued,
    blocked, or collected for the digest at ``due``, with the ``reason``. What is queued goes out
    at ``due``, None: at once. ``kind`` is what a note to a person is about.
    """

    key: str
    lead: str
    connection: str
    at: int
    message: str | None = None
    params: dict[str, Any] = {}
    audience: str = "lead"  # or "owner": a note to a salesperson
    to: str | None = None
    journey: str | None = None
    step: str | None = None
    status: str = "queued"
    reason: str = ""
    kind: str = ""
    due: int | None = None


class Task(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A to-do for a person; ``owner`` None means whoever has the lead later."""

    id: str
    lead: str
    title: str
    created_at: int
    owner: str | None = None
    due: int | None = None
    priority: str = "normal"
    journey: str | None = None
    step: str | None = None


class Request(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A lead's question to the team machine: ``assign`` it, or ``release`` it to a pool.

    With ``claim`` the ``member`` asks to have it from the pool that it is in.
    """

    key: str
    kind: str
    at: int
    pool: str | None = None
    reason: str = ""
    member: str | None = None


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Why a claim was refused; ``possible_at`` is when it will not be, None when that depends."""

    member: str | None
    pool: str | None
    reason: str
    possible_at: int | None = None


class Decision(msgspec.Struct, gc=False):
    """What one event did to one lead. ``fired`` lists rule ids in order of firing."""

    lead: Lead
    ledger: list[LedgerLine] = []
    happenings: list[Happening] = []
    deliveries: list[Delivery] = []
    tasks: list[Task] = []
    requests: list[Request] = []
    fired: list[str] = []


class TeamBook(msgspec.Struct, omit_defaults=True):
    """A team's running state, by member.

    ``served`` counts the leads given; ``turns`` is its value when a member last had one, so
    the smallest turn is next whoever joined, left or was away. ``credits`` are the running
    weights of a weighted rotation; ``loads`` counts open leads. ``days`` has the latest day on
    which a member was given or claimed a lead, in days since 1970 in China, and how many.
    In the book of all people ``active`` is when each last followed up, ``won`` and ``lost`` are
    the deals that each closed.
    """

    served: int = 0
    turns: dict[str, int] = {}
    credits: dict[str, int] = {}
    loads: dict[str, int] = {}
    days: dict[str, list[int]] = {}
    active: dict[str, int] = {}
    won: dict[str, int] = {}
    lost: dict[str, int] = {}


class Teams(msgspec.Struct, omit_defaults=True):
    """The state of the team machine, by team id.

    Pools stand beside as ``pool:ID``, and what all people did as ``people:``.
    """

    books: dict[str, TeamBook] = {}
