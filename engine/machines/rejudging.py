"""A lead that was decided by other rules before: what it has, judged anew by the present ones."""

from __future__ import annotations

from engine.machines.scoring import cap, grade, grades, judge_all, take_back
from engine.machines.work import Work
from engine.network.rules import Rule


def adopt(work: Work) -> None:
    """Judge a lead anew under another ruleset; what vanished rules gave is withdrawn.

    That bands, limits and scores are others now is nothing that happened to the lead: its grade
    is found anew, and no condition is asked about a score for it.
    """
    _begin_at_nothing(work)
    for key, points in list(work.lead.holds.items()):
        if not _declared(work, key):
            work.forget("holds", key)
            take_back(work, key.removeprefix("cap:"), points, "removed")
    for name in [t for t in work.lead.timers if t.startswith("rule:")]:
        if name.removeprefix("rule:") not in work.ruleset.rules:
            work.arm(name, None)
    _judge(work)
    for name, model in work.ruleset.models.items():
        for dimension in model.dimensions:
            cap(work, name, dimension, f"score.{name}.{dimension.id}")
    for fact, model in work.ruleset.graded:
        grade(work, fact, model)
    _keep_override(work)
    _keep_stage(work)


def _begin_at_nothing(work: Work) -> None:
    """Give the lead the scores that it does not have yet."""
    for name in work.ruleset.scores:
        if name not in work.facts:
            work.set_fact(name, 0)
            work.changed.discard(name)
            del work.before[name]


def _judge(work: Work) -> None:
    """Look at the rules without an event.

    Of a silence that no rule asked about before nobody knows whether it was one: it begins now.
    """
    rules = work.ruleset.held_rules.possible(work)
    begun = {rule.key: rule for rule in rules if _is_unheard(work, rule)}
    for rule in begun.values():
        work.arm(rule.timer, work.now + (rule.silence or 0))
    judge_all(work, [rule for rule in rules if rule.key not in begun])


def _is_unheard(work: Work, rule: Rule) -> bool:
    """Whether a rule for silence is new to the lead, and nothing is known of its events."""
    lead, when = work.lead, rule.when
    if rule.silence is None or when is None or rule.timer in lead.timers:
        return False
    held = rule.key in lead.truths or rule.key in lead.holds
    return not held and when.windows.isdisjoint(lead.windows)


def _declared(work: Work, key: str) -> bool:
    if not key.startswith("cap:"):
        return key in work.ruleset.rules
    model, dimension = key.removeprefix("cap:").split(".")
    declared = work.ruleset.models.get(model)
    return declared is not None and any(d.id == dimension for d in declared.dimensions)


def _keep_override(work: Work) -> None:
    """Let a person's grade stand as long as there is such a grade."""
    chosen = work.facts.get("override.grade")
    if chosen is None or chosen in grades(work):
        return
    work.set_fact("override.grade", None)
    work.set_fact("grade", work.facts.get(f"grade.{work.ruleset.default_model}"))
    reason = f"there is no grade {chosen} any more"
    work.happen("value_set_aside", fact="grade", type="enum", reason=reason)


def _keep_stage(work: Work) -> None:
    """Say so where the lead is in a stage that is gone; it stays there until it enters another."""
    stage = work.facts.get("stage")
    if stage not in work.ruleset.stages:
        work.happen("rule_error", reason=f"there is no stage {stage} any more")
