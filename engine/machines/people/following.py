"""Follow-ups (跟进): what a salesperson writes down about a lead, and what comes of it."""

from __future__ import annotations

from typing import Any, Final

from engine.machines.people import notes, recycling, todos
from engine.machines.state import Task
from engine.machines.steps import add_tags
from engine.machines.work import Work

_NEXT: Final = "跟进客户 / next contact"
_SIGNAL: Final = "成交信号 / the customer shows that they may buy"


def followed(work: Work, properties: dict[str, Any]) -> None:
    """Count a follow-up, make the to-do of the next one, and tell of signals."""
    at = min(work.event.at, work.now)
    work.lead.contacted_at = max(work.lead.contacted_at, at)
    if not work.news:
        return
    recycling.assigned(work)  # it counts from here on
    due = todos.instant(properties.get("next_at"))
    if due is not None:
        id = f"{work.lead.id}:next:{work.event.id}"
        title = properties.get("next_step") or _NEXT
        todos.give(work, Task(id, work.lead.id, title, work.now, _who(work), due))
    if properties.get("signals"):
        _signals(work, properties["signals"])


def _who(work: Work) -> str | None:
    return work.facts.get("owner") or work.event.by


def _signals(work: Work, signals: list[str]) -> None:
    """Alert the owner and the supervisor: a to-do and a note, and an event for rules."""
    work.happen("conversion_signal", signals=signals, by=work.event.by)
    for signal in signals:
        work.occur("conversion_signal", signal=signal)
    team = work.ruleset.teams.get(work.facts.get("team", ""))
    key = f"{work.lead.id}:signal:{work.event.id}"
    title = f"{_SIGNAL}: {', '.join(signals)}"
    owner = _who(work)
    work.give_task(Task(key, work.lead.id, title, work.now, owner, work.now, "high"))
    for whom in dict.fromkeys((owner, team.supervisor if team else None)):
        if whom is not None:
            notes.tell(work, f"{key}:{whom}", whom, "signal", title)


def _tagged(work: Work, properties: dict[str, Any]) -> None:
    add_tags(work, properties.get("add", ()), properties.get("remove", ()))


EFFECTS: Final = {
    **dict.fromkeys(("call_logged", "visit_logged", "note_added", "quote_sent"), followed),
    "tags_changed": _tagged,
}
