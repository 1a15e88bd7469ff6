"""The same stream of events for everybody, and what every peer needs around its rules.

A peer is asked which of the 11 + 4 rules match a flat message: a lead's fields when they
change, and each event. `Book` makes of that what our network makes by itself: how often a rule
scores, what is withdrawn, grade, stage and route. That is plain Python, to a peer's favour.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from typing import Any

from engine.language.instants import DAY, HOUR, parse_instant
from engine.machines.state import Event

Answer = tuple[int, str, str, str | None]  # total, grade, stage, route
Message = dict[str, Any]
Match = Callable[[Message], Collection[str]]

START = parse_instant("2026-03-02T09:00:00+08:00")
SILENCE = 30 * DAY
STATE = {
    "title-director": 20,
    "title-manager": 10,
    "large-company": 15,
    "target-industry": 10,
    "business-email": 5,
}
EVENT = {
    "visited-pricing": (15, 7 * DAY),
    "downloaded-content": (10, DAY),
    "attended-webinar": (15, DAY),
    "watched-demo": (10, None),
    "clicked-email": (5, DAY),
}
IDLE = -10
ROUTES = ("east-expo", "key-account", "by-city", "rest")

Made = tuple[str, dict[str, Any]]


def stream(leads: int, events: int, seed: int = 4) -> list[tuple[str, Event]]:
    """Return (lead, event) pairs in order of time, ``events`` for each of ``leads``."""
    chance = random.Random(seed)
    found: list[tuple[int, str, Made, dict[str, Any]]] = []
    for number in range(leads):
        at = START + chance.randrange(30 * DAY)
        for index in range(events):
            profile = _profile(chance) if index == 0 or chance.random() < 0.03 else {}
            made = ("form_submitted", {"form": "contact"}) if profile else _behaviour(chance)
            found.append((at, f"lead-{number}", made, profile))
            at += chance.choice([HOUR // 4, HOUR, 6 * HOUR, DAY, 3 * DAY])
            at += 40 * DAY if chance.random() < 0.02 else 0
    found.sort(key=lambda each: each[:2])
    return [
        (lead, Event(f"e{number}", kind, at, profile, properties))
        for number, (at, lead, (kind, properties), profile) in enumerate(found)
    ]


def _profile(chance: random.Random) -> dict[str, Any]:
    fields: dict[str, list[Any]] = {
        "title_level": ["staff", "manager", "director", "vp"],
        "employees": [20, 499, 500, 5000],
        "industry": ["制造业", "金融业", "教育", "零售"],
        "email.kind": ["business", "free"],
        "source.name": ["华东区线下展会", "官网", "百度"],
        "amount": [100_000, 500_000, 800_000],
        "city": ["北京", "上海"],
    }
    return {name: chance.choice(v) for name, v in fields.items() if chance.random() < 0.7}


def _behaviour(chance: random.Random) -> Made:
    kind = chance.choices(
        [
            *("page_viewed", "email_opened", "email_clicked", "content_downloaded"),
            *("video_watched", "webinar_registered", "webinar_attended", "search_performed"),
        ],
        [40, 20, 8, 8, 6, 4, 4, 10],
    )[0]
    if kind == "page_viewed":
        return kind, {"page": chance.choice(["home", "blog", "docs", "pricing", "solution"])}
    if kind == "content_downloaded":
        return kind, {"kind": chance.choice(["whitepaper", "case_study", "manual"])}
    if kind == "video_watched":
        video = chance.choice(["product-demo", "interview"])
        return kind, {"video": video, "fraction": chance.choice([0.3, 0.94, 0.95, 1])}
    return kind, {}


class Lead:
    """What a book keeps of one lead."""

    __slots__ = (
        *("fields", "held", "last", "matched", "registered", "route", "scored", "stage", "total"),
    )

    def __init__(self, at: int) -> None:
        self.fields: dict[str, Any] = {}
        self.held: set[str] = set()
        self.last = at
        self.matched: frozenset[str] = frozenset()  # of the rules on fields
        self.registered = False
        self.route: str | None = None
        self.scored: dict[str, int] = {}
        self.stage = "new"
        self.total = 0


class Book:
    """Scores, grades, stages and routes kept in plain Python, as a peer's host would."""

    def __init__(self, match: Match) -> None:
        self.match = match
        self.leads: dict[str, Lead] = {}

    def take(self, id: str, event: Event) -> Answer:
        """Return where a lead stands after one more event."""
        lead = self.leads.get(id)
        if lead is None:
            lead = self.leads[id] = Lead(event.at)
        silent = (event.at - lead.last) // SILENCE
        lead.last = event.at
        if event.type == "webinar_registered":
            lead.registered = True
        matched = self.matched(lead, event, _message(lead, event, silent))
        if "idle" in matched:
            lead.total += IDLE * silent
        before = lead.total
        self._score(lead, event.at, matched)
        if event.lead or not lead.fields:
            lead.fields.update(lead=1, **flat(event.lead))
            lead.matched = frozenset(self.holding(lead))
            self._hold(lead)
        return advance(lead, before, lead.matched)

    def matched(self, lead: Lead, event: Event, message: Message) -> Collection[str]:
        """Return the rules that an event matches, before its fields are the lead's."""
        return self.match(message)

    def holding(self, lead: Lead) -> Collection[str]:
        """Return the rules that a lead's fields match."""
        return self.match(lead.fields)

    def _hold(self, lead: Lead) -> None:
        for rule, points in STATE.items():
            holds = rule in lead.matched
            if holds is not (rule in lead.held):
                lead.total += points if holds else -points
                (lead.held.add if holds else lead.held.discard)(rule)

    def _score(self, lead: Lead, at: int, matched: Collection[str]) -> None:
        for rule, (points, per) in EVENT.items():
            if rule in matched:
                scored = lead.scored.get(rule)
                if scored is None or (per is not None and at - scored >= per):
                    lead.scored[rule] = at
                    lead.total += points


def flat(fields: Message) -> Message:
    """Return a lead's fields by names without dots."""
    return {name.replace(".", "_"): value for name, value in fields.items()}


def advance(lead: Lead, before: int, matched: Collection[str]) -> Answer:
    """Grade, stage and route after the total went from ``before`` to what it is."""
    total = lead.total
    if before < 50 <= total and lead.stage == "new":
        lead.stage = "mql"
    if before < 80 <= total and lead.route is None:
        lead.route = next(route for route in ROUTES if route in matched)
        if lead.route != "rest":
            lead.stage = "assigned"
    return total, grade(total), lead.stage, lead.route


def grade(total: int) -> str:
    """Return the band of a total."""
    return "A" if total >= 80 else "B" if total >= 60 else "C" if total >= 30 else "D"


def _message(lead: Lead, event: Event, silent: int) -> Message:
    """Return an event as a flat message; ``of`` is what a page, a download or a video is."""
    message = {"event": event.type, "silent": silent, "registered": 1 if lead.registered else 0}
    properties = event.properties
    for name in ("page", "kind", "video"):
        if name in properties:
            message["of"] = properties[name]
    if "fraction" in properties:
        message["fraction"] = properties["fraction"]
    return message
