"""Drawings: whole, well formed whatever things are called, and the same each time."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.language.load import load_folder
from engine.network.ruleset import Ruleset
from engine.workbench.graph.dot import as_dot
from engine.workbench.graph.drawing import GRAPHS, NOTATIONS, draw
from engine.workbench.graph.mermaid import as_mermaid
from engine.workbench.graph.model import SHAPES, Cluster, Edge, Node, name

EXPECTED = Path(__file__).parent / "graphs"
BASE = Path(__file__).parents[1] / "broken" / "_base"
# What a line of our own drawings may be: these shapes are what Mermaid's grammar takes.
_MERMAID_TEXT = r'"(?:[^"#%<>&`*]|#\d+;|<br/>)*"'
_ID = r"[A-Za-z0-9_]+"
_MERMAID = re.compile(
    rf"flowchart TD|  subgraph {_ID}\[{_MERMAID_TEXT}\]|  end"
    rf"|    {_ID}(?:\(\[{_MERMAID_TEXT}\]\)|\[{_MERMAID_TEXT}\]|\{{{_MERMAID_TEXT}\}}"
    rf"|\{{\{{{_MERMAID_TEXT}\}}\}}|\[\({_MERMAID_TEXT}\)\]|>{_MERMAID_TEXT}\])"
    rf"|    {_ID} (?:-->|-\.->)(?:\|{_MERMAID_TEXT}\|)? {_ID}"
)
_DOT_TOKEN = re.compile(r'\s*(?:"(?:[^"\\]|\\.)*"|[A-Za-z_][A-Za-z0-9_]*|[0-9.]+|->|[{}\[\];=,])')


@pytest.fixture(scope="module")
def small() -> Ruleset:
    """The configuration that is broken in many ways elsewhere, and sound here."""
    loaded = load_folder(BASE)
    assert loaded.definitions is not None, loaded.diagnostics
    return Ruleset(loaded.definitions)


def mermaid_is_sound(lines: list[str]) -> None:
    """Every line is one that Mermaid reads, and frames are closed."""
    assert lines[0] == "flowchart TD"
    for line in lines:
        assert _MERMAID.fullmatch(line), line
    assert sum(line.startswith("  subgraph") for line in lines) == lines.count("  end")


def dot_is_sound(lines: list[str]) -> None:
    """The whole text is made of DOT's tokens, and every bracket is closed."""
    text, place, open_ = "\n".join(lines), 0, []
    while text[place:].strip():
        found = _DOT_TOKEN.match(text, place)
        assert found, text[place : place + 40]
        token, place = found[0].strip(), found.end()
        if token in "{[":
            open_.append(token)
        elif token in "}]":
            assert open_.pop() == {"}": "{", "]": "["}[token]
    assert not open_


SOUND: dict[str, Callable[[list[str]], None]] = {
    "mermaid": mermaid_is_sound,
    "dot": dot_is_sound,
}


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("what", GRAPHS)
def test_drawings_are_as_they_were(small: Ruleset, what: str, notation: str) -> None:
    """The drawing of a small configuration is the one on file."""
    drawn = "\n".join(draw(small, what, notation)) + "\n"
    assert drawn == (EXPECTED / f"{what}.{notation}").read_text(encoding="utf-8")


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("what", [None, *GRAPHS])
def test_the_default_configuration_is_drawn_soundly(
    default_rules: Ruleset, what: str | None, notation: str
) -> None:
    """Everything that the default configuration declares makes a sound drawing."""
    SOUND[notation](list(draw(default_rules, what, notation)))


def test_all_graphs_together(default_rules: Ruleset) -> None:
    """Without a name all are drawn, each in its frame, no id twice."""
    clusters = [cluster for each in GRAPHS.values() for cluster in each(default_rules)]
    together = list(draw(default_rules, None, "mermaid"))
    assert [line for c in clusters for line in as_mermaid([c])][1:2] == together[1:2]
    ids = [node.id for cluster in clusters for node in cluster.nodes]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("what", GRAPHS)
