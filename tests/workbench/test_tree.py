"""Trees and accounts on paper."""

from __future__ import annotations

from typing import Any

from engine.workbench.tree import account_lines, tree_lines


def node(**more: Any) -> dict[str, Any]:
    """A node of a tree."""
    return {"kind": "test", "text": "a: 1", "holds": False, "source": "s.yaml:1:1", **more}


def line(**more: Any) -> str:
    """The one line of a node."""
    (found,) = tree_lines(node(**more))
    return found


def test_what_there_is() -> None:
    """Each kind of node says what there is instead, in words that fit it."""
    compared = {"wanted": "1"}
    assert line(actual=2, **compared) == "✗ a: 1 — 2  s.yaml:1:1"
    assert line(actual=None, **compared) == "✗ a: 1 — missing  s.yaml:1:1"
    assert line(actual=1, holds=True, **compared) == "✓ a: 1 — 1  s.yaml:1:1"
    assert "— 2, {field: b} is 3" in line(actual=2, other=3, wanted="{field: b}")
    assert "— 72 → 85" in line(actual=85, before=72, holds=True)
    assert "— 85, not crossing now" in line(actual=85, before=None)
    assert "— none has come" in line(kind="absent", actual=None)
    assert "— latest 2026-03-02 01:00:00Z" in line(kind="last", actual="2026-03-02T01:00:00Z")
    changing = line(actual=2, next_change="2026-03-02T01:00:00Z")
    assert "— may change at 2026-03-02 01:00:00Z" in changing


def test_a_tree_is_indented() -> None:
    """Groups stand above their parts."""
    inner = node(kind="not", items=[node(actual=2, holds=True)])
    lines = list(tree_lines(node(kind="all", items=[inner, node(actual=3)])))
    assert lines == [
        "✗ all  s.yaml:1:1",
        "  ✗ not  s.yaml:1:1",
        "    ✓ a: 1 — 2  s.yaml:1:1",
        "  ✗ a: 1 — 3  s.yaml:1:1",
    ]


def test_an_account() -> None:
    """Obstacles come before conditions, with the instant at which they go."""
    account = {
        "kind": "journey",
        "id": "hot",
        "label": None,
        "source": "j.yaml:2:5",
        "active": False,
        "effect": "the lead has never been in it",
        "obstacles": [{"code": "reentry", "text": "again later", "until": "2026-03-02T01:00:00Z"}],
        "conditions": [{"role": "enter", "tree": node(actual=2)}],
        "events": [
            {
                "event": None,
                "type": "journey_left",
                "at": "2026-03-01T01:00:00Z",
                "counted": False,
                "outcome": "its properties do not fit",
                "where": node(actual=4),
            }
        ],
        "wakes": [{"role": "enter", "events": ["a"], "fields": [], "clock": [], "note": "asked"}],
        "deadlines": [{"at": "2026-03-03T01:00:00Z", "timer": "enter:hot"}],
    }
    why_not = [
        "journey hot  j.yaml:2:5",
        "  ✗ the lead has never been in it",
        "阻碍 in its way",
        "  ✗ again later — until 2026-03-02 01:00:00Z",
        "条件 conditions",
        "  enter",
        "    ✗ a: 1 — 2  s.yaml:1:1",
        "事件 events",
        "  ✗ 2026-03-01 01:00:00Z journey_left: its properties do not fit",
        "      ✗ a: 1 — 4  s.yaml:1:1",
        "期限 deadlines",
        "  2026-03-03 01:00:00Z  enter:hot",
    ]
    assert list(account_lines(account, why_not=True)) == why_not
    woken = ["唤醒 woken by", "  enter: events a", "  enter: asked"]
    assert list(account_lines(account, why_not=False)) == [*why_not[:10], *woken, *why_not[10:]]
