"""A simulated future: what is read, what is played, what is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from engine.language.diagnostic import Diagnostics
from engine.language.instants import DAY, HOUR, format_instant
from engine.language.reader import Document
from engine.network.ruleset import Ruleset
from engine.workbench.simulate import Simulation, simulate
from engine.workbench.stream import StreamReader, first_instant, read_lead, read_lines
from engine.workbench.timeline import as_json, as_text
from engine.workbench.world import World
from tests.workbench.test_world import START

SCORING = """
models:
  default:
    dimensions: {fit: {}, behavior: {}}
    rules:
      - {id: director, dimension: fit, when: {lead.title_level: director}, points: 20}
      - {id: viewed, dimension: behavior, event: page_viewed, where: {page: pricing}, points: 60, repeat: once}
      - {id: idle, dimension: behavior, when: {absent: {event: any, for: 30d}}, points: -30, repeat: each}
    grades: [{grade: A, from: 80}, {grade: C, from: -100}]
"""
ROUTING = """
teams: {east: {members: [{id: li.na, name: 李娜}]}}
rules:
  - {id: all, assign: {team: east, strategy: round_robin}}
  - {id: rest, assign: {pool: public}}
sla: [{id: hot, accept: 1h, calendar: always}]
pools: {public: {label: 公海池}}
"""
JOURNEYS = """
journeys:
  - id: hot
    enter: {when: {grade: A}}
    steps:
      - {id: give, route: {}}
      - {id: hello, send: hello}
      - {id: tell, do: notify, with: {to: owner, title: 新线索}}
      - {id: call, task: {title: 回访, to: owner, due: 2d}}
      - {id: opened, wait: {event: email_opened, of: hello, within: 3d}, then: end, else: again}
      - {id: again, send: bye}
"""
MESSAGES = """
messages:
  hello: {action: email, topic: marketing, to: lead.email, subject: 您好, text: 您好}
  bye: {action: email, topic: news, to: lead.email, subject: 再见, text: 再见}
"""
SERVER = """
zone: Asia/Shanghai
connections:
  email: {plugin: email, host: 127.0.0.1, port: 1025, from: a@example.com}
  notify: {plugin: log}
"""
LEAD = "{name: 王芳, title_level: director, email: wang@acme.cn, consent: {news: withdrawn}}"


@pytest.fixture
def ruleset(rules: Callable[..., Ruleset]) -> Ruleset:
    """A small company."""
    files = {"scoring": SCORING, "routing": ROUTING, "journeys": JOURNEYS}
    return rules(**files, messages=MESSAGES, server=SERVER)


def events(*given: dict[str, Any]) -> bytes:
    """Write events one a line."""
    return b"\n".join(json.dumps(each, ensure_ascii=False).encode() for each in given)


def read(
    ruleset: Ruleset, raw: bytes, lead: str = LEAD, start: int = START
) -> tuple[list[Any], Diagnostics]:
    """Read a lead and events; return them with what is wrong."""
    found = Diagnostics()
    document = read_lead(lead.encode(), "lead.yaml", found)
    assert isinstance(document, Document)
    lines = read_lines(raw, "events.ndjson", found)
    return StreamReader(ruleset, document, "events.ndjson", found).read(lines, start), found


def play(ruleset: Ruleset, raw: bytes = b"", until: int | None = None, **more: Any) -> Simulation:
    """Simulate what is read, which must be sound."""
    arrivals, found = read(ruleset, raw, **more)
    assert found.items == []
    return simulate(ruleset, arrivals, START, until)


def viewed(at: str, **more: Any) -> dict[str, Any]:
    """A look at the prices."""
    return {"type": "page_viewed", "at": at, "properties": {"page": "pricing"}, **more}


def test_a_timeline(ruleset: Ruleset) -> None:
    """Scores, grades, owners, journeys, sends, tasks and clocks, each at its instant."""
    simulation = play(ruleset, events(viewed("2d12h")), START + 40 * DAY)
    assert (
        "\n".join(as_text(ruleset, simulation))
        == """\
2026-03-02 09:00:00        +0d  note_added
                                score 0 → 20   grade — → C   stage — → new
                                points director +20
2026-03-04 21:00:00     +2d12h  page_viewed
                                score 20 → 80   grade C → A   stage new → mql
                                points viewed +60
                                journey hot: entered → give (route)
