"""Why something is not as a test expects: the rules in question, explained at that instant.

The accounts are those of ``explain``, made by the machines' own code from the lead as it
stands and from all that happened to it in the test.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from engine.host.accounts import account_item
from engine.language.definitions import Journey, Route, Step
from engine.machines.account import Past
from engine.machines.state import Assignment, Lead, LedgerLine
from engine.machines.why import account
from engine.network.naming import find_rule
from engine.network.ruleset import Ruleset
from engine.workbench.clockwork import Moment
from engine.workbench.deeds import Item, deeds
from engine.workbench.firing import Firing
from engine.workbench.values import offset

_MOST_RULES: Final = 2  # explained under one mismatch
_MOST_EVENTS: Final = 3  # shown of each, the newest
_ANSWERS: Final = ("owner", "team", "pool")
_ESCALATING: Final = {"does": ("remind", "escalate"), "tasks": ("escalate",)}
_MAKERS: Final = {"sends": "send", "blocked": "send", "does": "do", "tasks": "task"}


class Why(msgspec.Struct, frozen=True):
    """What explains a mismatch.

    ``rules`` are accounts as ``explain --rule`` prints them, ``ledger`` the lines that make up
    a score, ``notes`` sentences.
    """

    rules: tuple[Item, ...] = ()
    ledger: tuple[LedgerLine, ...] = ()
    notes: tuple[str, ...] = ()


NOTHING: Final = Why()


class Inquiry:
    """A lead at the instant ``now`` of a test that began at ``start``, and its moments so far."""

    def __init__(
        self, ruleset: Ruleset, start: int, lead: Lead, moments: Sequence[Moment], now: int
    ) -> None:
        self.ruleset = ruleset
        self.start = start
        self.lead = lead
        self.moments = moments
        self.now = now
        self.past = Past(
            [m.event for m in moments],
            [line for m in moments for line in m.decision.ledger],
            [happening for m in moments for happening in m.decision.happenings],
        )

    def of_rules(self, keys: Iterable[str]) -> Why:
        """Return why rules fired or did not, and when they did."""
        named = sorted(keys)
        firing = Firing(self.ruleset)
        times = [m.at for m in self.moments if not set(named).isdisjoint(firing.of(m))]
        notes = (f"it fired at {', '.join(map(self._when, times))}",) if times else ()
        return Why(self._accounts(named), notes=notes)

    def of_fact(self, fact: str, wanted: Any) -> Why:
        """Return why a fact is what it is; one that no rule makes has no reason here."""
        head, _, rest = fact.partition(".")
        value = wanted.get("eq") if isinstance(wanted, dict) else wanted
        if head == "score":
            return Why(ledger=self._ledger(*rest.rsplit(".", 1)))
        if head == "grade":
            return self._grade(rest or self.ruleset.default_model)
        if fact == "stage":
            return self._stage(value)
        if fact in _ANSWERS:
            return self._owner(fact, value)
        if head == "journey":
            return Why(self._accounts([f"journey:{rest}"]))
        return NOTHING

    def of_deeds(self, kind: str, missing: Sequence[Item], extra: Sequence[Item]) -> Why:
        """Return where what nobody expected came from, and what kept the rest from being done."""
        rules: dict[str, None] = {}
        notes = [self._origin(item) for item in extra]
        for item in missing:
            makers = [f"journey:{j.id}" for j, step in self._steps() if _makes(kind, item, j, step)]
            makers = makers or list(self._ladders(kind, item))
            rules.update(dict.fromkeys(makers))
            if not makers:
                notes.append(f"no step of a journey gives {_shown(item)}")
            notes += self._earlier(kind, item)
        return Why(self._accounts(rules), notes=tuple(dict.fromkeys(notes)))

    # --- scores and grades ----------------------------------------------------------------------

    def _ledger(self, model: str, dimension: str) -> tuple[LedgerLine, ...]:
        return tuple(
            line
            for line in self.past.ledger
            if line.model == model and dimension in ("total", line.dimension)
        )

    def _grade(self, model: str) -> Why:
        bands = ", ".join(f"{g.grade} from {g.floor:g}" for g in self.ruleset.models[model].grades)
        total = self.lead.facts.get(f"score.{model}.total", 0)
        notes = [f"the total is {total:g}; {bands}"]
        if model == self.ruleset.default_model and "override.grade" in self.lead.facts:
            notes.append("a person set the grade by hand")
        return Why(ledger=self._ledger(model, "total"), notes=tuple(notes))

    # --- stages ---------------------------------------------------------------------------------

    def _stage(self, wanted: Any) -> Why:
        present = self.lead.facts.get("stage")
        entries = [h for h in self.past.happenings if h.kind == "stage"]
        notes = [
            f"{h.data['to']} since {self._when(h.at)}: {h.data['reason']}" for h in entries[-1:]
        ]
        refused = [h for h in self.past.happenings if h.kind == "stage_refused"]
        notes += [
            f"{h.data['to']} was refused at {self._when(h.at)}: {h.data['reason']}"
            for h in refused
            if h.data["to"] == wanted
        ]
        known = wanted in self.ruleset.stages and wanted != present
        return Why(self._accounts([f"stage:{wanted}"] if known else []), notes=tuple(notes))

    # --- routing --------------------------------------------------------------------------------

    def _owner(self, fact: str, wanted: Any) -> Why:
        given = self.lead.assignment
        if given is None:
            asking = (f"journey:{j.id}" for j, step in self._steps() if step.kind == "route")
            note = "no journey has sent this lead to routing yet"
            return Why(self._accounts(dict.fromkeys(asking)), notes=(note,))
        routes = [
            route.definition.id
            for route in self.ruleset.routes
            if self._leads_to(route.definition, fact, wanted)
        ]
        others = [f"route:{id}" for id in routes if id != given.rule]
        if wanted is None and given.rule is not None:
            others = [f"route:{given.rule}"]
        back = given.reason.removeprefix("recycle ").partition(":")[0]
        others += [r.key for r in self.ruleset.recycles if r.definition.id == back]
        return Why(self._accounts(others), notes=tuple(self._answer(given, wanted)))

    def _answer(self, given: Assignment, wanted: Any) -> Iterator[str]:
        reason = f": {given.reason}" if given.reason else ""
        whom = given.owner or f"the pool {given.pool}" if given.owner or given.pool else "nobody"
        yield f"given to {whom} at {self._when(given.at)}{reason}"
        yield from (f"{tried['rule']}: {tried['outcome']}" for tried in given.tried)
        for member in given.considered:
            if member["member"] == wanted and member.get("why_not"):
                yield f"{wanted}: {member['why_not']}"

    def _leads_to(self, route: Route, fact: str, wanted: Any) -> bool:
        if fact == "pool" or route.team is None:
            return bool(fact == "pool" and route.pool == wanted)
        if fact == "team":
            return bool(route.team == wanted)
        return any(member.id == wanted for member in self.ruleset.teams[route.team].members)

    # --- journeys -------------------------------------------------------------------------------

    def _steps(self) -> Iterator[tuple[Journey, Step]]:
        for rule in self.ruleset.journeys.values():
            yield from ((rule.definition, step) for step in rule.definition.steps)

    def _ladders(self, kind: str, item: Item) -> Iterator[str]:
        """Yield the SLAs that may do what no step does: they remind and escalate."""
        if kind in ("does", "tasks") and item.get("journey") is None and item.get("step") is None:
            for sla in self.ruleset.slas:
                if any(rung.do in _ESCALATING[kind] for rung in sla.definition.rungs):
                    yield f"sla:{sla.definition.id}"

    def _origin(self, item: Item) -> str:
        """Say which step did something; what no step did, an SLA's ladder did."""
        what, when = _shown(item), self._when(item["at"])
        rule = self.ruleset.journeys.get(item["journey"] or "")
        if rule is None:
            return f"{what} came at {when} from an SLA"
        step = rule.steps[item["step"]].definition
        place = self.ruleset.definitions.place(step.source)
        return f"{what} came at {when} from journey {rule.id}, step {step.id}  {place}"

    def _earlier(self, kind: str, item: Item) -> Iterator[str]:
        """Say when something was done: perhaps before the list was last looked at."""
        name = next(iter(item), "")
        for done in deeds(self.moments, kind):
            if name and name != "at" and done.get(name) == item[name]:
                yield f"{_shown(item)} came at {self._when(done['at'])}"

    # --- all ------------------------------------------------------------------------------------

    def _when(self, instant: int) -> str:
        return offset(instant - self.start)

    def _accounts(self, keys: Iterable[str]) -> tuple[Item, ...]:
        return tuple(self._account(key) for key in list(keys)[:_MOST_RULES])

    def _account(self, key: str) -> Item:
        named = find_rule(self.ruleset, key)
        told = account(self.ruleset, self.lead, self.past, self.now, named)
        item = account_item(self.ruleset, told)
        looks = [each for each in item["conditions"] if _matters(each, told.active)]
        return {**item, "conditions": looks, "events": item["events"][:_MOST_EVENTS]}


def _matters(look: Item, active: bool) -> bool:
    """Whether a condition says anything: a way out does not, of what a lead is not in."""
    return active or look["role"] not in ("exit", "goal") or look["tree"]["holds"]


def _makes(kind: str, item: Item, journey: Journey, step: Step) -> bool:
    """Whether a step does what an item of a list describes."""
    if step.kind != _MAKERS[kind]:
        return False
    own = {
        "message": step.with_.get("message"),
        "do": step.with_.get("connection"),
        "title": step.with_.get("title"),
        "journey": journey.id,
        "step": step.id,
    }
    return all(own[key] == value for key, value in item.items() if key in own)


def _shown(item: Item) -> str:
    """Name an item by what tells it apart: a message, an action, a title."""
    return next((str(item[key]) for key in ("message", "do", "title") if key in item), "this")
