"""``calendars.yaml``: corrections of China's days, and calendars of one's own."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from engine.language.calendars import Calendar
from engine.language.definitions import Definitions
from engine.language.instants import format_instant, parse_instant
from engine.language.load import load_folder
from tests.serving import ROUTING, write_config


def loaded(folder: Path, text: str, **files: str) -> Definitions:
    """Return the definitions of a small configuration with this calendars.yaml."""
    config = write_config(folder, **files)
    (config / "calendars.yaml").write_text(text, encoding="utf-8")
    found = load_folder(config)
    assert found.diagnostics == []
    assert found.definitions is not None
    return found.definitions


def calendar(folder: Path, text: str, name: str) -> Calendar:
    """Return one calendar of a calendars.yaml."""
    return loaded(folder, text).calendars[name]


def works(found: Calendar, day: str) -> bool:
    """Whether a calendar works on a day."""
    return found.works(date.fromisoformat(day))


def test_new_holidays_are_written_over_the_guessed_ones(tmp_path: Path) -> None:
    """Days of a State Council notice that leadrules does not carry yet: off, and made up for."""
    text = """
calendars:
  cn:
    off: [2027-02-05, 2027-02-08]
    work: [2027-02-06, 2027-02-20]
    official_until: 2027
"""
    cn = calendar(tmp_path, text, "cn")
    assert [works(cn, f"2027-02-{d:02}") for d in (4, 5, 6, 7, 8, 20)] == [
        *(True, False, True, False, False, True),
    ]
    assert not works(cn, "2026-10-01")
    assert works(cn, "2026-02-14")
    assert cn.official_until == 2027


def test_where_all_time_is_working_time_a_pause_moves_a_deadline_by_itself(tmp_path: Path) -> None:
    """Of `always` every millisecond counts, whether hours or days are asked for."""
    always = calendar(tmp_path, "calendars: {cn: {official_until: 2027}}", "always")
    due, since, until = (
        parse_instant(f"2026-02-{each}+08:00")
        for each in ("20T09:00:00", "14T23:00:00", "16T00:30:00")
    )
    moved = "2026-02-21T02:30:00Z"
    assert [format_instant(always.later(due, since, until, u)) for u in ("hours", "days")] == [
        *(moved, moved),
    ]


def test_a_worked_day_takes_a_holiday_back(tmp_path: Path) -> None:
    """What is written wins over what is built in, both ways."""
    text = "calendars: {cn: {work: [2026-10-01], off: [2026-02-14]}}"
    cn = calendar(tmp_path, text, "cn")
    assert works(cn, "2026-10-01")
    assert not works(cn, "2026-02-14")


def test_a_calendar_of_ones_own_has_its_hours_and_days(tmp_path: Path) -> None:
    """A shop that opens every day but Tuesday, from ten to eight."""
    text = """
calendars:
  shop: {hours: ["10:00", "20:00"], days: [mon, wed, thu, fri, sat, sun], off: [2026-03-08]}
"""
    shop = calendar(tmp_path, text, "shop")
    assert [works(shop, f"2026-03-{d:02}") for d in range(2, 9)] == [
        *(True, False, True, True, True, True, False),
    ]
    start = parse_instant("2026-03-02T19:00:00+08:00")  # Monday, an hour before it closes
    assert shop.add(start, 2, "hours") == parse_instant("2026-03-04T11:00:00+08:00")
    assert shop.official_until is None


def test_a_calendar_may_begin_with_chinas_holidays(tmp_path: Path) -> None:
    """With the base cn it knows the holidays, and works on Saturdays besides."""
    text = "calendars: {six: {base: cn, days: [mon, tue, wed, thu, fri, sat]}}"
    six = calendar(tmp_path, text, "six")
    assert works(six, "2026-03-07")
    assert not works(six, "2026-10-03")
    assert six.official_until == 2026


def test_a_calendar_without_a_base_knows_no_holidays(tmp_path: Path) -> None:
    """The days of the week alone: the first of October is a Thursday like any other."""
    text = "calendars: {desk: {zone: Europe/Berlin}}"
    desk = calendar(tmp_path, text, "desk")
    assert works(desk, "2026-10-01")
    start = parse_instant("2026-03-27T17:00:00+01:00")  # Friday; on Sunday the clocks change
    moved = desk.add(start, 2, "hours")
    assert format_instant(moved) == format_instant(parse_instant("2026-03-30T10:00:00+02:00"))


def test_a_day_may_last_until_midnight(tmp_path: Path) -> None:
    """24:00 is the end of the day."""
    text = 'calendars: {late: {hours: ["18:00", "24:00"]}}'
    late = calendar(tmp_path, text, "late")
    start = parse_instant("2026-03-02T23:00:00+08:00")
    assert late.add(start, 1, "hours") == parse_instant("2026-03-03T00:00:00+08:00")
    assert late.add(start, 2, "hours") == parse_instant("2026-03-03T19:00:00+08:00")


def test_slas_and_guards_may_name_it(tmp_path: Path) -> None:
    """A calendar of one's own stands wherever cn may stand."""
    routing = ROUTING + "sla: [{id: s, first_contact: 2 working_hours, calendar: shop}]\n"
    definitions = loaded(tmp_path, "calendars: {shop: {}}", routing=routing)
    assert definitions.routing.slas[0].calendar == "shop"


def test_calendars_may_stand_in_several_files(tmp_path: Path) -> None:
    """A folder of files is read as one; the same name twice is an error with both places."""
    config = write_config(tmp_path)
    folder = config / "calendars"
    folder.mkdir()
    (folder / "a.yaml").write_text("calendars: {shop: {}}", "utf-8")
    (folder / "b.yaml").write_text("calendars: {desk: {}}", "utf-8")
    definitions = load_folder(config).definitions
    assert definitions is not None
    assert {"always", "cn", "shop", "desk"} == set(definitions.calendars)
    (folder / "b.yaml").write_text("calendars: {shop: {}}", "utf-8")
    (error,) = load_folder(config).diagnostics
    assert error.code == "duplicate-id"
    assert "a.yaml:1" in error.message


def test_the_version_changes_with_the_calendars(tmp_path: Path) -> None:
    """Calendars are rules: other days are another version."""
    one = loaded(tmp_path / "a", "calendars: {shop: {off: [2026-01-05]}}").version
    two = loaded(tmp_path / "b", "calendars: {shop: {off: [2026-01-06]}}").version
    assert one != two


@pytest.mark.parametrize("broken", ["calendars: [", "calendars: {shop: {zone: Mars/Base}}"])
def test_a_broken_calendar_is_not_also_an_unknown_one(tmp_path: Path, broken: str) -> None:
    """Its own mistake is the only finding, although an SLA and a guard name it."""
    guard = "time: {calendar: shop}"
    routing = ROUTING + "sla: [{id: s, accept: 2 working_hours, calendar: shop, when: {%s}}]\n"
    config = write_config(tmp_path, routing=routing % guard)
    (config / "calendars.yaml").write_text(broken, encoding="utf-8")
    found = load_folder(config)
    assert found.definitions is None
    assert {Path(d.source.file).name for d in found.diagnostics} == {"calendars.yaml"}
