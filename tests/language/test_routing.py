"""Teams, pools and rules of assignment as they are read."""

from __future__ import annotations

import shutil
from pathlib import Path

from engine.language.calendars import ALWAYS
from engine.language.handling import Away, Claim, Routing
from engine.language.instants import DAY, HOUR, parse_instant
from engine.language.load import load_folder
from engine.language.rules import Span
from tests.play import BASE


def read(folder: Path, text: str) -> Routing:
    """The typed routing of a file that must be sound."""
    shutil.copytree(BASE, folder, dirs_exist_ok=True)
    (folder / "routing.yaml").write_text(text, encoding="utf-8")
    result = load_folder(folder)
    assert result.definitions is not None, result.diagnostics
    return result.definitions.routing


def test_a_member_has_areas_absences_and_a_shift(tmp_path: Path) -> None:
    """Areas of all kinds are one list; an absence lasts to the end of its last day in China."""
    routing = read(
        tmp_path,
        "teams:\n  east:\n    members:\n"
        "      - {id: chen.jing, name: 陈静, cities: [上海], products: [阀门], skills: [大客户],\n"
        "         calendar: cn, per_day: 5, level: 资深, languages: [日语],\n"
        '         away: [{from: 2026-02-14, to: 2026-02-16}, {from: "2026-03-02T09:00:00+08:00",'
        ' to: "2026-03-02T12:00:00+08:00"}]}\n'
        "      - {id: liu.yang}\n"
        "rules: [{id: rest, assign: {team: east, exclude: [liu.yang], levels: [资深]}},\n"
        "        {id: none, assign: {pool: public}}]\npools: {public: {}}\n",
    )
    chen, liu = routing.teams["east"].members
    assert (chen.areas, chen.skills, chen.calendar) == (
        ("上海", "阀门", "大客户"),
        ("大客户",),
        "cn",
    )
    assert (chen.per_day, chen.level, chen.languages) == (5, "资深", ("日语",))
    midnight, morning = (parse_instant(f"2026-{t}:00:00+08:00") for t in ("02-14T00", "03-02T09"))
    assert chen.away == (
        Away(since=midnight, until=midnight + 3 * DAY),
        Away(since=morning, until=morning + 3 * HOUR),
    )
    assert (liu.name, liu.weight, liu.calendar, liu.away) == ("liu.yang", 1, None, ())
    rule, _ = routing.rules
    assert (rule.strategy, rule.exclude, rule.levels) == ("round_robin", ("liu.yang",), ("资深",))


def test_a_pool_says_who_claims_and_what_takes_leads_back(tmp_path: Path) -> None:
    """A pool of which nothing is said is open to all, without limits; a rule's span counts hours."""
    routing = read(
        tmp_path,
        "teams: {east: {members: [{id: chen.jing}]}}\n"
        "rules: [{id: rest, assign: {pool: public}}]\n"
        "pools:\n"
        "  public:\n"
        "  vip:\n"
        "    teams: [east]\n"
        "    claim: {per_day: 3, previous_owner_after: 7 working_days, newest_after: 1h}\n"
        "    recycle: [{id: idle, idle: 7d}, {id: late, idle: 3 working_days, calendar: cn,"
        " when: {grade: A}}, {id: out, when: {stage: lost}}]\n",
    )
    public, vip = routing.pools["public"], routing.pools["vip"]
    assert (public.teams, public.claim, public.recycle) == ((), Claim(), ())
    assert vip.teams == ("east",)
    assert vip.claim == Claim(
        per_day=3,
        previous_owner_after=Span(working=7, unit="days"),
        newest_after=Span(ms=HOUR),
    )
    idle, late, out = vip.recycle
    assert (idle.idle, idle.calendar, idle.when) == (Span(ms=7 * DAY), ALWAYS, None)
    assert (late.idle, late.calendar) == (Span(working=3, unit="days"), "cn")
    assert late.when is not None
    assert out.idle is None
    assert out.when is not None
