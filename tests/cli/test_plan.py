"""``plan``: what an edit does to the leads that a real database has today."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.host.clock import StreamClock
from engine.host.runtime import Runtime
from tests.cli.conftest import CONFIG, Ran

Command = Callable[..., Ran]
NOW = "2026-03-03T09:00:00+08:00"
EVENTS = (
    ("2026-03-02T09:00:00+08:00", "form_submitted", {"form": "contact"}),
    ("2026-03-02T10:00:00+08:00", "page_viewed", {"page": "pricing"}),
)


async def _live(database: Path) -> None:
    runtime = Runtime(CONFIG, database, StreamClock(), environ={})
    assert not runtime.load()
    runtime.start()
    for n, level in enumerate(("director", "manager", "staff")):
        lead = {"email": f"w{n}@acme-valves.cn", "name": "王芳", "title_level": level}
        lead |= {"employees": 800, "industry": "制造业", "city": "上海"}
        for at, kind, said in EVENTS:
            event = {"type": kind, "at": at, "lead": lead, "properties": said}
            (outcome,) = await runtime.submit([event])
            assert outcome.status == "accepted", outcome
    await runtime.stop()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three leads of yesterday: of 65, 55 and 45 points, all waiting in the journey `welcome`."""
    path = tmp_path_factory.mktemp("today") / "leads.db"
    asyncio.run(_live(path))
    return path


@pytest.fixture
def edited(tmp_path: Path) -> Path:
    """The default rules, to be changed."""
    return Path(shutil.copytree(CONFIG, tmp_path / "edited"))


def change(folder: Path, file: str, old: str, new: str) -> None:
    """Edit a file of rules."""
    text = (folder / file).read_text("utf-8")
    assert text.count(old) == 1, text.count(old)
    (folder / file).write_text(text.replace(old, new), "utf-8")


def planned(leadrules: Command, database: Path, edited: Path, *more: str) -> Any:
    """Return a plan as JSON."""
    asked = ("--against", CONFIG, "--config", edited, "--db", database, "--now", NOW)
    ran = leadrules("plan", *asked, "--format", "json", *more)
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def test_nothing_changes(leadrules: Command, database: Path, edited: Path) -> None:
    """The same rules change nothing; a comment neither."""
    change(edited, "scoring.yaml", "- {grade: A, from: 80}", "- {grade: A, from: 80}  # 高")
    asked = ("--against", CONFIG, "--config", edited, "--db", database, "--now", NOW)
    ran = leadrules("plan", *asked, "--exit-code")
    assert ran.code == 0
    assert ran.out.startswith("Plan: 3 leads as of 2026-03-03, looked ahead to 2026-04-02")
    assert "Grades: nobody moves" in ran.out
    assert "Deadlines: all as before" in ran.out


def test_grades_move(leadrules: Command, database: Path, edited: Path) -> None:
    """Lower bands lift leads; the table has how many, the list who."""
    change(edited, "scoring.yaml", "{grade: A, from: 80}", "{grade: A, from: 60}")
    change(edited, "scoring.yaml", "{grade: B, from: 60}", "{grade: B, from: 50}")
    made = planned(leadrules, database, edited)
    (lifted, *_) = made["made"]["standings"]["grade"]["moves"]
    assert (lifted["old"], lifted["new"], lifted["leads"]) == ("B", "A", 1)
    assert len(lifted["examples"]) == 1
    asked = ("--against", CONFIG, "--config", edited, "--db", database, "--now", NOW)
    assert leadrules("plan", *asked, "--exit-code").code == 1
    table = leadrules("plan", *asked, "--format", "markdown").out
    assert "| A | 0 | 1 |" in table
    assert f"- B → A: 1 ({lifted['examples'][0]})" in table


def test_a_step_under_waiting_leads(leadrules: Command, database: Path, edited: Path) -> None:
    """Who waits at a step that is gone goes on elsewhere; the message behind it is not sent."""
    text = (edited / "journeys.yaml").read_text("utf-8")
    begin = text.index("  - id: welcome")
    end = text.index("  - id: manufacturing-nurture")
    welcome = (
        "  - id: welcome\n    enter: {event: form_submitted}\n    on_change: migrate\n    steps:\n"
    )
    welcome += "      - {id: hello, send: welcome}\n\n"
    (edited / "journeys.yaml").write_text(text[:begin] + welcome + text[end:], "utf-8")
    made = planned(leadrules, database, edited)
    (move,) = made["steps"]
    assert move["leads"] == 3
    assert move["old"].startswith("welcome/")
    assert move["new"].startswith("left (step ")
    (gone,) = (each for each in made["deadlines"] if each["name"] == "journey:welcome")
    assert gone["gone"] == 3
    (study,) = (each for each in made["made"]["sends"] if each["name"] == "case-study")
    assert (study["old"], study["new"]) == (3, None)


def test_deadlines_and_what_is_to_come(leadrules: Command, database: Path, edited: Path) -> None:
    """A longer silence moves its deadline, and takes its points later than the plan looks."""
    change(edited, "scoring.yaml", "when: {absent: {event: any, for: 30d}}",
           "when: {absent: {event: any, for: 60d}}")  # fmt: skip
    made = planned(leadrules, database, edited)
    (idle,) = (each for each in made["deadlines"] if each["name"] == "rule:default.implicit.idle")
    assert idle["later"] == 3
    (fired,) = (each for each in made["made"]["rules"] if each["name"] == "idle")
    assert (fired["old"], fired["new"]) == (3, 0)
    near = planned(leadrules, database, edited, "--until", "1d")
    (fired,) = (each for each in near["made"]["rules"] if each["name"] == "idle")
    assert (fired["old"], fired["new"]) == (0, 0)


def test_nothing_is_written(leadrules: Command, database: Path, edited: Path) -> None:
    """A plan reads."""
    before = database.read_bytes()
    planned(leadrules, database, edited)
    assert database.read_bytes() == before


def test_what_is_not_there(leadrules: Command, database: Path, edited: Path) -> None:
    """A database, a commit and a span that are none are said in words."""
    asked = ("plan", "--against", CONFIG, "--config", edited)
    for more, said in (
        (("--db", edited / "none.db"), "there is no database"),
        (("--db", database, "--until", "soon"), "soon"),
        (("--db", database, "--against", "nowhere"), "not a git repository"),
        (("--db", database, "--now", "today"), "today"),
    ):
        ran = leadrules(*asked, *more)
        assert ran.code == 2, more
        assert said in ran.err
        assert "Traceback" not in ran.err


def test_against_what_the_server_runs(
    leadrules: Command, server: tuple[str, Path], database: Path, edited: Path
) -> None:
    """A server's database knows the rules that it loaded last; one that no server ran does not."""
    change(edited, "scoring.yaml", "{grade: A, from: 80}", "{grade: A, from: 95}")
    ran = leadrules("plan", "--server", "--config", edited, "--db", server[1])
    assert ran.code == 0, ran.err
    same = leadrules("plan", "--server", "--config", CONFIG, "--db", server[1], "--format", "json")
    made = json.loads(same.out)["made"]
    assert made["old"] == made["new"]
    assert f"rules {made['old'][:12]} (old)" in ran.out
    assert f"{made['old'][:12]} (new)" not in ran.out
    ran = leadrules("plan", "--server", "--config", edited, "--db", database)
    assert ran.code == 2
    assert "no server has loaded rules" in ran.err