2026-03-04 21:00:00     +2d12h  lead_assigned
                                stage mql → assigned   owner — → li.na
                                assigned to li.na (east) by all
                                journey hot: hello (send) → tell (do) → call (task) → opened (wait)
                                would send hello by email to wang@acme.cn
                                would do notify to li.na
                                task for li.na: 回访, due 2026-03-06 21:00:00
                                sla_started: sla hot
2026-03-04 22:00:00     +2d13h  (clock)
                                sla_breached: sla hot, rung accept, owner li.na
2026-03-07 21:00:00     +5d12h  (clock)
                                journey hot: waited at opened → again (send) → left (completed)
                                would not send bye by email to wang@acme.cn: consent to news is withdrawn
2026-04-03 21:00:00    +32d12h  (clock)
                                score 80 → 50   grade A → C
                                points idle -30
2026-04-11 09:00:00       +40d  (end)
                                score 50   grade C   stage assigned   owner li.na
                                next: 2026-05-03 21:00:00  rule:default.behavior.idle"""
    )


def test_json_says_the_same(ruleset: Ruleset) -> None:
    """Each entry is an object with instants in RFC 3339; the last one is how the lead stands."""
    simulation = play(ruleset, events(viewed("1d")), START + 2 * DAY)
    items = list(as_json(ruleset, simulation))
    assert json.loads(json.dumps(items)) == items
    assert [item["event"] for item in items] == [
        *("note_added", "page_viewed", "lead_assigned", "timer_due", None)
    ]
    assert items[1]["before"] == {"score": 20, "grade": "C", "stage": "new", "owner": None}
    assert (items[1]["after"]["score"], items[1]["after"]["grade"]) == (80, "A")
    assert items[2]["assigned"]["owner"] == "li.na"
    assert items[2]["tasks"][0]["due"] == "2026-03-05T01:00:00Z"
    assert items[2]["notes"] == [
        {"what": "sla_started", "sla": "hot", "due": {"accept": "2026-03-03T02:00:00Z"}}
    ]
    (lead,) = items[-1]["leads"]
    assert (items[-1]["at"], lead["score"], lead["owner"]) == ("2026-03-04T01:00:00Z", 80, "li.na")


def test_offsets_and_instants_mean_the_same(ruleset: Ruleset) -> None:
    """An event at an offset from the start happens as one at that instant; order is by time."""
    by_offset = play(ruleset, events(viewed("3d"), viewed("1d12h")))
    instants = [format_instant(START + span) for span in (36 * HOUR, 3 * DAY)]
    by_instant = play(ruleset, events(*(viewed(at) for at in instants)))
    shown = [list(as_text(ruleset, each)) for each in (by_offset, by_instant)]
    assert shown[0] == shown[1]


def test_it_is_the_world_of_tests(ruleset: Ruleset) -> None:
    """A simulation ends where the same events, posted to a world, end."""
    arrivals, _ = read(ruleset, events(viewed("0d"), viewed("35d")))
    simulation = simulate(ruleset, arrivals, START, START + 50 * DAY)
    world = World(ruleset, START)
    for arrival in arrivals:
        world.advance(arrival.event.at)
        world.take(arrival.event, arrival.identities)
    world.advance(START + 50 * DAY)
    assert simulation.leads == list(world.leads.values())


def test_the_end(ruleset: Ruleset) -> None:
    """Ninety days are played, or up to a later last event, or to the end that is given."""
    assert play(ruleset).end == START + 90 * DAY
    assert play(ruleset, events(viewed("100d"))).end == START + 100 * DAY
    cut = play(ruleset, events(viewed("1d"), viewed("5d")), START + 2 * DAY)
    assert (cut.end, cut.later) == (START + 2 * DAY, 1)


def test_an_event_counts_once(ruleset: Ruleset) -> None:
    """A repeated id is told and not played."""
    simulation = play(ruleset, events(viewed("1d", id="a"), viewed("2d", id="a"), viewed("3d")))
    assert simulation.repeated == ["a"]
    played = [entry.id for entry in simulation.entries if entry.event == "page_viewed"]
    assert played == ["a", "event-3"]


def test_a_lead_without_identity_and_one_in_json(ruleset: Ruleset) -> None:
    """A lead needs no identity to be simulated, and JSON is as good as YAML."""
    plain = play(ruleset, events(viewed("0d")), lead="{title_level: director}")
    same = play(ruleset, events(viewed("0d")), lead='{"title_level": "director"}')
    assert plain.leads == same.leads
    assert plain.leads[0].facts["score.default.total"] == 80 - 90


def test_events_may_be_of_others(ruleset: Ruleset) -> None:
    """An event with another identity is another lead's, and the timeline names both."""
    other = {"email": "li@other.cn"}
    simulation = play(ruleset, events(viewed("0d"), viewed("1d", lead=other)), START + DAY)
    text = list(as_text(ruleset, simulation))
    assert len(simulation.leads) == 2
    assert text[0].endswith("page_viewed  lead-1")
    assert any(line.endswith("page_viewed  lead-2") for line in text)


