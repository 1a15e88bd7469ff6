"""Scores: ledger lines given, withdrawn, expired and capped. Nothing else changes a score."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from math import frexp
from typing import Any, Final

from engine.language.definitions import Dimension, Model
from engine.machines.state import Event, LedgerLine, Number
from engine.machines.work import Occurrence, Work
from engine.network.rules import Rule
from engine.network.ruleset import Ruleset, tidy

EXPIRY = "expiry"
LIMIT: Final = 1024  # grants that a lead keeps apart, as windows keep their events
FINENESS: Final = 512
Grant = list[Any]  # [instant, rule key, points], and of how many occurrences where not of one


def score_occurrence(work: Work, occurrence: Event | Occurrence, found: Sequence[Rule]) -> None:
    """Fire those of the event rules found by an occurrence's properties that it matches."""
    for rule in found:
        if rule.where is not None and not rule.where(work):
            continue
        if rule.when is not None and not rule.when.holds(work):
            continue
        if rule.at_most is None or _may_repeat(work, rule, rule.at_most, occurrence.at):
            _give(work, rule, occurrence.at)


def score_facts(work: Work, changed: set[str]) -> None:
    """Look again at every rule that reads what changed."""
    judge_all(work, work.ruleset.state_rules.woken(changed, work))


def judge_all(work: Work, rules: Iterable[Rule]) -> None:
    """Look at rules without an event; who of a group gives is settled when all are known."""
    rules = list(rules)
    known = {rule.key for rule in rules if rule.group and _look(work, rule)}
    # Their lines stand in the order of the configuration.
    for rule in [each for each in rules if not each.group or each.key in known]:
        if rule.group:
            _settle(work, rule.group)
        else:
            _look(work, rule)


def judge(work: Work, rule: Rule) -> None:
    """Give, keep or withdraw what a rule without an event gives, and set its deadline."""
    if _look(work, rule):
        _settle(work, rule.group)


def _look(work: Work, rule: Rule) -> bool:
    """Judge a rule by itself; True when its exclusive group is to be settled."""
    when = rule.when
    assert when is not None  # loading refuses a rule that hears no event and asks for nothing
    holds = when.holds(work)
    if when.deadline is not None:
        work.arm(rule.timer, when.deadline(work))
        if not work.news and rule.definition.repeat:
            return False  # what the clock takes is judged when history is complete
    if rule.definition.repeat is not None:
        _judge_repeated(work, rule, holds)
    elif rule.group:
        _know(work, rule, holds)
        return True
    elif holds:
        _hold(work, rule, _points(work, rule) if rule.points_fact else rule.points)
    elif rule.key in work.lead.holds:
        _hold(work, rule, 0)
    return False


def hear(work: Work, silences: Iterable[Rule], at: int) -> None:
    """An event came: whoever held for want of it holds no more.

    One from before the lead's creation lets a silence begin earlier than was thought.
    """
    lead = work.lead
    for rule in silences:
        if rule.key in lead.truths or rule.key in lead.holds or at < lead.created_at:
            judge(work, rule)


def _hold(work: Work, rule: Rule, points: Number) -> None:
    """Make a truth-maintained rule give exactly ``points``."""
    given = work.lead.holds.get(rule.key, 0)
    if points == given:
        return
    if points:
        work.writable("holds")[rule.key] = points
    else:
        work.forget("holds", rule.key)
    if given:
        _line(work, rule, -given, "withdrawn")
    if points:
        work.decision.fired.append(rule.id)
        _line(work, rule, points)


def _know(work: Work, rule: Rule, holds: bool) -> None:
    if not holds:
        work.forget("truths", rule.key)
    elif rule.key not in work.lead.truths:
        work.writable("truths")[rule.key] = work.now


def _settle(work: Work, name: str | None) -> None:
    """Of an exclusive group the rule with most points gives them, the others nothing."""
    group = work.ruleset.exclusive[name or ""]
    best: Rule | None = None
    most: Number = 0
    for member in group:  # in the order of the configuration: of equals the first is the best
        if member.key in work.lead.truths:
            points = _points(work, member)
            if best is None or points > most:
                best, most = member, points
    for member in group:
        if member is not best and member.key in work.lead.holds:
            _hold(work, member, 0)
    if best is not None:
        _hold(work, best, most)