def test_every_way_leads_somewhere(default_rules: Ruleset, small: Ruleset, what: str) -> None:
    """An edge joins two nodes of its frame; every node but a beginning or a note is led to."""
    for ruleset in (default_rules, small):
        for cluster in GRAPHS[what](ruleset):
            ids = {node.id for node in cluster.nodes}
            assert {end for edge in cluster.edges for end in (edge.start, edge.end)} <= ids
            reached = {edge.end for edge in cluster.edges}
            assert {n.id for n in cluster.nodes if n.shape not in ("start", "note")} <= reached


JOURNEY = """
journeys:
  - id: every
    label: 全部步骤
    enter: {event: [form_submitted, chat_started], where: {form: demo}, when: {grade: A}}
    reentry: always
    goal: {event: order_placed, when: {stage: won}}
    steps:
      - id: sort
        branch: [{when: {lead.city: 上海}, next: mark}, {when: {lead.amount: {gt: 5}}, next: end}, {next: give}]
      - {id: mark, set: {tags: {add: [a, b], remove: [c]}, fields: {city: 上海}, stage: nurturing}}
      - {id: more, score: {dimension: fit, points: -5}}
      - {id: give, route: {}}
      - {id: tell, do: notify, with: {to: owner}}
      - {id: hear, wait: {event: page_viewed, where: {page: pricing}, within: 2d}, then: sort, else: stop}
      - {id: stop, end: true}
"""


def test_every_kind_of_step(rules: Callable[..., Ruleset]) -> None:
    """Steps say what they do; branches, waits and ends have their labelled ways."""
    scoring = "models: {default: {dimensions: {fit: {}}, rules: [], grades: [{grade: A, from: 0}]}}"
    server = "connections: {notify: {plugin: log}}"
    ruleset = rules(journeys=JOURNEY, scoring=scoring, server=server)
    (cluster,) = GRAPHS["journeys"](ruleset)
    prefix = name("journey", "every") + "_o_"
    nodes = {node.id.removeprefix(prefix): node.lines for node in cluster.nodes}
    step = "step_o_"
    assert nodes == {
        "enter": (
            "enter",
            "event: [form_submitted, chat_started]",
            "where: form: demo",
            "when: grade: A",
            "reentry: always",
        ),
        f"{step}sort": ("sort", "branch"),
        f"{step}mark": ("mark", "tags +a +b -c", "city = 上海", "stage nurturing"),
        f"{step}more": ("more", "score fit -5"),
        f"{step}give": ("give", "route"),
        f"{step}tell": ("tell", "do notify"),
        f"{step}hear": ("hear", "wait for page_viewed where page: pricing, 2d at most"),
        f"{step}stop": ("stop", "end"),
        "goal": ("goal", "event: order_placed", "when: stage: won"),
        "end": ("end",),
    }
    ways = {
        (e.start.removeprefix(prefix), e.end.removeprefix(prefix)): e.label for e in cluster.edges
    }
    assert ways == {
        ("enter", f"{step}sort"): "",
        (f"{step}sort", f"{step}mark"): "lead.city: 上海",
        (f"{step}sort", "end"): "lead.amount: {gt: 5}",
        (f"{step}sort", f"{step}give"): "else",
        (f"{step}mark", f"{step}more"): "",
        (f"{step}more", f"{step}give"): "",
        (f"{step}give", f"{step}tell"): "",
        (f"{step}tell", f"{step}hear"): "",
        (f"{step}hear", f"{step}sort"): "page_viewed",
        (f"{step}hear", f"{step}stop"): "else",
        (f"{step}stop", "end"): "",
        ("goal", "end"): "",
    }


