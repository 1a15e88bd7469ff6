"""Properties that hold for any stream of events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.language.load import load_folder
from engine.machines.state import Lead
from engine.network.ruleset import Ruleset
from tests.play import Play

CONFIG = Path(__file__).parents[2] / "config"
EVENTS = st.one_of(
    st.tuples(
        st.just("form_submitted"),
        st.fixed_dictionaries(
            {},
            optional={
                "employees": st.sampled_from([10, 499, 500, 5000]),
                "industry": st.sampled_from(["制造业", "金融业", "教育"]),
                "title_level": st.sampled_from(["staff", "manager", "director", "c_level"]),
                "city": st.sampled_from(["上海", "广州", "月球"]),
                "amount": st.sampled_from([1, 500_000, 500_001]),
                "email": st.just("a@b.cn"),
            },
        ),
        st.just({}),
    ),
    st.tuples(
        st.just("page_viewed"),
        st.just({}),
        st.fixed_dictionaries({"page": st.sampled_from(["pricing", "solution", "home"])}),
    ),
    st.tuples(
        st.just("content_downloaded"),
        st.just({}),
        st.fixed_dictionaries(
            {
                "kind": st.sampled_from(["whitepaper", "case_study"]),
                "title": st.just("制造业解决方案"),
            }
        ),
    ),
    st.tuples(
        st.sampled_from(
            [
                *("email_opened", "email_clicked", "webinar_attended", "call_logged"),
                *("opportunity_opened", "opportunity_won", "order_placed", "timer_due"),
            ]
        ),
        st.just({}),
        st.just({}),
    ),
)
STREAMS = st.lists(st.tuples(st.integers(0, 40 * 24), EVENTS), min_size=1, max_size=25)


@pytest.fixture(scope="module")
def ruleset() -> Ruleset:
    """The default configuration."""
    loaded = load_folder(CONFIG)
    assert loaded.definitions is not None, loaded.diagnostics
    return Ruleset(loaded.definitions)


def play(ruleset: Ruleset, stream: list[Any]) -> Play:
    """Play a stream of (hours since the last event, (type, fields, properties))."""
    game, hours = Play(ruleset), 0
    for gap, (kind, lead, properties) in stream:
        hours += gap
        game.event(f"{hours}h", kind, lead, **properties)
    return game


@settings(deadline=None, max_examples=150)
@given(stream=STREAMS)
def test_every_score_is_the_sum_of_its_ledger(ruleset: Ruleset, stream: list[Any]) -> None:
    """After any sequence, each dimension and the total equal the sum of their lines."""
    game = play(ruleset, stream)
    for dimension in ("explicit", "implicit"):
        lines = [line.points for line in game.ledger if line.dimension == dimension]
        assert game.lead.facts[f"score.default.{dimension}"] == sum(lines)


@settings(deadline=None, max_examples=100)
@given(stream=STREAMS)
def test_a_lead_survives_its_encoding(ruleset: Ruleset, stream: list[Any]) -> None:
    """State is plain data: decoded from JSON it decides as before."""
    whole = play(ruleset, stream)
    parts, hours = Play(ruleset), 0
    for gap, (kind, lead, properties) in stream:
        hours += gap
        parts.event(f"{hours}h", kind, lead, **properties)
        parts.lead = msgspec.json.decode(msgspec.json.encode(parts.lead), type=Lead)
    assert msgspec.json.encode(parts.lead) == msgspec.json.encode(whole.lead)


@settings(deadline=None, max_examples=100)
@given(stream=STREAMS)
def test_waking_often_changes_nothing(ruleset: Ruleset, stream: list[Any]) -> None:
    """A host that wakes a lead at each deadline and one that only brings events agree on score."""
    lazy = play(ruleset, stream)
    eager, hours = Play(ruleset), 0
    for gap, (kind, lead, properties) in stream:
        hours += gap
        if eager.ledger or eager.lead.facts:
            eager.clock(f"{hours}h")
        eager.event(f"{hours}h", kind, lead, **properties)
    for fact in ("score.default.total", "grade", "owner"):
        assert lazy.lead.facts.get(fact) == eager.lead.facts.get(fact)


@settings(deadline=None, max_examples=100)
@given(stream=STREAMS)
def test_every_lead_that_was_routed_has_an_owner_or_a_reason(
    ruleset: Ruleset, stream: list[Any]
) -> None:
    """Nobody is left without an owner and without a word."""
    game = play(ruleset, stream)
    if game.lead.asked:
        assert game.lead.assignment is not None
        assert game.lead.facts.get("owner") or game.lead.assignment.reason
