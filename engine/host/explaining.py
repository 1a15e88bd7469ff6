"""Why a lead stands as it does: its score, grade, stage, owner, journeys and deadlines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from engine.errors import NotFound
from engine.host.accounts import account_item
from engine.language.definitions import Grade
from engine.language.instants import BadTime, format_instant, parse_instant
from engine.language.label import Text
from engine.machines.account import Past
from engine.machines.replay import replay
from engine.machines.state import Assignment, Clock, Enrolment, Lead, LedgerLine
from engine.machines.why import account
from engine.network.naming import find_rule
from engine.network.ruleset import Ruleset
from engine.store.merges import entries_of
from engine.store.reading import Reader
from engine.store.shapes import when

Item = dict[str, Any]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a lead beyond how it stands.

    ``rule`` and ``why_not`` name a rule, stage, route, SLA or journey; ``at`` is an instant
    to look back to, or ahead; ``now`` is the present one.
    """

    now: int
    rule: str | None = None
    why_not: str | None = None
    at: int | None = None


class _Found(msgspec.Struct, frozen=True):
    """A lead at an instant; ``ledger`` holds the lines of ``past`` as clients see them."""

    lead: Lead
    past: Past
    ledger: list[Item]
    now: int
    told: Item


def question(now: int, given: Mapping[str, str | None]) -> Question:
    """Return what ``rule``, ``why_not`` and ``at`` ask for; raises BadTime."""
    at = given.get("at")
    return Question(
        now=now,
        rule=given.get("rule"),
        why_not=given.get("why_not"),
        at=None if at is None else parse_instant(at[:80]),
    )


def explain_lead(
    reader: Reader, ruleset: Ruleset, lead_id: str, question: Question | None = None
) -> Item:
    """Return the explanation of a lead of the store.

    Raises NotFound for a lead or rule that is not there, Ambiguous for a name that several
    rules have, BadTime for an instant before the lead's first.
    """
    lead = reader.state(lead_id)
    if lead is None:
        raise NotFound(f"there is no lead {lead_id!r}")
    if question is None:
        return explain(ruleset, lead, reader.ledger(lead.id))
    asked = {"rule": question.rule, "why_not": question.why_not}
    rules = {key: find_rule(ruleset, name) for key, name in asked.items() if name is not None}
    found = _find(reader, ruleset, lead, question)
    accounts = {
        key: account(ruleset, found.lead, found.past, found.now, named)
        for key, named in rules.items()
    }
    return {
        **explain(ruleset, found.lead, found.ledger),
        **found.told,
        **{key: account_item(ruleset, each) for key, each in accounts.items()},
    }


def _find(reader: Reader, ruleset: Ruleset, lead: Lead, question: Question) -> _Found:
    """Return the lead as it stands, or as it stood at the instant asked for."""
    if question.at is None:
        ledger = reader.ledger(lead.id)
        events = [logged.event for logged in reader.history(lead.id)]
        past = Past(events, [_line(item) for item in ledger], reader.happenings(lead.id))
        return _Found(lead, past, ledger, question.now, {})
    start = reader.snapshot(lead.id)
    if start is not None and question.at < start.at:
        raise BadTime(
            f"retention has removed what led there; explain from {format_instant(start.at)} on"
        )
    history = list(reader.history(lead.id))
    starts = reader.snapshots({lead.id, *(e.first for e in history if e.first)})
    log = entries_of(lead.id, history, starts)
    begin = {id: snapshot.lead for id, snapshot in starts.items()}
    replayed = replay(ruleset, lead.id, log, question.at, reader.teams(), begin)
    if replayed is None:
        # Not when it was made: a late event makes a lead of the past, and nobody knew of it then.
        came = min((entry.decided_at for entry in log), default=lead.created_at)
        raise BadTime(
            f"the lead was not there yet at {format_instant(question.at)}; "
            f"its first event came in at {format_instant(came)}"
        )
    others = sum(e.ruleset != ruleset.version for e in log if e.decided_at <= question.at)
    told = {"at": when(question.at), "other_rules": others}
    items = [_line_item(line) for line in replayed.past.ledger]
    if start is not None:
        kept = [e for e in reader.ledger(lead.id) if parse_instant(e["at"]) <= start.at]
        items = [*kept, *items]
    return _Found(replayed.lead, replayed.past, items, question.at, told)


