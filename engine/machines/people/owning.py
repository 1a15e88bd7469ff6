"""What it does to a lead that somebody gets it, gives it back, claims it or turns it down."""

from __future__ import annotations

from typing import Any, Final

from engine.machines import clocks, journeys
from engine.machines.people import claiming, notes, recycling
from engine.machines.state import Assignment, Task
from engine.machines.work import Work
from engine.network.ruleset import Ruleset

ENGINE: Final = "engine"  # the channel of the team machine's answers
_DECLINED: Final = "线索被拒绝，请重新分配 / a lead was declined, assign it again"


def assigned(work: Work, properties: dict[str, Any]) -> None:
    """Take over the owner, or the pool, that the event names; clocks start with an owner."""
    owner, team = properties.get("owner"), properties.get("team")
    if owner is not None and team is None:
        place = claiming.place_of(work.ruleset, owner)
        team = place[0].id if place else None
    if owner is not None and owner == work.facts.get("owner") and work.event.channel == ENGINE:
        _kept(work, properties)
        return
    if not work.news and _given_since(work):
        return
    _left(work, owner)
    work.set_fact("owner", owner)
    work.set_fact("team", team)
    pool, before = properties.get("pool"), work.facts.get("pool")
    work.set_fact("pool", pool)
    at = _given_at(work)
    work.lead.assignment = Assignment(
        at,
        owner,
        team,
        properties.get("pool"),
        properties.get("rule"),
        properties.get("reason", ""),
        properties.get("tried", []),
        properties.get("considered", []),
        work.now if at < work.now else None,
    )
    if owner:
        clocks.assigned(work)
    else:
        clocks.stop(work, properties.get("reason") or "nobody has the lead")
    recycling.assigned(work)
    if pool is not None and pool != before and work.news:
        notes.pooled(work, pool)
    journeys.answered(work)


def _given_at(work: Work) -> int:
    """Return when somebody got the lead: what is told late was then, but not before the last."""
    answer = work.lead.assignment
    return work.moment if answer is None else min(work.now, max(work.moment, answer.at))


def _given_since(work: Work) -> bool:
    """Whether somebody got the lead later than history tells of."""
    answer = work.lead.assignment
    return answer is not None and work.moment < answer.at


def _kept(work: Work, properties: dict[str, Any]) -> None:
    """Routing found that nobody else gets the lead: its clocks run on."""
    owner, rule = work.facts["owner"], properties.get("rule")
    work.happen("kept_owner", owner=owner, rule=rule, tried=properties.get("tried"))
    journeys.answered(work)


def _left(work: Work, owner: str | None) -> None:
    """Remember when an owner's time with the lead ended."""
    before = work.facts.get("owner")
    if before is not None and before != owner:
        work.lead.owners = {**work.lead.owners, before: work.now}


def released(work: Work, properties: dict[str, Any]) -> None:
    """Take the lead from its owner into a pool, unless somebody else has it by now."""
    owner, named = work.facts.get("owner"), properties.get("owner")
    refusal = None
    if work.event.channel != ENGINE:
        if owner is None:
            refusal = "nobody has the lead"
        elif named is not None and named != owner:
            refusal = f"{owner} has the lead, not {named}"
    if refusal is not None:
        work.happen("release_refused", reason=refusal)
        return
    pool = properties.get("pool") or last_pool(work.ruleset)
    assigned(work, {**properties, "owner": None, "team": None, "pool": pool})


def last_pool(ruleset: Ruleset) -> str | None:
    """Return the pool that takes what no routing rule places."""
    pools = [route.definition.pool for route in ruleset.routes if route.definition.pool]
    return pools[-1] if pools else next(iter(ruleset.pools), None)


def claimed(work: Work, properties: dict[str, Any]) -> None:
    """Ask the team machine whether who claims the lead may have it."""
    if work.news:
        work.request("claim", member=work.event.by)


def refused(work: Work, properties: dict[str, Any]) -> None:
    """Note why a claim came to nothing."""
    told = {k: properties.get(k) for k in ("member", "pool", "reason", "possible_at")}
    work.happen("claim_refused", **told)


def declined(work: Work, properties: dict[str, Any]) -> None:
    """Let the supervisor know that the owner cannot take the lead on."""
    owner = work.facts.get("owner")
    if not work.news or owner is None:
        return
    team = work.ruleset.teams.get(work.facts.get("team", ""))
    supervisor = team.supervisor if team else None
    if work.event.by not in (None, owner, supervisor):
        return
    key = f"{work.lead.id}:declined:{work.event.id}"
    notes.tell(work, key, supervisor, "declined", _DECLINED)
    reason = properties.get("reason")
    name = work.facts.get("lead.name", work.lead.id)
    title = f"{_DECLINED}: {name}" + (f" ({reason})" if reason else "")
    whom = supervisor or owner
    work.give_task(Task(key, work.lead.id, title, work.now, whom, work.now, "high"))


EFFECTS: Final = {
    "lead_assigned": assigned,
    "lead_released": released,
    "lead_claimed": claimed,
    "claim_refused": refused,
    "lead_declined": declined,
}
