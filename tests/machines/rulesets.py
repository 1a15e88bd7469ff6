"""Generated scoring rules and stages of every kind, compiled by the real parser.

Whatever stands in them is data in the form of YAML, so that a failing example can be pasted
into a configuration. Nothing but these rules has an effect: there are no journeys.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from typing import Any

import msgspec
from hypothesis import strategies as st

from engine.language.definitions import Definitions
from engine.language.diagnostic import Diagnostics
from engine.language.load import load_folder
from engine.language.reader import Document, read_document
from engine.language.scope import Scope
from engine.language.sections.lifecycle import LifecycleBuilder
from engine.language.sections.part import Part
from engine.language.sections.scoring import ScoringBuilder
from engine.network.ruleset import Ruleset
from tests.machines.generators import (
    EDGES,
    GUARDS,
    LASTING,
    NAMED,
    PAYING,
    SPANS,
    TYPES,
    WHERES,
    Data,
    crowded_conditions,
)
from tests.play import BASE

QUIET: Data = {"stages": [{"id": "new"}, {"id": "lost", "final": True}]}


@cache
def _base() -> Definitions:
    loaded = load_folder(BASE)
    assert loaded.definitions is not None, loaded.diagnostics
    return msgspec.structs.replace(loaded.definitions, journeys=())


def behaviour() -> tuple[str, ...]:
    """Return the event types that ``any`` means."""
    return tuple(sorted(_base().catalogue.behaviour))


def _document(name: str, data: Any) -> Document:
    found = Diagnostics()
    text = json.dumps(data, ensure_ascii=False, indent=1)
    document = read_document(text.encode(), f"{name}.yaml", found)
    assert document is not None, found.sorted()
    return document


def compiled(models: Data, lifecycle: Data | None = None, named: Data | None = None) -> Ruleset:
    """Compile scoring models as they stand under ``models:``, and stages; without journeys.

    Nothing but these rules and the stages has an effect on a lead's score.
    """
    base, found = _base(), Diagnostics()
    stages = lifecycle or QUIET
    conditions = _document("scoring", {"conditions": named or {}})
    scope = Scope(
        catalogue=base.catalogue,
        models={name: list(model["dimensions"]) for name, model in models.items()},
        grades={name: [g["grade"] for g in m["grades"]] for name, m in models.items()},
        stages=tuple(s["id"] for s in stages["stages"]),
        journeys=frozenset(),
        named={name: (conditions, ("conditions", name)) for name in named or {}},
        calendars=frozenset(base.calendars),
    )
    scoring, funnel = _document("scoring", {"models": models}), _document("lifecycle", stages)
    definitions = msgspec.structs.replace(
        base,
        models=ScoringBuilder(scope, found).build([Part(scoring, scoring.data)]),
        lifecycle=LifecycleBuilder(scope, found).build([Part(funnel, funnel.data)]),
        version=sha256(repr((models, stages, named)).encode()).hexdigest(),
    )
    assert not found.items, found.sorted()
    return Ruleset(definitions)


def one_model(rules: Sequence[Data], dimensions: Data | None = None) -> Data:
    """Return one model of these rules, by default with a dimension of its own for each rule."""
    own = {rule["dimension"]: {} for rule in rules}
    grades = [{"grade": "A", "from": 50}, {"grade": "B", "from": 0}, {"grade": "C", "from": -9999}]
    return {"default": {"dimensions": dimensions or own, "rules": list(rules), "grades": grades}}


# --- rules ---------------------------------------------------------------------------------------

POINTS = st.sampled_from([1, 5, 10, 15, 25, -5, -10, 0.5, 2.25, 3.3333, 40])
DIMENSIONS = st.fixed_dictionaries(
    {},
    optional={
        "weight": st.sampled_from([0.5, 1, 2, 0.3333]),
        "max": st.sampled_from([10, 20, 60]),
        "min": st.sampled_from([0, -10, -20.5]),
    },
)
NAMES = ("fit", "behavior", "engagement")
REPEATS = st.one_of(
    st.sampled_from(["once", "each"]),
    st.builds(lambda n, per: {"at_most": n, "per": per}, st.integers(1, 3), st.sampled_from(SPANS)),
    st.builds(lambda n: {"at_most": n}, st.integers(1, 3)),
)
FADING = st.one_of(
    st.just({}),
    st.builds(lambda span: {"expires": span}, st.sampled_from(SPANS)),
    st.builds(lambda span: {"decay": {"half_life": span}}, st.sampled_from(SPANS)),
)
FROM_FIELD = st.builds(
    lambda name, times: {"field": name, "times": times},
    st.sampled_from(["lead.employees", "lead.amount"]),
    st.sampled_from([1, 2, 0.1]),
)
FROM_EVENT = st.builds(lambda times: {"field": "event.amount", "times": times}, POINTS)
_DIMENSION = st.sampled_from(NAMES)


def lasting_rules(when: st.SearchStrategy[Data] = LASTING) -> st.SearchStrategy[Data]:
    """Rules that give points while a condition holds."""
    return st.fixed_dictionaries(
        {"dimension": _DIMENSION, "when": when, "points": st.one_of(POINTS, FROM_FIELD)},
        optional={"exclusive": st.sampled_from(["职位", "规模"])},
    )


def coming_rules(when: st.SearchStrategy[Data]) -> st.SearchStrategy[Data]:
    """Rules that give points each time a condition comes true."""
    whole = st.fixed_dictionaries(
        {"dimension": _DIMENSION, "when": when, "points": POINTS, "repeat": REPEATS}
    )
    return st.builds(lambda rule, fading: _seldom(rule) | fading, whole, FADING)


def _seldom(rule: Data) -> Data:
    """Silence scores again each span: by the second, months would be millions of lines."""
    absent = rule["when"].get("absent")
    if absent is None or absent["for"] in ("1d", "3d", "30d"):
        return rule
    return rule | {"when": {"absent": absent | {"for": "1d"}}}


@st.composite
def event_rules(draw: Any, when: st.SearchStrategy[Data] | None = None) -> Data:
    """Rules that score occurrences; with a ``when`` of their own if one is given."""
    rule: Data = {"dimension": draw(_DIMENSION), "points": draw(POINTS), "repeat": draw(REPEATS)}
    rule |= {"event": draw(st.sampled_from([*TYPES, [*TYPES]]))}
    shape = draw(st.sampled_from(["plain", "where", "amount"]))
    if shape == "where":
        rule |= {"event": "page_viewed", "where": draw(WHERES)}
    elif shape == "amount":
        rule |= {"event": draw(st.sampled_from(PAYING)), "points": draw(FROM_EVENT)}
        rule |= {"repeat": "each"}
    if when is not None and draw(st.booleans()):
        rule |= {"when": draw(when)}
    return rule | draw(FADING)


_TIMED = st.builds(lambda guard, other: {"all": [guard, other]}, GUARDS, LASTING)
EVERY_KIND: st.SearchStrategy[Data] = st.one_of(
    lasting_rules(),
    lasting_rules(_TIMED),
    coming_rules(st.one_of(LASTING, EDGES)),
    event_rules(st.one_of(LASTING, EDGES, _TIMED)),
)
# Another model's rules may read the default model's scores: no rule then feeds itself.
_SCORES = st.builds(
    lambda name, op, n: {f"score.default.{name}": {op: n}},
    st.sampled_from([*NAMES, "total"]),
    st.sampled_from(["gte", "lt", "rises_to", "falls_below"]),
    st.sampled_from([0.5, 5, 10, 20, 50]),
)
STAGES: st.SearchStrategy[Data] = st.builds(
    lambda reached, deal, lost: {
        "stages": [
            {"id": "new"},
            {"id": "mql", "from": ["new"], "when": {"score.total": {"rises_to": reached}}},
            {"id": "客户", "from": ["new", "mql"], "event": deal},
            {"id": "沉默", "from": ["mql"], "when": {"absent": {"event": "any", "for": lost}}},
            {"id": "回流", "from": ["沉默"], "when": {"score.total": {"lt": reached}}},
        ]
    },
    st.sampled_from([1, 10, 25]),
    st.sampled_from(["order_placed", "payment_received"]),
    st.sampled_from(SPANS),
)


@st.composite
def scorings(draw: Any, rules: st.SearchStrategy[Data] = EVERY_KIND, second: bool = True) -> Data:
    """One model of such rules in three dimensions, and perhaps a second that reads its scores."""
    dimensions = {name: draw(DIMENSIONS) for name in NAMES}
    drawn = draw(st.lists(rules, min_size=1, max_size=6))
    models = one_model([{"id": f"r{i}", **r} for i, r in enumerate(drawn)], dimensions)
    if second and draw(st.booleans()):
        ladder = draw(st.lists(coming_rules(_SCORES), min_size=1, max_size=2))
        own = [{"id": f"s{i}", **r, "dimension": "d"} for i, r in enumerate(ladder)]
        models["另一个"] = one_model(own, {"d": draw(DIMENSIONS)})["default"]
    return models


# --- rules that get in each other's way ----------------------------------------------------------

# What is said of a lead, each by another event, and what rules ask of it.
SAID: Data = {"city": "上海", "employees": 3, "title_level": "director", "amount": 2.5}
_OF_SAID = st.sampled_from(
    [
        {"lead.city": "上海"},
        {"lead.employees": {"gte": 2}},
        {"lead.title_level": {"at_least": "manager"}},
        {"lead.amount": {"exists": True}},
        {"not": {"lead.city": "上海"}},
    ]
)


_NARROW = st.sampled_from(NAMES[:2])


def _crowding(when: st.SearchStrategy[Data], **more: Any) -> st.SearchStrategy[Data]:
    points = st.one_of(POINTS, FROM_FIELD)
    return st.fixed_dictionaries({"dimension": _NARROW, "when": when, "points": points, **more})


_OF_ORDERS = st.builds(
    lambda rule, fading: rule | fading,
    st.fixed_dictionaries(
        {
            "event": st.just("order_placed"),
            "repeat": st.just("each"),
            "dimension": _NARROW,
            "points": st.one_of(POINTS, FROM_EVENT),
        }
    ),
    st.sampled_from([{}, {}, {"expires": "1h"}, {"decay": {"half_life": "10m"}}]),
)
_EXCLUSIVE = _crowding(_OF_SAID, exclusive=st.just("职位"))
_SILENT = [{"absent": {"event": "order_placed", "for": span}} for span in ("10m", "1h")]
_LASTING = st.one_of(_OF_SAID, crowded_conditions(), crowded_conditions(), st.sampled_from(_SILENT))
_OTHERS = st.one_of(_OF_ORDERS, _crowding(_LASTING))


@st.composite
def crowded_scorings(draw: Any) -> Data:
    """One model in two narrow dimensions: rules of one exclusive group, and of one hour's orders."""
    drawn = draw(st.lists(_EXCLUSIVE, min_size=2, max_size=4))
    drawn = draw(st.permutations(drawn + draw(st.lists(_OTHERS, min_size=1, max_size=4))))
    limits = st.sampled_from([{}, {"max": 10}, {"min": -10}])
    rules = [{"id": f"r{i}", **rule} for i, rule in enumerate(drawn)]
    return one_model(rules, {name: draw(limits) for name in NAMES[:2]})


@st.composite
def plans(draw: Any) -> Data:
    """What `built` takes: every kind of scoring rule, and stages that score and clock enter."""
    return {"models": draw(scorings()), "lifecycle": draw(st.one_of(st.none(), STAGES))}


def built(plan: Data) -> Ruleset:
    """Compile a plan."""
    return compiled(plan["models"], plan["lifecycle"], NAMED)
