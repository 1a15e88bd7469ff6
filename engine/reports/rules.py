"""Rules (规则命中): how often each has fired, and which never did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlencode

from engine.language.diagnostic import Source
from engine.reports.context import Context, figure, line, number, text
from engine.reports.shape import Report, Row, Table, Value, Words
from engine.store.happened import OF_RULES

TITLE: Final = Words("规则命中", "Rules")
HITS: Final = number(
    "hits",
    "count",
    ("命中", "hits"),
    ("自数据库建立以来触发的次数", "times it fired since the database was made"),
)
_NEVER: Final = number(
    "never", "count", ("从未命中", "never fired"), ("命中为 0 的规则数", "rules with no hit")
)


def build(context: Context) -> Report:
    """Return the report without its head. It is the same whatever the period."""
    hits = context.figures.hits()
    rules = list(declared(context))
    counted = [(kind, id, place, hits.get((kind, id), 0)) for kind, id, place in rules]
    never = [each for each in counted if not each[3]]
    columns = [
        text("kind", "类别", "kind"),
        text("rule", "规则", "rule"),
        text("place", "位置", "place"),
    ]
    tables = [
        Table(
            key,
            title,
            [*columns, HITS],
            [_row(*each) for each in shown],
            None,
            chart,
        )
        for key, title, shown, chart in (
            ("hits", TITLE, sorted(counted, key=lambda each: -each[3]), "bar"),
            ("never", Words("从未命中", "Never fired"), never, None),
        )
    ]
    told = "计数约每分钟保存一次", "counts are kept about once a minute"
    return Report("rules", TITLE, "", {}, [figure(_NEVER, len(never))], tables, (), [Words(*told)])


def _row(kind: str, rule: str, place: str, hits: int) -> Row:
    cells: dict[str, Value] = {"kind": kind, "rule": rule, "place": place, "hits": hits}
    return line(cells, None, {"hits": urlencode({OF_RULES[kind]: rule})} if hits else None)


def declared(context: Context) -> Iterator[tuple[str, str, str]]:
    """Yield (kind, id, place) of every rule that can fire, in the order of the configuration."""
    definitions = context.definitions

    def place(source: Source) -> str:
        return definitions.place(source)

    yield from (("rule", r.id, place(r.source)) for m in definitions.models for r in m.rules)
    yield from (("stage", s.id, place(s.source)) for s in definitions.lifecycle.stages)
    yield from (("route", r.id, place(r.source)) for r in definitions.routing.rules)
    yield from (("sla", s.id, place(s.source)) for s in definitions.routing.slas)
    yield from (("journey", j.id, place(j.source)) for j in definitions.journeys)