def _judge_repeated(work: Work, rule: Rule, holds: bool) -> None:
    """A condition with ``repeat`` scores when it comes true, absence again each span.

    ``truths`` keeps the instant of the latest firing.
    """
    if not holds:
        work.forget("truths", rule.key)
        return
    span = rule.silence
    fired = work.lead.truths.get(rule.key)
    if fired is None or (span is not None and work.now >= fired + span):
        work.writable("truths")[rule.key] = fired = work.now
        if rule.at_most is None or _may_repeat(work, rule, rule.at_most, work.now):
            _give(work, rule, work.now)
    if span is not None:
        work.arm(rule.timer, fired + span)


def _points(work: Work, rule: Rule) -> Number:
    if rule.points_fact is None:
        return rule.points
    value = work.read(rule.points_fact)
    return tidy(rule.definition.points * value) if value is not None else 0


def _give(work: Work, rule: Rule, at: int) -> None:
    """Give an occurrence's points, and remember when they go."""
    life = rule.life
    if life is not None and rule.definition.expires and at + life <= work.now:
        return
    points = rule.points if rule.points_fact is None else _points(work, rule)
    work.decision.fired.append(rule.id)
    if points:
        _line(work, rule, points)
        if life is not None:
            _grant(work, [at + life, rule.key, points])


def _grant(work: Work, grant: Grant) -> None:
    """Remember points that will go; however many there are, a lead's state stays bounded."""
    lead = work.lead
    lead.grants = [*lead.grants, grant]
    if len(lead.grants) % LIMIT:
        work.arm(EXPIRY, min(grant[0], lead.timers.get(EXPIRY, grant[0])))
    else:
        lead.grants = _added_up(work.ruleset, lead.grants)
        work.arm(EXPIRY, min(each[0] for each in lead.grants))


