"""The program of `fairness.py`, short; and that its second book sees what is unfair."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.network.ruleset import Ruleset
from engine.store.logged import Logged
from engine.store.reading import Reader
from tests.crash._fair import ROUND, Fairness
from tests.crash.fairness import Trial

SEED = "LEADRULES_CRASH_SEED"


class Tried:
    """A short trial: its figures, its log, and the rulesets that decided."""

    def __init__(self, folder: Path) -> None:
        seed = os.environ.get(SEED) or secrets.token_hex(4)
        print(f"{SEED}={seed} changes and kills at the same instants again")
        trial = Trial(folder, kills=1, reloads=4, seed=seed)
        self.figures = trial.run()
        print(self.figures)
        self.rulesets: Mapping[str, Ruleset] = trial.config.rulesets
        reader = Reader(trial.database)
        try:
            self.log: list[Logged] = list(reader.log())
        finally:
            reader.close()

    def read(self, log: list[Logged]) -> None:
        """Read a log, raising what is unfair in it."""
        fair = Fairness(self.rulesets)
        fair.follow(log)
        fair.check()


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Tried:
    """Run it."""
    return Tried(tmp_path_factory.mktemp("fair"))


def test_fair_while_killed_and_reloaded(tried: Tried) -> None:
    """Whatever signal 9 and SIGHUP interrupt: one lead's difference, each passed over for a reason."""
    assert tried.figures["leads"] > 50
    assert tried.figures["spread"] <= 1
    assert tried.figures["versions_that_decided"] > 1
    tried.read(tried.log)


def _by_turns(entry: Logged) -> bool:
    said = entry.event.properties
    free = [each for each in said.get("considered", []) if not each.get("why_not")]
    return said.get("team") == ROUND and len(free) > 1


def _other(said: dict[str, Any]) -> dict[str, Any]:
    free = [each["member"] for each in said["considered"] if not each.get("why_not")]
    return {**said, "owner": next(who for who in free if who != said["owner"])}


def _skipped(said: dict[str, Any]) -> dict[str, Any]:
    return {**said, "considered": said["considered"][:-1]}


def _invented(said: dict[str, Any]) -> dict[str, Any]:
    first, *rest = said["considered"]
    changed = {**first, "why_not": None if first.get("why_not") else "away"}
    return {**said, "considered": [changed, *rest]}


def _nobodys(said: dict[str, Any]) -> dict[str, Any]:
    return {**said, "owner": None, "team": None}


@pytest.mark.parametrize("tamper", [_other, _skipped, _invented, _nobodys])
def test_what_is_unfair_is_seen(
    tried: Tried, tamper: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    """A turn given to somebody else, a member left out, a false reason, a lead of nobody."""
    places = [n for n, entry in enumerate(tried.log) if _by_turns(entry)]
    # The middle of three turns: whoever else gets it is two ahead or two behind of somebody.
    place = places[len(places) // 2]
    entry = tried.log[place]
    event = replace(entry.event, properties=tamper(entry.event.properties))
    log = [*tried.log[:place], replace(entry, event=event), *tried.log[place + 1 :]]
    with pytest.raises(AssertionError):
        tried.read(log)
