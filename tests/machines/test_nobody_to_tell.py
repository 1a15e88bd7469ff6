"""Notices where there is nobody, no pool or no working day: nothing hangs, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

from engine.language.instants import parse_instant
from engine.machines.people import telling
from engine.machines.state import Event
from tests.machines.test_steps import journey
from tests.machines.test_telling import DIGEST, SERVER, team
from tests.play import START, Play, rules

HOUR = 3_600_000


def test_a_calendar_without_a_working_day_keeps_nobody_quiet_for_ever(tmp_path: Path) -> None:
    """After a hundred days off in a row its days are no reason to wait."""
    mondays = ", ".join(
        f"2026-{month:02}-{day:02}"
        for month, days in ((3, (2, 9, 16, 23, 30)), (4, (6, 13, 20, 27)), (5, (4, 11, 18, 25)), (6, (1, 8, 15)))
        for day in days
    )  # fmt: skip
    text = f"calendars:\n  停工: {{zone: Asia/Shanghai, days: [mon], off: [{mondays}]}}\n"
    ruleset = team(tmp_path, "calendar: 停工", calendars=text)
    noon = parse_instant("2026-03-02T12:00:00+08:00")
    assert telling.quiet_until(ruleset, "li", "task", noon) is None
    assert telling.quiet_until(ruleset, "li", "task", noon + 80 * 24 * HOUR) is not None


def test_a_pool_that_is_gone_has_nobody_to_tell(tmp_path: Path) -> None:
    """A lead that is put there lies there, and no digest hears of it."""
    game = Play(team(tmp_path, DIGEST))
    put = Event("放回", "lead_assigned", START, properties={"pool": "旧公海"})
    game.take(put, START)
    assert game.lead.facts["pool"] == "旧公海"
    assert game.deliveries == []


def test_a_to_do_of_nobody_is_due_and_says_that_nobody_heard(tmp_path: Path) -> None:
    """Without an owner there is no digest to catch: the reminder is blocked at the instant."""
    text = journey("{id: call, task: {title: 回访, to: owner, due: 2h, remind: true}}")
    game = Play(rules(tmp_path, journeys=text, server=SERVER))
    game.event("0h", "form_submitted", {"name": "王芳"})
    assert [task.title for task in game.tasks] == ["回访"]
    game.clock("1h59m")
    assert game.deliveries == []
    game.clock("2h")
    (note,) = game.deliveries
    assert (note.status, note.at, note.to) == ("blocked", START + 2 * HOUR, None)
