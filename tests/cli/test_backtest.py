"""``backtest``: a real company's past in a real database, played by old and by new rules."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.host.clock import StreamClock
from engine.host.runtime import Runtime
from engine.language.load import load_folder
from engine.network.ruleset import Ruleset
from engine.workbench.backtest import compare, play
from engine.workbench.history import history
from examples.leadforge.stream import read, shifted
from tests.cli.conftest import CONFIG, Ran

Command = Callable[..., Ran]
LEADS = 150


async def _live(config: Path, database: Path) -> None:
    """Have a server's runtime take a part of the shipped world in."""
    events = shifted(read(), datetime(2026, 11, 20, tzinfo=UTC))
    known = list(dict.fromkeys(e["lead"]["user_id"] for e in events))[:LEADS]
    events = [e for e in events if e["lead"]["user_id"] in set(known)]
    runtime = Runtime(config, database, StreamClock(), environ={})
    assert not runtime.load()
    runtime.start()
    for start in range(0, len(events), 500):
        await runtime.submit(events[start : start + 500])
    await runtime.stop()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a company that has run the default rules for four months."""
    path = tmp_path_factory.mktemp("past") / "leads.db"
    asyncio.run(_live(CONFIG, path))
    return path


@pytest.fixture
def edited(tmp_path: Path) -> Path:
    """The default rules, in which a look at the prices gives ten points more."""
    folder = tmp_path / "edited"
    shutil.copytree(CONFIG, folder)
    text = (folder / "scoring.yaml").read_text("utf-8")
    before, rule, after = text.partition("- id: visited-pricing")
    (folder / "scoring.yaml").write_text(before + rule + after.replace("15", "25", 1), "utf-8")
    return folder


def _standing(database: Path) -> dict[str, tuple[Any, ...]]:
    with sqlite3.connect(database) as connection:
        rows = connection.execute("SELECT id, grade, stage, owner FROM leads").fetchall()
    return {id: tuple(rest) for id, *rest in rows}


def test_the_same_rules_give_what_the_server_has(database: Path) -> None:
    """Played by the rules that ran then, every lead stands as it is stored, and as much was sent."""
    loaded = load_folder(CONFIG)
    assert loaded.definitions is not None
    played = play(Ruleset(loaded.definitions), history(database))
    assert played.leads == _standing(database)
    with sqlite3.connect(database) as connection:
        sent = connection.execute(
            "SELECT count(*) FROM deliveries WHERE audience = 'lead' AND status = 'queued'"
        ).fetchone()[0]
        points = connection.execute("SELECT rule, sum(points) FROM ledger GROUP BY rule").fetchall()
    assert sum(sum(day.values()) for day in played.sends.values()) == sent > 100
    assert played.points == dict(points)
    same = compare(played, played)
    assert all(each.old == each.new for each in (*same.rules, *same.sends, *same.routes))
    assert not any(standing.moves for standing in same.standings.values())


def test_what_an_edit_would_have_done(leadrules: Command, database: Path, edited: Path) -> None:
    """Rules, points, routing, moves with their leads, messages; what stays is counted as such."""
    asked = ("--events", database, "--against", CONFIG, "--config", edited)
    ran = leadrules("backtest", *asked)
    assert ran.code == 0, ran.err
    assert f"of {LEADS} leads, 2026-0" in ran.out
    assert "Scoring rules fired: all 11 as before" in ran.out
    assert "Points given by: 1 of" in ran.out
    made = json.loads(leadrules("backtest", *asked, "--format", "json").out)
    (points,) = (each for each in made["points"] if each["name"] == "visited-pricing")
    assert points["new"] * 15 == points["old"] * 25 > 0
    grade = made["standings"]["grade"]
    moved = sum(each["leads"] for each in grade["moves"])
    assert moved > 0
    assert sum(each["new"] or 0 for each in grade["counts"]) == LEADS
    first = grade["moves"][0]
    assert f"{first['old']} → {first['new']}: {first['leads']} ({first['examples'][0]}" in ran.out
    table = leadrules("backtest", *asked, "--format", "markdown").out
    assert "| visited-pricing | " in table
    assert table.startswith("### Backtest: ")


def test_an_export_and_stdin_are_a_past_too(
    leadrules: Command,
    database: Path,
    edited: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What `export events` writes gives what the database gives."""
    export = tmp_path / "events.ndjson"
    assert leadrules("export", "events", "--db", database, "--out", export).code == 0
    asked = ("--against", CONFIG, "--config", edited, "--format", "json")
    expected = leadrules("backtest", "--events", database, *asked).out
    assert leadrules("backtest", "--events", export, *asked).out == expected

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(export.read_bytes())))
    assert leadrules("backtest", "--events", "-", *asked).out == expected