def _line(item: Item) -> LedgerLine:
    return LedgerLine(**{**item, "at": parse_instant(item["at"])})


def _line_item(line: LedgerLine) -> Item:
    return {**msgspec.structs.asdict(line), "at": when(line.at)}


def explain(ruleset: Ruleset, lead: Lead, ledger: list[Item]) -> Item:
    """Return the explanation of ``lead``; ``ledger`` holds all its lines, oldest first.

    The form is that of ``GET /v1/leads/{id}/explain``; instants are RFC 3339.
    """
    return {
        "lead": lead.id,
        "ruleset": lead.ruleset or ruleset.version,
        "score": _score(ruleset, lead, ledger),
        "grade": _grade(ruleset, lead),
        "stage": _stage(lead),
        "owner": _owner(ruleset, lead),
        "journeys": [_journey(ruleset, e) for e in lead.journeys.values()],
        "deadlines": _deadlines(ruleset, lead),
    }


def _score(ruleset: Ruleset, lead: Lead, ledger: list[Item]) -> Item:
    model = ruleset.default_model
    own = [line for line in ledger if line["model"] == model]
    others = {line["model"] for line in ledger} - {model}
    return {
        "model": model,
        "total": _total(lead, model),
        "dimensions": {
            d.id: lead.facts.get(f"score.{model}.{d.id}", 0)
            for d in ruleset.definitions.default_model.dimensions
        },
        "ledger": [{**line, "label": _label(ruleset, line)} for line in own],
        "others": {name: _total(lead, name) for name in sorted(others)},
    }


def _total(lead: Lead, model: str) -> Any:
    return lead.facts.get(f"score.{model}.total", 0)


def _label(ruleset: Ruleset, line: Mapping[str, Any]) -> Text | None:
    rule = ruleset.rules.get(f"{line['model']}.{line['dimension']}.{line['rule']}")
    return rule.definition.label if rule else None


def _grade(ruleset: Ruleset, lead: Lead) -> Item:
    model = ruleset.definitions.default_model
    total = _total(lead, model.id)
    computed = next((band for band in model.grades if total >= band.floor), None)
    better = [band for band in model.grades if band.floor > total]
    nearest = min(better, key=lambda band: band.floor, default=None)
    grade, labels = lead.facts.get("grade"), ruleset.definitions.labels["grade"]
    return {
        "grade": grade,
        "label": labels.get(grade or ""),
        "computed": computed.grade if computed else None,
        "overridden": "override.grade" in lead.facts,
        "source": ruleset.definitions.place(computed.source) if computed else None,
        "next": nearest and _missing(nearest, total),
    }


def _missing(band: Grade, total: float) -> Item:
    return {"grade": band.grade, "label": band.label, "missing": band.floor - total}


def _stage(lead: Lead) -> Item:
    stage = lead.facts.get("stage")
    entered = sorted(lead.stages.items(), key=lambda pair: pair[1])
    return {
        "stage": stage,
        "since": when(lead.stages.get(stage or "")),
        "entered": [{"stage": name, "at": when(at)} for name, at in entered],
    }


def _owner(ruleset: Ruleset, lead: Lead) -> Item:
    assignment = lead.assignment or Assignment(lead.created_at)
    asked = lead.assignment is not None
    reason = assignment.reason if asked else "no rule has sent this lead to routing yet"
    labels = ruleset.definitions.labels
    routes, slas = labels["route"], labels["sla"]
    return {
        "owner": lead.facts.get("owner"),
        "team": lead.facts.get("team"),
        "pool": lead.facts.get("pool"),
        "rule": assignment.rule,
        "label": routes.get(assignment.rule or ""),
        "at": when(assignment.at) if asked else None,
        "reason": reason,
        "tried": [{**each, "label": routes.get(each["rule"])} for each in assignment.tried],
        "considered": assignment.considered,
        "clocks": [_clock(name, clock, slas) for name, clock in lead.clocks.items()],
    }


