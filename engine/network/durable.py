"""The part of the scoring rules that durable-rules 2.0.28 evaluates correctly, compiled for it.

Pure: definitions in, a ruleset as a JSON-able dict and the rules it cannot carry out. Nothing
here imports durable-rules, which belongs in a process of its own (`engine.host.durable`).

One message carries an event, its properties and the lead's fields. What is compiled are the
conditions of scoring rules, ``where`` and ``when``; how often a match scores, for how long and
under which cap is the machines' business in either network. docs/durable-rules.md has what
durable-rules gets wrong, case by case: everything refused or avoided here is measured there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from engine.errors import LeadrulesError
from engine.language.catalogue import EventType
from engine.language.definitions import All, Definitions, ScoreRule
from engine.language.diagnostic import Diagnostic, Diagnostics
from engine.network.durable_regex import is_escaped
from engine.network.durable_terms import (
    MAX_ALTERNATIVES,
    Cannot,
    Chain,
    Literal,
    Reference,
    Terms,
    is_plain,
    is_short,
)
from engine.network.predicates import moment

HINT: Final = "write it with eq, in or numbers on fields and properties, or use our own network"
KIND: Final = "kind"  # the attribute that holds the event's type
LEAD: Final = "lead"  # 1 on every message: something for `$nex` to stand beside

# 2.0.28 keeps what follows one test in a table of 512 and searches it without end when it is
# full; at most 128 `$nex` and 256 rules may follow one test; a message has 255 properties.
MAX_FOLLOWING: Final = 500
MAX_ABSENT: Final = 100
MAX_RULES: Final = 250
MAX_ATTRIBUTES: Final = 250


class DurableCannot(LeadrulesError, ValueError):
    """An event or a lead with a value that durable-rules would read as another.

    ``fact`` names the field or property; only the message holds the value.
    """

    code = "durable-cannot"

    def __init__(self, fact: str, family: str, value: Any) -> None:
        said = repr(value)
        shown = said if len(said) <= 80 else f"{said[:77]}..."
        super().__init__(f"durable-rules cannot read {fact} = {shown} as a {family}")
        self.fact = fact


class DurableRules(msgspec.Struct, frozen=True):
    """A ruleset for durable-rules.

    ``definition`` is its JSON, by names such as ``r0``; ``rules`` says whose rule key
    (MODEL.DIMENSION.ID) each of these names is, several where a condition has alternatives;
    ``attributes`` names (fact, family) in messages; ``refused`` says what is not carried.
    """

    definition: dict[str, Any]
    rules: dict[str, str]
    attributes: dict[tuple[str, str], str]
    refused: list[Diagnostic]


def compile_durable(definitions: Definitions) -> DurableRules:
    """Return what durable-rules can carry of the scoring rules, and diagnostics for the rest."""
    compiler = _Compiler(definitions.catalogue.events)
    for model in definitions.models:
        for rule in model.rules:
            compiler.add(rule)
    refused = compiler.refused.sorted()
    return DurableRules(compiler.definition, compiler.rules, compiler.attributes, refused)


def message(
    rules: DurableRules, kind: str, properties: Mapping[str, Any], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return an event and its lead as one message, of what the rules read; raises DurableCannot.

    ``facts`` are the lead's, by canonical name such as ``lead.employees``.
    """
    written: dict[str, Any] = {LEAD: 1, KIND: kind}
    for (fact, family), name in rules.attributes.items():
        place, _, rest = fact.partition(".")
        value = properties.get(rest) if place == "event" else facts.get(fact)
        if value is not None:
            written[name] = _written(fact, family, value)
    return written


def _written(fact: str, family: str, value: Any) -> Any:
    if family == "present":
        return 1
    if family == "boolean":
        fits = isinstance(value, bool)
    elif family == "number":
        fits = type(value) in (int, float) and is_plain(value)
    else:
        fits = isinstance(value, str) and is_short(value)
        fits = fits and not (family == "text" and is_escaped(value))
    if not fits:
        raise DurableCannot(fact, family, value)
    return moment(value) if family == "moment" else value


def rule_key(rule: ScoreRule) -> str:
    """Return a scoring rule's key in a compiled ruleset: MODEL.DIMENSION.ID."""
    return f"{rule.model}.{rule.dimension}.{rule.id}"


