"""What a message that is not sent sets off: rules, waits and journeys hear of it as of any event."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.network.ruleset import Ruleset
from tests.play import Play, rules, scoring

WHO: dict[str, Any] = {"email": "li@acme-valves.cn", "name": "李雷"}
CARE = """
journeys:
  - id: 培育
    enter: {event: form_submitted}
    steps:
      - {id: case, send: welcome}
      - {id: heard, wait: {event: message_blocked, of: case, within: 3d}, then: call, else: end}
      - {id: call, task: {title: 改打电话, to: marketing}}
"""
RESCUE = """
  - id: 补救
    enter: {event: message_blocked, where: {reason: {contains: consent}}}
    steps: [{id: mark, set: {tags: {add: [不收邮件]}}}]
"""


def test_a_rule_scores_a_blocked_message_by_its_reason(tmp_path: Path) -> None:
    """The event carries the reason, the message, the journey and the step."""
    rule = "{id: 拒收, dimension: behavior, event: message_blocked, where: {reason: {starts_with: consent}, message: welcome, journey: 培育, step: case}, points: -5, repeat: each}"
    game = Play(rules(tmp_path, journeys=CARE, scoring=scoring(rule)))
    game.event("0h", "unsubscribed", WHO, topic="marketing")
    game.event("1h", "form_submitted")
    assert (game.score, game.fired) == (-5, ["拒收"])


def test_a_wait_hears_that_its_message_was_blocked(tmp_path: Path) -> None:
    """At once by the step itself, or later by the receipt of what waited for its provider."""
    game = Play(rules(tmp_path, journeys=CARE))
    game.event("0h", "unsubscribed", WHO, topic="marketing")
    game.event("1h", "form_submitted")
    assert [task.title for task in game.tasks] == ["改打电话"]
    later = Play(rules(tmp_path, journeys=CARE))
    later.event("0h", "form_submitted", WHO)
    assert later.tasks == []
    later.event("1h", "message_blocked", journey="培育", step="case", reason="complained")
    assert [task.title for task in later.tasks] == ["改打电话"]


def test_another_journey_is_entered_by_a_blocked_message(tmp_path: Path) -> None:
    """In the same turn, with `where` on the reason."""
    game = Play(rules(tmp_path, journeys=CARE + RESCUE))
    game.event("0h", "unsubscribed", WHO, topic="marketing")
    game.event("1h", "form_submitted")
    assert game.lead.facts["lead.tags"] == ["不收邮件"]


def test_a_message_that_was_deleted_is_told_of_alike(tmp_path: Path) -> None:
    """An old journey's send of it is blocked, and rules hear of that."""
    rule = "{id: 没了, dimension: behavior, event: message_blocked, points: -1, repeat: each}"
    text = CARE.replace("{id: case, send", "{id: pause, wait: 1d}\n      - {id: case, send")
    farewell = (
        "messages:\n  welcome: {action: email, text: 你好}\n  告别: {action: email, text: 再见}\n"
    )
    old = rules(
        tmp_path / "old",
        journeys=text.replace("send: welcome", "send: 告别"),
        messages=farewell,
        scoring=scoring(rule),
    )
    game = Play(old)
    game.event("0d", "form_submitted", WHO)
    new = rules(tmp_path / "new", journeys=text, scoring=scoring(rule)).definitions
    game.ruleset = Ruleset(new, old.definitions.journeys)
    game.clock("1d")
    assert [told["message"] for told in game.happened("message_blocked")] == ["告别"]
    assert game.fired == ["没了"]