def test_expectations(leadrules: Command, database: Path, edited: Path, tmp_path: Path) -> None:
    """Limits that hold are counted; one that does not is named with its place, and exits with 1."""
    limits = tmp_path / "limits.yaml"
    limits.write_text(
        "rules: {visited-pricing: {at_least: 1}}\n"
        "moved: {grade: {at_least: 1}, owner: {at_most: 1000}}\n"
        "sends: {a_day: {at_most: 1000}, total: {exactly: 3}}\n",
        encoding="utf-8",
    )
    asked = ("--events", database, "--against", CONFIG, "--config", edited, "--expect", limits)
    ran = leadrules("backtest", *asked)
    assert ran.code == 1
    assert "Expectations: 4 hold, 1 do not" in ran.out
    assert f"{limits}:3:50: sends.total: exactly 3, but " in ran.out
    told = json.loads(leadrules("backtest", *asked, "--format", "json").out)["expected"]
    assert told["limits"] == 5
    assert [each["path"] for each in told["failed"]] == [["sends", "total"]]
    limits.write_text("moved: {grade: {at_most: 1000}}\n", encoding="utf-8")
    assert leadrules("backtest", *asked).code == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules: {visited-pricng: {at_most: 1}}", 'did you mean "visited-pricing"'),
        ("moved: {grades: {at_most: 1}}", 'did you mean "grade"'),
        ("tasks: {atmost: 1}", 'did you mean "at_most"'),
        ("tasks: {at_most: many}", "is a whole number, not 'many'"),
        ("tasks: 5", "is no map of at_least at_most exactly"),
        ("[1, 2]", "the file is no map of"),
        ("rules: {x: [", "limits.yaml:2:1: error[syntax]"),
    ],
)
def test_wrong_expectations(
    leadrules: Command, database: Path, edited: Path, tmp_path: Path, text: str, said: str
) -> None:
    """Each mistake is shown with its place and the nearest right name, and nothing is judged."""
    limits = tmp_path / "limits.yaml"
    limits.write_text(text, encoding="utf-8")
    ran = leadrules(
        *("backtest", "--events", database, "--against", CONFIG),
        *("--config", edited, "--expect", limits),
    )
    assert ran.code == 2
    assert said in ran.out
    assert "Expectations" not in ran.out


def test_against_a_commit(
    leadrules: Command, database: Path, edited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default the past is played by the rules of the last commit, and of the files now."""
    repository = edited.parent
    shutil.copytree(CONFIG, repository / "config")

    def git(*arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=repository, check=True, capture_output=True)

    git("init", "-q")
    git("add", "config")
    git("-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "rules")
    shutil.copy(edited / "scoring.yaml", repository / "config")
    monkeypatch.chdir(repository)
    by_commit = leadrules("backtest", "--events", database, "--format", "json")
    assert by_commit.code == 0, by_commit.err
    asked = ("--against", CONFIG, "--config", edited, "--format", "json")
    assert by_commit.out == leadrules("backtest", "--events", database, *asked).out
    unknown = leadrules("backtest", "--events", database, "--against", "nowhere")
    assert unknown.code == 2
    assert "there is no commit 'nowhere'" in unknown.err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "events.ndjson:2: "),
        ('{"id": "a", "type": "page_viewed", "at": "2026-03-02T09:00:00Z"}', "lead_id"),
        ('{"id": "a", "type": "x", "at": "2026-03-02T09:00:00", "lead_id": "l"}', "no offset"),
    ],
)
def test_a_past_that_is_none(leadrules: Command, tmp_path: Path, line: str, said: str) -> None:
    """A line that is no event is named with its place."""
    events = tmp_path / "events.ndjson"
    events.write_text(f"\n{line}\n", encoding="utf-8")
    ran = leadrules("backtest", "--events", events, "--against", CONFIG, "--config", CONFIG)
    assert ran.code == 2
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_an_empty_past(leadrules: Command, tmp_path: Path) -> None:
    """Nothing happened, so nothing differs."""
    events = tmp_path / "events.ndjson"
    events.write_text("", encoding="utf-8")
    ran = leadrules("backtest", "--events", events, "--against", CONFIG, "--config", CONFIG)
    assert ran.code == 0
    assert "nothing came in" in ran.out


def test_rules_with_errors(leadrules: Command, config: Path, tmp_path: Path) -> None:
    """Rules that do not load, old or new, are named before anything is played."""
    events = tmp_path / "events.ndjson"
    events.write_text("", encoding="utf-8")
    (config / "scoring.yaml").write_text("models: 5", encoding="utf-8")
    for old, new in ((config, CONFIG), (CONFIG, config)):
        ran = leadrules("backtest", "--events", events, "--against", old, "--config", new)
        assert ran.code == 2
        assert f'the rules in "{config}" have' in ran.err
