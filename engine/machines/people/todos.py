"""To-dos that people and follow-ups make: given, put off, reminded of, done."""

from __future__ import annotations

from typing import Any, Final

from engine.language.instants import MINUTE, BadTime, parse_instant
from engine.machines.people import notes, telling
from engine.machines.state import Task
from engine.machines.work import Work

_KIND: Final = "task"
_EARLY: Final = MINUTE  # before the digest, which takes up what is there when it goes out
_REMINDER: Final = "待办到期 / a to-do is due"


def give(work: Work, task: Task) -> None:
    """Make a to-do, and remind its owner: in the last digest before it is due, else then."""
    work.give_task(task)
    if task.due is not None:
        _remind(work, task.id, task.title, task.owner, task.due)


def _remind(work: Work, id: str, title: str, owner: str | None, due: int) -> None:
    work.lead.todos = {**work.lead.todos, id: [title, owner, due]}
    to, at = owner or work.facts.get("owner"), None
    if to is not None:
        at = telling.last_digest_before(work.ruleset, to, _KIND, work.now, due)
    work.arm(_timer(id), max(due if at is None else at - _EARLY, work.now))


def given(work: Work, properties: dict[str, Any]) -> None:
    """Make the to-do that a person writes down."""
    if not work.news:
        return
    due = instant(properties.get("due"))
    owner = properties.get("owner") or work.facts.get("owner") or work.event.by
    priority = properties.get("priority", "normal")
    title = properties.get("title", "")
    id = f"{work.lead.id}:task:{work.event.id}"
    give(work, Task(id, work.lead.id, title, work.now, owner, due, priority))


def snoozed(work: Work, properties: dict[str, Any]) -> None:
    """Remind of a to-do later; one that a journey made is reminded of from now on."""
    id, until = properties.get("task", ""), instant(properties.get("until"))
    if until is None or not work.news:
        return
    known = work.lead.todos.get(id, [properties.get("title", ""), properties.get("owner")])
    _remind(work, id, known[0], known[1], until)
    work.happen("task_snoozed", task=id, until=properties.get("until"))


def completed(work: Work, properties: dict[str, Any]) -> None:
    """Remind nobody any more."""
    _forget(work, properties.get("task", ""))


def timer_due(work: Work, id: str) -> None:
    """Remind of a to-do, once."""
    work.arm(_timer(id), None)
    known = work.lead.todos.get(id)
    if known is None:
        return
    title, owner, *more = known
    due = more[0] if more else work.now
    to = owner or work.facts.get("owner")
    if work.now < due and not _is_collected(work, to, due):
        work.arm(_timer(id), due)  # the digest that it was meant for is none any more
        return
    _forget(work, id)
    work.happen("task_reminded", task=id, owner=to)
    key = f"{work.lead.id}:reminder:{id}:{work.now}"
    notes.tell(work, key, to, _KIND, f"{_REMINDER}: {title}", due)


def _is_collected(work: Work, to: str | None, due: int) -> bool:
    return to is not None and telling.plan(work.ruleset, to, _KIND, work.present, due).collected


def _forget(work: Work, id: str) -> None:
    if id in work.lead.todos:
        work.lead.todos = {k: v for k, v in work.lead.todos.items() if k != id}
    work.arm(_timer(id), None)


def _timer(id: str) -> str:
    return f"task:{id}"


def instant(text: Any) -> int | None:
    """Return the instant of a property that the door has checked, None for none."""
    if not isinstance(text, str):
        return None
    try:
        return parse_instant(text)
    except BadTime:
        return None


EFFECTS: Final = {"task_given": given, "task_snoozed": snoozed, "task_completed": completed}
