"""Same log, same leads; and what retention removes changes neither."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from engine.host.clock import StreamClock
from engine.host.explaining import Question, explain_lead
from engine.host.housekeeping import Housekeeper
from engine.host.runtime import Runtime
from engine.host.verifying import Checked, first_difference, play, verify
from engine.language.instants import DAY, BadTime, format_instant
from engine.network.ruleset import Ruleset
from engine.reports.index import REPORTS
from engine.reports.shape import Report
from engine.store import checks, retention
from engine.store.database import Store
from engine.store.reading import Reader
from engine.store.retention import Sweep, cutoffs

Stream = list[dict[str, Any]]


def run(folder: Path, database: Path, events: Stream) -> tuple[Ruleset, Counter[str]]:
    """Play events in, in small batches; returns the rules and what became of the events."""
    runtime = Runtime(folder, database, StreamClock(), environ={})
    assert not runtime.load()
    runtime.start()

    async def play_in() -> Counter[str]:
        found: Counter[str] = Counter()
        for start in range(0, len(events), 7):
            outcomes = await runtime.submit(events[start : start + 7])
            found.update(outcome.status for outcome in outcomes)
        await runtime.stop()
        return found

    return runtime.ruleset, asyncio.run(play_in())


def sweep(database: Path, **kept: int) -> Sweep:
    """Remove what is older than so many days before the newest decision."""
    store = Store(database)
    (now,) = store.connection.execute("SELECT max(decided_at) FROM events").fetchone()
    one = Sweep(cutoffs({kind: days * DAY for kind, days in kept.items()}, now), now)
    done = False
    while not done:
        with store.transaction() as connection:
            done = one.step(connection)
    store.close()
    return one


def verdicts(found: list[Checked]) -> Counter[str]:
    """How often each verdict came."""
    return Counter(each.verdict for each in found)


def well(database: Path) -> None:
    """Every deep check is content."""
    assert [f for f in checks.deep(database, "default") if f.level != "ok"] == []


def test_the_log_gives_every_lead_to_the_last_byte(
    folder: Path, stream: Stream, tmp_path: Path
) -> None:
    """Two months with late and repeated events, timers and assignments replay to the same bytes."""
    database = tmp_path / "leads.db"
    ruleset, _ = run(folder, database, stream)
    found = list(verify(database, {}, ruleset))
    assert verdicts(found) == {"same": 40}
    assert sum(each.events for each in found) > 600
    assert {each.since for each in found} == {None}
    assert not any(changes for _, _, changes in play(database, ruleset))
    well(database)


def test_clocks_of_an_earlier_turn_are_no_fault(folder: Path, tmp_path: Path) -> None:
    """Who gets a lead to which no SLA applies any more has no clocks; those before stay in rows."""
    routing = folder / "routing.yaml"
    early = "{id: quick, when: {stage: {at_most: assigned}}, "
    routing.write_text(routing.read_text("utf-8").replace("{id: quick, ", early), "utf-8")
    lead = {"phone": "13800138000"}
    said: list[tuple[str, str, dict[str, Any]]] = [
        ("lead_assigned", "09:00", {"owner": "zhang"}),
        ("call_logged", "09:30", {"outcome": "通"}),
        ("lead_assigned", "10:00", {"owner": "wang"}),
    ]
    events = [
        {"type": type, "at": f"2026-03-02T{at}:00+08:00", "lead": lead, "properties": properties}
        for type, at, properties in said
    ]
    database = tmp_path / "leads.db"
    run(folder, database, events)
    well(database)
    connection = sqlite3.connect(database)
    assert connection.execute("UPDATE clocks SET ended_at = NULL").rowcount == 2
    connection.commit()
    connection.close()
    assert [f.check for f in checks.deep(database, "default") if f.level == "error"] == ["clocks"]


def test_a_state_that_the_log_does_not_give_is_found(
    folder: Path, stream: Stream, tmp_path: Path
) -> None:
    """One changed number is named by its path, with both values; all other leads are the same."""
    database = tmp_path / "leads.db"
    ruleset, _ = run(folder, database, stream[:300])
    connection = sqlite3.connect(database)
    (lead,) = connection.execute("SELECT id FROM leads ORDER BY id LIMIT 1 OFFSET 7").fetchone()
    connection.execute(
        "UPDATE leads SET state = CAST(json_set(CAST(state AS TEXT),"
        " '$.facts.\"score.default.total\"', 4711) AS BLOB) WHERE id = ?",
        (lead,),
    )
    connection.execute("DELETE FROM events WHERE lead = (SELECT max(id) FROM leads)")
    connection.commit()
    connection.close()
    bad = [each for each in verify(database, {}, ruleset) if each.verdict != "same"]
    assert [each.verdict for each in bad] == ["differs", "no-log"]
    assert (bad[0].lead, bad[0].path) == (lead, "facts.score.default.total")
    assert bad[0].stored == 4711 != bad[0].replayed
    wrong = {f.check: f.examples for f in checks.deep(database, "default") if f.level == "error"}
    assert wrong["scores"] == wrong["columns"] == (lead,)
    assert list(verify(database, {}, ruleset, only=lead)) == bad[:1]


def test_rules_that_changed_meanwhile_are_named(
    folder: Path, stream: Stream, tmp_path: Path
) -> None:
    """Without the older rules a lead is compared in part; with them again to the last byte."""
    database = tmp_path / "leads.db"
    old, _ = run(folder, database, stream[:300])
    scoring = folder / "scoring.yaml"
    scoring.write_text(scoring.read_text("utf-8").replace("points: 10.5", "points: 12"), "utf-8")
    new, _ = run(folder, database, stream[300:])
    assert old.version != new.version
    found = list(verify(database, {}, new))
    both = [each for each in found if set(each.versions) == {old.version, new.version}]
    assert both
    assert {(each.verdict, each.unknown) for each in both} == {("comparable", (old.version,))}
    assert verdicts(list(verify(database, {old.version: old}, new))) == {"same": 40}
    assert any("score" in changes for _, _, changes in play(database, new))
    well(database)


def test_reports_say_whose_events_are_gone(folder: Path, stream: Stream, tmp_path: Path) -> None:
    """Of a time before the log begins sales and calls are not counted any more, which is told."""
    database = tmp_path / "leads.db"
    ruleset, _ = run(folder, database, stream)

    def told() -> dict[str, list[str]]:
        reader = Reader(database, "default")
        now = reader.figures().span()[1] or 0
        spans = {"all": {"period": "all"}, "since": {"from": "2026-04-30", "to": "2026-05-01"}}
        made = {
            f"{name} {span}": REPORTS[name](reader, ruleset, query, now)
            for name in ("sources", "people", "stages")
            for span, query in spans.items()
        }
        reader.close()
        notes = {of: [n.en for n in r.notes] for of, r in made.items() if isinstance(r, Report)}
        return {of: some for of, some in notes.items() if some}

    assert told() == {}
    sweep(database, events=10)
    assert told().keys() == {"sources all", "people all"}
    (note,) = told()["people all"]
    assert re.fullmatch(r"events before 2026-04-2\d were removed by retention, .*", note), note


def test_leads_whose_events_are_gone_still_replay(
    folder: Path, stream: Stream, tmp_path: Path
) -> None:
    """Events removed between two halves change no lead, no score and no replay of the rest."""
    whole, parts = tmp_path / "whole.db", tmp_path / "parts.db"
    run(folder, whole, stream)
    run(folder, parts, stream[:400])
    swept = sweep(parts, events=10, ledger=10, happenings=10, tasks=10)
    assert all(count > 0 for kind, count in swept.removed.items() if kind != "tasks"), swept.removed
    well(parts)
    ruleset, _ = run(folder, parts, stream[400:])
    found = list(verify(parts, {}, ruleset))
    assert verdicts(found) == {"same": 40}
    assert sum(each.since is not None for each in found) > 20
    assert sum(each.events for each in found) < 600
    states = [sqlite3.connect(db).execute("SELECT id, state FROM leads ORDER BY id").fetchall()
              for db in (whole, parts)]  # fmt: skip
    assert states[0] == states[1]
    well(parts)
    sweep(parts, events=5, ledger=5)
    assert verdicts(list(verify(parts, {}, ruleset))) == {"same": 40}
    well(parts)


def test_an_event_that_is_gone_still_counts_once(
    folder: Path, stream: Stream, tmp_path: Path
) -> None:
    """Sent again after its removal, an event is a duplicate of the lead it came to."""
    database = tmp_path / "leads.db"
    _, first = run(folder, database, stream[:300])
    sweep(database, events=1)
    connection = sqlite3.connect(database)
    before = connection.execute("SELECT id, state FROM leads ORDER BY id").fetchall()
    (gone,) = connection.execute("SELECT count(*) FROM removed_events").fetchone()
    assert 250 < gone <= first["accepted"]
    _, again = run(folder, database, stream[:250])
    assert set(again) == {"duplicate"}
    assert connection.execute("SELECT id, state FROM leads ORDER BY id").fetchall() == before
    connection.close()


def test_an_event_older_than_events_are_kept_does_not_count(folder: Path, tmp_path: Path) -> None:
    """It is stored, marked with the reason, and scores nothing; the same one in time does."""
    with (folder / "server.yaml").open("a", encoding="utf-8") as settings:
        settings.write("\nretention: {events: 1y}\n")
    runtime = Runtime(folder, tmp_path / "leads.db", environ={})
    assert not runtime.load()
    runtime.start()
    now = runtime.clock.now()

    def page(id: str, days: int) -> dict[str, Any]:
        at = format_instant(now - days * DAY)
        who = {"email": "wang@acme-valves.cn", "name": "王芳"}
        return {
            "id": id,
            "at": at,
            "type": "page_viewed",
            "lead": who,
            "properties": {"page": "pricing"},
        }

    async def play_in() -> list[int]:
        first = (await runtime.submit([page("old", 400)]))[0]
        second = (await runtime.submit([page("new", 1)]))[0]
        await runtime.stop()
        return [(outcome.summary or {})["score"] for outcome in (first, second)]

    before, after = asyncio.run(play_in())
    assert before < after
    with sqlite3.connect(tmp_path / "leads.db") as connection:
        bodies = dict(connection.execute("SELECT id, body FROM events").fetchall())
    assert "older than the 365d for which events are kept" in bodies["old"]
    assert "older than" not in bodies["new"]


def test_older_lines_of_a_ledger_become_their_sum(
    folder: Path, stream: Stream, tmp_path: Path
) -> None:
    """Each dimension keeps one line for its older ones, first in the ledger, and the same total."""
    database = tmp_path / "leads.db"
    ruleset, _ = run(folder, database, stream)
    connection = sqlite3.connect(database)
    sums = "SELECT lead, model, dimension, round(sum(points), 4) FROM ledger GROUP BY 1, 2, 3"
    before = connection.execute(sums).fetchall()
    swept = sweep(database, ledger=20)
    assert connection.execute(sums).fetchall() == before
    carried = "SELECT lead, dimension, count(*) FROM ledger WHERE rule = ? GROUP BY 1, 2"
    found = connection.execute(carried, (retention.CARRIED,)).fetchall()
    assert found
    assert {count for _, _, count in found} == {1}
    again = sweep(database, ledger=20)
    assert swept.removed["ledger"] > 0 == again.removed["ledger"]
    runtime = Runtime(folder, database, StreamClock(), environ={})
    runtime.load()
    runtime.start()
    told = explain_lead(runtime.reader, ruleset, found[0][0])
    assert told["score"]["total"] == pytest.approx(
        sum(line["points"] for line in told["score"]["ledger"])
    )
    assert told["score"]["ledger"][0]["rule"] == retention.CARRIED
    asyncio.run(runtime.stop())
    connection.close()


def test_looking_back_ends_where_the_log_begins(
    folder: Path, stream: Stream, tmp_path: Path
) -> None:
    """After a removal, `explain --at` starts from the snapshot and refuses what lies before it."""
    database = tmp_path / "leads.db"
    ruleset, _ = run(folder, database, stream[:400])
    sweep(database, events=10)
    run(folder, database, stream[400:])
    runtime = Runtime(folder, database, StreamClock(), environ={})
    runtime.load()
    runtime.start()
    reader = runtime.reader
    (lead, *_) = [c.lead for c in verify(database, {}, ruleset) if c.since is not None and c.events]
    snapshot, state = reader.snapshot(lead), reader.state(lead)
    assert snapshot is not None
    assert state is not None
    told = explain_lead(reader, ruleset, lead, Question(now=0, at=state.updated_at))
    assert told["score"]["total"] == state.facts["score.default.total"]
    assert told["score"]["total"] == pytest.approx(
        sum(line["points"] for line in told["score"]["ledger"])
    )
    with pytest.raises(BadTime, match="retention has removed"):
        explain_lead(reader, ruleset, lead, Question(now=0, at=snapshot.at - 1))
    asyncio.run(runtime.stop())


def test_a_slice_of_retention_is_small(folder: Path, stream: Stream, tmp_path: Path) -> None:
    """When time is up a slice ends after the few rows it is at; the next one goes on."""
    database = tmp_path / "leads.db"
    run(folder, database, stream)
    store = Store(database)
    ticks = iter(range(10**6))
    before = dict.fromkeys(("events", "happenings", "ledger"), 2**60)
    one = Sweep(before, 0, lambda: float(next(ticks)))
    count = lambda table: store.connection.execute(  # noqa: E731
        f"SELECT count(*) FROM {table}"
    ).fetchone()[0]
    left, done, slices = count("events") + count("happenings"), False, 0
    while not done:
        with store.transaction() as connection:
            done = one.step(connection)
        now = count("events") + count("happenings")
        assert left - now <= 25
        left, slices = now, slices + 1
    assert left == 0
    assert slices > 20
    store.close()


def test_the_host_sweeps_once_a_day(folder: Path, stream: Stream, tmp_path: Path) -> None:
    """What server.yaml keeps for a time goes by itself, once; without it nothing goes."""
    database = tmp_path / "leads.db"

    async def live() -> dict[str, Any] | None:
        runtime = Runtime(folder, database, StreamClock(), environ={})
        assert not runtime.load()
        runtime.start()
        await runtime.submit(stream[:200])
        keeper = Housekeeper(runtime, look_s=0.01, pause_s=0)
        keeper.start()
        await asyncio.sleep(0.4)
        await keeper.stop()
        found = runtime.reader.last_sweep()
        await runtime.stop()
        return found

    assert asyncio.run(live()) is None
    (folder / "server.yaml").write_text("retention: {events: 1d, happenings: 1y}\n", "utf-8")
    first = asyncio.run(live())
    assert first is not None
    assert first["removed"]["events"] > 100
    assert first["removed"]["happenings"] == 0
    assert asyncio.run(live()) == first, "a restart on the same day sweeps again"


@pytest.mark.parametrize(
    ("one", "other", "path"),
    [
        ({"a": 1}, {"a": 1}, None),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, "a.b[1]"),
        ({"a": 1}, {"a": 1.0}, "a"),
        ({"a": 1}, {}, "a"),
        ({}, {"王": 1}, "王"),
        ({"a": [1]}, {"a": [1, 2]}, "a"),
    ],
)
def test_the_first_difference_has_its_path(one: Any, other: Any, path: str | None) -> None:
    """Keys and positions lead to what differs first; an int is no float."""
    found = first_difference(one, other)
    assert (found[0] if found else None) == path
