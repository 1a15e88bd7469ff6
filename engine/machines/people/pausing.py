"""SLA clocks that stand still while a condition of their rule holds, and go on after it."""

from __future__ import annotations

from msgspec.structs import replace

from engine.language.definitions import Sla, Span
from engine.machines.work import Work
from engine.network.rules import SlaRule

RUNS, STANDS = "running", "paused"


def for_facts(work: Work, changed: set[str]) -> None:
    """Look at the pauses that read what has changed."""
    if work.lead.clocks:
        for rule in work.ruleset.state_pauses.woken(changed, work):
            judge(work, rule)


def adopt(work: Work) -> None:
    """Let clocks go on whose pause stands in no rule any more, and judge the others anew."""
    if not work.lead.clocks:
        return
    paused = {rule.definition.id for rule in work.ruleset.slas if rule.pause is not None}
    for sla in [sla for sla in work.lead.halted if sla not in paused]:
        rule = next((r for r in work.ruleset.slas if r.definition.id == sla), None)
        _go_on(work, sla, rule.definition if rule else None)
    for rule in work.ruleset.slas:
        judge(work, rule)


def judge(work: Work, rule: SlaRule) -> None:
    """Stop or start the clocks of a rule as its condition says now, if it has any running."""
    sla = rule.definition.id
    clocks = [c for c in work.lead.clocks.values() if c.sla == sla]
    if rule.pause is None or not any(c.status in (RUNS, STANDS) for c in clocks):
        return
    if rule.pause.deadline is not None:
        work.arm(key_of(sla), rule.pause.deadline(work))
    holds = rule.pause.holds(work)
    if holds and sla not in work.lead.halted:
        _stand(work, sla)
    elif not holds and sla in work.lead.halted:
        _go_on(work, sla, rule.definition)


def key_of(sla: str) -> str:
    """Return the name of a pause's truth and timer."""
    return f"pause:{sla}"


def end(work: Work) -> None:
    """Forget all pauses: the clocks have come to an end."""
    for sla in work.lead.halted:
        work.forget("truths", key_of(sla))
    if work.lead.halted:
        work.lead.halted = {}
    for name in [t for t in work.lead.timers if t.startswith("pause:")]:
        work.arm(name, None)


def end_ladder(work: Work) -> None:
    """Forget the rungs that stand still; a contact ends the ladder."""
    if work.lead.halted:
        work.lead.halted = {
            sla: [since, {p: due for p, due in parts.items() if not p.isdecimal()}]
            for sla, (since, parts) in work.lead.halted.items()
        }


def _stand(work: Work, sla: str) -> None:
    head = f"sla:{sla}:"
    parts = {n.removeprefix(head): due for n, due in work.lead.timers.items() if n.startswith(head)}
    for part in parts:
        work.arm(head + part, None)
    work.lead.halted = {**work.lead.halted, sla: [work.now, parts]}
    work.writable("truths")[key_of(sla)] = work.now
    _mark(work, sla, RUNS, STANDS, {})
    work.happen("sla_paused", sla=sla)


def _go_on(work: Work, sla: str, rule: Sla | None) -> None:
    """Move what is due by as much of its own time as has passed; without a rule not at all."""
    since, parts = work.lead.halted[sla]
    work.lead.halted = {name: each for name, each in work.lead.halted.items() if name != sla}
    work.forget("truths", key_of(sla))
    moved = {part: _later(work, rule, part, due, since) for part, due in parts.items()}
    for part, due in moved.items():
        work.arm(f"sla:{sla}:{part}", due)
    _mark(work, sla, STANDS, RUNS, moved)
    work.happen("sla_resumed", sla=sla, due={n: d for n, d in moved.items() if not n.isdecimal()})


def _mark(work: Work, sla: str, before: str, after: str, due: dict[str, int]) -> None:
    work.lead.clocks = {
        name: replace(clock, status=after, due=due.get(name, clock.due))
        if clock.sla == sla and clock.status == before
        else clock
        for name, clock in work.lead.clocks.items()
    }


def _later(work: Work, rule: Sla | None, part: str, due: int, since: int) -> int:
    span = _span(rule, part)
    if span is None or rule is None or not span.is_working:
        return due + work.now - since
    calendar = work.ruleset.calendars[rule.calendar]
    return calendar.later(due, since, work.now, span.unit)


def _span(rule: Sla | None, part: str) -> Span | None:
    if rule is None:
        return None
    if part.isdecimal():
        return rule.rungs[int(part)].after if int(part) < len(rule.rungs) else None
    return dict(rule.clocks).get(part)
