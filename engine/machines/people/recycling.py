"""Leads taken back into a pool by rule: nobody follows up, or a condition comes true."""

from __future__ import annotations

from engine.machines.state import Lead
from engine.machines.waits import deadline
from engine.machines.work import Work
from engine.network.rules import RecycleRule


def for_facts(work: Work, changed: set[str]) -> None:
    """Look at the rules that read what has changed."""
    for rule in work.ruleset.state_recycles.woken(changed, work):
        judge(work, rule)


def assigned(work: Work) -> None:
    """Begin to count for an owner, or stop counting where there is none any more."""
    for rule in work.ruleset.recycles:
        if rule.definition.idle is not None:
            judge(work, rule)


def adopt(work: Work) -> None:
    """Let rules of another ruleset count for a lead that was decided by earlier ones."""
    known = {rule.key for rule in work.ruleset.recycles}
    for name in [t for t in work.lead.timers if t.startswith("recycle:") and t not in known]:
        work.arm(name, None)
    assigned(work)


def judge(work: Work, rule: RecycleRule) -> None:
    """Take the lead back if the rule says so now, else see when to look again."""
    if rule.definition.idle is None:
        assert rule.when is not None
        if work.came_true(rule.key, rule.when) and _is_owned(work):
            _release(work, rule, "its condition came true")
        return
    if not _is_owned(work):
        work.arm(rule.key, None)
        return
    due = deadline(work, rule.definition.idle, since(work.lead), rule.definition.calendar)
    if due > work.now:
        work.arm(rule.key, due)
    elif rule.when is None or rule.when.holds(work):
        work.arm(rule.key, None)
        _release(work, rule, "nobody followed up")
    else:
        look = rule.when.deadline
        work.arm(rule.key, look(work) if look is not None else None)


def _is_owned(work: Work) -> bool:
    stage = work.ruleset.stages.get(work.facts.get("stage", ""))
    final = stage is not None and stage.definition.final
    return work.facts.get("owner") is not None and not final


def since(lead: Lead) -> int:
    """Return when somebody last did something about the lead, or got it."""
    answer = lead.assignment
    given = lead.created_at if answer is None else answer.known_at
    return max(given, lead.contacted_at)


def _release(work: Work, rule: RecycleRule, why: str) -> None:
    if any(r.kind == "release" for r in work.decision.requests):
        return
    id = rule.definition.id
    work.happen("recycled", rule=id, pool=rule.pool, owner=work.facts.get("owner"), reason=why)
    work.request("release", pool=rule.pool, reason=f"recycle {id}: {why}")


def timer_due(work: Work, key: str) -> None:
    """A span without follow-up is over, or time has changed what a condition says."""
    for rule in work.ruleset.recycles:
        if rule.key == key:
            judge(work, rule)
