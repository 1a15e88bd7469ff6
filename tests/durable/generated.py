"""Generated scoring rules and the events to try them on, inside durable-rules' fence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from engine.language.instants import HOUR
from engine.machines.state import Event
from tests.play import START

LEVELS = ["staff", "manager", "director", "vp", "c_level"]
REGIONS = ["华北", "东北", "华东", "华南"]
DATES = ["2025-12-31", "2026-01-01", "2026-03-02", "2026-03-03"]
WORDS = ["制造业", "智能制造", "上海", "a", "ab", "/ab/x.y", "10"]
PATTERNS = [
    "^a",
    "b$",
    "^制造业$",
    "制造",
    "a|b",
    "上海|金融",
    "^(ab|制造业)$",
    "(b|业)$",
    "[a-c]+",
]
# What JSON escapes, or might be taken for syntax: compared whole, never searched.
ODD = [
    'q"x',
    "back\\slash",
    "tab\tx",
    "{}",
    "$s",
    "true",
    "null",
    "",
    " ",
    "é",
    "😀",
    "𠮷野家",
    "1e5",
]


def plain(number: float) -> bool:
    """Whether a number is written without e-notation."""
    return "e" not in repr(number)


def _mostly(few: list[Any], rest: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly one of a few, so that rules and events meet at their bounds."""
    common = st.sampled_from(few)
    return st.one_of(common, common, common, common, rest)


words = _mostly(WORDS, st.text("ab制造 .+-", max_size=4))
odd = _mostly(ODD, st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6))
numbers = _mostly(
    [0, 0.5, 1, 500, 500.5, 2**53],
    st.integers(-(2**53), 2**53) | st.floats(-1e6, 1e6).filter(plain),
)
flags = st.booleans()


