"""``leadrules report``: figures from the database, on paper."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.codes import DONE
from engine.cli.common import (
    config_option,
    database,
    db_option,
    definitions_of,
    format_option,
    out,
)

if TYPE_CHECKING:
    from engine.reports.funnel import Funnel


@click.command("report")
@click.argument("name", type=click.Choice(["funnel"]))
@config_option
@db_option
@format_option("text", "json")
def command(name: str, config: Path, db: Path | None, format: str) -> int:
    """Print the report NAME from the database, also while a server is running.

    funnel: how many leads have reached each stage, how many went on, and from which source.
    """
    from engine.network.ruleset import Ruleset
    from engine.reports.index import REPORTS
    from engine.store.reading import Reader

    ruleset = Ruleset(definitions_of(config))
    reader = Reader(database(ruleset.definitions, db), ruleset.default_model)
    try:
        report = REPORTS[name](reader, ruleset)
    finally:
        reader.close()
    if format == "json":
        import msgspec

        click.echo(json.dumps(msgspec.to_builtins(report), ensure_ascii=False))
    else:
        _print(report)
    return DONE


def _print(report: Funnel) -> None:
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