class _Compiler:
    def __init__(self, events: Mapping[str, EventType]) -> None:
        self.events = events
        self.definition: dict[str, Any] = {}
        self.rules: dict[str, str] = {}
        self.attributes: dict[tuple[str, str], str] = {}
        self.refused = Diagnostics()
        self.room = _Room()

    def add(self, rule: ScoreRule) -> None:
        """Compile one rule, or write down why not; a refused rule leaves nothing behind."""
        attributes = dict(self.attributes)
        try:
            chains = self._chains(rule)
            self.room.take(chains, rule, len(self.attributes))
        except Cannot as cannot:
            self.attributes = attributes
            text = f'durable-rules cannot carry the rule "{rule.id}": {cannot.why}'
            self.refused.error("durable-cannot", text, cannot.source, rule=rule.id, hint=HINT)
            return
        for chain in chains:
            name = f"r{len(self.rules)}"
            tests = [_test(each) for each in chain]
            self.definition[name] = {"all": [{"m": {"$and": tests}}]}
            self.rules[name] = rule_key(rule)

    def _name(self, fact: str, family: str) -> str:
        """A short name of our own: names are compared by a hash, and ``.`` and ``$`` mean much."""
        return self.attributes.setdefault((fact, family), f"p{len(self.attributes)}")

    def _chains(self, rule: ScoreRule) -> list[Chain]:
        parts = tuple(c for c in (rule.where, rule.when) if c is not None)
        whole = All(items=parts, source=rule.source)
        found = [_tidy(c) for c in Terms(self._name).alternatives(whole)]
        chains = [(head, *chain) for head in self._heads(rule) for chain in found]
        if len(chains) > MAX_ALTERNATIVES:
            raise Cannot(f"it would take {len(chains)} rules for one", rule.source)
        return list(dict.fromkeys(chains))

    def _heads(self, rule: ScoreRule) -> list[Literal]:
        """Return the first test of each chain: the event's type, or just the lead."""
        for kind in rule.events:
            event = self.events.get(kind)
            if kind == "stage_changed" or event is None or event.group == "engine":
                raise Cannot(f"the engine makes {kind} itself while rules run", rule.source)
        return [("", KIND, kind) for kind in rule.events] or [("", LEAD, 1)]


def _tidy(chain: Chain) -> Chain:
    """Order a chain, so that equal beginnings are shared, and drop what stands twice.

    References stand last, behind the tests that what they refer to is there.
    """
    return tuple(
        sorted(set(chain), key=lambda each: (_is_unshared(each), *each[1::-1], repr(each)))
    )


def _is_unshared(test: Literal) -> bool:
    """Whether durable-rules keeps this test anew for each rule that has it."""
    return test[0] == "$mt" or isinstance(test[2], Reference)


def _test(each: Literal) -> dict[str, Any]:
    op, name, value = each
    pair = {name: {"$m": str(value)} if isinstance(value, Reference) else value}
    return {op: pair} if op else pair


class _Room:
    """Counts what follows each test, as durable-rules does in tables of fixed size."""

    def __init__(self) -> None:
        self.following: dict[Chain, set[tuple[Literal, int]]] = {}
        self.ending: dict[Chain, int] = {}
        self.count = 0

    def take(self, chains: Collection[Chain], rule: ScoreRule, attributes: int) -> None:
        """Take the room that a rule needs, or none of it; raises Cannot."""
        if attributes > MAX_ATTRIBUTES:
            raise Cannot("the rules before it already read as many fields as fit", rule.source)
        wanted: dict[Chain, set[tuple[Literal, int]]] = {}
        for number, chain in enumerate(chains, start=self.count):
            if self.ending.get(chain, 0) >= MAX_RULES:
                raise Cannot(f"{MAX_RULES} rules before it have the same condition", rule.source)
            for length, test in enumerate(chain):
                serial = number if _is_unshared(test) else -1
                wanted.setdefault(chain[:length], set()).add((test, serial))
        for before, tests in wanted.items():
            self._check(self.following.get(before, set()) | tests, rule)
        for before, tests in wanted.items():
            self.following.setdefault(before, set()).update(tests)
        for chain in chains:
            self.ending[chain] = self.ending.get(chain, 0) + 1
        self.count += len(chains)

    def _check(self, following: set[tuple[Literal, int]], rule: ScoreRule) -> None:
        absent = sum(test[0] == "$nex" for test, _ in following)
        if absent > MAX_ABSENT or len(following) > MAX_FOLLOWING:
            raise Cannot("the rules before it already hold as many tests as fit", rule.source)
