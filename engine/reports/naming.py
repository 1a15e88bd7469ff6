"""What people call the ids in a report, in the language of whoever reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from engine.language.definitions import Definitions
from engine.language.label import Label, Text, in_language, localised
from engine.reports.shape import Column, Report, Row, Table

_CHINESE: Final = re.compile(r"[\u3400-\u9fff]")
# What the report of rules counts.
_KINDS: Final = {
    "rule": Label({"zh": "评分规则", "en": "scoring rule"}),
    "stage": Label({"zh": "阶段", "en": "stage"}),
    "route": Label({"zh": "分配规则", "en": "routing rule"}),
    "sla": Label({"zh": "时限", "en": "SLA"}),
    "journey": Label({"zh": "旅程", "en": "journey"}),
}
# What goals measure, and how they stand.
_MEASURES: Final = {
    "leads": Label({"zh": "线索数", "en": "leads"}),
    "mql": Label({"zh": "MQL", "en": "MQL"}),
    "sql": Label({"zh": "SQL", "en": "SQL"}),
    "opportunity": Label({"zh": "机会", "en": "opportunities"}),
    "won": Label({"zh": "赢单", "en": "won"}),
    "revenue": Label({"zh": "收入", "en": "revenue"}),
    "conversion": Label({"zh": "转化率", "en": "conversion"}),
    "mql_to_sql": Label({"zh": "MQL→SQL", "en": "MQL to SQL"}),
    "cost_per_lead": Label({"zh": "单条线索成本", "en": "cost per lead"}),
    "cac": Label({"zh": "获客成本 CAC", "en": "CAC"}),
    "roi": Label({"zh": "投资回报率 ROI", "en": "ROI"}),
    "cycle_days": Label({"zh": "销售周期（天）", "en": "sales cycle (days)"}),
}
_STATES: Final = {
    "unknown": Label({"zh": "还算不出", "en": "not known yet"}),
    "reached": Label({"zh": "已达成", "en": "reached"}),
    "missed": Label({"zh": "未达成", "en": "missed"}),
    "on_track": Label({"zh": "进展正常", "en": "on track"}),
    "behind": Label({"zh": "落后", "en": "behind"}),
}
# What an event counts as, of a sale's way, that names no source (`engine.store.kinds.TOUCHES`).
TOUCHED: Final = {
    "email": Label({"zh": "邮件", "en": "E-mail"}),
    "sms": Label({"zh": "短信", "en": "SMS"}),
    "wecom": Label({"zh": "企业微信", "en": "WeCom"}),
    "webinar": Label({"zh": "研讨会", "en": "Webinar"}),
    "event": Label({"zh": "活动", "en": "Event"}),
    "chat": Label({"zh": "在线咨询", "en": "Chat"}),
}
Names = Mapping[str, Mapping[str, str]]


def named(report: Report, definitions: Definitions, language: str) -> Report:
    """Return the report with its labels in ``language`` and the names of what cells have ids of.

    A column that only repeats those names is not among the columns any more.
    """
    known = _known(definitions, language)
    return replace(report, tables=[_table(table, known, language) for table in report.tables])


def _table(table: Table, known: Names, language: str) -> Table:
    rows = [_row(row, known, language) for row in table.rows]
    total = None if table.total is None else _row(table.total, known, language)
    columns = [each for each in table.columns if not _repeats(each, table.columns, rows)]
    return replace(table, rows=rows, total=total, columns=columns)


def _row(row: Row, known: Names, language: str) -> Row:
    cells: dict[str, Any] = localised(row.cells, language)
    names = {
        key: name
        for key, value in cells.items()
        if isinstance(value, str)
        and (name := known.get(f"{cells.get('kind')}s" if key == "rule" else key, {}).get(value))
    }
    return replace(row, cells=cells, names=names)


def _repeats(column: Column, columns: Iterable[Column], rows: Iterable[Row]) -> bool:
    """Whether each of its texts is the name of an id that stands before it."""
    if column.kind != "text":
        return False
    before: list[str] = []
    for each in columns:
        if each.key == column.key:
            break
        before.append(each.key)
    told = [(row.cells.get(column.key), [row.names.get(key) for key in before]) for row in rows]
    return any(names for _, names in told) and all(value in names for value, names in told)


def _known(definitions: Definitions, language: str) -> dict[str, dict[str, str]]:
    """Return the names by what a column is called, and those of rules by their kind."""
    fields, routing = definitions.catalogue.fields, definitions.routing
    told = definitions.labels
    rules = {rule.id: rule.label for model in definitions.models for rule in model.rules}
    labels: dict[str, Mapping[str, Text | None]] = {
        "stage": told["stage"],
        "stages": told["stage"],
        "journey": told["journey"],
        "journeys": told["journey"],
        "rules": rules,
        "team": told["team"],
        "grade": told["grade"],
        "routes": told["route"],
        "slas": told["sla"],
        "message": told["message"],
        "channel": {**TOUCHED, **fields["source.channel"].called},
        "measure": _MEASURES,
        "state": _STATES,
        "kind": {**fields["source.kind"].called, **_KINDS},
    }
    people = {m.id: m.name for team in routing.teams.values() for m in team.members}
    return {key: _said(given, language) for key, given in labels.items()} | {"owner": people}


def _said(labels: Mapping[str, Text | None], language: str) -> dict[str, str]:
    """Return what can be read in the language; a Chinese text alone says nothing in English."""
    return {
        id: text
        for id, label in labels.items()
        if (text := in_language(label, language))
        and not (language == "en" and isinstance(label, str) and _CHINESE.search(text))
    }
