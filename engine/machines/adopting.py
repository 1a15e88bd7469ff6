"""What an edited journey does to a lead that is in it: finish, migrate or restart."""

from __future__ import annotations

from msgspec.structs import replace

from engine.machines import journeys, waits
from engine.machines.state import Enrolment
from engine.machines.work import Work
from engine.network.rules import JourneyRule


def adopt(work: Work) -> None:
    """Let each journey that the lead is in go on by the definition that is due to it."""
    for enrolment in work.lead.journeys.values():
        if enrolment.left_at is not None:
            continue
        rule = work.ruleset.journeys.get(enrolment.journey)
        if rule is None:
            _gone(work, enrolment)
        elif enrolment.version not in ("", rule.definition.version):
            _changed(work, enrolment, rule)


def _gone(work: Work, enrolment: Enrolment) -> None:
    """Of a removed journey: it is finished where that was its way, else it ends."""
    elder = _elder(work, enrolment)
    if elder is None or elder.definition.on_change != "finish":
        journeys.leave(work, enrolment.journey, "the journey is gone")


def _elder(work: Work, enrolment: Enrolment) -> JourneyRule | None:
    return work.ruleset.elders.get((enrolment.journey, enrolment.version))


def _changed(work: Work, enrolment: Enrolment, rule: JourneyRule) -> None:
    elder, policy = _elder(work, enrolment), rule.definition.on_change
    if policy == "finish" and elder is not None:
        return
    if policy == "restart":
        journeys.leave(work, rule.id, "restarted: the journey was changed")
        journeys.enter(work, rule, again=True)
        return
    unknown = policy == "finish"
    reason = "the definition it entered is not known any more" if unknown else "it was changed"
    _migrate(work, enrolment, elder, rule, reason)


def _migrate(
    work: Work, enrolment: Enrolment, elder: JourneyRule | None, rule: JourneyRule, reason: str
) -> None:
    """Go on by the new steps: from the same one, or from the next that is still there."""
    here = enrolment.step or ""
    target = here if here in rule.steps else _next_kept(elder, here, rule)
    journeys.save(work, replace(enrolment, version=rule.definition.version))
    if target is None:
        journeys.leave(work, rule.id, f"step {here} is gone")
        return
    work.happen("journey_migrated", journey=rule.id, step=target, reason=reason)
    if target == here and _same_sort(elder, rule, here):
        _wait_anew(work, enrolment, rule, here)
        journeys.check_end(work, rule)
        return
    work.arm(journeys.timer(rule.id), None)
    journeys.walk(work, rule, target)
    journeys.check_end(work, rule)


def _wait_anew(work: Work, enrolment: Enrolment, rule: JourneyRule, here: str) -> None:
    """Set the deadline that the new step has, counted from the arrival there.

    A send that was postponed keeps its hour, and a lead waits for its owner without one.
    """
    step = rule.steps[here].definition
    if step.kind == "wait" or step.events:
        due = waits.due(work, enrolment, step)
        work.arm(journeys.timer(rule.id), work.now if isinstance(due, str) else due)


def _same_sort(elder: JourneyRule | None, rule: JourneyRule, step: str) -> bool:
    """Whether a step waits as it did; of an unknown definition we suppose so."""
    new = rule.steps[step].definition
    if elder is None:
        return new.kind in ("wait", "route") or bool(new.events)
    old = elder.steps[step].definition
    return (old.kind, bool(old.events)) == (new.kind, bool(new.events))


def _next_kept(elder: JourneyRule | None, gone: str, rule: JourneyRule) -> str | None:
    """Return the first step below a removed one that is still there."""
    below = list(elder.steps) if elder is not None else []
    after = below[below.index(gone) + 1 :] if gone in below else []
    return next((step for step in after if step in rule.steps), None)
