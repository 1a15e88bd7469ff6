"""SLA clocks: started by an assignment, met by what the salesperson does, else breached."""

from __future__ import annotations

from typing import Final

import msgspec

from engine.language.definitions import Rung
from engine.machines.state import Clock, Delivery, Event, Task
from engine.machines.steps import deadline
from engine.machines.work import Occurrence, Work
from engine.network.rules import SlaRule

_CONTACT: Final = frozenset({"call_logged", "visit_logged", "quote_sent", "opportunity_opened"})
_SENT: Final = frozenset({"message_sent", "email_sent"})
# What ends each clock, beside the assignment's own end.
MET_BY: Final = {
    "notify": frozenset({*_SENT, "lead_accepted"}) | _CONTACT,
    "accept": frozenset({"lead_accepted"}) | _CONTACT,
    "first_contact": _CONTACT,
}
_NOTES: Final = {
    "remind": "线索待跟进 / a lead waits for you",
    "escalate": "线索超时未跟进 / a lead was not followed up",
}
_NAME: Final = "{{ lead.name | default('') }} {{ lead.company | default('') }}"
NOTIFY: Final = "notify"  # the connection that carries notes to salespeople


def start(work: Work) -> None:
    """Start the clocks of the first SLA that fits the lead; those of before are stopped."""
    stop(work, "assigned anew")
    for rule in work.ruleset.slas:
        if rule.when is None or rule.when.holds(work):
            _start(work, rule)
            return


def _start(work: Work, rule: SlaRule) -> None:
    sla = rule.definition
    clocks: dict[str, Clock] = {}
    for name, span in sla.clocks:
        due = deadline(work, span, work.now, sla.calendar)
        clocks[name] = Clock(sla.id, work.now, due)
        work.arm(_timer(sla.id, name), due)
    work.lead.clocks = clocks
    for index, rung in enumerate(sla.rungs):
        due = deadline(work, rung.after, work.now, sla.calendar)
        work.arm(_timer(sla.id, str(index)), due)
    work.happen("sla_started", sla=sla.id, due={n: c.due for n, c in clocks.items()})


def _timer(sla: str, part: str) -> str:
    return f"sla:{sla}:{part}"


def stop(work: Work, reason: str) -> None:
    """Stop whatever still runs."""
    running = [n for n, c in work.lead.clocks.items() if c.status == "running"]
    if running:
        work.happen("sla_stopped", clocks=sorted(running), reason=reason)
    for name in running:
        _end(work, name, "stopped")
    for name in [t for t in work.lead.timers if t.startswith("sla:")]:
        work.arm(name, None)


def _end(work: Work, name: str, status: str) -> None:
    clock = work.lead.clocks[name]
    ended = msgspec.structs.replace(clock, status=status, ended_at=work.now)
    work.lead.clocks = {**work.lead.clocks, name: ended}
    work.arm(_timer(clock.sla, name), None)


def hear(work: Work, occurrence: Event | Occurrence) -> None:
    """Let what was done meet the clocks that wait for it; contact ends the ladder."""
    if not work.lead.clocks:
        return
    if occurrence.type in _SENT and occurrence.properties.get("audience") != "owner":
        return
    for name, clock in work.lead.clocks.items():
        if clock.status == "running" and occurrence.type in MET_BY[name]:
            _end(work, name, "met")
            work.happen("sla_met", sla=clock.sla, clock=name, by=occurrence.type)
    if occurrence.type in _CONTACT:
        for name in [t for t in work.lead.timers if t.startswith("sla:")]:
            work.arm(name, None)


def timer_due(work: Work, sla: str, part: str) -> None:
    """A clock has run out, or a rung of the ladder is reached."""
    work.arm(_timer(sla, part), None)
    rule = next((s for s in work.ruleset.slas if s.definition.id == sla), None)
    if rule is None:
        return
    if not part.isdecimal():
        clock = work.lead.clocks.get(part)
        if clock is not None and clock.status == "running":
            _end(work, part, "breached")
            _breach(work, sla, part)
        return
    if int(part) < len(rule.definition.rungs):
        _climb(work, rule, rule.definition.rungs[int(part)])


def _breach(work: Work, sla: str, rung: str) -> None:
    work.happen("sla_breached", sla=sla, rung=rung, owner=work.facts.get("owner"))
    work.occur("sla_breached", sla=sla, rung=rung)


def _climb(work: Work, rule: SlaRule, rung: Rung) -> None:
    sla, owner = rule.definition.id, work.facts.get("owner")
    team = work.ruleset.teams.get(work.facts.get("team", ""))
    _breach(work, sla, rung.do)
    key = f"{work.lead.id}:sla:{sla}:{rung.do}:{work.lead.asked}:{work.now}"
    if rung.do == "remind":
        _notify(work, key, owner, "remind")
    elif rung.do == "escalate":
        supervisor = team.supervisor if team else None
        _notify(work, key, supervisor, "escalate")
        title = (
            f"线索超时未跟进 / lead not followed up: {work.facts.get('lead.name', work.lead.id)}"
        )
        work.give_task(Task(key, work.lead.id, title, work.now, supervisor, priority="high"))
    else:
        work.request("release", pool=rung.to, reason=f"SLA {sla}: not followed up in time")


def _notify(work: Work, key: str, to: str | None, what: str) -> None:
    title = _NOTES[what]
    status = "queued" if to and NOTIFY in work.ruleset.definitions.server.connections else "blocked"
    work.deliver(
        Delivery(
            key=key,
            lead=work.lead.id,
            connection=NOTIFY,
            at=work.now,
            params={"what": what, "title": title, "text": f"{title}: {_NAME}"},
            audience="owner",
            to=to,
            status=status,
            reason="" if status == "queued" else "nobody to notify or no connection notify",
        )
    )
