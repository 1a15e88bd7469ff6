"""Leads merged and parted: the log played again is each of them, and the ledger its score."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.language.instants import HOUR
from engine.language.load import load_folder
from engine.machines import balance, merging
from engine.machines.merging import Entry, Side
from engine.machines.replay import rebuild, replay
from engine.machines.state import Event, Lead, LedgerLine, Teams
from engine.machines.turn import Turn, new_lead, take_turn
from engine.network.ruleset import Ruleset
from tests.machines.test_merging import given_by, scores
from tests.machines.test_properties import CONFIG, EVENTS
from tests.play import START, rules

NAMES = ("王芳", "李雷", "韩梅梅")
HANDED_OUT = {
    "lifecycle": """
stages:
  - {id: new}
  - {id: 已分配, from: [new], event: lead_assigned, where: {owner: {exists: true}}}
  - {id: 已联系, from: [new, 已分配], event: call_logged}
  - {id: 赢单, final: true, event: opportunity_won}
""",
    "routing": """
teams:
  华东: {members: [{id: chen.jing, capacity: 1}, {id: liu.yang}]}
rules:
  - {id: 有城市, when: {lead.city: {exists: true}}, assign: {team: 华东}}
  - {id: 其余, assign: {pool: 公海}}
sla:
  - {id: 跟进, accept: 1h, first_contact: 2d, on_breach: [{after: 3d, do: recycle, to: 公海}]}
pools: {公海: {}}
""",
    "journeys": """
journeys:
  - id: 派单
    enter: {event: form_submitted}
    reentry: always
    exit: {event: order_placed}
    steps:
      - {id: go, route: {}}
      - {id: mark, set: {fields: {need: 已派单}, tags: {add: [跟进]}}}
      - {id: rest, wait: 20d}
""",
}


@pytest.fixture(scope="module")
def default() -> Ruleset:
    """The default configuration."""
    loaded = load_folder(CONFIG)
    assert loaded.definitions is not None, loaded.diagnostics
    return Ruleset(loaded.definitions)


@pytest.fixture(scope="module")
def handed_out(tmp_path_factory: pytest.TempPathFactory) -> Ruleset:
    """Rules by which every form gives the lead to somebody, or to the pool."""
    return rules(tmp_path_factory.mktemp("rules"), **HANDED_OUT)


@pytest.fixture(params=["default", "handed_out"])
def ruleset(request: pytest.FixtureRequest) -> Ruleset:
    """Each of the two in turn."""
    found: Ruleset = request.getfixturevalue(request.param)
    return found


class Before(msgspec.Struct):
    """Two leads before they were made one, and the last entry of the log by then."""

    survivor: Lead
    absorbed: Lead
    inside: set[str]
    seq: int


class House:
    """Leads with their logs and ledgers, merged and parted as a host does it."""

    def __init__(self, ruleset: Ruleset) -> None:
        self.ruleset = ruleset
        self.now = START
        self.teams = Teams()
        self.leads: dict[str, Lead] = {}
        self.logs: dict[str, list[Entry]] = {}
        self.ledgers: dict[str, list[LedgerLine]] = {}
        self.starts: dict[str, Lead] = {}
        self.merged: list[Before] = []
        self.numbers = itertools.count(1)
        self.seq = 0

    def event(self, id: str, kind: str, fields: Any = None, /, **properties: Any) -> None:
        """Let something happen to one lead, after the deadlines that have come."""
        while (due := self._due(id)) is not None:
            self._turn(id, Event(f"wake:{next(self.numbers)}", "timer_due", due), due)
        event = Event(f"e{next(self.numbers)}", kind, self.now, fields or {}, properties)
        self._turn(id, event, self.now)

    def _due(self, id: str) -> int | None:
        due = self.leads[id].wake_at if id in self.leads else None
        return due if due is not None and due <= self.now else None

    def _turn(self, id: str, event: Event, now: int) -> None:
        lead = self.leads.get(id) or new_lead(self.ruleset, id, now)
        self._record(id, take_turn(self.ruleset, lead, self.teams, event, now), now)

    def _record(self, id: str, turn: Turn, now: int) -> None:
        self.leads[id], self.teams = turn.lead, turn.teams
        for entry in turn.entries:
            self.note(id, entry.event, now)
            self.ledgers.setdefault(id, []).extend(entry.decision.ledger)

    def note(self, id: str, event: Event, now: int) -> None:
        """Write an event in a lead's log."""
        self.seq += 1
        entry = Entry(event, now, self.ruleset.version, id, self.seq)
        self.logs.setdefault(id, []).append(entry)

    def merge(self, survivor: str, absorbed: str) -> None:
        """Make two leads one."""
        said = {"absorbed": absorbed, "survivor": survivor}
        event = Event(f"m{next(self.numbers)}", merging.MERGED, self.now, {}, said, "engine")
        joined = merging.join(
            self.ruleset, self.side(survivor), self.side(absorbed), event, self.now
        )
        pair = self.leads[survivor], self.leads.pop(absorbed)
        inside = {absorbed, *self.inside(absorbed)}
        self.merged.append(Before(*pair, inside, self.seq))
        self.teams = merging.reload(self.ruleset, self.teams, pair, [joined.lead])
        both = [*self.logs[survivor], *self.logs.pop(absorbed)]
        self.logs[survivor] = sorted(both, key=lambda entry: entry.seq)
        self.ledgers[survivor] += [*self.ledgers.pop(absorbed), *joined.lines]
        turn = take_turn(self.ruleset, joined.lead, self.teams, event, self.now)
        self._record(survivor, turn, self.now)

    def inside(self, id: str) -> set[str]:
        """The leads that were merged into one."""
        merged = (before for before in self.merged if before.survivor.id == id)
        return set().union(*(before.inside for before in merged))

    def part(self) -> None:
        """Undo the latest merge."""
        before = self.merged.pop()
        one, other = before.survivor.id, before.absorbed.id
        lead = self.leads[one]
        since = merging.since(self.logs[one], one, before.seq)
        survivor = merging.separate(self.ruleset, before.survivor, since, lead.asked).lead
        pair = [survivor, before.absorbed]
        self.teams = merging.reload(self.ruleset, self.teams, [lead], pair)
        self.leads |= {each.id: each for each in pair}
        self.logs[other] = [e for e in self.logs[one] if e.lead in before.inside]
        self.logs[one] = [e for e in self.logs[one] if e.lead not in before.inside]
        said = {"absorbed": other, "survivor": one, "asked": lead.asked}
        event = Event(f"p{next(self.numbers)}", merging.UNMERGED, self.now, {}, said)
        self.note(one, event, self.now)
        self.ledgers[other] = []
        for each in pair:
            given, wanted = balance.sums(self.ledgers[each.id]), balance.dimensions(each)
            lines = balance.corrections(
                wanted, balance.by_dimension(given), {}, self.ruleset.version, event, self.now
            )
            self.ledgers[each.id] += lines

    def side(self, id: str) -> Side:
        """What merging needs to know of a lead."""
        points = balance.sums(self.ledgers[id])
        return Side(self.leads[id], self.logs[id], self.starts.get(id), points)

    def shorten(self, id: str) -> None:
        """Forget the log of a lead up to now; how it stands is where it begins."""
        self.starts[id], self.logs[id] = self.leads[id], []

    def rebuilt(self, id: str) -> Lead | None:
        """A lead as its log alone gives it."""
        return rebuild({self.ruleset.version: self.ruleset}, id, self.logs[id], self.starts)