def test_an_event_that_changes_nothing_is_shown(ruleset: Ruleset) -> None:
    """What has no effect says so, so that nobody looks for it."""
    home = {"type": "page_viewed", "at": "1d", "properties": {"page": "home"}}
    text = list(as_text(ruleset, play(ruleset, events(home), START + DAY)))
    assert text[text.index("2026-03-03 09:00:00        +1d  page_viewed") + 1].split() == [
        "nothing",
        "changes",
    ]


def test_a_pool_has_its_reason(rules: Callable[..., Ruleset]) -> None:
    """A lead that goes to a pool says by which rule and why."""
    away = "teams: {east: {members: [{id: li.na, name: 李娜, capacity: 0}]}}"
    rest = "{id: rest, assign: {pool: public}}"
    team = "{id: all, assign: {team: east, strategy: round_robin}}"
    for assigned, told in (
        (f"[{rest}]", "put in the pool public by rest: no rule before found an owner"),
        (f"[{team}, {rest}]", "put in the pool public by rest: no rule before found an owner"),
    ):
        routing = f"{away}\nrules: {assigned}\npools: {{public: {{}}}}\n"
        files = {"scoring": SCORING, "journeys": JOURNEYS, "messages": MESSAGES, "server": SERVER}
        ruleset = rules(routing=routing, **files)
        text = list(as_text(ruleset, play(ruleset, events(viewed("0d")), START + HOUR)))
        assert any(told in line for line in text)


def test_mistakes_are_shown_where_they_stand(ruleset: Ruleset) -> None:
    """Everything that a server's door would refuse is a finding at its line and word."""
    raw = b"\n".join(
        [
            b'{"type": "page_vewed"}',
            b'{"type": "page_viewed", "properties": {"pge": "x"}, "lead": {"employes": 4}}',
            b"",
            b"no json",
            b"[1]",
            b'{"type": "page_viewed", "at": "2026-03-02"}',
            b'{"type": "timer_due"}',
        ]
    )
    arrivals, found = read(ruleset, raw, lead="{title_level: boss, email: a@b.cn}")
    assert len(arrivals) == 0
    assert [(str(d.source), d.code) for d in found.sorted()] == [
        ("events.ndjson:1:2", "unknown-type"),
        ("events.ndjson:2:40", "unknown-property"),
        ("events.ndjson:2:62", "unknown-field"),
        ("events.ndjson:4:1", "bad-json"),
        ("events.ndjson:5:1", "bad-event"),
        ("events.ndjson:6:25", "bad-time"),
        ("events.ndjson:7:2", "reserved-type"),
        ("lead.yaml:1:15", "bad-value"),
    ]


def test_a_lead_that_is_no_map(ruleset: Ruleset) -> None:
    """A list is no lead."""
    _, found = read(ruleset, b"", lead="[1, 2]")
    assert [(str(d.source), d.code) for d in found.sorted()] == [("lead.yaml:1:1", "bad-value")]


def test_the_first_instant() -> None:
    """The earliest instant that an event names is where a simulation may begin."""
    found = Diagnostics()
    late, early = format_instant(START + DAY), format_instant(START)
    lines = read_lines(events(viewed("3d"), viewed(late), viewed(early), viewed("x")), "e", found)
    assert first_instant(lines) == START
    assert first_instant(read_lines(events(viewed("3d")), "e", found)) is None
