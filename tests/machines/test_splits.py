"""Splits: by weight, always the same for the same lead, with a holdout and winners."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from engine.language.handling import Split, Variant
from engine.machines.splits import deal
from engine.machines.state import Event
from engine.machines.turn import new_lead
from engine.network.ruleset import Ruleset
from tests.machines.test_steps import journey
from tests.play import START, Play, rules

STEPS = (
    "{id: subject, split: {variants: [{name: 案例, weight: 3, next: a}, {name: 证言, next: b}]%s}}",
    "{id: a, set: {tags: {add: [案例]}}, next: end}",
    "{id: b, set: {tags: {add: [证言]}}}",
)


def text(more: str = "") -> str:
    """The journey above, with something more said of its split."""
    return journey(STEPS[0] % more, *STEPS[1:], more="    reentry: always\n")


def way(ruleset: Ruleset, id: str) -> str:
    """Send a lead into the journey; returns the tag that its way gave it."""
    game = Play(ruleset)
    game.lead = new_lead(ruleset, id, START)
    game.take(Event("e1", "form_submitted", START, lead={"email": "a@b.cn"}), START)
    tags: list[str] = game.lead.facts.get("lead.tags", ["无"])
    assert game.happened("journey_split")[0]["variant"] in (*tags, "holdout")
    return tags[0]


def split(holdout: float = 0.0, winner: str | None = None, **weights: float) -> Split:
    """A split into the ways that are named."""
    ways = tuple(Variant(name=n, weight=w, next=n) for n, w in weights.items())
    return Split(variants=ways, holdout=holdout, winner=winner)


def test_leads_are_dealt_out_by_weight() -> None:
    """Of 20,000 leads each variant gets its share, and the holdout its own, within 1 %."""
    ways = split(0.1, a=3, b=1)
    got = Counter(deal(ways, (f"lead-{n}", "j", "s"), None, None).variant for n in range(20_000))
    for name, share in {"holdout": 0.1, "a": 0.675, "b": 0.225}.items():
        assert abs(got[name] / 20_000 - share) < 0.01


def test_the_same_lead_gets_another_place_in_another_split() -> None:
    """Two splits are independent: half of each half, else one test would disturb the other."""
    ways = split(a=1, b=1)
    pairs = Counter(
        (
            deal(ways, (f"lead-{n}", "j", "one"), None, None).variant,
            deal(ways, (f"lead-{n}", "j", "two"), None, None).variant,
        )
        for n in range(8_000)
    )
    assert all(abs(each / 8_000 - 0.25) < 0.02 for each in pairs.values())


def test_a_lead_keeps_its_way_when_the_weights_change(tmp_path: Path) -> None:
    """What it got is kept with the lead, over an edit and a new entry."""
    game = Play(rules(tmp_path / "before", journeys=text()))
    game.event("0d", "form_submitted", {"email": "a@b.cn"})
    first = game.lead.facts["lead.tags"]
    for number, more in enumerate(("weight: 1, next: a", "weight: 1000, next: a")):
        edited = text().replace("weight: 3, next: a", more)
        game.ruleset = rules(tmp_path / str(number), journeys=edited)
        game.event(f"{number + 1}d", "form_submitted")
    assert game.lead.facts["lead.tags"] == first
    assert [h["how"] for h in game.happened("journey_split")] == ["weight", "kept", "kept"]


def test_all_that_come_after_the_decision_get_the_winner(tmp_path: Path) -> None:
    """Those held out stay so, which is what the gain is measured by."""
    definitions = rules(tmp_path, journeys=text(", holdout: {share: 0.2}")).definitions
    decided = Ruleset(definitions, winners={("care", "subject"): "证言"})
    got = Counter(way(decided, f"lead-{n}") for n in range(60))
    before = Counter(way(Ruleset(definitions), f"lead-{n}") for n in range(60))
    assert got.keys() == {"证言", "无"}
    assert before.keys() == {"案例", "证言", "无"}
    assert got["无"] == before["无"]
    assert decided.version != definitions.version


def test_who_is_on_the_losing_way_finishes_it(tmp_path: Path) -> None:
    """The decision is a new version of the rules, and no reason to leave a journey."""
    ways = (STEPS[0] % "", "{id: a, wait: 5d}", STEPS[2], "{id: c, send: welcome}")
    definitions = rules(tmp_path, journeys=journey(*ways)).definitions
    undecided = Ruleset(definitions)
    finished = Counter[str]()
    for number in range(20):
        game = Play(undecided)
        game.lead = new_lead(undecided, f"lead-{number}", START)
        game.event("0d", "form_submitted", {"email": "a@b.cn"})
        (dealt,) = game.happened("journey_split")
        game.ruleset = Ruleset(definitions, winners={("care", "subject"): "证言"})
        game.clock("6d")
        assert [each.message for each in game.deliveries] == ["welcome"]
        assert game.lead.journeys["care"].reason == "completed"
        finished[dealt["variant"]] += 1
    assert finished.keys() == {"案例", "证言"}


@pytest.mark.parametrize("decided", [None, "b"])
def test_a_persons_word_goes_before_the_figures(decided: str | None) -> None:
    """`winner:` in the file overrides what was decided, and what the lead had."""
    dealt = deal(split(winner="a", a=1, b=1), ("x", "j", "s"), "b", decided)
    assert (dealt.variant, dealt.how) == ("a", "winner")


def test_a_winner_that_is_gone_wins_nothing() -> None:
    """An edit that removes the variant gives the others their shares again."""
    assert deal(split(a=1), ("x", "j", "s"), "b", "b").variant == "a"