def check(house: House) -> None:
    """Hold every lead against its log and its ledger, and every owner against the loads."""
    loads: dict[str, int] = {}
    for id, lead in house.leads.items():
        assert msgspec.json.encode(house.rebuilt(id)) == msgspec.json.encode(lead)
        assert given_by(house.ledgers[id]) == pytest.approx(scores(lead))
        told = replay(house.ruleset, id, house.logs[id], house.now, start=house.starts)
        assert told is not None
        if not house.starts:
            assert given_by(list(told.past.ledger)) == pytest.approx(scores(told.lead))
        stage = house.ruleset.stages[lead.facts["stage"]]
        if lead.facts.get("owner") and not stage.definition.final:
            loads[lead.facts["owner"]] = loads.get(lead.facts["owner"], 0) + 1
    counted = [b.loads for b in house.teams.books.values()]
    assert {k: v for book in counted for k, v in book.items() if v} == loads


DEEDS = st.lists(
    st.tuples(
        st.integers(0, 15 * 24),
        st.sampled_from([*["event"] * 6, "merge", "merge", "part", "shorten"]),
        st.permutations(NAMES),
        EVENTS,
    ),
    min_size=2,
    max_size=25,
)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(DEEDS)
def test_merged_and_parted_leads_are_what_their_logs_say(ruleset: Ruleset, deeds: Any) -> None:
    """Through any events, merges and partings, each log gives its lead, to the last byte."""
    house = House(ruleset)
    for gap, deed, (one, other, _), (kind, fields, properties) in deeds:
        house.now += gap * HOUR
        absorbed = {id for before in house.merged for id in before.inside}
        if deed == "merge" and {one, other} <= house.leads.keys():
            house.merge(one, other)
        elif deed == "part" and house.merged:
            house.part()
        elif deed == "shorten" and one in house.leads and not house.merged:
            house.shorten(one)
        elif one not in absorbed:
            house.event(one, kind, fields, **properties)
    check(house)


def together(house: House, *deeds: tuple[str, str, dict[str, Any]]) -> None:
    """Let events happen to leads, an hour apart."""
    for id, kind, fields in deeds:
        house.now += HOUR
        house.event(id, kind, fields)