def _several(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(values, min_size=1, max_size=4, unique=True)


def _ordered(pair: tuple[float, float]) -> list[float]:
    return sorted(pair)


def _either(values: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    many = _several(values)
    return {"eq": values, "ne": values, "in": many, "not_in": many, "exists": flags}


def _operators(kind: str) -> dict[str, st.SearchStrategy[Any]]:
    """Return the operators of a kind of field that durable-rules can carry, with operands."""
    part = words.filter(bool)
    many: dict[str, Callable[[], dict[str, st.SearchStrategy[Any]]]] = {
        "text": lambda: {
            **_either(words),
            **dict.fromkeys(("starts_with", "ends_with", "contains"), part),
            "contains_any": _several(part),
            "matches": st.sampled_from(PATTERNS),
        },
        "odd": lambda: _either(odd),
        "number": lambda: {
            **_either(numbers),
            **dict.fromkeys(("gt", "gte", "lt", "lte"), numbers),
            "between": st.tuples(numbers, numbers).map(_ordered),
        },
        "flag": lambda: {"eq": flags, "exists": flags},
        "level": lambda: {
            **_either(st.sampled_from(LEVELS)),
            **dict.fromkeys(("at_least", "at_most"), st.sampled_from(LEVELS)),
        },
        "region": lambda: _either(st.sampled_from(REGIONS)),
        "date": lambda: {
            **dict.fromkeys(("before", "after"), st.sampled_from(DATES)),
            "exists": flags,
        },
        "list": lambda: {"exists": flags},
    }
    return many[kind]()


_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": words,
    "odd": odd,
    "number": numbers,
    "flag": flags,
    "level": st.sampled_from(LEVELS),
    "region": st.sampled_from(REGIONS),
    "date": st.sampled_from(DATES),
    "list": st.lists(words, min_size=1, max_size=2),
}
LEAD = {
    "lead.industry": "text",
    "lead.city": "text",
    "lead.decision_role": "odd",
    "lead.employees": "number",
    "lead.amount": "number",
    "lead.budget": "number",
    "lead.title_level": "level",
    "lead.region": "region",
    "lead.phone.valid": "flag",
    "lead.birthday": "date",
    "lead.tags": "list",
}
EVENTS: dict[str, dict[str, str]] = {
    "form_submitted": {"form": "odd"},
    "page_viewed": {"page": "text", "url": "text", "duration": "number"},
    "video_watched": {"video": "text", "fraction": "number"},
    "webinar_attended": {"asked": "flag", "minutes": "number"},
    "contract_signed": {"amount": "number", "ends_on": "date"},
    "chat_started": {},
}
# Fields of one kind, to be compared with each other.
PAIRS = {"number": ["lead.amount", "lead.budget", "lead.employees"], "text": list(LEAD)[:2]}


def _predicate(name: str, kind: str) -> st.SearchStrategy[dict[str, Any]]:
    operators = _operators(kind)
    each = [st.fixed_dictionaries({op: operand}) for op, operand in operators.items()]
    found = st.one_of(each)
    if name in PAIRS.get(kind, ()):
        ops = ["eq", "ne"] if kind == "text" else ["eq", "ne", "gt", "gte", "lt", "lte"]
        other = st.sampled_from(PAIRS[kind]).map(lambda field: {"field": field})
        found |= st.tuples(st.sampled_from(ops), other).map(lambda pair: {pair[0]: pair[1]})
    return found.map(lambda predicate: {name: predicate})


def _conditions(fields: dict[str, str]) -> st.SearchStrategy[dict[str, Any]]:
    leaf = st.one_of([_predicate(name, kind) for name, kind in fields.items()])

    def grow(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        some = st.lists(inner, min_size=1, max_size=3)
        return (
            some.map(lambda items: {"all": items})
            | some.map(lambda items: {"any": items})
            | inner.map(lambda item: {"not": item})
        )

    return st.recursive(leaf, grow, max_leaves=4)


_when = _conditions(LEAD)
_where = {kind: _conditions(fields) for kind, fields in EVENTS.items() if fields}
_repeats = st.sampled_from(["once", "each", {"at_most": 2}, {"at_most": 1, "per": "2h"}])


@st.composite
def _rule(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from([None, None, *EVENTS]))
    if kind is None:
        return {"when": draw(_when)}
    rule: dict[str, Any] = {"event": kind, "repeat": draw(_repeats)}
    if kind in _where and draw(st.booleans()):
        rule["where"] = draw(_where[kind])
    elif draw(st.booleans()):
        rule["event"] = [kind, "form_submitted"] if kind != "form_submitted" else kind
    if draw(st.booleans()):
        rule["when"] = draw(_when)
    return rule


Operands = dict[str, list[Any]]  # by field, or by property of an event


def _operands(condition: Any, found: Operands) -> None:
    """Gather what a condition compares with, so that events can have it."""
    for key, value in condition.items():
        if key in ("all", "any"):
            for item in value:
                _operands(item, found)
        elif key == "not":
            _operands(value, found)
        else:
            for op, operand in value.items():
                many = operand if isinstance(operand, list) else [operand]
                found.setdefault(key, []).extend(_near(op, many))


def _near(op: str, operands: list[Any]) -> list[Any]:
    """Return values on which an operator turns: the operand itself, and texts around it."""
    if op in ("exists", "matches") or any(isinstance(each, dict) for each in operands):
        return []
    if op not in ("starts_with", "ends_with", "contains", "contains_any"):
        return operands
    return [text for each in operands for text in (each, f"a{each}b", f"{each}b", f"a{each}")]


def _value(name: str, kind: str, found: Operands) -> st.SearchStrategy[Any]:
    said = found.get(name)
    return st.sampled_from(said) | _VALUES[kind] if said else _VALUES[kind]


@st.composite
def _event(draw: st.DrawFn, found: Operands) -> tuple[str, dict[str, Any], dict[str, Any]]:
    kind = draw(st.sampled_from(list(EVENTS)))
    read = [name for name in LEAD if name in found] or list(LEAD)
    names = st.lists(st.sampled_from(read), max_size=6, unique=True)
    lead = {
        name.removeprefix("lead."): draw(_value(name, LEAD[name], found)) for name in draw(names)
    }
    properties = {
        name: draw(_value(name, of, found))
        for name, of in EVENTS[kind].items()
        if draw(st.sampled_from([True, True, False]))
    }
    return kind, lead, properties


def _dated(said: list[tuple[str, dict[str, Any], dict[str, Any]]]) -> list[Event]:
    return [
        Event(id=f"e{i}", type=kind, at=START + i * HOUR, lead=lead, properties=properties)
        for i, (kind, lead, properties) in enumerate(said)
    ]


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[list[Event]]]:
    """Return a ruleset and the events of up to three leads, which often meet its bounds."""
    drawn = draw(st.lists(_rule(), min_size=6, max_size=12))
    rules = [{"id": f"r{number}", **rule} for number, rule in enumerate(drawn)]
    found: Operands = {}
    for rule in rules:
        for part in ("where", "when"):
            _operands(rule.get(part, {}), found)
    events = st.lists(_event(found), min_size=6, max_size=10).map(_dated)
    return rules, draw(st.lists(events, min_size=1, max_size=3))
