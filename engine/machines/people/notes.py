"""Notes to salespeople: through the connection that carries them, when they want to be told."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from engine.language.notices import JOURNEY, POOL
from engine.machines.people import telling
from engine.machines.state import Delivery
from engine.machines.work import Work

NOTIFY: Final = "notify"  # the connection that carries notes to salespeople
QUEUED: Final = "queued"
BLOCKED: Final = "blocked"
COLLECTED: Final = "collected"  # a digest carries it
_NAME: Final = "{{ lead.name | default('') }} {{ lead.company | default('') }}"
_POOLED: Final = "公海池有新线索 / new in the pool"


def tell(
    work: Work, key: str, to: str | None, kind: str, title: str, by: int | None = None
) -> None:
    """Send a note, or record why it can't be; ``title`` is read as a template.

    After the instant ``by`` it would come too late for a digest.
    """
    note = Delivery(
        key=key,
        lead=work.lead.id,
        connection=NOTIFY,
        at=work.now,
        params={"what": kind, "title": title, "text": f"{title}: {_NAME}"},
        audience="owner",
        to=to,
        kind=kind,
    )
    if to and NOTIFY in work.ruleset.definitions.server.connections:
        work.deliver(_planned(work, note, to, by))
    else:
        reason = "nobody to notify or no connection notify"
        work.deliver(replace(note, status=BLOCKED, reason=reason))


def by_journey(work: Work, delivery: Delivery) -> None:
    """Send a person what a step of a journey says, at a time that suits them."""
    note = replace(delivery, audience="owner", to=work.facts.get("owner"), kind=JOURNEY)
    work.deliver(_planned(work, note, note.to) if note.to else note)


def pooled(work: Work, pool: str) -> None:
    """Tell those whose digest collects it that a lead is new in a pool that they claim from."""
    known = work.ruleset.pools.get(pool)
    if known is None:
        return
    teams = [t for t in work.ruleset.teams.values() if not known.teams or t.id in known.teams]
    members = {member.id: member for team in teams for member in team.members}
    for id, member in members.items():
        digest = member.notices.digest
        if digest is not None and POOL in digest.kinds:
            key = f"{work.lead.id}:pool:{pool}:{work.event.id}:{id}"
            tell(work, key, id, POOL, f"{_POOLED}: {known.label or pool}")


def _planned(work: Work, note: Delivery, to: str, by: int | None = None) -> Delivery:
    plan = telling.plan(work.ruleset, to, note.kind, work.present, by)
    status = COLLECTED if plan.collected else QUEUED
    return replace(note, status=status, due=plan.due, reason=plan.reason)
