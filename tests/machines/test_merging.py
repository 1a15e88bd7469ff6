"""Two leads made one: the score is its ledger's sum, the order of merging does not matter."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.language.instants import HOUR
from engine.language.intake import Merge
from engine.language.load import load_folder
from engine.machines import balance, merging
from engine.machines.directory import Named, unite
from engine.machines.lead import decide, new_lead
from engine.machines.merging import Entry, Side
from engine.machines.state import Event, Lead, LedgerLine
from engine.network.ruleset import Ruleset
from tests.machines.test_properties import CONFIG, STREAMS
from tests.play import START


@pytest.fixture(scope="module")
def ruleset() -> Ruleset:
    """The default configuration."""
    loaded = load_folder(CONFIG)
    assert loaded.definitions is not None, loaded.diagnostics
    return Ruleset(loaded.definitions)


class Live:
    """A lead with its log and its ledger, as a host keeps them."""

    def __init__(self, ruleset: Ruleset, id: str, at: int) -> None:
        self.ruleset = ruleset
        self.lead: Lead = new_lead(ruleset, id, at)
        self.log: list[Entry] = []
        self.ledger: list[LedgerLine] = []

    def take(self, event: Event, now: int, seq: int) -> None:
        decision = decide(self.ruleset, self.lead, event, now)
        self.lead = decision.lead
        self.ledger += decision.ledger
        self.log.append(Entry(event, now, lead=self.lead.id, seq=seq))

    def side(self) -> Side:
        return Side(self.lead, self.log, None, balance.sums(self.ledger))

    def absorb(self, other: Live, now: int, seq: int) -> None:
        said = {"absorbed": other.lead.id, "survivor": self.lead.id}
        event = Event(f"merge{seq}", merging.MERGED, now, {}, said, "engine")
        joined = merging.join(self.ruleset, self.side(), other.side(), event, now)
        self.lead = joined.lead
        self.ledger += [*other.ledger, *joined.lines]
        self.log = sorted([*self.log, *other.log], key=lambda each: each.seq)
        self.take(event, now, seq)


def lives(
    ruleset: Ruleset, stream: list[Any], whose: list[int], count: int
) -> tuple[list[Live], int]:
    """Play a stream of events to ``count`` leads; returns them and the instant of the last."""
    found = [Live(ruleset, f"lead{n}", START) for n in range(count)]
    now = START
    for number, (gap, (kind, fields, properties)) in enumerate(stream):
        now += gap * HOUR
        event = Event(f"e{number}", kind, now, fields, properties)
        found[whose[number % len(whose)] % count].take(event, now, number)
    for number, live in enumerate(found):  # nobody is without an event
        if not live.log:
            live.take(Event(f"f{number}", "chat_started", now), now, len(stream) + number)
    return found, now


def scores(lead: Lead) -> dict[str, Any]:
    """The scores of a lead that are not nothing."""
    return {k: v for k, v in lead.facts.items() if k.startswith("score.") and v}


def given_by(ledger: list[LedgerLine]) -> dict[str, Any]:
    """What a ledger's lines give."""
    found: dict[str, Any] = {}
    for line in ledger:
        for name in (line.dimension, "total"):
            key = f"score.{line.model}.{name}"
            found[key] = round(found.get(key, 0) + line.points, 6)
    return {k: v for k, v in found.items() if v}


@pytest.mark.parametrize(
    ("survivors", "absorbeds", "city"),
    [(True, False, "苏州"), (False, True, "杭州"), (True, True, "苏州")],
)
def test_what_retention_removed_is_where_the_leads_begin(
    ruleset: Ruleset, survivors: bool, absorbeds: bool, city: str
) -> None:
    """Whoever has a state from before the log begins there; of both the survivor's fields win."""
    sides = []
    for id, town, has_start in (("一", "苏州", survivors), ("二", "杭州", absorbeds)):
        live = Live(ruleset, id, START)
        live.take(Event(f"form {id}", "form_submitted", START, {"city": town}), START, 0)
        start = live.lead if has_start else None
        sides.append(Side(live.lead, [], start, balance.sums(live.ledger)))
    event = Event("merge", merging.MERGED, START + HOUR, {}, {}, "engine")
    joined = merging.join(ruleset, *sides, event, START + HOUR)
    assert joined.lead.id == "一"
    assert joined.lead.facts["lead.city"] == city


