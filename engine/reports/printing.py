"""A report as one page of HTML to print; `paper` makes it a PDF."""

from __future__ import annotations

from typing import Final

import jinja2

from engine.reports.shape import Column, Report, Row, Table
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
<p>{{ report.parameters["from"] or "…" }} – {{ report.parameters["to"] or "…" }} ·
{{ report.parameters["zone"] }} · {{ report.parameters["cohort"] }} · {{ report.at }}</p>
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
{% for c in table.columns %}{{ cell(table.total, c) }}{% endfor %}</tr></tfoot>{% endif %}
</table></div>{% endfor %}
<h2>{{ formulas }}</h2><ol>
{% for label, formula in told %}<li>{{ label }}: {{ formula }}</li>{% endfor %}</ol>
{% for note in report.notes %}<p>{{ say(note) }}</p>{% endfor %}
<p>{{ few }}</p>
</html>
"""
_WORDS: Final = {
    "zh": {"formulas": "计算口径", "nothing": "无", "before": "上期",
           "few": "* 少于 30 个样本，仅供参考；比例下为 95% Wilson 区间。"},
    "en": {"formulas": "How the figures come about", "nothing": "none", "before": "before",
           "few": "* fewer than 30 cases: uncertain; under shares stands Wilson's 95 % interval."},
}  # fmt: skip


def to_html(report: Report, language: str = "zh") -> str:
    """Return the page; what people typed is escaped."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)

    def cell(row: Row, column: Column) -> str:
        text = shown(row.text(column.key), column.kind, column.unit)
        few = column.key in row.small
        kind = "few n" if few else "n" if _counted(column) else ""
        made = environment.from_string('<td class="{{ kind }}">{{ text }}{{ mark }}</td>')
        from markupsafe import Markup

        return Markup(made.render(kind=kind, text=text, mark="*" if few else ""))

    return environment.from_string(_PAGE).render(
        report=report,
        language="en" if language == "en" else "zh-CN",
        say=lambda words: said(words, language),
        shown=shown,
        counted=_counted,
        cell=cell,
        told=_told(report.tables, language),
        **_WORDS["en" if language == "en" else "zh"],
    )


def _counted(column: Column) -> bool:
    return column.kind not in ("text", "lead")


def _told(tables: object, language: str) -> list[tuple[str, str]]:
    """Return each formula once, with what it is of."""
    assert isinstance(tables, list | tuple)
    found: dict[tuple[str, str], None] = {}
    for table in tables:
        assert isinstance(table, Table)
        for column in table.columns:
            if column.formula is not None:
                found[said(column.label, language), said(column.formula, language)] = None
    return list(found)
