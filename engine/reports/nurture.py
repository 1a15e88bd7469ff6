"""Nurture (培育): what messages and journeys bring, by message, step and variant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.reports.context import Context, line, number, text
from engine.reports.shape import Report, Row, Table, Value, Words
from engine.store.figures import Letter
from engine.store.rows import from_json

TITLE: Final = Words("培育效果", "Nurture")
_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "sent": ("email_sent", "sms_sent"),
    "delivered": ("email_delivered", "sms_delivered"),
    "opened": ("email_opened",),
    "clicked": ("email_clicked",),
    "replied": ("email_replied", "sms_replied", "wecom_message_received"),
    "unsubscribed": ("unsubscribed",),
    "bounced": ("email_bounced", "sms_failed"),
    "complained": ("email_complained",),
    "blocked": ("message_blocked",),
}
_LABELS: Final = {
    "sent": ("发送", "sent"),
    "delivered": ("送达", "delivered"),
    "opened": ("打开", "opened"),
    "clicked": ("点击", "clicked"),
    "replied": ("回复", "replied"),
    "unsubscribed": ("退订", "unsubscribed"),
    "bounced": ("退信", "bounced"),
    "complained": ("投诉", "complained"),
    "blocked": ("未发", "blocked"),
}
_COUNTS: Final = tuple(
    number(
        key,
        "count",
        _LABELS[key],
        (f"{'、'.join(types)} 的线索数（每条线索每种事件计一次）",
         f"leads with {', '.join(types)}, each once for each of these"),
    )
    for key, types in _OF.items()
)  # fmt: skip
_RATES: Final = tuple(
    number(key, "share", label, formula)
    for key, label, formula in (
        ("open_rate", ("打开率", "open rate"), ("打开 / 发送", "opened / sent")),
        ("click_rate", ("点击率", "click rate"), ("点击 / 发送", "clicked / sent")),
        ("reply_rate", ("回复率", "reply rate"), ("回复 / 发送", "replied / sent")),
        (
            "unsubscribe_rate",
            ("退订率", "unsubscribe rate"),
            ("退订 / 发送", "unsubscribed / sent"),
        ),
    )
)
_ENTERED: Final = number(
    "entered",
    "count",
    ("进入", "entered"),
    ("期间内进入旅程的线索", "leads that entered it in the period"),
)
_MQL: Final = number("mql", "count", ("MQL", "MQL"), ("其中到过 MQL 的", "those that reached MQL"))
_SQL: Final = number(
    "sql",
    "count",
    ("SQL", "SQL"),
    ("其中到过 MQL 和 SQL 的", "those of them that reached SQL too"),
)
_RATE: Final = number("mql_to_sql", "share", ("MQL→SQL", "MQL to SQL"), ("SQL / MQL", "SQL / MQL"))
# Of shares what hits.
_HITS: Final[Mapping[str, str]] = {
    "open_rate": "opened",
    "click_rate": "clicked",
    "reply_rate": "replied",
    "unsubscribe_rate": "unsubscribed",
}


def build(context: Context) -> Report:
    """Return the report without its head."""
    message = text("message", "消息", "message")
    journey, step = text("journey", "旅程", "journey"), text("step", "步骤", "step")
    columns = [*_COUNTS, *_RATES]
    letters = context.figures.letters(*context.when)
    by_message = _rows(context, ("message",), letters)
    by_step = _rows(context, ("journey", "step"), letters)
    by_step = [row for row in by_step if row.cells["journey"]]
    titles = Words("按消息", "By message"), Words("按旅程步骤", "By journey and step")
    tables = [
        Table("messages", titles[0], [message, *columns], by_message, None, "bar"),
        Table("steps", titles[1], [journey, step, *columns], by_step),
        _variants(context),
        _journeys(context),
    ]
    return Report("nurture", TITLE, "", {}, tables=tables)


def _rows(context: Context, by: tuple[str, ...], letters: list[Letter]) -> list[Row]:
    """Return a row for each message or step: leads of several letters of it count once."""
    together: dict[tuple[Any, ...], list[Letter]] = {}
    for letter in letters:
        key = letter.type, *(getattr(letter, name) for name in by)
        together.setdefault(key, []).append(letter)
    found: dict[tuple[Any, ...], dict[str, int]] = {}
    kinds = {type: key for key, types in _OF.items() for type in types}
    behind: dict[tuple[Any, ...], dict[str, list[Letter]]] = {}
    for (type, *named), several in together.items():
        row = tuple(named)
        counts = found.setdefault(row, dict.fromkeys(_OF, 0))
        counts[kinds[type]] += context.figures.readers(several, *context.when)
        behind.setdefault(row, {}).setdefault(kinds[type], []).extend(several)
    ordered = sorted(found.items(), key=lambda each: (-each[1]["sent"], str(each[0])))
    return [
        _row(context, dict(zip(by, row, strict=True)), counts, _behind(context, behind[row]))
        for row, counts in ordered
    ]


def _row(
    context: Context,
    named: Mapping[str, Value],
    counts: Mapping[str, int],
    links: Mapping[str, str],
) -> Row:
    sent = counts["sent"]
    shares = {rate: (counts[hit], sent) for rate, hit in _HITS.items()}
    behind = {**links, **{rate: links[hit] for rate, hit in _HITS.items() if hit in links}}
    return line({**named, **counts}, shares, behind)


def _behind(context: Context, letters: Mapping[str, list[Letter]]) -> dict[str, str]:
    """Return what finds the leads of each figure: by its letters."""
    return {
        key: context.question.then(letter=[each[:4] for each in several])
        for key, several in letters.items()
    }


def _variants(context: Context) -> Table:
    leads = number("leads", "count", ("线索", "leads"), ("分到该变体的线索", "leads that got it"))
    named = [text("journey", "旅程", "journey"), text("step", "分流步骤", "split")]
    shown = [each for each in _COUNTS if each.key in ("sent", "opened", "clicked")]
    columns = [*named, text("variant", "变体", "variant"), leads, *shown, *_RATES[:2]]
    rows = [
        line(
            {"journey": journey, "step": step, "variant": variant, "leads": leads_, "sent": sent,
             "opened": opened, "clicked": clicked},
            {"open_rate": (opened, sent), "click_rate": (clicked, sent)},
            _dealt(context, journey, step, variant),
        )
        for journey, step, variant, leads_, sent, opened, clicked in context.figures.variants(
            *context.when
        )
    ]  # fmt: skip
    return Table("variants", Words("按变体", "By variant"), columns, rows)


def _dealt(context: Context, journey: str, step: str, variant: str) -> dict[str, str]:
    """Return what finds the leads of a variant, and what became of them."""
    whose = {"journey": journey, "came_to": step, "variant": variant}
    links = {key: context.question.then(**whose, did=key) for key in ("sent", "opened", "clicked")}
    rates = {"open_rate": links["opened"], "click_rate": links["clicked"]}
    return {"leads": context.question.then(**whose), **links, **rates}


def _journeys(context: Context) -> Table:
    named = context.reporting.milestones
    counts: dict[str, list[int]] = {}
    for journey, entered, leads in context.figures.enrolled(*context.when):
        found = counts.setdefault(journey, [0, 0, 0])
        stages = set(from_json(entered))
        mql = named.get("mql") in stages
        found[0] += leads
        found[1] += leads if mql else 0
        found[2] += leads if mql and named.get("sql") in stages else 0
    rows = [
        line(
            {"journey": name, "entered": n, "mql": mql, "sql": sql},
            {"mql_to_sql": (sql, mql)},
            _in_journey(context, name),
        )
        for name, (n, mql, sql) in sorted(counts.items())
    ]
    columns = [text("journey", "旅程", "journey"), _ENTERED, _MQL, _SQL, _RATE]
    return Table("journeys", Words("MQL→SQL 按旅程", "MQL to SQL by journey"), columns, rows)


def _in_journey(context: Context, journey: str) -> dict[str, str]:
    """Return what finds the leads that entered a journey, and those of them that reached more."""
    named, ask = context.reporting.milestones, context.question.then
    mql, sql = (named.get(name) or "-" for name in ("mql", "sql"))
    both = ask(journey=journey, reached=[mql], entered=sql)
    found = {"entered": ask(journey=journey), "mql": ask(journey=journey, reached=[mql])}
    return {**found, "sql": both, "mql_to_sql": both}
