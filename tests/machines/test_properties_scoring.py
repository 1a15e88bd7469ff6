"""What holds for any rules and any stream of events: ledger, withdrawal, order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.language.instants import DAY
from engine.machines.lead import decide, new_lead
from engine.machines.state import Decision, Event, Lead, LedgerLine
from engine.network.ruleset import Ruleset
from tests.machines.generators import (
    GAPS,
    LASTING,
    NAMED,
    PROFILES,
    Data,
    Step,
    crowded_streams,
    streams,
)
from tests.machines.rulesets import (
    SAID,
    built,
    compiled,
    crowded_scorings,
    event_rules,
    lasting_rules,
    plans,
    scorings,
)
from tests.play import START

MANY = settings(deadline=None, max_examples=150)
CUT = 0.00005  # half of the last decimal of a score


class Life:
    """One lead under a ruleset, with everything its decisions gave."""

    def __init__(self, ruleset: Ruleset) -> None:
        self.ruleset = ruleset
        self.now = START
        self.lead: Lead = new_lead(ruleset, "王芳", START)
        self.ledger: list[LedgerLine] = []
        self.take(Event("first", "note_added", START))

    def take(self, event: Event) -> Decision:
        """Decide one event at the present instant."""
        decision = decide(self.ruleset, self.lead, event, self.now)
        self.lead = decision.lead
        self.ledger += decision.ledger
        return decision

    def wake(self) -> None:
        """Look at the lead as a host does, whether or not something is due."""
        self.take(Event(f"wake:{self.now}", "timer_due", self.now))

    def reach(self, instant: int, prompt: bool = True) -> None:
        """Let time pass, waking at each deadline, or only once it has passed them all."""
        due = self.lead.wake_at
        while prompt and due is not None and due <= instant:
            self.now = max(self.now, due)
            self.wake()
            assert self.lead.wake_at is None or self.lead.wake_at > self.now, self.lead.timers
            due = self.lead.wake_at
        self.now = instant

    def given(self) -> dict[str, float]:
        """What each rule has given in all, what was taken back subtracted."""
        found: dict[str, float] = defaultdict(float)
        for line in self.ledger:
            found[f"{line.model}.{line.rule}"] += line.points
        return {rule: rounded for rule, points in found.items() if (rounded := round(points, 4))}

    def scores(self) -> Data:
        """All scores and grades."""
        facts = self.lead.facts
        return {k: v for k, v in facts.items() if k.startswith(("score.", "grade"))}


def check_ledger(life: Life) -> None:
    """Each dimension and total is the sum of its lines and lies within its bounds."""
    facts = life.lead.facts
    for model in life.ruleset.models.values():
        whole = [line.points for line in life.ledger if line.model == model.id]
        total = facts[f"score.{model.id}.total"]
        assert total == round(total, 4)
        assert abs(total - sum(whole)) < CUT
        parts = 0
        for dimension in model.dimensions:
            score = facts[f"score.{model.id}.{dimension.id}"]
            lines = [
                line.points
                for line in life.ledger
                if (line.model, line.dimension) == (model.id, dimension.id)
            ]
            assert abs(score - sum(lines)) < CUT
            assert dimension.max is None or score <= dimension.max
            assert dimension.min is None or score >= dimension.min
            parts += score
        assert abs(total - parts) < CUT


def _add_up(life: Life, stream: Sequence[Step]) -> None:
    """Live a stream and add the ledger up after everything that happens."""
    for number, step in enumerate(stream):
        life.reach(life.now + step.gap, prompt=step.how == "prompt")
        if step.kind is not None:
            life.take(step.event(number, life.now))
        else:
            life.wake()
        check_ledger(life)


@MANY
@given(plan=plans(), stream=streams())
def test_every_score_is_the_sum_of_its_ledger_within_its_bounds(
    plan: Data, stream: list[Step]
) -> None:
    """After every event and every deadline, for rules of every kind, by dimension and in all."""
    _add_up(Life(built(plan)), stream)


@MANY
@given(models=crowded_scorings(), stream=crowded_streams(), data=st.data())
def test_the_sum_is_right_where_rules_get_in_each_others_way(
    models: Data, stream: list[Step], data: Any
) -> None:
    """The same for the orders of one hour: rules that fire again and again, and caps that are met.

    Most of these events bring nothing else, and are decided on the short way.
    """
    life = Life(compiled(models))
    said = data.draw(st.lists(st.sampled_from(list(SAID.items())), max_size=2))
    life.take(Event("profile", "note_added", START, lead=dict(said)))
    _add_up(life, stream)


def _without(profile: Data, later: Data) -> Data:
    """The fields of ``later``, and each one that ``profile`` has beside them removed."""
    gone = dict.fromkeys(name for name in profile if name not in later)
    return {**gone, **later}


def _said_once(profiles: st.SearchStrategy[Data]) -> st.SearchStrategy[Data]:
    """Profiles without tags: those only ever grow."""
    return profiles.map(lambda p: {k: v for k, v in p.items() if k != "tags"})


@MANY
@given(
    models=scorings(st.one_of(lasting_rules(), event_rules()), second=False),
    stream=streams(profiles=False),
    first=_said_once(PROFILES),
    last=_said_once(PROFILES),
)
def test_withdrawing_facts_withdraws_exactly_what_they_gave(
    models: Data, stream: list[Step], first: Data, last: Data
) -> None:
    """A lead that had other facts for a while is as one that never had them, rule by rule.

    Rules that hold depend on nothing but what holds now. Points of occurrences stay, for they
    did happen: these rules read no field, so they are the same for both.
    """
    _same_afterwards(compiled(models, named=NAMED), stream, first, last)


@MANY
@given(
    models=crowded_scorings(),
    stream=crowded_streams(),
    first=st.sets(st.sampled_from(sorted(SAID)), min_size=1),
    last=st.sets(st.sampled_from(sorted(SAID)), max_size=2),
)
def test_nothing_else_is_withdrawn_where_rules_get_in_each_others_way(
    models: Data, stream: list[Step], first: set[str], last: set[str]
) -> None:
    """The same for rules of one exclusive group, points that follow a field, and tight caps."""
    before, after = ({name: SAID[name] for name in sorted(names)} for names in (first, last))
    _same_afterwards(compiled(models), stream, before, after)


def _same_afterwards(ruleset: Ruleset, stream: Sequence[Step], first: Data, last: Data) -> None:
    """A lead of which ``first`` was said, until it was put right, and one that was always so."""
    changed, steady = Life(ruleset), Life(ruleset)
    for life, before, after in (
        (changed, first, _without(first, last)),
        (steady, {}, last),
    ):
        life.take(Event("profile", "note_added", START, lead=before))
        _live(life, stream)
        life.take(Event("correction", "note_added", life.now, lead=after))
        life.wake()
    assert changed.given() == steady.given()
    assert changed.scores() == steady.scores()
    assert changed.lead.facts == steady.lead.facts
    for name in ("holds", "windows", "grants", "counts"):
        assert getattr(changed.lead, name) == getattr(steady.lead, name)
    assert set(changed.lead.truths) == set(steady.lead.truths)
    assert _due(changed) == _due(steady)


def _live(life: Life, stream: Sequence[Step]) -> None:
    for number, step in enumerate(stream):
        life.reach(life.now + step.gap)
        if step.kind is not None:
            life.take(step.event(number, life.now))


def _due(life: Life) -> dict[str, int]:
    """The deadlines, without those of facts that are gone: they wake a lead for nothing."""
    return {name: due for name, due in life.lead.timers.items() if not name.startswith("rule:")}


def _apart(parts: list[Data]) -> list[Data]:
    """Profiles of which no two say the same field."""
    seen: set[str] = set()
    found = []
    for profile in parts:
        found.append({k: v for k, v in profile.items() if k not in seen})
        seen |= set(profile)
    return found


def _in_any_order(ruleset: Ruleset, events: list[Event], gaps: list[int], data: Any) -> None:
    """Let the events come as they are and shuffled, all of them now, and compare ever after."""
    one, other = Life(ruleset), Life(ruleset)
    for life, order in ((one, events), (other, data.draw(st.permutations(events)))):
        for event in order:
            life.take(event)
        life.wake()  # what came late may be due already, as a host would notice at once
    _alike(one, other)
    for instant in (*accumulate(gaps, initial=START), START + 40 * DAY):
        for life in (one, other):
            life.reach(max(life.now, instant))
            life.wake()
        _alike(one, other)
    # Not before: a deadline that moved on is looked at where it was, and found moved.
    assert one.lead.timers == other.lead.timers


@MANY
@given(
    models=scorings(st.one_of(lasting_rules(LASTING), event_rules()), second=False),
    stream=streams(profiles=False, odd=False),
    profiles=st.lists(_said_once(PROFILES), min_size=14, max_size=14),
    gaps=st.lists(GAPS, max_size=3),
    data=st.data(),
)
def test_the_order_of_independent_events_does_not_matter(
    models: Data, stream: list[Step], profiles: list[Data], gaps: list[int], data: Any
) -> None:
    """Events of one instant, and late ones, in any order of arrival give the same lead.

    Independent are events that come at one instant of the clock and say different fields,
    under rules of which none reacts to a crossing or reads what another event of the instant
    changes while it fires: rules that hold (a function of the facts and the past, whatever
    the order), and rules of occurrences on the occurrence alone. A limited ``repeat`` takes
    whichever comes first, so its occurrences are of one instant.
    """
    limited = any(r.get("repeat") not in (None, "each") for r in models["default"]["rules"])
    brought = _apart(profiles)
    events = [
        Event(f"e{n}", s.kind, START - (0 if limited else s.shift), brought[n], s.properties)
        for n, s in enumerate(stream)
        if s.kind is not None
    ]
    _in_any_order(compiled(models, named=NAMED), events, gaps, data)


@MANY
@given(models=crowded_scorings(), stream=crowded_streams(), data=st.data())
def test_nor_does_it_where_rules_get_in_each_others_way(
    models: Data, stream: list[Step], data: Any
) -> None:
    """The same where it is hard: orders of one hour, one exclusive group, caps that are met."""
    said = enumerate(SAID.items())
    events = [Event(f"s{n}", "note_added", START, dict([each])) for n, each in said]
    events += [
        Event(f"e{n}", s.kind, START - s.shift, {}, s.properties)
        for n, s in enumerate(stream)
        if s.kind is not None
    ]
    _in_any_order(compiled(models), events, [s.gap for s in stream], data)


def _alike(one: Life, other: Life) -> None:
    assert one.scores() == other.scores()
    assert one.given() == other.given()
    assert one.lead.facts == other.lead.facts
    for name in ("holds", "counts"):
        assert getattr(one.lead, name) == getattr(other.lead, name)
    assert set(one.lead.truths) == set(other.lead.truths)
    assert sorted(one.lead.grants) == sorted(other.lead.grants)
