"""Generated conditions and streams of events, shared by the property tests of the machines.

Conditions are data in the form of YAML, for the real parser, so that a failing example can be
pasted into a configuration. Rules made of them are in `rulesets.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st

from engine.language.instants import DAY, HOUR, MINUTE
from engine.machines.state import Event

Data = dict[str, Any]

# --- conditions ----------------------------------------------------------------------------------

SPANS = ("1s", "10m", "1h", "1d", "3d", "30d")
MILLISECONDS = {
    "1s": 1_000,
    "10m": 10 * MINUTE,
    "1h": HOUR,
    "1d": DAY,
    "3d": 3 * DAY,
    "30d": 30 * DAY,
}
TYPES = ("page_viewed", "order_placed", "payment_received", "chat_started", "email_opened")
PAYING = ("order_placed", "payment_received", "cart_updated")
PAGES = ("pricing", "产品介绍", "首页")
CITIES = ("上海", "苏州", "广州")
TAGS = ("VIP", "老客户", "展会")
LEVELS = ("staff", "manager", "director", "vp", "c_level")
# Halves and quarters add up exactly in binary, whatever the order; money with two decimals
# does not, and a sum of it must all the same be what a person adds up on paper.
QUARTERS = st.sampled_from([0, 1, 2, 3, 0.25, 0.5, 2.75, -1, -0.5, 100, 1_000_000])
CENTS = st.sampled_from([0.1, 0.2, 0.3, 0.7, 19.99, 0.01, 33.33, 1.1, 2.2, 1_000_000.05])
NUMBERS = st.one_of(st.integers(-2, 6), st.sampled_from([0.5, 1.25, 80.0, 499.5]))

_SEVERAL_TYPES = st.lists(st.sampled_from(TYPES), min_size=1, max_size=3, unique=True)
EVENT_TYPES = st.one_of(st.sampled_from(TYPES), _SEVERAL_TYPES, st.just("any"))
_SPAN = st.sampled_from(SPANS)


def _lists(values: Sequence[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)


WHERES: st.SearchStrategy[Data] = st.one_of(
    st.builds(lambda v: {"page": v}, st.one_of(st.sampled_from(PAGES), _lists(PAGES))),
    st.builds(
        lambda op, v: {"page": {op: v}},
        st.sampled_from(["ne", "starts_with", "contains"]),
        st.sampled_from(PAGES),
    ),
    st.builds(lambda v: {"page": {"exists": v}}, st.booleans()),
    st.builds(lambda v: {"page": {"not_in": v}}, _lists(PAGES)),
    st.builds(
        lambda op, n: {"duration": {op: n}}, st.sampled_from(["gt", "gte", "lt", "lte"]), NUMBERS
    ),
    st.builds(lambda v, n: {"page": v, "duration": {"gte": n}}, st.sampled_from(PAGES), NUMBERS),
    st.builds(lambda v: {"not": {"page": v}}, st.sampled_from(PAGES)),
    st.builds(lambda v: {"any": [{"page": v}, {"duration": {"gt": 2}}]}, st.sampled_from(PAGES)),
)


def _number_tests(numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[Data]:
    """One or two operators on a number; ``between`` and lists of constants among them."""
    pairs = st.lists(numbers, min_size=2, max_size=2).map(sorted)
    several = st.lists(numbers, min_size=1, max_size=3)
    plain = st.dictionaries(
        st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte"]), numbers, min_size=1, max_size=2
    )
    return st.one_of(
        plain,
        st.builds(lambda v: {"between": v}, pairs),
        st.builds(lambda op, v: {op: v}, st.sampled_from(["in", "not_in"]), several),
    )


@st.composite
def aggregates(draw: Any, values: st.SearchStrategy[Any] = QUARTERS) -> Data:
    """A count, sum, max or last, with or without ``within`` and ``where``; sums of ``values``."""
    kind = draw(st.sampled_from(["count", "sum", "max", "last"]))
    said: Data = {"event": draw(EVENT_TYPES)}
    if kind in ("sum", "max"):
        said = {"event": draw(_lists(PAYING)), "of": "amount"}
    elif draw(st.booleans()):
        # A property of the event that carries it; other types are without it.
        said |= {"event": draw(st.sampled_from(["page_viewed", ["page_viewed", "chat_started"]]))}
        said |= {"where": draw(WHERES)}
    if draw(st.booleans()):
        said["within"] = draw(_SPAN)
    if kind == "last":
        ops = st.sampled_from(["gt", "gte", "lt", "lte"])
        tests = draw(st.dictionaries(ops, _SPAN, min_size=1, max_size=2))
    else:
        numbers = st.integers(0, 5) if kind == "count" else values
        tests = draw(_number_tests(numbers))
    return {kind: said | tests}


@st.composite
def absences(draw: Any) -> Data:
    """No such event for some time."""
    said: Data = {"event": draw(EVENT_TYPES), "for": draw(_SPAN)}
    if draw(st.booleans()):
        said |= {"event": "page_viewed", "where": draw(WHERES)}
    return {"absent": said}


def _field(name: str, tests: Any) -> st.SearchStrategy[Data]:
    return st.builds(lambda said: {name: said}, tests)


def _ops(ops: Sequence[str], operand: Any) -> st.SearchStrategy[Data]:
    return st.builds(lambda op, v: {op: v}, st.sampled_from(ops), operand)


EXISTS = _ops(["exists"], st.booleans())
BIRTHDAYS = ("1984-02-29", "1990-01-01", "2026-02-28", "2026-03-02", "2026-03-05")
FIELDS: st.SearchStrategy[Data] = st.one_of(
    _field("lead.employees", st.one_of(_number_tests(NUMBERS), NUMBERS, EXISTS)),
    _field(
        "lead.amount",
        _ops(["gt", "gte", "lt", "lte", "eq", "ne"], st.just({"field": "lead.budget"})),
    ),
    _field(
        "lead.city",
        st.one_of(
            st.sampled_from(CITIES),
            _lists(CITIES),
            _ops(["eq", "ne", "starts_with", "ends_with", "contains"], st.sampled_from(CITIES)),
            _ops(["in", "not_in", "contains_any"], _lists(CITIES)),
            _ops(["matches"], st.sampled_from(["^上", "[一-龥]{2}", "州$", "(?i)ABC"])),
            EXISTS,
        ),
    ),
    _field(
        "lead.title_level",
        st.one_of(
            _ops(["eq", "ne", "at_least", "at_most"], st.sampled_from(LEVELS)),
            _ops(["in", "not_in"], _lists(LEVELS)),
            EXISTS,
        ),
    ),
    _field("lead.phone.valid", st.one_of(st.booleans(), _ops(["eq", "exists"], st.booleans()))),
    _field(
        "lead.birthday",
        st.one_of(
            _ops(["before", "after"], st.sampled_from(BIRTHDAYS)),
            _ops(["older_than", "newer_than"], _SPAN),
            EXISTS,
        ),
    ),
    _field(
        "lead.tags",
        st.one_of(
            st.sampled_from(TAGS),
            _lists(TAGS),
            _ops(["includes"], st.sampled_from(TAGS)),
            _ops(["includes_any", "includes_all"], _lists(TAGS)),
            EXISTS,
        ),
    ),
)
GUARDS: st.SearchStrategy[Data] = st.builds(
    lambda between, days: {"time": {"between": between, "days": days}},
    st.sampled_from([["09:00", "18:00"], ["22:00", "06:00"], ["00:00", "24:00"]]),
    st.lists(
        st.sampled_from(["mon", "tue", "wed", "fri", "sat", "sun"]),
        min_size=1,
        max_size=4,
        unique=True,
    ),
)
EDGES: st.SearchStrategy[Data] = _field(
    "lead.employees", _ops(["rises_to", "falls_below"], NUMBERS)
)
NAMED: Data = {
    "采购": {"lead.city": ["上海", "苏州"], "lead.employees": {"gte": 2}},
    "静默": {"absent": {"event": "any", "for": "3d"}},
    "活跃采购": {"use": "采购", "count": {"event": "page_viewed", "within": "3d", "gte": 2}},
}
USES: st.SearchStrategy[Data] = st.builds(lambda name: {"use": name}, st.sampled_from(list(NAMED)))


def _groups(inner: st.SearchStrategy[Data]) -> st.SearchStrategy[Data]:
    items = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda i: {"all": i}, items),
        st.builds(lambda i: {"any": i}, items),
        st.builds(lambda i: {"not": i}, inner),
    )


TEMPORAL: st.SearchStrategy[Data] = st.one_of(aggregates(), absences())
LEVEL_LEAVES: st.SearchStrategy[Data] = st.one_of(TEMPORAL, FIELDS, USES)
# Conditions that last: what holds is a matter of the lead and the instant alone.
LASTING: st.SearchStrategy[Data] = st.recursive(LEVEL_LEAVES, _groups, max_leaves=4)
# Those that only a rule with an event can have: guards beside the others.
WITH_GUARDS: st.SearchStrategy[Data] = st.recursive(
    st.one_of(LEVEL_LEAVES, GUARDS), _groups, max_leaves=4
)


def with_edge(condition: Data, edge: Data) -> Data:
    """Return a condition that holds when both do."""
    return {"all": [edge, condition]}


# --- events --------------------------------------------------------------------------------------

PROFILES: st.SearchStrategy[Data] = st.fixed_dictionaries(
    {},
    optional={
        "employees": NUMBERS,
        "amount": NUMBERS,
        "budget": NUMBERS,
        "city": st.sampled_from([*CITIES, "AbC市"]),
        "title_level": st.sampled_from(LEVELS),
        "phone.valid": st.booleans(),
        "birthday": st.sampled_from(BIRTHDAYS),
        "tags": st.lists(st.sampled_from(TAGS), min_size=1, max_size=2),
    },
)


def _properties(kind: str, amounts: st.SearchStrategy[Any]) -> st.SearchStrategy[Data]:
    if kind == "page_viewed":
        optional: Mapping[str, Any] = {"page": st.sampled_from(PAGES), "duration": NUMBERS}
        return st.fixed_dictionaries({}, optional=optional)
    if kind in PAYING:
        return st.fixed_dictionaries({}, optional={"amount": amounts})
    return st.just({})


class Step(msgspec.Struct, frozen=True):
    """One thing that happens in a stream.

    ``gap`` passes first, in milliseconds; ``how`` says in what way the clock gets there: as a
    host that wakes a lead ``prompt``ly, one that was ``late``, or with ``none`` at all. An
    event with ``shift`` happened that long before it arrives, or after (it is dated ahead).
    Without a ``kind`` only time passes.
    """

    gap: int
    how: str
    kind: str | None = None
    shift: int = 0
    lead: Data = {}
    properties: Data = {}
    history: bool = False
    bot: bool = False

    def event(self, number: int, now: int) -> Event:
        """Return the event of this step, arriving at ``now``."""
        assert self.kind is not None
        return Event(
            id=f"e{number}",
            type=self.kind,
            at=now - self.shift,
            lead=self.lead,
            properties=self.properties,
            history=self.history,
            bot=self.bot,
        )


_EDGES = [ms + extra for ms in MILLISECONDS.values() for extra in (-1, 0, 1)]
GAPS = st.one_of(st.just(0), st.sampled_from([0, 1, *_EDGES]), st.integers(0, 4 * DAY))
AHEAD = [-1, -MINUTE, -10 * MINUTE]
SHIFTS = st.one_of(
    st.just(0), st.just(0), st.sampled_from([1, *AHEAD, *_EDGES]), st.integers(0, 40 * DAY)
)
HOWS = st.sampled_from(["prompt", "late", "none"])


@st.composite
def steps(
    draw: Any, amounts: st.SearchStrategy[Any] = QUARTERS, profiles: bool = True, odd: bool = True
) -> Step:
    """One step; ``odd`` ones may be history or a bot's."""
    if draw(st.integers(0, 4)) == 0:
        return Step(draw(GAPS), draw(st.sampled_from(["prompt", "late"])))
    kind = draw(st.sampled_from([*TYPES, "page_viewed", "order_placed", "cart_updated"]))
    marks = draw(st.sampled_from(["", "", "", "history", "bot"])) if odd else ""
    return Step(
        gap=draw(GAPS),
        how=draw(HOWS),
        kind=kind,
        shift=draw(SHIFTS),
        lead=draw(PROFILES) if profiles and draw(st.booleans()) else {},
        properties=draw(_properties(kind, amounts)),
        history=marks == "history",
        bot=marks == "bot",
    )


