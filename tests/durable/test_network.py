"""``network: durable`` in server.yaml, from the file to the score that a client hears of."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import random
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.cli.main import run
from engine.host.clock import StreamClock
from engine.host.durable import DurableFailed, missing
from engine.host.network import MOST_ANSWERS, DurableNetwork, check_network
from engine.host.runtime import Runtime
from engine.language.load import load_folder
from engine.machines.lead import decide, new_lead
from engine.machines.state import Event
from engine.network.asked import asking
from engine.network.ruleset import Ruleset
from tests.durable.small import CANNOT, children, nobody_survives, visit, write
from tests.play import START

why = missing()
needs_durable = pytest.mark.skipif(why is not None, reason=why or "")
pytestmark = [pytest.mark.durable]


def world(events: int) -> Iterator[dict[str, Any]]:
    """Events of 30 leads, an hour apart, that meet every rule; some values are odd."""
    chance = random.Random(11)
    for number in range(events):
        lead: dict[str, Any] = {"user_id": f"u{chance.randrange(30)}"}
        for name, values in {
            "industry": ["制造业", "金融业", "教育"],
            "title_level": ["manager", "director", "vp", "staff"],
            "company": ["上海阀门厂", '"管道"公司', "云数科技", "阀门\n管道"],
            "city": ["上海", "苏州"],
            "employees": [80, 500, 2_000],
            "amount": [1e-7, 10.5, 600_000],
            "budget": [10, 10.5],
        }.items():
            if chance.random() < 0.25:
                lead[name] = chance.choice(values)
        kind, properties = chance.choice(
            [
                ("page_viewed", {"page": chance.choice(["pricing", "home"])}),
                ("video_watched", {"video": "产品介绍"}),
                ("form_submitted", {"form": "contact"}),
            ]
        )
        at = f"2026-03-{2 + number // 24:02}T{number % 24:02}:00:00+08:00"
        yield {"id": f"e{number}", "type": kind, "at": at, "lead": lead, "properties": properties}


def play(folder: Path, events: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the state and the ledger of every lead after these events."""

    async def whole() -> dict[str, Any]:
        runtime = Runtime(folder, folder.parent / "leads.db", StreamClock(), environ={})
        assert runtime.load() == []
        runtime.start()
        try:
            outcomes = await runtime.submit(events)
            assert {o.status for o in outcomes} == {"accepted"}
            reader = runtime.reader
            ids = {o.lead for o in outcomes if o.lead}
            return {id: (reader.state(id), reader.ledger(id)) for id in sorted(ids)}
        finally:
            await runtime.stop()

    return asyncio.run(whole())


