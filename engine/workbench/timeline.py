"""A simulation as people and programs read it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from engine.language.instants import format_instant, to_datetime
from engine.machines.state import Lead
from engine.network.ruleset import Ruleset
from engine.workbench.simulate import CLOCK, Entry, Simulation, Standing, standing
from engine.workbench.values import offset, show

Item = dict[str, Any]
_INDENT = " " * 32


def as_text(ruleset: Ruleset, simulation: Simulation) -> Iterator[str]:
    """Yield the lines of a timeline, instants in the configuration's zone."""
    zone = ZoneInfo(ruleset.definitions.server.zone)
    several = len(simulation.leads) > 1
    for entry in simulation.entries:
        event = "(clock)" if entry.event == CLOCK else entry.event
        who = f"  {entry.lead}" if several else ""
        yield f"{_when(simulation, entry.at, zone)}  {event}{who}"
        details = list(_details(entry, zone))
        yield from (f"{_INDENT}{line}" for line in details or ["nothing changes"])
    yield f"{_when(simulation, simulation.end, zone)}  (end)"
    for lead in simulation.leads:
        who = f"{lead.id}: " if several else ""
        yield f"{_INDENT}{who}{_stands(standing(ruleset, lead))}"
        for due, timer in _deadlines(lead):
            yield f"{_INDENT}next: {_local(due, zone)}  {timer}"


def _when(simulation: Simulation, at: int, zone: ZoneInfo) -> str:
    return f"{_local(at, zone)} {'+' + offset(at - simulation.start):>10}"


def _local(at: int, zone: ZoneInfo) -> str:
    return to_datetime(at).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def _stands(stands: Standing) -> str:
    return (
        f"score {stands.score:g}   grade {stands.grade or '—'}   "
        f"stage {stands.stage or '—'}   owner {stands.owner or '—'}"
    )


def _deadlines(lead: Lead) -> list[tuple[int, str]]:
    return sorted((due, name) for name, due in lead.timers.items())


def _details(entry: Entry, zone: ZoneInfo) -> Iterator[str]:
    changes = "   ".join(_changes(entry.before, entry.after))
    if changes:
        yield changes
    if entry.points:
        yield f"points {', '.join(map(_points, entry.points))}"
    if entry.assigned is not None:
        yield _assigned(entry.assigned)
    for journey, moves in groupby(entry.journeys, key=lambda move: move["journey"]):
        yield f"journey {journey}: {' → '.join(map(_move, moves))}"
    yield from (_send(send) for send in entry.sends)
    yield from (_task(task, zone) for task in entry.tasks)
    yield from (_note(note) for note in entry.notes)


def _changes(before: Standing, after: Standing) -> Iterator[str]:
    for name in ("score", "grade", "stage", "owner"):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            yield f"{name} {_plain(old)} → {_plain(new)}"


def _plain(value: Any) -> str:
    return "—" if value is None else f"{value:g}" if isinstance(value, int | float) else str(value)


def _points(line: Item) -> str:
    reason = f" ({line['reason']})" if line["reason"] else ""
    return f"{line['rule']} {line['points']:+g}{reason}"


def _assigned(assigned: Item) -> str:
    rule = f" by {assigned['rule']}" if assigned["rule"] else ""
    reason = f": {assigned['reason']}" if assigned["reason"] else ""
    if assigned["owner"]:
        team = f" ({assigned['team']})" if assigned["team"] else ""
        return f"assigned to {assigned['owner']}{team}{rule}"
    if assigned["pool"]:
        return f"put in the pool {assigned['pool']}{rule}{reason}"
    return f"assigned to nobody{reason}"


def _move(move: Item) -> str:
    if move["what"] == "step":
        return f"{move['step']} ({move['does']})"
    step = f" at {move['step']}" if "step" in move else ""
    event = f" {move['event']}" if "event" in move else ""
    variant = f": {move['variant']}" if "variant" in move else ""
    by = f" from {move['by']}" if "by" in move else ""
    reason = f" ({move['reason']})" if "reason" in move else ""
    return f"{move['what']}{event}{step}{variant}{by}{reason}"


def _send(send: Item) -> str:
    what = send["message"] or send["connection"]
    by = f" by {send['connection']}" if send["message"] else ""
    to = f" to {send['to']}" if send["to"] else ""
    if send["status"] == "blocked":
        return f"would not send {what}{by}{to}: {send['reason']}"
    later = f": {send['reason']}" if send["reason"] else ""
    return f"would {'send' if send['message'] else 'do'} {what}{by}{to}{later}"


def _task(task: Item, zone: ZoneInfo) -> str:
    due = f", due {_local(task['due'], zone)}" if task["due"] is not None else ""
    return f"task for {task['owner'] or 'the owner to come'}: {task['title']}{due}"


def _note(note: Item) -> str:
    rest = ", ".join(f"{k} {show(v)}" for k, v in note.items() if k not in ("what", "due"))
    return f"{note['what']}: {rest}" if rest else str(note["what"])


def as_json(ruleset: Ruleset, simulation: Simulation) -> Iterator[Item]:
    """Yield an object an entry, and last one with how the leads stand at the end."""
    for entry in simulation.entries:
        item: Item = msgspec.to_builtins(entry)
        tasks = [{**t, "due": _instant(t["due"])} for t in item["tasks"]]
        notes = [_dated(note) for note in item["notes"]]
        yield {**item, "at": _instant(entry.at), "tasks": tasks, "notes": notes}
    yield {
        "at": _instant(simulation.end),
        "event": None,
        "leads": [_lead(ruleset, lead) for lead in simulation.leads],
    }


def _lead(ruleset: Ruleset, lead: Lead) -> Item:
    deadlines = [{"at": _instant(due), "timer": name} for due, name in _deadlines(lead)]
    stands: Item = msgspec.to_builtins(standing(ruleset, lead))
    return {"lead": lead.id, **stands, "deadlines": deadlines}


def _dated(note: Item) -> Item:
    """An SLA's clocks come with their instants."""
    if not isinstance(note.get("due"), dict):
        return note
    return {**note, "due": {name: _instant(due) for name, due in note["due"].items()}}


def _instant(at: int | None) -> str | None:
    return None if at is None else format_instant(at)
