"""SLA clocks: started by an assignment, met by what the salesperson does, else breached."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec

from engine.language.definitions import Rung
from engine.language.handling import ASSIGNMENT, CONTACTED, NEXT
from engine.machines.people import notes, pausing
from engine.machines.state import Clock, Event, Task
from engine.machines.waits import deadline
from engine.machines.work import Occurrence, Work
from engine.network.rules import SlaRule

CONTACT: Final = frozenset({"call_logged", "visit_logged", "quote_sent", "opportunity_opened"})
_ACCEPTED: Final = "lead_accepted"
_SENT: Final = frozenset({"message_sent", "email_sent"})
# What ends each clock, beside the assignment's own end.
MET_BY: Final = {
    "notify": frozenset({*_SENT, _ACCEPTED}) | CONTACT,
    "accept": frozenset({_ACCEPTED}) | CONTACT,
    "first_contact": CONTACT,
    "next_contact": CONTACT,
}
HEARD: Final = frozenset().union(*MET_BY.values())
_NOTES: Final = {
    "remind": "线索待跟进 / a lead waits for you",
    "escalate": "线索超时未跟进 / a lead was not followed up",
}
_GOING: Final = (pausing.RUNS, pausing.STANDS)


def assigned(work: Work) -> None:
    """Stop the clocks of before; `begin` starts others once all else has come of the event."""
    stop(work, "assigned anew")
    work.lead.clocks = {}
    work.begins = ASSIGNMENT


def begin(work: Work) -> None:
    """Start what an assignment or a contact starts: the clocks of the first SLA that fits."""
    if work.facts.get("owner") is None or (work.begins == CONTACTED and _is_over(work)):
        return
    for rule in work.ruleset.slas:
        fits = work.begins in rule.definition.occasions
        if fits and (rule.when is None or rule.when.holds(work)):
            names = [name for name, _ in rule.definition.clocks]
            at_contact = work.begins == CONTACTED
            _start(work, rule, [name for name in names if (name == NEXT) == at_contact])
            return


def _is_over(work: Work) -> bool:
    stage = work.ruleset.stages.get(work.facts.get("stage", ""))
    return stage is not None and stage.definition.final


def _start(work: Work, rule: SlaRule, names: Collection[str]) -> None:
    sla = rule.definition
    clocks: dict[str, Clock] = {}
    for name, span in sla.clocks:
        if name not in names:
            continue
        due = deadline(work, span, work.now, sla.calendar)
        clocks[name] = Clock(sla.id, work.now, due)
        work.arm(_timer(sla.id, name), due)
    work.lead.clocks = {**work.lead.clocks, **clocks}
    for index, rung in enumerate(sla.rungs):
        due = deadline(work, rung.after, work.now, sla.calendar)
        work.arm(_timer(sla.id, str(index)), due)
    work.happen("sla_started", sla=sla.id, due={n: c.due for n, c in clocks.items()})
    pausing.judge(work, rule)


def _timer(sla: str, part: str) -> str:
    return f"sla:{sla}:{part}"


def stop(work: Work, reason: str) -> None:
    """Stop whatever still runs."""
    running = [n for n, c in work.lead.clocks.items() if c.status in _GOING]
    if running:
        work.happen("sla_stopped", clocks=sorted(running), reason=reason)
    for name in running:
        _end(work, name, "stopped")
    pausing.end(work)
    for name in [t for t in work.lead.timers if t.startswith("sla:")]:
        work.arm(name, None)


def _end(work: Work, name: str, status: str) -> None:
    clock = work.lead.clocks[name]
    ended = msgspec.structs.replace(clock, status=status, ended_at=work.now)
    work.lead.clocks = {**work.lead.clocks, name: ended}
    work.arm(_timer(clock.sla, name), None)


def hear(work: Work, occurrence: Event | Occurrence) -> None:
    """Let what was done meet the clocks that wait for it; contact ends the ladder."""
    if occurrence.type in _SENT and occurrence.properties.get("audience") != "owner":
        return
    if occurrence.type == _ACCEPTED and work.event.by not in (None, work.facts.get("owner")):
        return  # nobody takes a lead on for somebody else
    for name, clock in work.lead.clocks.items():
        if clock.status in _GOING and occurrence.type in MET_BY[name]:
            _end(work, name, "met")
            work.happen("sla_met", sla=clock.sla, clock=name, by=occurrence.type)
    if occurrence.type in CONTACT:
        for name in [t for t in work.lead.timers if t.startswith("sla:")]:
            work.arm(name, None)
        pausing.end_ladder(work)
        work.begins = CONTACTED


def timer_due(work: Work, sla: str, part: str) -> None:
    """A clock has run out, or a rung of the ladder is reached."""
    work.arm(_timer(sla, part), None)
    rule = next((s for s in work.ruleset.slas if s.definition.id == sla), None)
    if rule is None:
        _lapse(work, part)
        return
    if _is_over(work):
        stop(work, "the lead is at its end")
        return
    if not part.isdecimal():
        clock = work.lead.clocks.get(part)
        if clock is not None and clock.status == "running":
            _end(work, part, "breached")
            _breach(work, sla, part)
        return
    if int(part) < len(rule.definition.rungs):
        _climb(work, rule, rule.definition.rungs[int(part)])


def _lapse(work: Work, name: str) -> None:
    """Stop a clock that comes due when its SLA is in the rules no more."""
    clock = work.lead.clocks.get(name)
    if clock is not None and clock.status in _GOING:
        _end(work, name, "stopped")
        work.happen("sla_stopped", clocks=[name], reason="the SLA is gone")


def pause_due(work: Work, sla: str) -> None:
    """Time has changed what the condition of a pause says."""
    for rule in work.ruleset.slas:
        if rule.definition.id == sla:
            pausing.judge(work, rule)


def _breach(work: Work, sla: str, rung: str) -> None:
    work.happen("sla_breached", sla=sla, rung=rung, owner=work.facts.get("owner"))
    work.occur("sla_breached", sla=sla, rung=rung)


def _climb(work: Work, rule: SlaRule, rung: Rung) -> None:
    sla, owner = rule.definition.id, work.facts.get("owner")
    team = work.ruleset.teams.get(work.facts.get("team", ""))
    _breach(work, sla, rung.do)
    key = f"{work.lead.id}:sla:{sla}:{rung.do}:{work.lead.asked}:{work.now}"
    if rung.do == "remind":
        notes.tell(work, key, owner, "remind", _NOTES["remind"])
    elif rung.do == "escalate":
        supervisor = team.supervisor if team else None
        notes.tell(work, key, supervisor, "escalate", _NOTES["escalate"])
        title = (
            f"线索超时未跟进 / lead not followed up: {work.facts.get('lead.name', work.lead.id)}"
        )
        work.give_task(Task(key, work.lead.id, title, work.now, supervisor, priority="high"))
    elif not any(r.kind == "release" for r in work.decision.requests):
        work.request("release", pool=rung.to, reason=f"SLA {sla}: not followed up in time")
