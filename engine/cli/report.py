"""``leadrules report``: figures from the database, in the terminal or for other programs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.cli.codes import DONE
from engine.cli.common import config_option, database, db_option, definitions_of, language, out

if TYPE_CHECKING:
    from rich.console import Console

    from engine.reports.funnel import Funnel
    from engine.reports.shape import Column, Report, Row, Table

# Named here too, so that --help needs no database library; a test compares.
NAMES = (
    *("funnel", "sources", "stages", "cycle", "people", "losses", "nurture", "attribution"),
    *("scores", "rules", "goals", "weekly", "channels"),
)
_BAR = 20
_WIDEST = 1_000


@click.command("report")
@click.argument("name", type=click.Choice(NAMES))
@click.option("--period", metavar="PERIOD", help="Such as last_30_days, quarter or all.")
@click.option("--from", "since", metavar="DAY", help="Instead of a period: from this day on.")
@click.option("--to", "until", metavar="DAY", help="Up to this day, and all of it.")
@click.option("--zone", metavar="ZONE", help="Where days begin.")
@click.option("--cohort", type=click.Choice(["created", "event"]), help="What the period is of.")
@click.option("--compare", type=click.Choice(["none", "previous"]), help="With the time before.")
@click.option("--owner", metavar="MEMBER", help="Only leads of this salesperson.")
@click.option("--team", metavar="TEAM", help="Only leads of this team's members.")
@click.option("--now", metavar="TIME", help="Ask as if it were this instant.")
@click.option(
    "--lang",
    type=click.Choice(["zh", "en"]),
    default=language,
    help="Language of headings; by default the terminal's.",
)
@click.option(
    "--format",
    "format",
    type=click.Choice(["text", "json", "csv", "html", "pdf"]),
    default="text",
    help="How to print: text, json, csv, html, a page to print, or pdf.",
)
@config_option
@db_option
def command(
    name: str, config: Path, db: Path | None, format: str, lang: str, now: str | None, **asked: Any
) -> int:
    """Print the report NAME from the database, also while a server is running."""
    from engine.language.instants import parse_instant
    from engine.network.ruleset import Ruleset
    from engine.reports.index import REPORTS
    from engine.store.reading import Reader

    ruleset = Ruleset(definitions_of(config))
    reader = Reader(database(ruleset.definitions, db), ruleset.default_model)
    names = {"since": "from", "until": "to"}
    query = {names.get(k, k): v for k, v in asked.items() if v is not None}
    query |= {"lang": lang, "format": format if format in ("csv", "html", "pdf") else "json"}
    instant = time.time_ns() // 1_000_000 if now is None else parse_instant(now)
    try:
        found = REPORTS[name](reader, ruleset, query, instant)
    finally:
        reader.close()
    _show(found, name, format, lang)
    return DONE


def _show(found: Any, name: str, format: str, lang: str) -> None:
    if isinstance(found, (str, bytes)):
        click.echo(found, nl=False)
    elif format == "json":
        import msgspec

        click.echo(json.dumps(msgspec.to_builtins(found), ensure_ascii=False))
    elif name == "funnel":
        _print_funnel(found)
    else:
        _print(found, lang)


def _print(report: Report, lang: str) -> None:
    from engine.reports.printing import asked
    from engine.reports.wording import said, shown

    console = out()
    console.print(f"{said(report.title, lang)}  {asked(report, lang)}", highlight=False)
    for each in report.figures:
        before = "" if each.before is None else f"  ({shown(each.before, each.kind, each.unit)})"
        few = " *" if each.small else ""
        value = shown(each.value, each.kind, each.unit)
        console.print(f"  {said(each.label, lang)}: {value}{few}{before}", highlight=False)
    for table in report.tables:
        _table(console, table, lang)
    for series in report.series:
        _lines(console, series, lang)
    for note in report.notes:
        console.print(said(note, lang))


def _table(console: Console, table: Table, lang: str) -> None:
    from rich import box
    from rich.measure import Measurement
    from rich.table import Table as Drawn

    from engine.reports.wording import said

    drawn = Drawn(title=said(table.title, lang), title_justify="left", box=box.SIMPLE_HEAD)
    columns = [c for c in table.columns if any(r.cells.get(c.key) is not None for r in table.rows)]
    of_bars = (
        c for c in columns if c.key == table.drawn or (not table.drawn and c.kind == "count")
    )
    bars = next(of_bars, None)
    for column in columns:
        named = column.kind in ("text", "lead")
        heading = said(column.label, lang)
        drawn.add_column(heading, justify="left" if named else "right", no_wrap=True)
    if table.chart and bars is not None:
        drawn.add_column("")
    for row in table.rows:
        chart = [_bar(table, row, bars)] if table.chart and bars is not None else []
        drawn.add_row(*(_cell(row, column) for column in columns), *chart)
    if table.total is not None:
        drawn.add_section()
        together = "total" if lang == "en" else "合计"
        drawn.add_row(together, *(_cell(table.total, column) for column in columns[1:]))
    # Figures are never cut: a terminal that is too narrow wraps the lines.
    whole = Measurement.get(console, console.options.update(max_width=_WIDEST), drawn).maximum
    narrow, console.width = console.width, max(whole, console.width)
    console.print(drawn, crop=False, soft_wrap=True)
    console.width = narrow


def _cell(row: Row, column: Column) -> str:
    from engine.reports.wording import shown

    text = shown(row.text(column.key), column.kind, column.unit)
    few = "*" if column.key in row.small and row.cells.get(column.key) is not None else ""
    before = row.before.get(column.key)
    return text + few + ("" if before is None else f" ({shown(before, column.kind, column.unit)})")


def _bar(table: Table, row: Row, column: Column) -> str:
    values = [r.cells.get(column.key) for r in table.rows]
    largest = max((v for v in values if isinstance(v, int | float)), default=0)
    value = row.cells.get(column.key)
    if not isinstance(value, int | float) or largest <= 0:
        return ""
    return "█" * max(round(value / largest * _BAR), 1 if value > 0 else 0)


def _lines(console: Console, series: Any, lang: str) -> None:
    """Print the first line of a series as bars, a bucket each."""
    from engine.reports.wording import said, shown

    line = series.lines[0]
    largest = max((v for v in line.values if v is not None), default=0)
    console.print(f"{said(series.title, lang)} ({said(line.label, lang)})")
    for day, value in zip(series.x, line.values, strict=True):
        bar = "" if value is None or largest <= 0 else "█" * round(value / largest * _BAR)
        text = shown(value, line.kind, line.unit)
        console.print(f"  {day}  {text:>10}  {bar}", highlight=False)


def _print_funnel(report: Funnel) -> None:
    from rich import box
    from rich.table import Table

    console = out()
    stages = Table(title=f"漏斗 funnel：{report.leads}", title_justify="left", box=box.SIMPLE_HEAD)
    stages.add_column("阶段", no_wrap=True)
    stages.add_column("stage", no_wrap=True)
    for heading in ("到达\nreached", "占比\nshare", "转化\npassed", "流失\ndropped", "现在\nnow"):
        stages.add_column(heading, justify="right", no_wrap=True)
    for line in report.stages:
        stages.add_row(
            line.label,
            line.stage,
            str(line.reached),
            f"{line.share:.1%}",
            "" if line.passed is None else f"{line.passed:.1%}",
            "" if line.dropped is None else str(line.dropped),
            str(line.now),
        )
    console.print(stages)
    goal = [s for s in report.stages if s.passed is not None][-1]
    sources = Table(title="来源 sources", title_justify="left", box=box.SIMPLE_HEAD)
    sources.add_column("来源\nsource")
    for heading in ("线索\nleads", f"{goal.label}\n{goal.stage}", "转化率\nconversion"):
        sources.add_column(heading, justify="right", no_wrap=True)
    for source in report.sources:
        reached = str(source.reached[goal.stage])
        sources.add_row(
            source.source or "—", str(source.leads), reached, f"{source.conversion:.1%}"
        )
    console.print(sources)
