"""A report as CSV and as a page: harmless whatever people typed."""

from __future__ import annotations

import csv
import io
import sys

import pytest

from engine.reports.index import REPORTS, NotYours
from engine.reports.paper import NoPaper, nothing, to_pdf
from engine.reports.printing import to_html
from engine.reports.shape import Column, Figure, Report, Row, Table, Words
from engine.reports.tables import to_csv
from engine.reports.wording import shown
from tests.reports.conftest import World

HOSTILE = (
    *("=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "＝1", "\u200b=1+1"),
    "<script>alert(1)</script>",
)


def report(text: str) -> Report:
    """A report with one source of that name, and a number below zero."""
    columns = [Column("source", Words("来源", "source"), "text")]
    columns.append(Column("roi", Words("回报", "ROI"), "number", None, Words("公式", text)))
    table = Table(
        "sources", Words("来源", "Sources"), columns, [Row({"source": text, "roi": -0.5})]
    )
    parameters = {"from": None, "to": None, "zone": "Asia/Shanghai", "cohort": "created"}
    return Report("sources", Words(text, text), "", parameters, tables=[table])


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_is_a_formula(text: str) -> None:
    """Text that a spreadsheet would run begins with an apostrophe; a number stays a number."""
    lines = list(csv.reader(io.StringIO(to_csv(report(text)).removeprefix("\ufeff"))))
    source, number = lines[-1]
    assert source == (text if text.startswith("<") else f"'{text}")
    assert number == "-0.5"


def test_a_spreadsheet_says_what_its_numbers_are() -> None:
    """Durations are hours, and the heading says so; the last line says that it is the total."""
    took = Column("took", Words("用时", "time"), "duration", "ms")
    source = Column("source", Words("来源", "source"), "text")
    rows = [Row({"source": "官网", "took": 5_400_000}), Row({"source": "展会", "took": None})]
    whole = Row({"took": 5_400_000})
    table = Table("sources", Words("来源", "Sources"), [source, took], rows, whole)
    figure = Figure("took", took.label, took.kind, took.unit, None, 36_000, before=7_200_000)
    made = Report("sources", Words("来源", "Sources"), "", {}, [figure], [table])
    lines = list(csv.reader(io.StringIO(to_csv(made).removeprefix("\ufeff"))))
    assert lines[0] == ["用时 (小时)", "0.01", "2.0"]
    assert lines[3:] == [["来源", "用时 (小时)"], ["官网", "1.5"], ["展会", ""], ["合计", "1.5"]]
    assert "time (hours)" in to_csv(made, "en")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_text_is_markup(language: str) -> None:
    """A page has what people typed as text, wherever it stands."""
    page = to_html(report("<script>alert(1)</script>"), language)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 3


@pytest.mark.parametrize("name", [name for name in REPORTS if name != "funnel"])
def test_every_report_has_every_form(world: World, name: str) -> None:
    """Each can be printed, in both languages, and put in a spreadsheet, each formula beside it.

    What no column shows is the name of an id that one shows.
    """
    for language in ("zh", "en"):
        page = world.report(name, period="all", format="html", lang=language)
        assert page.startswith("<!doctype html>")
        assert page.rstrip().endswith("</html>")
        assert world.report(name, period="all", format="csv", lang=language).startswith("\ufeff")
    made = world.report(name, period="all", compare="previous")
    for table in made.tables:
        for column in table.columns:
            assert column.kind in ("text", "lead") or column.formula is not None
            keys = {*column.label.zh, *column.label.en}
            assert keys
        if table.drawn:
            bars = [row.cells[table.drawn] or 0 for row in table.rows]
            assert bars == sorted(bars, reverse=True), table.key
        shown = {column.key for column in table.columns}
        for row in table.rows:
            hidden = {key: text for key, text in row.cells.items() if key not in shown}
            assert {*hidden.values()} <= {None, *row.names.values()}, table.key


def test_the_weekly_review_is_a_pdf(world: World) -> None:
    """It is a real PDF of numbered pages; without the library who asks is told what to install."""
    pytest.importorskip("weasyprint")
    made = world.report("weekly", **{"from": "2026-09-01", "to": "2026-09-30", "format": "pdf"})
    assert made.startswith(b"%PDF-")
    assert len(made) > 10_000


def test_a_missing_library_is_a_clear_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PDF cannot be made, the message names what to install."""
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(NoPaper, match=r"leadrules\[pdf\]"):
        to_pdf("<p>周报</p>")


def test_a_page_fetches_nothing() -> None:
    """What a page names elsewhere is not asked for."""
    with pytest.raises(ValueError, match="fetches nothing"):
        nothing("http://127.0.0.1/secret.png")


def test_what_is_of_everybody_is_refused_to_one(world: World) -> None:
    """Who sees their own leads only gets no figures of all."""
    for name in ("funnel", "rules", "goals"):
        with pytest.raises(NotYours):
            REPORTS[name](world.reader, world.ruleset, {}, 0, frozenset({"li.na"}))


def test_one_sees_the_figures_of_ones_own(world: World) -> None:
    """Of all leads a salesperson's sources count those that are theirs now."""
    own = frozenset({"li.na"})
    found = REPORTS["sources"](world.reader, world.ruleset, {"period": "all"}, 0, own)
    assert isinstance(found, Report)
    mine = sum(lead["owner"] == "li.na" for lead in world.exported["leads"])
    assert mine > 0
    assert found.figures[0].value == mine
    people = REPORTS["people"](world.reader, world.ruleset, {"period": "all"}, 0, own)
    assert isinstance(people, Report)
    assert {row.cells["owner"] for row in people.tables[0].rows} <= own


def test_the_time_before_stands_beside(world: World) -> None:
    """With a comparison each row has the figures of as many days before."""
    asked = {"from": "2026-08-01", "to": "2026-08-07", "compare": "previous"}
    here = world.report("sources", **asked)
    then = world.report("sources", **{"from": "2026-07-25", "to": "2026-07-31"})
    before = {row.cells["source"]: row.cells["leads"] for row in then.tables[0].rows}
    for row in here.tables[0].rows:
        assert row.before.get("leads") == before.get(row.cells["source"])
    assert here.figures[0].before == then.figures[0].value


def test_what_is_about_now_is_compared_with_nothing(world: World) -> None:
    """Hits since ever, and how long somebody waits, have no figure of a time before."""
    asked = {"from": "2026-08-01", "to": "2026-08-07", "compare": "previous"}
    rules = world.report("rules", **asked)
    assert [each.before for each in rules.figures] == [None]
    assert not any(row.before for table in rules.tables for row in table.rows)
    scores = world.report("scores", **asked).tables[1]
    assert scores.rows
    assert not any(row.before for row in scores.rows)
    weekly = world.report("weekly", **asked)
    before = {each.key: each.before for each in weekly.figures}
    assert before["stuck"] is None
    assert before["lost"] is not None
    stuck = next(table for table in weekly.tables if table.key == "stuck")
    assert stuck.rows
    assert not any(row.before.get("waits") for row in stuck.rows)
    assert weekly.parameters["cohort"] == "event"


def test_goals_are_told_in_words(world: World) -> None:
    """What a goal measures and how it stands is read in the reader's language."""
    names = [row.names for row in world.report("goals").tables[0].rows]
    assert "获客成本 CAC" in {each["measure"] for each in names}
    assert {each["state"] for each in names} <= {"还算不出", "已达成", "未达成", "进展正常", "落后"}
    english = world.report("goals", lang="en").tables[0].rows
    assert "sales cycle (days)" in {row.names["measure"] for row in english}


def test_paper_tells_what_the_screen_does(world: World) -> None:
    """A printed page has the period's days, the cohort in words, intervals, figures before."""
    asked = {"from": "2026-08-01", "to": "2026-08-31", "compare": "previous", "format": "html"}
    page = world.report("sources", **asked)
    assert "2026-08-01 – 2026-08-31 · Asia/Shanghai · 按线索创建日期" in page
    made = world.report("sources", **{**asked, "format": "json"})
    row = made.tables[0].rows[0]
    low, high = row.intervals["conversion"]
    assert f"<small>{low:.1%} – {high:.1%}</small>" in page
    assert f"<small>上期 {shown(row.before['leads'], 'count')}</small>" in page
    english = world.report("weekly", **asked, lang="en")
    assert "what happened in it" in english
    assert "Z ·" not in page


def test_figures_read_as_people_write_them() -> None:
    """Shares, money and durations have their units; nothing is a dash."""
    assert shown(0.0825, "share") == "8.2%"
    assert shown(1234567, "money", "CNY") == "¥1,234,567"
    assert shown(12.5, "money", "EUR") == "EUR 12.5"
    assert shown(36 * 3_600_000, "duration") == "36.0 h"
    assert shown(3 * 86_400_000, "duration") == "3.0 d"
    assert shown(None, "count") == "—"
