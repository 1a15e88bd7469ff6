"""Stages: entered by rule or by a person, each entry dated, refusals explained."""

from __future__ import annotations

from engine.machines.state import Event, Happening
from engine.machines.work import Occurrence, Work
from engine.network.rules import StageRule
from engine.network.ruleset import Ruleset


def start(work: Work) -> None:
    """Put a new lead in the first stage."""
    enter(work, work.ruleset.initial_stage, reason="new lead")


def stages_for_facts(work: Work, changed: set[str]) -> None:
    """Enter the stages whose condition came true."""
    for stage in work.ruleset.state_stages.woken(changed, work):
        judge(work, stage)


def judge(work: Work, stage: StageRule) -> None:
    """Enter a stage whose condition came true, if the way there is allowed."""
    assert stage.when is not None
    came_true = work.came_true(f"stage:{stage.definition.id}", stage.when)
    if came_true and allowed(work, stage) is None:
        enter(work, stage.definition.id, reason="rule", rule=stage.definition.id)


def stages_for_occurrence(work: Work, occurrence: Event | Occurrence) -> None:
    """Enter the stages that this occurrence leads to."""
    for stage in work.ruleset.event_stages.woken(occurrence.type, occurrence.properties):
        if stage.where is not None and not stage.where(work):
            continue
        if stage.when is not None and not stage.when.holds(work):
            continue
        if allowed(work, stage) is None:
            reason = occurrence.properties.get("reason") or occurrence.type
            enter(work, stage.definition.id, reason=reason, rule=stage.definition.id)


def allowed(work: Work, stage: StageRule) -> str | None:
    """Return why the lead may not enter ``stage`` from where it is, None if it may.

    History does not move a lead that has come farther since.
    """
    present = work.facts.get("stage")
    if not work.news and work.moment < work.lead.stages.get(present or "", work.moment):
        return f"the lead has come to stage {present} since then"
    return barred(work.ruleset, present, stage)


def barred(ruleset: Ruleset, present: str | None, stage: StageRule) -> str | None:
    """Return why a lead in the stage ``present`` may not enter ``stage``, None if it may."""
    definition = stage.definition
    if present == definition.id:
        return f"the lead is already in stage {definition.id}"
    if definition.enter_from is not None:
        if present in definition.enter_from:
            return None
        return f"{definition.id} is entered from {', '.join(definition.enter_from)}, not {present}"
    current = ruleset.stages.get(present) if present else None
    if current is not None and current.definition.final:
        return f"{present} is final"
    return None


def reachable(work: Work) -> list[str]:
    """Return the stages that the lead may enter now."""
    return [id for id, stage in work.ruleset.stages.items() if allowed(work, stage) is None]


def enter(work: Work, stage: str, reason: str, **cause: str) -> None:
    """Enter a stage that is another than the present one, and date it: when that happened by which
    it is entered, and never before the lead had come into the stage that it leaves.

    ``cause`` is the stage's own ``rule``, or the ``journey`` and ``step`` that set it.
    """
    previous = work.facts.get("stage")
    at = max(work.moment, work.lead.stages.get(previous or "", work.moment))
    work.lead.stages = {**work.lead.stages, stage: at}
    work.set_fact("stage", stage)
    change = {"from": previous, "to": stage, "reason": reason}
    told = {**change, **cause} if previous is not None else {"to": stage, "reason": reason, **cause}
    if work.event.by is not None:
        told["by"] = work.event.by
    work.decision.happenings.append(Happening(at, "stage", told))
    if work.event.type != "stage_changed":
        work.occur("stage_changed", **change)


def change_by_person(work: Work, to: str, reason: str | None) -> None:
    """Enter a stage that a person asks for, or record why not and what is allowed."""
    stage = work.ruleset.stages.get(to)
    refusal = f"there is no stage {to}" if stage is None else allowed(work, stage)
    if (
        stage is not None
        and refusal is None
        and "reason" in stage.definition.requires
        and not reason
    ):
        refusal = f"{to} requires a reason"
    if refusal is None:
        enter(work, to, reason=reason or "by hand")
    else:
        work.happen("stage_refused", to=to, reason=refusal, allowed=reachable(work))