def test_a_pair_that_is_merged_parted_and_merged_again(default: Ruleset) -> None:
    """What each had before the first merge counts in the second as well, and only once."""
    house = House(default)
    together(
        house,
        ("王芳", "form_submitted", {"industry": "制造业"}),
        ("李雷", "form_submitted", {"employees": 5000}),
    )
    house.merge("王芳", "李雷")
    together(house, ("王芳", "webinar_attended", {}))
    house.part()
    assert "lead.employees" not in house.leads["王芳"].facts
    assert "lead.industry" not in house.leads["李雷"].facts
    check(house)
    together(house, ("李雷", "call_logged", {}))
    house.merge("王芳", "李雷")
    lead = house.leads["王芳"]
    assert (lead.facts["lead.industry"], lead.facts["lead.employees"]) == ("制造业", 5000)
    check(house)


def test_an_answer_to_a_merge_goes_with_it(handed_out: Ruleset) -> None:
    """Who got the one lead because of the merge does not keep the survivor when it is undone."""
    house = House(handed_out)
    together(house, ("王芳", "chat_started", {}), ("李雷", "form_submitted", {"city": "上海"}))
    house.merge("王芳", "李雷")
    assert house.leads["王芳"].facts["owner"] == "chen.jing"
    together(house, ("王芳", "call_logged", {}))
    house.part()
    assert house.leads["王芳"].facts.get("owner") is None
    assert house.leads["李雷"].facts["owner"] == "chen.jing"
    assert house.leads["王芳"].facts["stage"] == "已联系"
    check(house)


@pytest.mark.parametrize("first", [("王芳", "李雷"), ("李雷", "王芳")], ids=["won", "lost"])
def test_the_survivor_of_a_final_stage_and_an_open_one_stays_as_it_is(
    handed_out: Ruleset, first: tuple[str, str]
) -> None:
    """What is won is not opened by another lead, nor is an open lead won by one."""
    house = House(handed_out)
    together(house, ("王芳", "opportunity_won", {}), ("李雷", "call_logged", {}))
    before = house.leads[first[0]].facts["stage"]
    house.merge(*first)
    assert house.leads[first[0]].facts["stage"] == before
    check(house)


def test_a_journey_that_was_over_keeps_its_reason(handed_out: Ruleset) -> None:
    """Of the absorbed lead's journeys only those that run end with the merge."""
    house = House(handed_out)
    together(house, ("王芳", "chat_started", {}), ("李雷", "form_submitted", {}))
    together(house, ("李雷", "order_placed", {}), ("韩梅梅", "form_submitted", {}))
    house.merge("王芳", "李雷")
    assert house.leads["王芳"].journeys["派单"].reason == "exit: order_placed"
    assert merging.ended_journeys(house.leads["韩梅梅"]) == ["派单"]
    house.merge("王芳", "韩梅梅")
    check(house)


def test_a_merge_from_before_the_log_cannot_be_undone_by_it(default: Ruleset) -> None:
    """A log that begins between a merge and its undoing gives the lead it began with."""
    house = House(default)
    together(house, ("王芳", "chat_started", {}), ("李雷", "form_submitted", {"city": "上海"}))
    house.merge("王芳", "李雷")
    house.shorten("王芳")
    one = house.leads["王芳"]
    said = {"absorbed": "李雷", "survivor": "王芳", "asked": 0}
    house.note("王芳", Event("p", merging.UNMERGED, house.now, {}, said), house.now)
    assert house.rebuilt("王芳") == one
    together(house, ("王芳", "call_logged", {}))
    kept = merging.effective(house.logs["王芳"])
    assert [entry.event.type for entry in kept] == ["call_logged"]


def test_a_log_of_nobody_gives_nobody(default: Ruleset) -> None:
    """Without any state, merging and parting make no lead; the first event does."""
    house = House(default)
    for number, kind in enumerate((merging.MERGED, merging.UNMERGED)):
        said = {"absorbed": "李雷", "survivor": "王芳"}
        house.note("王芳", Event(f"m{number}", kind, START, {}, said), START)
        assert house.rebuilt("王芳") is None
    together(house, ("王芳", "chat_started", {}))
    assert house.rebuilt("王芳") == house.leads["王芳"]


def test_the_absorbed_leads_beginning_is_the_survivors(default: Ruleset) -> None:
    """Where only the absorbed lead's oldest events are gone, its beginning counts for the one."""
    house = House(default)
    together(house, ("李雷", "form_submitted", {"industry": "制造业"}))
    house.shorten("李雷")
    together(house, ("王芳", "chat_started", {}), ("李雷", "call_logged", {}))
    house.merge("王芳", "李雷")
    assert house.leads["王芳"].facts["lead.industry"] == "制造业"
    check(house)


def test_of_two_beginnings_the_survivors_fields_win(default: Ruleset) -> None:
    """Where both began before their logs, the absorbed lead's fields fill the gaps only."""
    house = House(default)
    together(house, ("王芳", "form_submitted", {"industry": "制造业"}))
    together(house, ("李雷", "form_submitted", {"industry": "教育", "city": "上海"}))
    house.shorten("王芳")
    house.shorten("李雷")
    house.merge("王芳", "李雷")
    facts = house.leads["王芳"].facts
    assert (facts["lead.industry"], facts["lead.city"]) == ("制造业", "上海")
    check(house)
