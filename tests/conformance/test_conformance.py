"""One suite for both networks: rules, events, and what they fire.

A case is a file in ``cases``: ``rules`` are scoring rules, ``play`` one lead's events, an hour
apart where no ``at`` is given, with what they fire; ``refused`` names the rules that
durable-rules cannot carry, each with a word of the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.host.durable import DurableProcess, missing
from engine.language.diagnostic import Diagnostics
from engine.language.instants import HOUR, parse_offset
from engine.language.operators import OPERATORS
from engine.language.reader import read_document
from engine.machines.state import Event
from tests.conformance.networks import Durable, model, ours, rules_of
from tests.play import START

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))
KEYS = ("event", "at", "lead", "fires")

why = missing()
durable = [pytest.mark.durable, pytest.mark.skipif(why is not None, reason=why or "")]
cases = pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)


def _read(file: Path) -> dict[str, Any]:
    found = Diagnostics()
    document = read_document(file.read_bytes(), file.name, found)
    assert document is not None, found.sorted()
    case: dict[str, Any] = document.data
    return case


def _event(index: int, said: Mapping[str, Any]) -> Event:
    offset = parse_offset(said["at"]) if "at" in said else index * HOUR
    properties = {name: value for name, value in said.items() if name not in KEYS}
    lead = said.get("lead", {})
    return Event(f"e{index}", said["event"], START + offset, lead, properties)


@cases
@pytest.mark.parametrize("network", ["ours", pytest.param("durable", marks=durable)])
def test_both_networks_fire_what_the_case_says(file: Path, network: str) -> None:
    """What durable-rules carries it fires as we do, and what it cannot it does not touch."""
    case = _read(file)
    definitions = rules_of(model(case["rules"]))
    events = [_event(index, said) for index, said in enumerate(case["play"])]
    wanted = [said["fires"] for said in case["play"]]
    if network == "ours":
        assert ours(definitions, events) == wanted
        return
    theirs = Durable(definitions)
    with DurableProcess(theirs.compiled) as process:
        fired = theirs.fired(process, events)
    carried = {rule["id"] for rule in case["rules"]} - set(case.get("refused", {}))
    assert fired == [[id for id in ids if id in carried] for ids in wanted]


@cases
def test_what_durable_rules_cannot_carry_is_refused_with_the_reason(file: Path) -> None:
    """A rule is carried rightly or refused: with its place, the reason and a way out."""
    case = _read(file)
    refused = Durable(rules_of(model(case["rules"]))).compiled.refused
    reasons = case.get("refused", {})
    assert sorted(d.rule or "" for d in refused) == sorted(reasons)
    for finding in refused:
        assert finding.code == "durable-cannot"
        assert finding.hint
        assert finding.source.file == "scoring.yaml"
        assert finding.source.line > 0
        assert reasons[finding.rule] in finding.message


def _words(said: Any) -> Iterator[str]:
    """Yield the keys of a condition, on all its levels."""
    for item in said if isinstance(said, list) else ():
        yield from _words(item)
    for key, value in said.items() if isinstance(said, dict) else ():
        yield key
        yield from _words(value)


def test_the_suite_leaves_no_kind_of_condition_out() -> None:
    """Every operator and every kind of entry stands in a case, carried or refused by name."""
    rules = [rule for file in CASES for rule in _read(file)["rules"]]
    found = {
        word for rule in rules for part in ("where", "when") for word in _words(rule.get(part))
    }
    operators = {op for family in OPERATORS.values() for op in family}
    entries = {"all", "any", "not", "count", "sum", "max", "last", "absent", "time"}
    assert (operators | entries) - found == set()
