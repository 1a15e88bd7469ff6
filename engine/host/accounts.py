"""Accounts and condition trees as clients see them: plain data, instants in RFC 3339."""

from __future__ import annotations

from typing import Any, Final

from msgspec import UNSET

from engine.language.operators import EDGES
from engine.machines.account import Account, Seen
from engine.network.explain import Explanation
from engine.network.ruleset import Ruleset
from engine.network.waking import Wake
from engine.store.shapes import when

Item = dict[str, Any]
# Nodes whose actual value is an instant: of the latest event.
_DATED: Final = frozenset({"last", "absent"})


def account_item(ruleset: Ruleset, account: Account) -> Item:
    """Return an account as ``GET /v1/leads/{id}/explain?rule=`` shows it."""
    return {
        "kind": account.kind,
        "id": account.id,
        "name": account.name,
        "label": account.label,
        "source": ruleset.definitions.place(account.source),
        "at": when(account.at),
        "active": account.active,
        "effect": account.effect,
        "obstacles": [
            {"code": each.code, "text": each.text, "until": when(each.until)}
            for each in account.obstacles
        ],
        "conditions": [
            {"role": look.role, "tree": tree_item(ruleset, look.tree)} for look in account.looks
        ],
        "events": [_seen(ruleset, each) for each in account.seen],
        "wakes": [_wake(each) for each in account.wakes],
        "deadlines": [{"at": when(due), "timer": name} for due, name in account.timers],
    }


def tree_item(ruleset: Ruleset, node: Explanation) -> Item:
    """Return one node of a condition's tree, with those below it under ``items``."""
    item: Item = {
        "kind": node.kind,
        "text": node.text,
        "holds": node.holds,
        "source": ruleset.definitions.place(node.source),
        **_compared(node),
    }
    if node.next_change is not None:
        item["next_change"] = when(node.next_change)
    if node.items:
        item["items"] = [tree_item(ruleset, each) for each in node.items]
    return item


def _compared(node: Explanation) -> Item:
    """What is wanted and what there is, for the nodes that compare."""
    if node.items:
        return {}
    item: Item = {"field": node.field, "operator": node.operator} if node.field else {}
    item["wanted"] = node.wanted
    item["actual"] = when(node.actual) if node.kind in _DATED else node.actual
    if node.operator in EDGES:
        item["before"] = node.before
    if node.other is not UNSET:
        item["other"] = node.other
    return item


def _seen(ruleset: Ruleset, seen: Seen) -> Item:
    return {
        "event": seen.event or None,
        "type": seen.type,
        "at": when(seen.at),
        "counted": seen.counted,
        "outcome": seen.outcome,
        "where": tree_item(ruleset, seen.tree) if seen.tree else None,
    }


def _wake(wake: Wake) -> Item:
    return {
        "role": wake.role,
        "events": list(wake.events),
        "fields": list(wake.fields),
        "clock": list(wake.clock),
        "note": wake.note,
    }