def _clock(name: str, clock: Clock, labels: Mapping[str, Text | None]) -> Item:
    return {
        "clock": name,
        "sla": clock.sla,
        "label": labels.get(clock.sla),
        "status": clock.status,
        "started_at": when(clock.started_at),
        "due": when(clock.due),
        "ended_at": when(clock.ended_at),
    }


def _journey(ruleset: Ruleset, enrolment: Enrolment) -> Item:
    rule = ruleset.journey_of(enrolment.journey, enrolment.version)
    done = sorted(enrolment.done.items(), key=lambda pair: pair[1])
    return {
        "journey": enrolment.journey,
        "label": rule.definition.label if rule else None,
        "source": ruleset.definitions.place(rule.definition.source) if rule else None,
        "version": enrolment.version or None,
        "variants": enrolment.variants,
        "entered_at": when(enrolment.entered_at),
        "step": enrolment.step,
        "since": when(enrolment.arrived_at) if enrolment.step else None,
        "left_at": when(enrolment.left_at),
        "reason": enrolment.reason,
        "done": [{"step": step, "at": when(at)} for step, at in done],
    }


def _deadlines(ruleset: Ruleset, lead: Lead) -> list[Item]:
    """Return what the clock alone will do, soonest first."""
    ordered: Iterable[tuple[str, int]] = sorted(lead.timers.items(), key=lambda t: (t[1], t[0]))
    return [
        {
            "at": when(due),
            "timer": name,
            "what": _what(ruleset, lead, name),
            "label": _label_of(ruleset, name),
        }
        for name, due in ordered
    ]


def _label_of(ruleset: Ruleset, timer: str) -> Text | None:
    """Return what people call the SLA or the recycle rule that a timer belongs to."""
    kind, _, rest = timer.partition(":")
    labels = ruleset.definitions.labels
    if kind == "recycle":
        return labels["recycle"].get(rest)
    sla = rest.rpartition(":")[0] if kind == "sla" else rest
    return labels["sla"].get(sla) if kind in ("sla", "pause") else None


def _what(ruleset: Ruleset, lead: Lead, timer: str) -> str:
    """Say in words what a timer's name means."""
    kind, _, rest = timer.partition(":")
    if kind == "rule":
        return f"scoring rule {rest} is looked at again"
    if kind == "stage":
        return f"the entry into stage {rest} is looked at again"
    if kind == "enter":
        return f"the entry into journey {rest} is looked at again"
    if kind == "end":
        return f"the exit of journey {rest} is looked at again"
    if kind == "journey":
        return _journey_due(ruleset, lead, rest)
    if kind == "pause":
        return f"SLA {rest}: its pause is looked at again"
    if kind == "recycle":
        return f"recycle rule {rest} is looked at again"
    if kind == "task":
        return "somebody is reminded of a to-do"
    if kind == "sla":
        sla, _, part = rest.rpartition(":")
        return f"SLA {sla}: {_sla_part(ruleset, sla, part)}"
    return "points run out" if rest == "" else timer


def _journey_due(ruleset: Ruleset, lead: Lead, journey: str) -> str:
    """Say what a journey waits for: its own step, or the end of quiet hours."""
    enrolment = lead.journeys.get(journey)
    rule = ruleset.journey_of(journey, enrolment.version) if enrolment else None
    step = rule.steps.get(enrolment.step or "") if rule and enrolment else None
    if step is not None and step.definition.kind == "send":
        message = step.definition.with_["message"]
        return f"quiet hours end: message {message} of journey {journey} is sent, if it still may"
    return f"the wait in journey {journey} is over"


def _sla_part(ruleset: Ruleset, sla: str, part: str) -> str:
    if not part.isdecimal():
        return f"the clock {part} runs out"
    for rule in ruleset.slas:
        rungs = rule.definition.rungs
        if rule.definition.id == sla and int(part) < len(rungs):
            return rungs[int(part)].do
    return f"rung {part}"
