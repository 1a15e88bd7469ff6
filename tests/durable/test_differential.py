"""Our network and durable-rules against each other, on generated rules and events."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from engine.host.durable import DurableProcess, missing
from engine.machines.state import Event
from tests.conformance.networks import Durable, model, ours, rules_of
from tests.durable.generated import cases

EXAMPLES = 300
CASES = 10_000  # at least so many (rule, event) pairs a run

why = missing()
pytestmark = [
    pytest.mark.durable,
    pytest.mark.slow,
    pytest.mark.skipif(why is not None, reason=why or ""),
    pytest.mark.timeout(600),
]


class Tally:
    """What was compared, so that a run that compares little does not pass for one that does."""

    def __init__(self) -> None:
        self.rulesets = self.events = self.cases = self.fired = self.refused = 0

    def __str__(self) -> str:
        return ", ".join(f"{count} {name}" for name, count in vars(self).items())


def _compare(tally: Tally, rules: list[dict[str, Any]], played: list[list[Event]]) -> None:
    definitions = rules_of(model(rules))
    theirs = Durable(definitions)
    tally.rulesets += 1
    tally.refused += len(rules) - len(theirs.ids)
    with DurableProcess(theirs.compiled) as process:
        for events in played:
            wanted = [
                [id for id in fired if id in theirs.ids] for fired in ours(definitions, events)
            ]
            assert theirs.fired(process, events) == wanted
            tally.events += len(events)
            tally.cases += len(events) * len(theirs.ids)
            tally.fired += sum(map(len, wanted))


def test_both_networks_fire_the_same_rules(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    """Whatever the rules that durable-rules carries and whatever happens, both fire the same."""
    given_seed = request.config.getoption("--hypothesis-seed", None)
    chosen = int(given_seed) if str(given_seed).isdecimal() else secrets.randbelow(2**32)
    record_property("differential", f"--hypothesis-seed={chosen}")
    tally = Tally()

    @seed(chosen)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(cases())
    def compare(case: tuple[list[dict[str, Any]], list[list[Event]]]) -> None:
        _compare(tally, *case)

    try:
        compare()
    except BaseException as error:
        error.add_note(f"Again the same: --hypothesis-seed={chosen}")
        raise
    record_property("differential", str(tally))
    assert tally.cases >= CASES
    assert tally.fired >= CASES // 20  # silence on both sides proves nothing
    assert tally.refused <= tally.rulesets
