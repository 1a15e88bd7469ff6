"""Condition trees and accounts of rules as people read them, a line a node, the false marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from engine.workbench.values import instant, show

Item = Mapping[str, Any]
HOLDS: Final = "✓"
FAILS: Final = "✗"
_GROUPS: Final = {"all": "all", "any": "any", "not": "not"}


def tree_lines(node: Item, indent: str = "") -> Iterator[str]:
    """Yield the lines of a condition's tree, each node with what the lead has instead."""
    mark = HOLDS if node["holds"] else FAILS
    items: Sequence[Item] = node.get("items", ())
    text = _GROUPS[node["kind"]] if items else node["text"]
    yield f"{indent}{mark} {text}{_actual(node)}{_next(node)}  {node['source']}"
    for item in items:
        yield from tree_lines(item, f"{indent}  ")


def _actual(node: Item) -> str:
    """Say what there is, where the node compares something."""
    if "actual" not in node:
        return ""
    actual = node["actual"]
    if node["kind"] in ("last", "absent"):
        return f" — latest {instant(actual)}" if actual else " — none has come"
    if "before" in node:
        before = node["before"]
        return (
            f" — {show(actual)}, not crossing now" if before is None else f" — {before} → {actual}"
        )
    other = f", {node['wanted']} is {_shown(node['other'])}" if "other" in node else ""
    return f" — {_shown(actual)}{other}"


def _shown(value: Any) -> str:
    return "missing" if value is None else show(value)


def _next(node: Item) -> str:
    change = node.get("next_change")
    return f" — may change at {instant(change)}" if change else ""


def account_lines(account: Item, why_not: bool) -> Iterator[str]:
    """Yield the lines that tell of one rule and one lead.

    ``why_not`` puts what stands in the way first and leaves out what wakes the rule.
    """
    label = f" {account['label']}" if account["label"] else ""
    yield f"{account['kind']} {account['id']}{label}  {account['source']}"
    yield f"  {HOLDS if account['active'] else FAILS} {account['effect']}"
    if account["obstacles"] and (why_not or not account["active"]):
        yield "阻碍 in its way"
        yield from _obstacles(account["obstacles"])
    if account["conditions"]:
        yield "条件 conditions"
    for look in account["conditions"]:
        yield f"  {look['role']}"
        yield from tree_lines(look["tree"], "    ")
    yield from _events(account["events"])
    if not why_not:
        yield "唤醒 woken by"
        yield from (f"  {line}" for wake in account["wakes"] for line in wake_lines(wake))
    if account["deadlines"]:
        yield "期限 deadlines"
    for deadline in account["deadlines"]:
        yield f"  {instant(deadline['at'])}  {deadline['timer']}"


def _obstacles(obstacles: Sequence[Item]) -> Iterator[str]:
    for each in obstacles:
        until = f" — until {instant(each['until'])}" if each["until"] else ""
        yield f"  {FAILS} {each['text']}{until}"


def _events(events: Sequence[Item]) -> Iterator[str]:
    if events:
        yield "事件 events"
    for event in events:
        mark = HOLDS if event["counted"] else FAILS
        name = f" {event['event']}" if event["event"] else ""
        yield f"  {mark} {instant(event['at'])} {event['type']}{name}: {event['outcome']}"
        if event["where"] is not None and not event["where"]["holds"]:
            yield from tree_lines(event["where"], "      ")


def wake_lines(wake: Item) -> Iterator[str]:
    """Yield what wakes one condition of a rule: events, fields and the clock."""
    parts = {name: wake[name] for name in ("events", "fields", "clock") if wake[name]}
    for name, values in parts.items():
        yield f"{wake['role']}: {name} {', '.join(values)}"
    if wake["note"]:
        yield f"{wake['role']}: {wake['note']}"
