"""To-dos that people and follow-ups make: given, put off, reminded of, done."""

from __future__ import annotations

from typing import Any, Final

from engine.language.instants import BadTime, parse_instant
from engine.machines.people import notes
from engine.machines.state import Task
from engine.machines.work import Work

_REMINDER: Final = "待办到期 / a to-do is due"


def give(work: Work, task: Task) -> None:
    """Make a to-do, and remind its owner when it is due."""
    work.give_task(task)
    if task.due is not None:
        work.lead.todos = {**work.lead.todos, task.id: [task.title, task.owner]}
        work.arm(_timer(task.id), max(task.due, work.now))


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
    work.lead.todos = {**work.lead.todos, id: known}
    work.arm(_timer(id), max(until, work.now))
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
    title, owner = known
    _forget(work, id)
    to = owner or work.facts.get("owner")
    work.happen("task_reminded", task=id, owner=to)
    key = f"{work.lead.id}:reminder:{id}:{work.now}"
    notes.tell(work, key, to, "task", f"{_REMINDER}: {title}")


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