@needs_durable
def test_both_networks_give_the_same_leads(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Scores, ledgers, grades, stages, journeys, owners: the network changes nothing of them."""
    events = list(world(600))
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with caplog.at_level(logging.INFO, "leadrules.host"):
        theirs = play(write(tmp_path / "a" / "config"), events)
    ours = play(write(tmp_path / "b" / "config", "own"), events)
    assert theirs == ours
    lines = [line for _, ledger in ours.values() for line in ledger]
    assert {line["rule"] for line in lines} >= {
        *("industry", "director", "manager", "valves", "no-city", "vip", "large", "pricing"),
        *("seen", "any"),
    }
    assert "answered by durable-rules" in caplog.text
    # What it cannot read is said once for each field, without the value.
    assert caplog.text.count("cannot read some values of lead.company") == 1
    assert caplog.text.count("cannot read some values of lead.amount") == 1
    assert "管道" not in caplog.text


def _definitions(folder: Path) -> Any:
    loaded = load_folder(folder)
    assert loaded.definitions is not None, loaded.diagnostics
    return loaded.definitions


@pytest.mark.parametrize(
    ("answer", "fired"),
    [(True, {"any", "industry", "pricing", "seen", "valves"}), (False, set())],
    ids=["always", "never"],
)
def test_whoever_is_asked_decides(config: Path, answer: bool, fired: set[str]) -> None:
    """A rule fires because the answer is yes, whatever our own closures would say."""
    asked: set[str] = set()

    def holds(rule: Any, facts: Any) -> bool:
        asked.add(rule.id)
        return answer and rule.id in {"any", "industry", "pricing", "seen", "valves"}

    definitions = _definitions(config)
    ruleset = Ruleset(asking(definitions, holds))
    assert ruleset.version == definitions.version
    event = Event("e1", "page_viewed", START, {"industry": "无", "company": "无"}, {"page": "无"})
    decision = decide(ruleset, new_lead(ruleset, "lead-1", START), event, START)
    assert set(decision.fired) == fired
    assert asked >= {"any", "industry", "no-city", "pricing", "seen", "valves"}


@needs_durable
def test_a_value_that_it_misreads_is_judged_by_ours(config: Path) -> None:
    """A quotation mark in a company's name neither costs the event nor the points."""
    definitions = _definitions(config)
    network = DurableNetwork(definitions)
    ruleset = Ruleset(asking(definitions, network.holds))
    for company, fits in (('上海"阀门"厂', False), ("上海阀门厂", True)):
        event = Event("e1", "form_submitted", START, {"company": company}, {})
        decision = decide(ruleset, new_lead(ruleset, "lead-1", START), event, START)
        assert "valves" in decision.fired
        assert (network.process.pid is not None) is fits  # asked only where it reads the value


@needs_durable
def test_a_process_that_is_gone_is_replaced_within_the_question(config: Path) -> None:
    """Killed from outside it is asked again, and only when that dies too it is an error."""
    definitions = _definitions(config)
    network = DurableNetwork(definitions)
    ruleset = Ruleset(asking(definitions, network.holds))
    lead = new_lead(ruleset, "lead-1", START)

    def score(number: int) -> list[str]:
        fields = {"industry": "制造业", "employees": number}  # never asked before
        return decide(ruleset, lead, Event("e1", "chat_started", START, fields, {}), START).fired

    assert "industry" in score(1)
    first = network.process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert "industry" in score(2)
    assert network.process.pid != first
    with nobody_survives(os.getpid()), pytest.raises(DurableFailed, match="died with code -9"):
        score(3)
    assert "industry" in score(4)


@needs_durable
def test_the_process_ends_with_its_ruleset(config: Path) -> None:
    """A reload leaves no process behind, and another network can be chosen without a restart."""
    others = set(children(os.getpid()))  # of whatever else this process has tested

    def own() -> list[int]:
        return [each for each in children(os.getpid()) if each not in others]

    async def whole() -> None:
        runtime = Runtime(config, config.parent / "leads.db", StreamClock(), environ={})
        assert runtime.load() == []
        runtime.start()
        try:
            await runtime.submit([visit(1)])
            (before,) = own()
            write(config, "own")
            assert runtime.reload() == []
            await runtime.submit([visit(2)])
            gc.collect()
            assert before not in own()
            write(config, "durable")
            assert runtime.reload() == []
            await runtime.submit([visit(3, industry="金融业")])
            assert len(own()) == 1
        finally:
            await runtime.stop()

    asyncio.run(whole())
    gc.collect()
    assert own() == []


def test_every_rule_that_cannot_be_carried_is_shown_at_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of them in one run, each where the trouble is; the sound rule is no finding."""
    config = write(tmp_path / "config", scoring=CANNOT)
    assert run(["validate", str(config), "--format", "json"]) == 1
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    cannot = [f for f in found if f["code"] == "durable-cannot"]
    assert [(f["rule"], f["line"], f["column"]) for f in cannot] == [
        ("opened-three", 10, 18),
        ("全部", 11, 74),
        ("owned", 12, 76),
    ]
    assert all(f["hint"] and f["severity"] == "error" for f in cannot)
    assert {f["code"] for f in found} <= {"durable-cannot", "durable-missing"}
    write(config, "own", CANNOT)
    assert run(["validate", str(config)]) == 0


@needs_durable
def test_a_reload_that_cannot_be_carried_changes_nothing(config: Path) -> None:
    """All findings are returned, and the rules in use stay."""
    runtime = Runtime(config, config.parent / "leads.db", environ={})
    assert runtime.load() == []
    good = runtime.ruleset.version
    write(config, scoring=CANNOT)
    assert [d.code for d in runtime.reload()] == ["durable-cannot"] * 3
    assert runtime.ruleset.version == good


@needs_durable
def test_rules_that_it_does_not_take_are_a_finding(config: Path) -> None:
    """Before anything runs on it, it has been given the rules."""
    definitions = _definitions(config)
    assert check_network(definitions) == []
    with nobody_survives(os.getpid()):
        (finding,) = check_network(definitions)
    assert finding.code == "durable-failed"
    assert "died with code -9" in finding.message
    assert (Path(finding.source.file).name, finding.source.line) == ("server.yaml", 2)


@needs_durable
def test_what_it_remembers_is_bounded_and_right(config: Path) -> None:
    """Answers are kept for equal facts, not for ever, and none is given for other facts."""
    definitions = _definitions(config)
    network = DurableNetwork(definitions)
    large = next(r for m in definitions.models for r in m.rules if r.id == "large")
    for number in [*range(MOST_ANSWERS + 10), *range(10)]:
        facts = {"lead.employees": number, "lead.amount": 2, "lead.budget": 1}
        work = SimpleNamespace(facts=facts, properties={})
        assert network.holds(large, work) is (number >= 500)
    assert len(network.answers) == 20


def test_without_the_extra_the_way_to_it_is_said(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One finding, at the key in server.yaml, that names the command to type."""
    monkeypatch.setitem(sys.modules, "durable", None)  # as where it is not installed
    (finding,) = check_network(_definitions(config))
    assert finding.code == "durable-missing"
    assert "pip install 'leadrules[durable]'" in f"{finding.message} {finding.hint}"
    place = finding.source
    assert (Path(place.file).name, place.line, place.column) == ("server.yaml", 2, 10)
