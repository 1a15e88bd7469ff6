"""Why a recycle rule took a lead back into its pool, or why it has not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.language.wording import write_span
from engine.machines.account import Case, Look, Obstacle, condition_fails, said
from engine.machines.people.recycling import since
from engine.machines.waits import deadline
from engine.network.rules import RecycleRule


def effect(case: Case, rule: RecycleRule) -> tuple[bool, str]:
    """Return whether the lead lies in the pool by this rule, and what it did at last."""
    id, assignment = rule.definition.id, case.lead.assignment
    mine = [h for h in case.past.happenings if h.kind == "recycled" and h.data.get("rule") == id]
    if assignment is not None and assignment.reason.startswith(f"recycle {id}: "):
        return True, f"it took the lead back into the pool {rule.pool} at {said(assignment.at)}"
    if mine:
        return False, f"it took the lead back at {said(mine[-1].at)}; much has happened since"
    return False, "it has not taken the lead back"


def obstacles(case: Case, rule: RecycleRule, looks: Sequence[Look]) -> Iterator[Obstacle]:
    """Yield what keeps the rule from taking the lead back now."""
    facts, idle = case.lead.facts, rule.definition.idle
    stage = case.ruleset.stages.get(facts.get("stage", ""))
    if facts.get("owner") is None:
        yield Obstacle("not-assigned", "nobody has the lead, so there is nothing to take back")
    if stage is not None and stage.definition.final:
        yield Obstacle("final", f"the lead is at its end: {stage.definition.id}")
    yield from condition_fails(looks)
    if idle is None or facts.get("owner") is None:
        return
    from_ = since(case.lead)
    due = deadline(case.view, idle, from_, rule.definition.calendar)
    if due > case.now:
        what = "was followed up" if from_ == case.lead.contacted_at else "was given away"
        text = f"the lead {what} at {said(from_)}; nobody may for {write_span(idle)}"
        yield Obstacle("followed-up", text, due)