WHOSE = st.lists(st.integers(0, 2), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(STREAMS, WHOSE)
def test_the_score_is_the_sum_of_both_ledgers(
    ruleset: Ruleset, stream: list[Any], whose: list[int]
) -> None:
    """After a merge, and after another, each score is what the ledger's lines add up to."""
    (one, two, three), now = lives(ruleset, stream, whose, 3)
    for seq, other in ((1_000, two), (1_001, three)):
        one.absorb(other, now, seq)
        assert given_by(one.ledger) == pytest.approx(scores(one.lead))


@settings(max_examples=60, deadline=None)
@given(STREAMS, WHOSE)
def test_the_order_of_merging_does_not_matter(
    ruleset: Ruleset, stream: list[Any], whose: list[int]
) -> None:
    """Three leads merged in any order into the first one give the same fields, scores, windows."""
    results = []
    for order in permutations((1, 2)):
        live, now = lives(ruleset, stream, whose, 3)
        for seq, index in enumerate(order):
            live[0].absorb(live[index], now, 1_000 + seq)
        lead = live[0].lead
        results.append((scores(lead), counted(lead)))
    nested, now = lives(ruleset, stream, whose, 3)
    nested[1].absorb(nested[2], now, 1_000)
    nested[0].absorb(nested[1], now, 1_001)
    results.append((scores(nested[0].lead), counted(nested[0].lead)))
    assert results[0] == results[1] == results[2]


def counted(lead: Lead) -> dict[str, Any]:
    """What is counted of a lead, without what was done with it."""
    fields = {k: v for k, v in lead.facts.items() if k.startswith("lead.") and k != "lead.tags"}
    tags = sorted(lead.facts.get("lead.tags", ()))
    kept = {name: getattr(lead, name) for name in ("windows", "counts", "consents", "created_at")}
    return {**kept, "fields": fields, "tags": tags}


@settings(max_examples=40, deadline=None)
@given(STREAMS, WHOSE)
def test_neither_side_is_changed(ruleset: Ruleset, stream: list[Any], whose: list[int]) -> None:
    """Merging and parting leave what they were given; the survivor without news is as before."""
    import msgspec

    (one, two), now = lives(ruleset, stream, whose, 2)
    before = msgspec.json.encode([one.lead, two.lead])
    sides = one.side(), two.side()
    event = Event("m", merging.MERGED, now, {}, {"absorbed": "lead1"}, "engine")
    merging.join(ruleset, *sides, event, now)
    assert msgspec.json.encode([one.lead, two.lead]) == before
    assert merging.separate(ruleset, one.lead, [], 0).lead == one.lead


# --- who is one -------------------------------------------------------------------------------------

KINDS = ("user_id", "email", "phone", "wecom_id", "wechat_openid", "anonymous_id")


@st.composite
def named(draw: Any) -> list[Named]:
    """Some leads that one event names, each by some of its kinds."""
    found = []
    for number in range(draw(st.integers(1, 4))):
        kinds = draw(st.sets(st.sampled_from(KINDS), min_size=1))
        by = draw(st.sets(st.sampled_from(sorted(kinds)), min_size=1))
        since = draw(st.integers(0, 3))
        found.append(Named(f"lead{number}", frozenset(by), frozenset(kinds), since))
    return found


@given(named(), st.sampled_from(["oldest", "strongest"]))
def test_every_lead_is_merged_or_told(leads: list[Named], keep: str) -> None:
    """Each lead that is named is the survivor, absorbed once, or a conflict with its reason."""
    union = unite(Merge(keep=keep), leads)
    absorbed = [goes for _, goes in union.merges]
    told = [conflict.lead for conflict in union.conflicts]
    assert sorted([union.lead, *absorbed, *told]) == sorted(lead.id for lead in leads)
    assert all(conflict.reason for conflict in union.conflicts)


@given(named())
def test_two_values_of_one_kind_are_two_people(leads: list[Named]) -> None:
    """Of the leads that become one no two have a proving identity of the same kind."""
    rule = Merge()
    union = unite(rule, leads)
    one = {union.lead, *(goes for _, goes in union.merges)}
    kinds = [kind for lead in leads if lead.id in one for kind in lead.kinds if kind in rule.when]
    assert len(kinds) == len(set(kinds))


def test_a_shared_browser_proves_nothing() -> None:
    """Two named leads that only a browser connects stay two; a browser's own history joins."""
    one = Named("one", frozenset({"email"}), frozenset({"email"}), 5)
    other = Named("other", frozenset({"anonymous_id"}), frozenset({"anonymous_id", "phone"}), 1)
    assert unite(Merge(), [one, other]).merges == ()
    history = Named("history", frozenset({"anonymous_id"}), frozenset({"anonymous_id"}), 1)
    assert unite(Merge(), [one, history]).merges == (("one", "history"),)
    apart = [frozenset({"one", "history"})]
    assert unite(Merge(), [one, history], apart).merges == ()


def test_without_proving_kinds_nobody_is_merged() -> None:
    """An empty merge.when turns merging off, and every pair is told why."""
    one = Named("one", frozenset({"email"}), frozenset({"email"}), 1)
    other = Named("other", frozenset({"phone"}), frozenset({"phone"}), 2)
    union = unite(Merge(when=()), [one, other])
    assert (union.lead, union.merges) == ("one", ())
    assert [c.reason for c in union.conflicts] == ["nobody is merged: merge.when is empty"]
