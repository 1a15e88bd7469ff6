"""Generated conditions of every kind, and leads at an instant to judge them by."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from engine.language.calendars import builtin_calendars
from engine.language.definitions import (
    Absence,
    Aggregate,
    All,
    AnyOf,
    Condition,
    FieldRef,
    Guard,
    Not,
    Test,
)
from engine.language.diagnostic import Source
from engine.language.instants import DAY, HOUR, format_instant
from engine.network.condition import ConditionCompiler

NOW = 1_772_413_200_000  # 2026-03-02T09:00:00+08:00, a Monday
CALENDARS = builtin_calendars()
SOURCES = st.builds(Source, st.just("a.yaml"), st.integers(1, 99), st.integers(1, 40))
NAMES = st.sampled_from(["制造业", "金融业", "steel", "a b: c", "true", "1.5", ""])
NUMBERS = st.one_of(st.integers(-3, 3), st.sampled_from([0.5, 80.0, 499.5]))
LEVELS = ("staff", "manager", "director")
DATES = st.sampled_from([format_instant(NOW + d * DAY) for d in (-40, -30, -1, 0, 1)])
SPANS = st.sampled_from([1, 30 * DAY, DAY, 40 * DAY, 2 * HOUR])


class View(msgspec.Struct):
    """A lead at one instant, as conditions read it."""

    facts: dict[str, Any]
    properties: dict[str, Any]
    before: dict[str, Any]
    windows: dict[str, Any]
    created_at: int
    now: int


def _tests(
    fact: str, family: str, operators: dict[str, Any], **more: Any
) -> st.SearchStrategy[Any]:
    """Tests of one field, with an operand that fits the operator."""
    return st.one_of(
        st.builds(
            Test,
            fact=st.just(fact),
            op=st.just(op),
            operand=operand,
            family=st.just(family),
            source=SOURCES,
            **{name: st.just(value) for name, value in more.items()},
        )
        for op, operand in operators.items()
    )


def _several(values: Any) -> st.SearchStrategy[Any]:
    return st.lists(values, min_size=1, max_size=3).map(tuple)


PAIRS = st.tuples(NUMBERS, NUMBERS).map(sorted).map(tuple)
ALIKE = dict.fromkeys(("eq", "ne"), NAMES)
FIELD_TESTS = st.one_of(
    _tests(
        "lead.industry",
        "string",
        {
            **ALIKE,
            **dict.fromkeys(("in", "not_in", "contains_any"), _several(NAMES)),
            **dict.fromkeys(("starts_with", "ends_with", "contains"), NAMES),
            "matches": st.sampled_from(["^制", "[一-龥]+", "s.*l$"]),
            "exists": st.booleans(),
        },
    ),
    _tests(
        "lead.employees",
        "number",
        {
            **dict.fromkeys(("eq", "ne", "gt", "gte", "lt", "lte"), NUMBERS),
            **dict.fromkeys(("in", "not_in"), _several(NUMBERS)),
            "between": PAIRS,
            "rises_to": NUMBERS,
            "falls_below": NUMBERS,
            "exists": st.booleans(),
        },
    ),
    _tests(
        "score.default.total",
        "number",
        dict.fromkeys(("gt", "lte", "eq"), st.just(FieldRef(fact="lead.employees"))),
    ),
    _tests(
        "lead.title_level",
        "enum",
        {
            **dict.fromkeys(("at_least", "at_most", "eq", "ne"), st.sampled_from(LEVELS)),
            "in": _several(st.sampled_from(LEVELS)),
        },
        ranks=LEVELS,
    ),
    _tests("lead.phone.valid", "boolean", {"eq": st.booleans(), "exists": st.booleans()}),
    _tests(
        "lead.birthday",
        "date",
        {
            **dict.fromkeys(("before", "after"), st.sampled_from([NOW, NOW - 30 * DAY])),
            **dict.fromkeys(("older_than", "newer_than"), SPANS),
        },
    ),
    _tests(
        "lead.tags",
        "list",
        {
            "includes": NAMES,
            **dict.fromkeys(("includes_any", "includes_all"), _several(NAMES)),
            "exists": st.booleans(),
        },
    ),
)
WHERES = st.one_of(
    st.none(),
    _tests("event.page", "string", {"eq": NAMES, "in": _several(NAMES), "exists": st.booleans()}),
)
EVENTS = _several(st.sampled_from(["page_viewed", "order_placed", "chat_started"]))


def _window(kind: str, events: Any, where: Any, of: str | None, within: int | None) -> str:
    """Name a window as the reader of YAML does: equal ones have equal names."""
    parts = [kind, "+".join(sorted(events))]
    parts += [repr((where.op, where.operand))] if where else []
    return " ".join([*parts, f"of {of}", f"in {within}"])


@st.composite
def aggregates(draw: Any) -> Aggregate:
    """A count, sum, max or last, with or without a window."""
    kind = draw(st.sampled_from(["count", "sum", "max", "last"]))
    events, where = draw(EVENTS), draw(WHERES)
    of = "amount" if kind in ("sum", "max") else None
    within = draw(st.one_of(st.none(), SPANS))
    ops = ("gt", "gte", "lt", "lte") if kind == "last" else ("gt", "gte", "lt", "lte", "eq")
    operands = SPANS if kind == "last" else st.integers(0, 4)
    tests = draw(st.dictionaries(st.sampled_from(ops), operands, min_size=1, max_size=2))
    return Aggregate(
        kind=kind,
        events=events,
        where=where,
        of=of,
        within=within,
        tests=tuple(tests.items()),
        window=_window(kind, events, where, of, within),
        source=draw(SOURCES),
    )


@st.composite
def absences(draw: Any) -> Absence:
    """No such event for some time."""
    events, where = draw(EVENTS), draw(WHERES)
    window = _window("last", events, where, None, None)
    return Absence(
        events=events, where=where, span=draw(SPANS), window=window, source=draw(SOURCES)
    )


GUARDS = st.builds(
    Guard,
    start=st.sampled_from([0, 540, 1320]),
    end=st.sampled_from([360, 1080, 1440]),
    days=st.lists(st.integers(0, 6), max_size=3, unique=True).map(tuple),
    calendar=st.sampled_from([None, "cn", "always"]),
    zone=st.sampled_from(["Asia/Shanghai", "UTC"]),
    source=SOURCES,
)
LEAVES = st.one_of(FIELD_TESTS, aggregates(), absences(), GUARDS)


def _groups(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    items = st.lists(inner, min_size=1, max_size=4).map(tuple)
    return st.one_of(
        st.builds(All, items=items, source=SOURCES),
        st.builds(AnyOf, items=items, source=SOURCES),
        st.builds(Not, item=inner, source=SOURCES),
    )


CONDITIONS: st.SearchStrategy[Any] = st.recursive(LEAVES, _groups, max_leaves=8)
FACTS = st.fixed_dictionaries(
    {},
    optional={
        "lead.industry": NAMES,
        "lead.employees": NUMBERS,
        "score.default.total": NUMBERS,
        "lead.title_level": st.sampled_from(LEVELS),
        "lead.phone.valid": st.booleans(),
        "lead.birthday": DATES,
        "lead.tags": st.lists(NAMES, max_size=3),
    },
)
BEFORE = st.fixed_dictionaries({}, optional={"lead.employees": st.one_of(st.none(), NUMBERS)})
HAPPENED = st.lists(
    st.tuples(
        st.sampled_from(["page_viewed", "order_placed", "chat_started"]),
        st.sampled_from([0, 1, DAY - 1, DAY, 30 * DAY, 30 * DAY - 1, 60 * DAY, -DAY]),
        st.fixed_dictionaries({}, optional={"page": NAMES, "amount": st.integers(0, 3)}),
    ),
    max_size=6,
)


@st.composite
def views(draw: Any, compiler: ConditionCompiler) -> View:
    """A lead to which some events have happened: the windows of ``compiler`` took them in."""
    now = NOW + draw(st.sampled_from([0, 1, 9 * HOUR, 15 * HOUR, 5 * DAY]))
    view = View(draw(FACTS), {}, draw(BEFORE), {}, NOW - draw(SPANS), now)
    for kind, age, properties in draw(HAPPENED):
        view.properties = properties
        for key, window in compiler.windows.items():
            if kind in window.events and (window.where is None or window.where(view)):
                state = view.windows.get(key)
                view.windows[key] = window.take(state, NOW - age, properties, NOW)
    return view
