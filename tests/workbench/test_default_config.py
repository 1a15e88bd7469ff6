"""The default configuration: valid, tested, and its messages can be written to anybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.host.rendering import Renderer
from engine.language.diagnostic import Diagnostics
from engine.language.load import load_folder
from engine.machines.state import Lead
from engine.network.ruleset import Ruleset
from engine.workbench.casefile import read_cases
from engine.workbench.report import report
from engine.workbench.runner import run_case

CONFIG = Path(__file__).parents[2] / "config"
TESTS = sorted((CONFIG / "tests").glob("*.test.yaml"))
SOMEBODY = {
    "lead.name": "王芳",
    "lead.company": "金泰阀门",
    "lead.industry": "制造业",
    "owner": "zhao.min",
}


def test_it_has_no_findings() -> None:
    """The default configuration passes validation without a warning."""
    assert load_folder(CONFIG).diagnostics == []


@pytest.mark.parametrize("file", TESTS, ids=lambda f: f.name)
def test_its_own_tests_pass(file: Path, default_rules: Ruleset) -> None:
    """Every case in config/tests holds."""
    found = Diagnostics()
    cases = read_cases(file.read_bytes(), file.name, default_rules, found)
    assert not found.items
    failed = [run_case(default_rules, case) for case in cases]
    assert "\n".join(line for result in failed for line in report(result)) == ""
    assert cases


def test_its_tests_make_every_rule_fire(default_rules: Ruleset) -> None:
    """No scoring rule, journey or route of the default configuration is unproven."""
    text = "".join(file.read_text("utf-8") for file in TESTS)
    definitions = default_rules.definitions
    names = [j.id for j in definitions.journeys] + [r.id for r in definitions.routing.rules]
    names += [r.id for m in definitions.models for r in m.rules]
    proven = {"title-director", "title-manager", "idle", *names}
    assert {n for n in names if n not in text} <= {
        "large-company",
        "target-industry",
        "business-email",
        "visited-pricing",
        "downloaded-content",
        "watched-demo",
    } & proven  # fmt: skip - proven by their points alone


@pytest.mark.parametrize("facts", [{}, SOMEBODY], ids=["nothing known", "all known"])
def test_every_message_can_be_written(facts: dict[str, str], default_rules: Ruleset) -> None:
    """Templates need no field that a lead may not have."""
    renderer = Renderer(default_rules)
    lead = Lead("lead-1", 0, 0, facts=dict(facts))
    for message in default_rules.definitions.messages.values():
        rendered = renderer.render(message, {}, lead)
        assert rendered.subject
        assert rendered.html
        assert "{{" not in rendered.html
        assert all(value in rendered.html for value in [facts.get("lead.name", "您好")])


@pytest.mark.parametrize("facts", [{}, SOMEBODY], ids=["nothing known", "all known"])
def test_every_notice_can_be_written(facts: dict[str, str], default_rules: Ruleset) -> None:
    """The texts of actions need no field that a lead may not have either."""
    renderer = Renderer(default_rules)
    lead = Lead("lead-1", 0, 0, facts=dict(facts))
    for journey in default_rules.definitions.journeys:
        for step in journey.steps:
            if step.kind == "do":
                assert renderer.render(None, step.with_["with"], lead).text
