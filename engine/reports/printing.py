"""A report as one page of HTML to print; `paper` makes it a PDF."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import jinja2
from markupsafe import Markup

from engine.reports.shape import Column, Report, Row
from engine.reports.wording import said, shown

_PAGE: Final = """<!doctype html>
<html lang="{{ language }}">
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{ say(report.title) }}</title>
<style>
body { font: 14px/1.5 system-ui, "Noto Sans CJK SC", sans-serif; margin: 2rem; color: #1a1a1a; }
h1 { margin: 0 0 .25rem; } h2 { margin: 1.5rem 0 .5rem; font-size: 1.1rem; }
p, footer { color: #555; margin: .25rem 0; }
dl { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1rem 0; }
dl div { border: 1px solid #ccc; border-radius: 6px; padding: .5rem .75rem; min-width: 7rem; }
dt { color: #555; } dd { margin: 0; font-size: 1.3rem; font-weight: 600; }
dd small { display: block; font-size: .8rem; font-weight: 400; color: #555; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; }
th, td { border-bottom: 1px solid #ddd; padding: .25rem .5rem; text-align: left; }
td small { display: block; color: #777; }
.n { text-align: right; font-variant-numeric: tabular-nums; } .few { color: #777; }
tfoot td { font-weight: 600; border-top: 2px solid #999; }
ol { color: #555; font-size: .85rem; }
@media print { body { margin: 0; font-size: 10px; } h2, tr, dl div { break-inside: avoid; }
dl { display: grid; grid-template-columns: repeat(7, 1fr); } dl div { min-width: 0; }
h2 { break-after: avoid; } .wide { overflow: visible; }
@page { size: A4 landscape; margin: 12mm 12mm 15mm;
  @bottom-right { content: counter(page) " / " counter(pages); color: #555; font-size: 8pt; } } }
</style>
<h1>{{ say(report.title) }}</h1>
<p>{{ asked }} ·
{{ made }} {{ at }}</p>
{% if report.figures %}<dl>
{% for f in report.figures %}<div{% if f.formula %} title="{{ say(f.formula) }}"{% endif %}>
<dt>{{ say(f.label) }}</dt><dd>{{ shown(f.value, f.kind, f.unit) }}
{% if f.low is not none %}<small>{{ shown(f.low, f.kind) }} – {{ shown(f.high, f.kind) }}</small>
{% endif %}{% if f.before is not none %}
<small>{{ before }} {{ shown(f.before, f.kind, f.unit) }}</small>{% endif %}</dd></div>
{% endfor %}</dl>{% endif %}
{% for table in report.tables %}<h2>{{ say(table.title) }}</h2>
<div class="wide"><table><thead><tr>
{% for c in table.columns %}<th{% if counted(c) %} class="n"{% endif %}
{% if c.formula %} title="{{ say(c.formula) }}"{% endif %}>{{ say(c.label) }}</th>{% endfor %}
</tr></thead><tbody>
{% for row in table.rows %}<tr>{% for c in table.columns %}{{ cell(row, c) }}{% endfor %}</tr>
{% else %}<tr><td colspan="{{ table.columns | length }}">{{ nothing }}</td></tr>{% endfor %}</tbody>
{% if table.total %}<tfoot><tr>
{% for c in table.columns %}{% if loop.first %}<td>{{ total }}</td>
{% else %}{{ cell(table.total, c) }}{% endif %}{% endfor %}</tr></tfoot>{% endif %}
</table></div>{% endfor %}
<h2>{{ formulas }}</h2><ol>
{% for label, formula in told %}<li>{{ label }}: {{ formula }}</li>{% endfor %}</ol>
{% for note in report.notes %}<p>{{ say(note) }}</p>{% endfor %}
<p>{{ few }}</p>
</html>
"""
_CELL: Final = """<td class="{{ kind }}">{{ text }}{{ mark }}{% if span %}<small>{{ span }}</small>
{% endif %}{% if then %}<small>{{ before }} {{ then }}</small>{% endif %}</td>"""
_INSTANT: Final = timedelta(milliseconds=1)
_WORDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "zh": {"formulas": "计算口径", "nothing": "无", "before": "上期", "total": "合计",
           "made": "生成于",
           "ever": "全部时间", "cohorts": {"created": "按线索创建日期", "event": "按事件日期"},
           "few": "* 少于 30 个样本，仅供参考；比例下为 95% Wilson 区间。"},
    "en": {"formulas": "How the figures come about", "nothing": "none", "before": "before",
           "total": "total",
           "made": "made at", "ever": "all time",
           "cohorts": {"created": "leads made in it", "event": "what happened in it"},
           "few": "* fewer than 30 cases: uncertain; under shares stands Wilson's 95 % interval."},
}  # fmt: skip


def to_html(report: Report, language: str = "zh") -> str:
    """Return the page; what people typed is escaped."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    words = _WORDS["en" if language == "en" else "zh"]
    made_cell = environment.from_string(_CELL)

    def cell(row: Row, column: Column) -> Markup:
        key, few = column.key, column.key in row.small
        low, high = row.intervals.get(key, (None, None))
        then = row.before.get(key)
        html = made_cell.render(
            kind="few n" if few else "n" if _counted(column) else "",
            text=shown(row.text(key), column.kind, column.unit),
            mark="*" if few and row.cells.get(key) is not None else "",
            span=None if low is None else f"{shown(low, 'share')} – {shown(high, 'share')}",
            then=None if then is None else shown(then, column.kind, column.unit),
            before=words["before"],
        )
        return Markup(html)

    zone = ZoneInfo(report.parameters["zone"])
    return environment.from_string(_PAGE).render(
        report=report,
        language="en" if language == "en" else "zh-CN",
        say=lambda each: said(each, language),
        shown=shown,
        counted=_counted,
        cell=cell,
        told=_told(report, language),
        asked=asked(report, language),
        at=_there(report.at, zone, timedelta(0)).strftime("%Y-%m-%d %H:%M") if report.at else "",
        **words,
    )


def asked(report: Report, language: str = "zh") -> str:
    """Return what a report was asked: its days, in which zone, and what the period is of."""
    words = _WORDS["en" if language == "en" else "zh"]
    zone, cohort = report.parameters["zone"], report.parameters["cohort"]
    return f"{_period(report, ZoneInfo(zone), words['ever'])} · {zone} · {words['cohorts'][cohort]}"


def _period(report: Report, zone: ZoneInfo, ever: str) -> str:
    """Return the first and the last day of what was asked, as the zone has them."""
    since, until = report.parameters["from"], report.parameters["to"]
    if since is None and until is None:
        return ever
    first = _there(since, zone, timedelta(0)).date().isoformat() if since else "…"
    last = _there(until, zone, -_INSTANT).date().isoformat() if until else "…"
    return f"{first} – {last}"


def _there(instant: str, zone: ZoneInfo, later: timedelta) -> datetime:
    return (datetime.fromisoformat(instant) + later).astimezone(zone)


def _counted(column: Column) -> bool:
    return column.kind not in ("text", "lead")


def _told(report: Report, language: str) -> list[tuple[str, str]]:
    """Return each formula once, with what it is of."""
    columns = [column for table in report.tables for column in table.columns]
    told = [(each.label, each.formula) for each in report.figures]
    told += [(each.label, each.formula) for each in columns]
    pairs = ((said(label, language), said(f, language)) for label, f in told if f is not None)
    return list(dict.fromkeys(pairs))