def streams(**how: Any) -> st.SearchStrategy[list[Step]]:
    """Return streams of one to fourteen steps."""
    return st.lists(steps(**how), min_size=1, max_size=14)


# --- one crowded window --------------------------------------------------------------------------

# Everything here is about one type of event within one hour, in steps of ten minutes, with amounts
# in tenths: bounds are hit exactly, and again and again.
_TENTHS = st.integers(-2, 12).map(lambda n: n / 10)
_CROWDED = [n * 10 * MINUTE + extra for n in range(7) for extra in (-1, 0, 1) if n or extra > -1]


@st.composite
def crowded_conditions(draw: Any) -> Data:
    """A count, sum, max or last of orders, mostly within the hour, with a bound that may be hit."""
    kind = draw(st.sampled_from(["count", "sum", "max", "last"]))
    said: Data = {"event": "order_placed", "within": "1h"}
    if draw(st.integers(0, 4)) == 0:
        del said["within"]
    if kind == "last":
        op = draw(st.sampled_from(["gt", "gte", "lt", "lte"]))
        return {kind: said | {op: draw(st.sampled_from(["10m", "30m", "1h", "2h"]))}}
    if kind == "count":
        bounds = st.one_of(st.integers(0, 6), st.sampled_from([0.5, 1.5, 2.5]))
        return {kind: said | draw(_number_tests(bounds))}
    return {kind: said | {"of": "amount"} | draw(_number_tests(_TENTHS))}


def crowded_streams() -> st.SearchStrategy[list[Step]]:
    """Orders close together, some late, some dated ahead, and instants at which only time passes."""
    gaps, nothing = st.sampled_from([0, 0, *_CROWDED]), st.just({})
    amounts = st.builds(lambda amount: {"amount": amount}, _TENTHS)
    order = st.builds(
        Step,
        gap=gaps,
        how=HOWS,
        kind=st.just("order_placed"),
        shift=st.one_of(st.just(0), st.sampled_from([-10 * MINUTE, -1, *_CROWDED])),
        properties=st.one_of(amounts, amounts, amounts, nothing),
    )
    pause = st.builds(Step, gap=gaps, how=st.sampled_from(["prompt", "late"]))
    return st.lists(st.one_of(order, order, order, pause), min_size=2, max_size=14)
