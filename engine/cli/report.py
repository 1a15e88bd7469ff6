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
    from engine.reports.funnel import funnel
    from engine.store.reading import Reader

    definitions = definitions_of(config)
    reader = Reader(database(definitions, db), definitions.default_model.id)
    try:
        report = funnel(reader.stage_entries(), definitions.lifecycle)
    finally:
        reader.close()
    if format == "json":
        import msgspec

        click.echo(json.dumps(msgspec.to_builtins(report), ensure_ascii=False))
    else:
        _print(report)
    return DONE


def _print(report: Funnel) -> None:
    from rich.table import Table

    console = out()
    stages = Table(title=f"漏斗 funnel：{report.leads} 条线索", title_justify="left")
    for heading in ("阶段 stage", "到达 reached", "占比 share", "转化 passed", "流失 dropped"):
        stages.add_column(heading, justify="left" if "stage" in heading else "right")
    stages.add_column("现在 now", justify="right")
    for line in report.stages:
        stages.add_row(
            f"{line.label} {line.stage}",
            str(line.reached),
            f"{line.share:.1%}",
            "" if line.passed is None else f"{line.passed:.1%}",
            "" if line.dropped is None else str(line.dropped),
            str(line.now),
        )
    console.print(stages)
    sources = Table(title="来源 sources", title_justify="left")
    sources.add_column("来源 source")
    shown = [s.stage for s in report.stages if s.passed is not None]
    for heading in ("线索 leads", *shown, "转化率 conversion"):
        sources.add_column(heading, justify="right")
    for source in report.sources:
        sources.add_row(
            source.source or "—",
            str(source.leads),
            *(str(source.reached[s]) for s in shown),
            f"{source.conversion:.1%}",
        )
    console.print(sources)
