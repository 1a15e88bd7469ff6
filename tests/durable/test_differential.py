"""Our network and durable-rules against each other, on generated rules and events.

Each run prints its seed; DURABLE_SEED=N, or --hypothesis-seed=N, repeats it.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from engine.host.durable import DurableFailed, DurableProcess, missing
from engine.machines.state import Event
from engine.network.durable import DurableRules
from tests.conformance.networks import Durable, model, ours, rules_of
from tests.durable.generated import cases
from tests.play import START

EXAMPLES = 160
CASES = 10_000  # at least so many (rule, event) pairs a run
PATIENCE = 5.0  # seconds; durable-rules answers a lead within milliseconds
Start = Callable[[DurableRules], DurableProcess]

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


def _start(rules: DurableRules) -> DurableProcess:
    return DurableProcess(rules, PATIENCE)


def _compare(
    tally: Tally, rules: list[dict[str, Any]], played: list[list[Event]], start: Start = _start
) -> None:
    """Play the leads' events through both networks; a death tells of the rules and the events."""
    definitions = rules_of(model(rules))
    theirs = Durable(definitions)
    tally.rulesets += 1
    tally.refused += len(rules) - len(theirs.ids)
    with start(theirs.compiled) as process:
        for events in played:
            wanted = [
                [id for id in fired if id in theirs.ids] for fired in ours(definitions, events)
            ]
            try:
                fired = theirs.fired(process, events)
            except DurableFailed as error:
                error.add_note(f"rules: {json.dumps(rules, ensure_ascii=False)}")
                error.add_note(f"events: {events}")
                raise
            assert fired == wanted
            tally.events += len(events)
            tally.cases += len(events) * len(theirs.ids)
            tally.fired += sum(map(len, wanted))


def test_both_networks_fire_the_same_rules(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    """Whatever the rules that durable-rules carries and whatever happens, both fire the same."""
    given_seed = os.environ.get("DURABLE_SEED") or request.config.getoption("--hypothesis-seed")
    chosen = int(given_seed) if str(given_seed).isdecimal() else secrets.randbelow(2**32)
    record_property("differential", f"DURABLE_SEED={chosen}")
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
        error.add_note(f"Again the same: DURABLE_SEED={chosen}")
        raise
    record_property("differential", str(tally))
    assert tally.cases >= CASES
    assert tally.fired >= CASES // 20  # silence on both sides proves nothing
    assert tally.refused <= tally.rulesets


def test_a_death_fails_with_its_case() -> None:
    """A process that dies is a failure at once, with the rules and the events that it died of."""

    def start(rules: DurableRules) -> DurableProcess:
        process = _start(rules)
        process.start()
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        return process

    rules = [{"id": "at-home", "when": {"lead.city": "上海"}}]
    event = Event("e1", "chat_started", START, {"city": "上海"}, {})
    with pytest.raises(DurableFailed, match="died with code -9") as death:
        _compare(Tally(), rules, [[event]], start)
    told = "\n".join(death.value.__notes__)
    assert '"id": "at-home", "when": {"lead.city": "上海"}' in told
    assert "chat_started" in told
    _compare(Tally(), rules, [[event]])
