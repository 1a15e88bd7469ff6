"""The same rules by hand, with everything that a decision of ours tells: the ceiling in full.

Somebody who writes these rules in Python and must be able to say why a lead stands where it
does also keeps a ledger, a timeline, windows, deadlines and an assignment with all who were
considered; and who commits to a database must not touch the old state before that succeeds.
`benchmarks/decide.py` checks that leads, ledgers and timelines equal those of the network; only
what the network remembers of clicks, to tell link scanners, is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from _stream import EVENT, IDLE, SILENCE, STATE, Answer, grade

from engine.machines.bots import remembered
from engine.machines.scoring import repeated
from engine.machines.state import (
    Assignment,
    Decision,
    Enrolment,
    Event,
    Happening,
    Lead,
    LedgerLine,
)
from engine.network.ruleset import Ruleset

Note = Callable[[Lead, Decision], None]
TIMER = "rule:default.implicit.idle"
IDLE_RULE = "default.implicit.idle"
TITLES = {"director": "title-director", "vp": "title-director", "c_level": "title-director",
          "manager": "title-manager"}  # fmt: skip
TEAMS = {
    "east-expo": ("east", ("chen.jing", "liu.yang")),
    "key-account": ("key-accounts", ("zhang.wei", "li.na")),
}
CITIES = {"北京": "wang.lei", "上海": "zhao.min"}
# In the order of the configuration; of the titles one is withdrawn before the other is given.
RULES = (
    ("title-director", "title-manager"), ("large-company",), ("target-industry",),
    ("business-email",),
)  # fmt: skip
FACTS = ("score.default.explicit", "score.default.implicit", "score.default.total")
EXPLICIT, IMPLICIT, TOTAL = FACTS
ASKED = "journey sales-ready"
STEP = {"journey": "sales-ready", "step": "assign", "does": "route"}


class InFull:
    """Leads as values, decisions with their reasons."""

    def __init__(self, ruleset: Ruleset) -> None:
        self.version = ruleset.version
        self.journey = ruleset.journeys["sales-ready"].definition.version
        self.places = {rule.id: rule.place for rule in ruleset.rules.values()}
        self.leads: dict[str, Lead] = {}
        self.turns: dict[str, dict[str, int]] = {}
        self.note: Note | None = None

    def take(self, id: str, event: Event) -> Answer:
        """Return where a lead stands after one more event."""
        old = self.leads.get(id)
        lead = old.__copy__() if old is not None else Lead(id, event.at, event.at)
        decision = Decision(lead, [], [], [], [], [], [])
        asked = self._decide(lead, event, decision, old is None)
        if self.note is not None:
            self.note(lead, decision)
        self.leads[id] = lead
        if asked:
            lead = self.leads[id] = self._assign(lead, event)
        facts = lead.facts
        route = lead.assignment.rule if lead.assignment is not None else None
        return facts[TOTAL], facts["grade"], facts["stage"], route

    def _decide(self, lead: Lead, event: Event, decision: Decision, is_new: bool) -> bool:
        now, kind = event.at, event.type
        lead.updated_at = now
        before = lead.facts.get(TOTAL, 0)
        if is_new:
            lead.ruleset = self.version
            lead.facts = {"stage": "new", **dict.fromkeys(FACTS, 0)}
            lead.stages = {"new": now}
            told = {"to": "new", "reason": "new lead"}
            decision.happenings.append(Happening(now, "stage", told))
        elif lead.timers[TIMER] <= now:
            self._idle(lead, event, decision)
            before = lead.facts[TOTAL]
        fields = event.lead
        if fields:
            lead.profile_at = now
            lead.facts = {**lead.facts, **{f"lead.{name}": v for name, v in fields.items()}}
        lead.windows = {**lead.windows, "last any": now}
        if IDLE_RULE in lead.truths:
            lead.truths = {key: at for key, at in lead.truths.items() if key != IDLE_RULE}
            lead.timers = {TIMER: now + SILENCE}
        elif is_new:
            lead.timers = {TIMER: now + SILENCE}
        if is_new:
            self._profile(lead, event, decision)
        self._behaviour(lead, event, decision, kind)
        if fields and not is_new:
            self._profile(lead, event, decision)
        if not decision.ledger and not is_new:
            return False
        return self._advance(lead, event, decision, before)

    def _idle(self, lead: Lead, event: Event, decision: Decision) -> None:
        """Take ten points for each thirty days of silence, at the instant when they are over."""
        due, last = lead.timers[TIMER], lead.windows["last any"]
        while due <= event.at:
            if due < last + SILENCE:  # the deadline was left where it was
                due = last + SILENCE
                continue
            lead.truths = {**lead.truths, IDLE_RULE: due}
            before = lead.facts[TOTAL]
            self._line(lead, event, decision, "idle", "implicit", IDLE, due)
            self._grade(lead, decision, before, due)
            due += SILENCE
        lead.timers = {TIMER: due}

    def _behaviour(self, lead: Lead, event: Event, decision: Decision, kind: str) -> None:
        rule, properties = None, event.properties
        if kind == "page_viewed":
            rule = "visited-pricing" if properties["page"] in ("pricing", "solution") else None
        elif kind == "email_clicked":
            rule = "clicked-email"
            lead.mail = remembered(lead.mail, event)
        elif kind == "content_downloaded":
            wanted = properties["kind"] in ("whitepaper", "case_study")
            rule = "downloaded-content" if wanted else None
        elif kind == "video_watched":
            seen = properties["video"] == "product-demo" and properties["fraction"] >= 0.95
            rule = "watched-demo" if seen else None
        elif kind == "webinar_registered":
            lead.windows["count webinar_registered"] = (
                lead.windows.get("count webinar_registered", 0) + 1
            )
        elif kind == "webinar_attended" and "count webinar_registered" in lead.windows:
            rule = "attended-webinar"
        if rule is None:
            return
        points, per = EVENT[rule]
        key = f"default.implicit.{rule}"
        kept = repeated(lead.counts.get(key), 1, per, event.at)
        if kept is not None:
            lead.counts = {**lead.counts, key: kept}
            self._line(lead, event, decision, rule, "implicit", points, event.at)

    def _profile(self, lead: Lead, event: Event, decision: Decision) -> None:
        facts, holds = lead.facts, lead.holds
        wanted: dict[str, int] = {}
        title = TITLES.get(facts.get("lead.title_level", ""))
        if title is not None:
            wanted[title] = STATE[title]
        if facts.get("lead.employees", 0) >= 500:
            wanted["large-company"] = 15
        if facts.get("lead.industry") in ("制造业", "金融业"):
            wanted["target-industry"] = 10
        if facts.get("lead.email.kind") == "business":
            wanted["business-email"] = 5
        given = {key.rpartition(".")[2]: points for key, points in holds.items()}
        if wanted.keys() != given.keys():
            lead.holds = {f"default.explicit.{rule}": points for rule, points in wanted.items()}
            for rules in RULES:
                for rule in rules:
                    if rule in given and rule not in wanted:
                        self._line(lead, event, decision, rule, "explicit", -STATE[rule], event.at)
                for rule in rules:
                    if rule in wanted and rule not in given:
                        self._line(lead, event, decision, rule, "explicit", STATE[rule], event.at)
        self._title(lead, title, event.at)

    @staticmethod
    def _title(lead: Lead, title: str | None, now: int) -> None:
        key = f"default.explicit.{title}"
        if title is not None and key in lead.truths:
            return
        truths = {key: at for key, at in lead.truths.items() if key == IDLE_RULE}
        lead.truths = {**truths, key: now} if title is not None else truths

    def _line(
        self,
        lead: Lead,
        event: Event,
        decision: Decision,
        rule: str,
        dimension: str,
        points: int,
        at: int,
    ) -> None:
        reason = "withdrawn" if dimension == "explicit" and points < 0 else ""
        if not reason:
            decision.fired.append(rule)
        decision.ledger.append(
            LedgerLine(
                at,
                "default",
                dimension,
                rule,
                points,
                event.id,
                self.places[rule],
                self.version,
                reason,
            )
        )
        name = EXPLICIT if dimension == "explicit" else IMPLICIT
        facts = lead.facts = lead.facts.copy()
        facts[name] += points
        facts[TOTAL] += points

    @staticmethod
    def _grade(lead: Lead, decision: Decision, before: int, at: int) -> None:
        total = lead.facts[TOTAL]
        new, old = grade(total), lead.facts.get("grade")
        if new != old:
            told = {"model": "default", "from": old, "to": new, "score": total}
            kept = {key: value for key, value in told.items() if value is not None}
            decision.happenings.append(Happening(at, "grade", kept))
            lead.facts = {**lead.facts, "grade": new, "grade.default": new}

    def _advance(self, lead: Lead, event: Event, decision: Decision, before: int) -> bool:
        now, total = event.at, lead.facts[TOTAL]
        self._grade(lead, decision, before, now)
        if before < 50 <= total and lead.facts["stage"] == "new":
            lead.facts = {**lead.facts, "stage": "mql"}
            lead.stages = {**lead.stages, "mql": now}
            told = {"from": "new", "to": "mql", "reason": "rule", "rule": "mql"}
            decision.happenings.append(Happening(now, "stage", told))
        if not before < 80 <= total:
            return False
        journey = {"journey": "sales-ready"}
        if "sales-ready" in lead.journeys:
            told = {**journey, "reason": "was in it before and reentry is never"}
            decision.happenings.append(Happening(now, "journey_not_entered", told))
            return False
        lead.journeys = {
            "sales-ready": Enrolment(
                "sales-ready", now, "assign", now, entered_by=event.id, version=self.journey
            )
        }
        lead.facts = {**lead.facts, "journey.sales-ready": "assign"}
        lead.asked = 1
        decision.happenings.append(Happening(now, "journey_entered", journey))
        decision.happenings.append(Happening(now, "journey_step", STEP))
        return True

    def _assign(self, old: Lead, event: Event) -> Lead:
        """Take the answer of the teams; who was tried and considered is kept."""
        lead, facts = old.__copy__(), old.facts.copy()
        answer = self._answer(facts, event.at)
        del facts["journey.sales-ready"]
        lead.facts, lead.assignment = facts, answer
        facts["pool" if answer.owner is None else "owner"] = answer.owner or answer.pool
        if answer.owner is not None:
            facts["team"] = answer.team
            facts["stage"] = "assigned"
            lead.stages = {**lead.stages, "assigned": event.at}
        done: dict[str, Any] = {"step": None, "arrived_at": event.at, "done": {"assign": event.at}}
        left = {"left_at": event.at, "reason": "completed"}
        journey = msgspec.structs.replace(old.journeys["sales-ready"], **done, **left)
        lead.journeys = {"sales-ready": journey}
        return lead

    def _answer(self, facts: dict[str, Any], at: int) -> Assignment:
        tried: list[dict[str, Any]] = []
        for rule, fits in (
            ("east-expo", facts.get("lead.source.name") == "华东区线下展会"),
            ("key-account", facts.get("lead.amount", 0) > 500_000),
        ):
            if fits:
                team, members = TEAMS[rule]
                turns = self.turns.setdefault(team, dict.fromkeys(members, 0))
                owner = min(members, key=lambda member: turns[member])
                turns[owner] = max(turns.values()) + 1
                tried.append({"rule": rule, "outcome": f"assigned to {owner}"})
                seen = [{"member": m, "team": team, "why_not": None} for m in members]
                return Assignment(at, owner, team, None, rule, ASKED, tried, seen)
            tried.append({"rule": rule, "outcome": "condition does not hold"})
        city = facts.get("lead.city")
        if city is not None:
            owner = CITIES[city]
            tried.append({"rule": "by-city", "outcome": f"assigned to {owner}"})
            seen = [
                {
                    "member": member,
                    "team": "regions",
                    "why_not": None if member == owner else f"territory does not cover {city}",
                }
                for member in CITIES.values()
            ]
            return Assignment(at, owner, "regions", None, "by-city", ASKED, tried, seen)
        tried.append({"rule": "by-city", "outcome": "condition does not hold"})
        tried.append({"rule": "rest", "outcome": "pool public"})
        reason = "no rule before found an owner"
        return Assignment(at, None, None, "public", "rest", reason, tried, [])
