"""``simulate`` and ``graph``: files in, a timeline or a drawing out."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ran

Command = Callable[..., Ran]
LEAD = (
    "{name: 王芳, title_level: director, employees: 600, industry: 制造业, email: w@acme-valves.cn}"
)
EVENTS = """
{"type": "form_submitted", "at": "0d", "properties": {"form": "contact"}}
{"type": "page_viewed", "at": "1d", "properties": {"page": "pricing"}}
{"type": "page_viewed", "at": "26h", "properties": {"page": "pricing"}}
"""
START = ("--start", "2026-03-02T09:00:00+08:00")


@pytest.fixture
def lead(tmp_path: Path) -> Path:
    """A director's fields."""
    file = tmp_path / "lead.yaml"
    file.write_text(LEAD, encoding="utf-8")
    return file


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """A form, a look at the prices, and that look once more."""
    file = tmp_path / "events.ndjson"
    file.write_text(EVENTS, encoding="utf-8")
    return file


def test_a_timeline(leadrules: Command, config: Path, lead: Path, events: Path) -> None:
    """Events at their offsets, what they do, and how the lead stands at the end."""
    asked = ("--lead", lead, "--events", events, "--config", config, *START)
    ran = leadrules("simulate", *asked, "--until", "3d")
    assert ran.code == 0
    assert "2026-03-02 09:00:00        +0d  form_submitted" in ran.out
    assert "score 50 → 65   grade C → B" in ran.out
    assert "journey welcome: entered → hello (send) → opened (wait)" in ran.out
    assert "2026-03-05 09:00:00        +3d  (end)" in ran.out
    assert ran.err == ""
    assert leadrules("simulate", *asked, "--until", "2026-03-05T09:00:00+08:00").out == ran.out


def test_json_from_stdin(
    leadrules: Command, config: Path, lead: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dash reads standard input; JSON is an object a line; what is left out is noted."""

    class Stdin:
        buffer = io.BytesIO(EVENTS.encode())

    monkeypatch.setattr("sys.stdin", Stdin)
    asked = ("--lead", lead, "--events", "-", "--config", config, "--format", "json")
    ran = leadrules("simulate", *asked, *START, "--until", "12h")
    items = [json.loads(line) for line in ran.out.splitlines()]
    assert [item["event"] for item in items] == ["form_submitted", None]
    assert items[-1]["leads"][0]["score"] == 50
    assert ran.err == "leadrules: 2 events after the end were not played\n"


def test_a_repeated_event_is_noted(leadrules: Command, config: Path, lead: Path) -> None:
    """An id that comes again counts once, and stderr says so."""
    file = lead.with_name("twice.ndjson")
    file.write_text('{"type": "chat_started", "id": "a"}\n' * 2, encoding="utf-8")
    asked = ("--lead", lead, "--events", file, "--config", config, *START)
    ran = leadrules("simulate", *asked)
    assert (ran.code, ran.err) == (0, "leadrules: the event a came again and counted once\n")


def test_it_begins_with_the_first_instant_or_now(
    leadrules: Command, config: Path, lead: Path
) -> None:
    """Without --start an event's own instant is the beginning; without events it is now."""
    file = lead.with_name("one.ndjson")
    file.write_text('{"type": "chat_started", "at": "2026-05-01T08:00:00+08:00"}', encoding="utf-8")
    ran = leadrules("simulate", "--lead", lead, "--events", file, "--config", config)
    assert ran.out.startswith("2026-05-01 08:00:00        +0d  chat_started")
    ran = leadrules("simulate", "--lead", lead, "--config", config, "--until", "1d")
    assert (ran.code, ran.out.splitlines()[0].split()[2:]) == (0, ["+0d", "note_added"])


def test_mistakes_in_the_input_are_1(leadrules: Command, config: Path, lead: Path) -> None:
    """What the door would refuse is shown with its place, and nothing is played."""
    lead.write_text("{title_level: boss}", encoding="utf-8")
    file = lead.with_name("bad.ndjson")
    file.write_text('{"type": "page_vewed"}\nno json\n{"type": "chat_started"}\n', encoding="utf-8")
    ran = leadrules("simulate", "--lead", lead, "--events", file, "--config", config)
    assert ran.code == 1
    assert f"{file}:1:2: error[unknown-type]" in ran.out
    assert f"{file}:2:1: error[bad-json]" in ran.out
    assert f"{lead}:1:15: error[bad-value]" in ran.out
    assert ran.err == "The input has mistakes, so nothing was simulated.\n"
    lead.write_text("{a: 1, a: 2}", encoding="utf-8")
    ran = leadrules("simulate", "--lead", lead, "--config", config)
    assert (ran.code, "error[duplicate-key]" in ran.out) == (1, True)


def test_rules_with_errors_are_shown(leadrules: Command, config: Path, lead: Path) -> None:
    """Broken rules simulate nothing, and the findings are those of validate."""
    file = config / "scoring.yaml"
    file.write_text(file.read_text("utf-8").replace("lead.industry", "lead.industri"), "utf-8")
    ran = leadrules("simulate", "--lead", lead, "--config", config)
    assert ran.code == 1
    assert "unknown-field" in ran.out
    assert "nothing was simulated" in ran.err
    ran = leadrules("graph", "--config", config)
    assert (ran.code, ran.out) == (2, "")


@pytest.mark.parametrize(
    "asked",
    [
        ("--until", "soon"),
        ("--until", "2026-03-01T00:00:00Z"),
        ("--start", "monday"),
        ("--events", "nowhere.ndjson"),
    ],
)
def test_what_cannot_be_done_is_2(
    leadrules: Command, config: Path, lead: Path, asked: tuple[str, str]
) -> None:
    """A time that is none, an end before the start, a file that is not there."""
    start = () if asked[0] == "--start" else START
    ran = leadrules("simulate", "--lead", lead, "--config", config, *start, *asked)
    assert (ran.code, ran.out) == (2, "")
    assert asked[1] in ran.err


@pytest.mark.parametrize(
    ("what", "word"),
    [("journeys", "send welcome"), ("routing", "华东区销售"), ("lifecycle", "市场认可线索")],
)
def test_graphs(leadrules: Command, config: Path, what: str, word: str) -> None:
    """Each part is drawn in either notation, and all of them without a name."""
    mermaid = leadrules("graph", what, "--config", config)
    dot = leadrules("graph", what, "--config", config, "--format", "dot")
    assert (mermaid.code, dot.code) == (0, 0)
    assert mermaid.out.startswith("flowchart TD\n")
    assert dot.out.startswith("digraph leadrules {\n")
    assert word in mermaid.out
    assert word in dot.out
    together = leadrules("graph", "--config", config).out
    assert mermaid.out.removeprefix("flowchart TD\n") in together