def test_a_crowd_is_cut_short(rules: Callable[..., Ruleset]) -> None:
    """A team of many shows some members and how many more there are."""
    members = ", ".join(f"{{id: m{n}, name: 员工{n}}}" for n in range(20))
    routing = f"""
teams: {{all: {{members: [{members}]}}}}
rules:
  - {{id: one, assign: {{team: all, strategy: designated, member: m3}}}}
  - {{id: rest, assign: {{pool: public}}}}
pools: {{public: {{}}}}
sla:
  - {{id: a, when: {{grade: A}}, accept: 1h}}
  - {{id: b, accept: 2h}}
"""
    scoring = "models: {default: {dimensions: {fit: {}}, rules: [], grades: [{grade: A, from: 0}]}}"
    ruleset = rules(scoring=scoring, routing=routing)
    routes, slas = GRAPHS["routing"](ruleset)
    team = next(node for node in routes.nodes if node.id == name("team", "all"))
    assert (len(team.lines), team.lines[-1]) == (14, "and 8 more")
    assert {edge.label for edge in routes.edges} == {"", "designated m3", "nobody is free"}
    assert {edge.label for edge in slas.edges} == {"", "yes", "no"}


WORDS = st.text(min_size=1, max_size=12)
IDS = st.lists(WORDS, min_size=1, max_size=4, unique=True)


@given(IDS, st.lists(WORDS, min_size=1, max_size=3), st.booleans())
def test_any_text_is_drawn_soundly(parts: list[str], lines: list[str], weak: bool) -> None:
    """Quotes, brackets, backslashes, line breaks, Markdown, HTML: nothing breaks a drawing."""
    ids = [name("x", part) for part in parts]
    nodes = tuple(Node(id, tuple(lines), SHAPES[i % len(SHAPES)]) for i, id in enumerate(ids))
    edges = tuple(Edge(ids[0], id, lines[0], weak) for id in ids)
    cluster = Cluster(name(*parts), lines[-1], nodes, edges)
    mermaid_is_sound(list(as_mermaid([cluster])))
    dot_is_sound(list(as_dot([cluster])))


@given(st.lists(IDS, min_size=2, max_size=2, unique_by=tuple))
def test_no_two_names_are_alike(two: list[list[str]]) -> None:
    """Different names, however odd, give different ids of plain letters."""
    first, second = (name(*parts) for parts in two)
    assert first != second
    assert re.fullmatch(_ID, first)


STEPS = """
journeys:
  - id: 全
    group: 培育
    priority: 2
    enter: {event: form_submitted}
    steps:
      - {id: nine, wait: {until: 2d, at: "09:00", days: [mon], calendar: cn, zone: lead}}
      - {id: open, wait: {calendar: cn}}
      - {id: day, wait: {date: lead.birthday, yearly: true, before: 3d, at: "08:30"}, else: call}
      - id: deal
        split:
          variants: [{name: 案例, weight: 3, next: call}, {name: 证言, next: over}]
          holdout: {share: 0.2}
          auto_winner: {metric: clicked, min_sample: 50}
      - {id: call, task: {title: 回访, to: marketing, within: 3d}, then: end, else: over}
      - {id: over, enter: 二}
  - {id: 二, enter: {event: chat_started}, steps: [{id: a, end: true}]}
"""


@pytest.mark.parametrize("notation", NOTATIONS)
def test_every_kind_of_step_and_wait_is_drawn_in_words(tmp_path: Path, notation: str) -> None:
    """Shares, limits, days and hours stand in the drawing, and every way out of a step."""
    shutil.copytree(BASE, tmp_path / "config")
    (tmp_path / "config" / "journeys.yaml").write_text(STEPS, encoding="utf-8")
    loaded = load_folder(tmp_path / "config")
    assert loaded.definitions is not None, loaded.diagnostics
    lines = list(draw(Ruleset(loaded.definitions), "journeys", notation))
    (mermaid_is_sound if notation == "mermaid" else dot_is_sound)(lines)
    text = "\n".join(lines)
    for words in (
        "group: 培育, priority 2",
        "wait 2d, then until 09:00 mon by cn lead",
        "until working time by cn",
        "lead.birthday -3 days 08:30 every year",
        "案例 60",
        "证言 20",
        "holdout 20",
        "winner by clicked, 0.95 sure, 50 leads each",
        "until it is done, 3d at most",
        "enter 二",
        "no such day",
    ):
        assert words in text, (words, text)