def _added_up(ruleset: Ruleset, grants: Iterable[Grant]) -> list[Grant]:
    """Add up what a rule takes back in one slot, a FINENESS-th of its span, at the slot's latest.

    Only points of one magnitude, so that what decays comes to its end as each of them would.
    """
    found: dict[tuple[Any, ...], Grant] = {}
    for grant in sorted(grants):
        due, key, points = grant[:3]
        number = _number(grant)
        rule = ruleset.rules.get(key)
        slot = max(1, rule.life // FINENESS) if rule is not None and rule.life else 1
        # Of one magnitude are points between the same powers of two, above or below zero.
        at = (key, due // slot, points < 0, frexp(points / number)[1])
        if at in found:
            points, number = tidy(found[at][2] + points), found[at][3] + number
        found[at] = [due, key, points, number]
    return [grant[:3] if grant[3] == 1 else grant for grant in found.values()]


def _number(grant: Grant) -> int:
    """Return of how many occurrences a grant's points are."""
    return grant[3] if len(grant) > 3 else 1


def expire(work: Work) -> None:
    """Take back what has expired or decayed, also where the rule is gone meanwhile."""
    grants = work.lead.grants
    work.lead.grants = [g for g in grants if g[0] > work.now]
    for grant in grants:
        due, key, points = grant[:3]
        if due > work.now:
            continue
        rule = work.ruleset.rules.get(key)
        half_life = rule.definition.half_life if rule else None
        if half_life is None:
            take_back(work, key, points, "expired")
        else:
            _halve(work, grant, due + half_life)
    work.arm(EXPIRY, min((g[0] for g in work.lead.grants), default=None))


def _halve(work: Work, grant: Grant, due: int) -> None:
    """Take half of what occurrences still give; all when under a point of each would remain."""
    _, key, points, *number = grant
    gone = tidy(points / 2)
    if abs(points - gone) < _number(grant):
        gone = points
    take_back(work, key, gone, "decayed")
    if gone != points:
        work.lead.grants = [*work.lead.grants, [due, key, tidy(points - gone), *number]]


def take_back(work: Work, key: str, points: Number, reason: str) -> None:
    """Take back points that a rule or cap gave, also where that is gone meanwhile."""
    rule = work.ruleset.rules.get(key)
    if rule is not None:
        _line(work, rule, -points, reason)
        return
    model, dimension, id = (*key.split(".", 2), "cap")[:3]
    work.add_points(model, dimension, id, -points, None, reason)
    declared = work.ruleset.models.get(model)
    for limits in declared.dimensions if declared is not None else ():
        if limits.id == dimension:
            cap(work, model, limits, f"score.{model}.{dimension}")


def _may_repeat(work: Work, rule: Rule, at_most: int, at: int) -> bool:
    """Whether this occurrence may score, by the rule's ``repeat``; counts it if so."""
    kept = repeated(work.lead.counts.get(rule.key), at_most, rule.per, at)
    if kept is None:
        return False
    work.writable("counts")[rule.key] = kept
    return True


def repeated(scored: list[int] | None, at_most: int, per: int | None, at: int) -> list[int] | None:
    """Return the instants that scored with one more, None if that one may not score.

    A period is half-open, (at - per, at]; late occurrences are judged at their own time.
    """
    if not scored:
        return [at]
    if per is None:
        if len(scored) >= at_most:
            return None
        kept = [*scored, at]
    else:
        since = at - per
        if scored[-1] <= at:  # in order, as nearly all come
            full = len(scored) >= at_most and scored[-at_most] > since
        else:
            near = bisect_left(scored, at + per) - bisect_right(scored, since)
            full = near >= at_most
        if full:
            return None
        kept = [*scored[bisect_right(scored, since - per) :], at]
    if scored[-1] > at:
        kept.sort()
    return kept


def _line(work: Work, rule: Rule, points: Number, reason: str = "") -> None:
    line = ledger_line(work.ruleset, rule, points, work.now, work.event.id, reason)
    work.add_line(line, rule.fact, rule.total)
    if rule.limits is not None:
        cap(work, rule.model, rule.limits, rule.fact)


def ledger_line(
    ruleset: Ruleset, rule: Rule, points: Number, at: int, event: str, reason: str = ""
) -> LedgerLine:
    """Return what the ledger says of a rule's points at an instant."""
    return LedgerLine(
        at, rule.model, rule.dimension, rule.id, points, event, rule.place, ruleset.version, reason
    )


def cap(work: Work, model: str, dimension: Dimension, fact: str) -> None:
    """Keep a dimension between its floor and cap by a line of its own."""
    key = f"cap:{model}.{dimension.id}"
    held = work.lead.holds.get(key, 0)
    raw = tidy(work.facts.get(fact, 0) - held)
    wanted = tidy(_clamped(dimension, raw) - raw)
    if wanted == held:
        return
    if wanted:
        work.writable("holds")[key] = wanted
    else:
        work.forget("holds", key)
    rule = f"cap:{dimension.id}"
    work.add_points(model, dimension.id, rule, tidy(wanted - held), dimension.source, "capped")


def _clamped(dimension: Dimension, raw: Number) -> Number:
    if dimension.max is not None and raw > dimension.max:
        return dimension.max
    if dimension.min is not None and raw < dimension.min:
        return dimension.min
    return raw


def regrade(work: Work, changed: set[str]) -> None:
    """Find the grade of every model whose total changed; a person's own choice stays."""
    for fact, model in work.ruleset.graded:
        if fact not in changed:
            continue
        if fact in work.before and "score_changed" in work.ruleset.reactions:
            total = work.facts.get(fact, 0)
            work.occur("score_changed", model=model.id, **{"from": work.before[fact], "to": total})
        grade(work, fact, model)


def grade(work: Work, fact: str, model: Model) -> None:
    """Find the grade of a model's total."""
    name = work.ruleset.grade(model.id, work.facts.get(fact, 0))
    old = work.facts.get(f"grade.{model.id}")
    if name != old:
        work.set_fact(f"grade.{model.id}", name)
        _show_grade(work, model.id, old, name)


def _show_grade(work: Work, model: str, old: str | None, new: str | None) -> None:
    details = {"model": model, "from": old, "to": new}
    work.happen("grade", **details, score=work.facts.get(f"score.{model}.total", 0))
    if "grade_changed" in work.ruleset.reactions:
        work.occur("grade_changed", **details)
    if model == work.ruleset.default_model and "override.grade" not in work.facts:
        work.set_fact("grade", new)


def grades(work: Work) -> list[str]:
    """Return the grades that a person may choose from."""
    return [each.grade for each in work.ruleset.models[work.ruleset.default_model].grades]


def override_grade(work: Work, chosen: str, reason: str | None) -> None:
    """Let a person's grade stand instead of the computed one, which stays visible.

    A grade that the model does not have is refused, with those it has.
    """
    known = grades(work)
    if chosen not in known:
        work.happen("grade_refused", to=chosen, reason=f"there is no grade {chosen}", allowed=known)
        return
    work.set_fact("override.grade", chosen)
    work.set_fact("grade", chosen)
    work.happen("grade_override", to=chosen, reason=reason, by=work.event.by)
