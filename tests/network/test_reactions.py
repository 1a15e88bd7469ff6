"""What the machines ask a ruleset for at each event: windows to count in, journeys to go by."""

from __future__ import annotations

from pathlib import Path

from engine.network.ruleset import Ruleset
from tests.play import rules, scoring

COUNTED = (
    "{id: twice, dimension: fit, event: chat_started, when: {count: {event: sms_failed, gte: 2}}, points: 1, repeat: each}",
    "{id: lately, dimension: fit, event: chat_started, when: {count: {event: sms_failed, within: 9d, gte: 2}}, points: 1, repeat: each}",
    "{id: quiet, dimension: fit, event: chat_started, when: {absent: {event: sms_failed, for: 9d}}, points: 1, repeat: each}",
)
CARE = """
journeys:
  - id: 培育
    enter: {event: form_submitted}
    steps: [{id: pause, wait: %s}]
"""


def test_only_the_latest_instant_of_all_is_kept_without_a_call(tmp_path: Path) -> None:
    """A count takes its events in, with a span or without one."""
    ruleset = rules(tmp_path, scoring=scoring(*COUNTED))
    windows = {window.key: window for window in ruleset.windows.values()}
    counts = dict(ruleset.reactions["sms_failed"].counts or ())
    kinds = {(windows[key].kind, windows[key].within is None): take for key, take in counts.items()}
    assert kinds.keys() == {("count", True), ("count", False), ("last", True)}
    assert [kind for kind, take in kinds.items() if take is None] == [("last", True)]
    for key, take in counts.items():
        if take is not None:
            assert take(None, 5, {}, 5) == windows[key].take(None, 5, {}, 5) is not None


def test_a_lead_goes_by_the_definition_that_it_entered(tmp_path: Path) -> None:
    """By the present one where that is the same, or where the old one is not known.

    Those of before go last, in the order in which they are given.
    """
    waits = ("2d", "3d", "5d")
    first, then, present = (rules(tmp_path / w, journeys=CARE % w).definitions for w in waits)
    ruleset = Ruleset(present, (*first.journeys, *then.journeys))
    (oldest,), (old,), (new,) = first.journeys, then.journeys, present.journeys
    assert [rule.order for rule in ruleset.running] == [0, 1, 2]
    assert [rule.definition for rule in ruleset.running] == [new, oldest, old]
    for version, expected in (
        (oldest.version, oldest),
        (old.version, old),
        (new.version, new),
        ("", new),
        ("?", new),
    ):
        found = ruleset.journey_of("培育", version)
        assert found is not None
        assert found.definition == expected
    assert ruleset.journey_of("没有", new.version) is None
