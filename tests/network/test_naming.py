"""Rules are found by the id that people wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import NotFound
from engine.network.naming import KINDS, Ambiguous, Named, find_rule
from engine.network.ruleset import Ruleset
from tests.play import rules


@pytest.mark.parametrize(
    ("name", "kind", "full", "label"),
    [
        ("industry", "rule", "rule:default.fit.industry", "目标行业"),
        ("rule:industry", "rule", "rule:default.fit.industry", "目标行业"),
        ("rule:value.money.twin", "rule", "rule:value.money.twin", None),
        ("mql", "stage", "stage:mql", "营销合格"),
        ("stage:won", "stage", "stage:won", "赢单"),
        ("shanghai", "route", "route:shanghai", None),
        ("hot", "sla", "sla:hot", None),
        ("sla:twin", "sla", "sla:twin", None),
        ("cold", "recycle", "recycle:cold", None),
        ("recycle:forgotten", "recycle", "recycle:forgotten", None),
        ("welcome", "journey", "journey:welcome", "欢迎"),
        ("journey:warm", "journey", "journey:warm", None),
    ],
)
def test_a_rule_of_any_kind_is_found(
    whole: Ruleset, name: str, kind: str, full: str, label: str | None
) -> None:
    """By its id, with its kind before it, or by its whole name, which finds it again."""
    found = find_rule(whole, name)
    assert (found.kind, found.name, found.label) == (kind, full, label)
    assert found.id == full.rpartition(":")[2].rpartition(".")[2]
    assert kind in KINDS
    assert find_rule(whole, full) == found
    assert found.source == found.rule.definition.source
    assert found.source.file.endswith(".yaml")


def test_each_kind_is_found_where_it_is(whole: Ruleset) -> None:
    """What is found is the rule of the ruleset itself."""
    assert find_rule(whole, "industry").rule is whole.rules["default.fit.industry"]
    assert find_rule(whole, "mql").rule is whole.stages["mql"]
    assert find_rule(whole, "rest").rule is whole.routes[1]
    assert find_rule(whole, "hot") == Named("sla", "sla:hot", whole.slas[0])
    assert find_rule(whole, "cold") == Named("recycle", "recycle:cold", whole.recycles[0])
    assert find_rule(whole, "warm").rule is whole.journeys["warm"]


def test_what_several_are_called_is_refused_with_all_of_them(whole: Ruleset) -> None:
    """The message lists the names of which each means one thing."""
    with pytest.raises(Ambiguous) as raised:
        find_rule(whole, "twin")
    assert str(raised.value) == (
        '"twin" names 3 things; write one of rule:default.care.twin, rule:value.money.twin, sla:twin'
    )
    assert raised.value.code == "ambiguous"
    with pytest.raises(Ambiguous, match="names 2 things"):
        find_rule(whole, "rule:twin")


def test_what_nothing_is_called_names_the_nearest(whole: Ruleset) -> None:
    """A slip of the pen is met with the id that was meant, and a long one is cut short."""
    with pytest.raises(NotFound) as raised:
        find_rule(whole, "industri")
    assert str(raised.value).startswith(
        'there is no rule, stage, route, SLA or journey "industri"; did you mean'
    )
    assert "industry" in str(raised.value)
    with pytest.raises(NotFound) as raised:
        find_rule(whole, "长" * 500)
    assert f'"{"长" * 200}"' in str(raised.value)


def test_where_there_are_many_the_files_have_them(tmp_path: Path) -> None:
    """A list of all ids would be too long to read."""
    each = "      - {{id: rule-{}, dimension: fit, event: page_viewed, points: 1, repeat: once}}\n"
    text = "models:\n  default:\n    dimensions: {fit: {}}\n    rules:\n"
    text += "".join(map(each.format, range(20))) + "    grades: [{grade: A, from: 0}]\n"
    with pytest.raises(NotFound) as raised:
        find_rule(rules(tmp_path, scoring=text), "长")
    assert str(raised.value).endswith(" known names; the rules' files have them")
