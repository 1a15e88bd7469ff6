"""The 11 + 4 rules in the words of each engine, and by hand."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

from _in_full import InFull, Note
from _stream import EVENT, IDLE, SILENCE, Answer, Book, Lead, Message, advance, flat

from engine.language.load import load_folder
from engine.machines.lead import decide, new_lead
from engine.machines.state import Event, Teams
from engine.machines.state import Lead as State
from engine.machines.turn import Entry, follow
from engine.network.ruleset import Ruleset

RULES = Path(__file__).parent / "guide004"
Take = Callable[[str, Event], Answer]


class Ours:
    """This network: decide with its ledger and trace, and the team machine where it is asked.

    ``note`` is called with each lead's new state and what was decided on the way there.
    """

    note: Note | None = None

    def __init__(self) -> None:
        loaded = load_folder(RULES)
        assert loaded.definitions is not None, loaded.diagnostics
        self.ruleset = Ruleset(loaded.definitions)

    def __call__(self) -> Take:
        ruleset, teams, note = self.ruleset, Teams(), self.note
        leads: dict[str, State] = {}

        def take(id: str, event: Event) -> Answer:
            nonlocal teams
            lead = leads.get(id) or new_lead(ruleset, id, event.at)
            decision = decide(ruleset, lead, event, event.at)
            after = decision.lead
            if note is not None:
                note(after, decision)
            if decision.requests:  # sent to routing, whose answer is an event of its own
                turn = follow(ruleset, lead, teams, Entry(event, decision), event.at)
                after, teams = turn.lead, turn.teams
            leads[id] = after
            facts = after.facts
            route = after.assignment.rule if after.assignment else None
            return facts["score.default.total"], facts["grade"], facts["stage"], route

        return take


def in_full() -> Callable[[], Take]:
    """By hand, with all that our decisions tell."""
    ruleset = Ours().ruleset
    return lambda: InFull(ruleset).take


def by_hand() -> Take:
    """What somebody would write who needs these rules, no ledger and no reasons."""
    leads: dict[str, Lead] = {}

    def take(id: str, event: Event) -> Answer:
        lead = leads.get(id)
        if lead is None:
            lead = leads[id] = Lead(event.at)
        at, kind = event.at, event.type
        if at - lead.last >= SILENCE:
            lead.total += IDLE * ((at - lead.last) // SILENCE)
        lead.last = at
        before = lead.total
        if event.lead:
            _profile(lead, event.lead)
        if kind == "webinar_registered":
            lead.registered = True
        rule = _rule(lead, kind, event.properties)
        if rule is not None:
            points, per = EVENT[rule]
            scored = lead.scored.get(rule)
            if scored is None or (per is not None and at - scored >= per):
                lead.scored[rule] = at
                lead.total += points
        return advance(lead, before, _routes(lead.fields) if lead.total >= 80 > before else ())

    return take


def _profile(lead: Lead, fields: dict[str, Any]) -> None:
    known = lead.fields
    lead.total -= known.get("points", 0)
    known.update(fields)
    level = known.get("title_level")
    points = 20 if level in ("director", "vp", "c_level") else 10 if level == "manager" else 0
    points += 15 if known.get("employees", 0) >= 500 else 0
    points += 10 if known.get("industry") in ("制造业", "金融业") else 0
    points += 5 if known.get("email.kind") == "business" else 0
    known["points"] = points
    lead.total += points


def _rule(lead: Lead, kind: str, properties: dict[str, Any]) -> str | None:
    if kind == "page_viewed":
        return "visited-pricing" if properties["page"] in ("pricing", "solution") else None
    if kind == "email_clicked":
        return "clicked-email"
    if kind == "content_downloaded":
        wanted = properties["kind"] in ("whitepaper", "case_study")
        return "downloaded-content" if wanted else None
    if kind == "video_watched":
        seen = properties["video"] == "product-demo" and properties["fraction"] >= 0.95
        return "watched-demo" if seen else None
    return "attended-webinar" if kind == "webinar_attended" and lead.registered else None


def _routes(fields: dict[str, Any]) -> tuple[str, ...]:
    if fields.get("source.name") == "华东区线下展会":
        return ("east-expo",)
    if fields.get("amount", 0) > 500_000:
        return ("key-account",)
    return ("by-city",) if "city" in fields else ("rest",)


# --- durable-rules -------------------------------------------------------------------------


def _among(name: str, *values: str) -> dict[str, Any]:
    return {"$or": [{name: value} for value in values]}


def _both(*tests: dict[str, Any]) -> dict[str, Any]:
    return {"$and": list(tests)}


DURABLE: dict[str, dict[str, Any]] = {
    "title-director": _among("title_level", "director", "vp", "c_level"),
    "title-manager": {"title_level": "manager"},
    "large-company": {"$gte": {"employees": 500}},
    "target-industry": _among("industry", "制造业", "金融业"),
    "business-email": {"email_kind": "business"},
    "visited-pricing": _both({"event": "page_viewed"}, _among("of", "pricing", "solution")),
    "downloaded-content": _both(
        {"event": "content_downloaded"}, _among("of", "whitepaper", "case_study")
    ),
    "attended-webinar": _both({"event": "webinar_attended"}, {"registered": 1}),
    "watched-demo": _both(
        {"event": "video_watched"}, {"of": "product-demo"}, {"$gte": {"fraction": 0.95}}
    ),
    "clicked-email": {"event": "email_clicked"},
    "idle": {"$gte": {"silent": 1}},
    "east-expo": {"source_name": "华东区线下展会"},
    "key-account": {"$gt": {"amount": 500_000}},
    "by-city": {"$ex": {"city": 1}},
    "rest": {"lead": 1},
}


def _durable_host() -> tuple[Any, type[Exception], set[str]]:
    """Return a host with the rules, what it raises when none matches, and what has fired."""
    from durable import engine

    class Host(engine.Host):  # type: ignore[misc]
        def _run(self) -> None: ...

    host, fired = Host(), set[str]()

    def note(rule: str) -> Callable[[Any], None]:
        def run(_: Any) -> None:
            fired.add(rule)

        return run

    host.register_rulesets(
        {"r": {rule: {"all": [{"m": c}], "run": note(rule)} for rule, c in DURABLE.items()}}
    )
    return host, engine.MessageNotHandledException, fired


def durable() -> Callable[[], Take]:
    """durable-rules: a fact for each event, retracted after it; raises ImportError.

    To its favour: it is asked about a lead's fields only when they change, all in one fact.
    """
    host, unmatched, fired = _durable_host()
    number = 0

    def match(message: Message) -> Collection[str]:
        nonlocal number
        number += 1
        fired.clear()
        fact = {**message, "id": str(number), "sid": "1"}
        with contextlib.suppress(unmatched):  # nothing matched
            host.assert_fact("r", fact)
        host.retract_fact("r", fact)
        return fired

    return lambda: Book(match).take


def durable_sessions() -> Callable[[], Take]:
    """durable-rules as DESIGN fences it in: a transient session for each event's lead.

    It gets the lead's fields as facts and the event, and is deleted; raises ImportError.
    """
    host, unmatched, fired = _durable_host()
    number = 0

    def match(messages: Iterable[Message]) -> Collection[str]:
        nonlocal number
        fired.clear()
        for message in messages:
            number += 1
            with contextlib.suppress(unmatched):  # nothing matched
                host.assert_fact("r", {**message, "id": str(number), "sid": "1"})
        host.delete_state("r", "1")
        return frozenset(fired)

    return lambda: Sessions(match).take


class Sessions(Book):
    """A book that asks about an event and all of its lead's fields at once."""

    def __init__(self, match: Callable[[Iterable[Message]], Collection[str]]) -> None:
        super().__init__(lambda message: match([message]))
        self.ask = match
        self.latest: Collection[str] = ()

    def matched(self, lead: Lead, event: Event, message: Message) -> Collection[str]:
        """Return the rules that the event and the fields match, those it brings among them."""
        fields = {**lead.fields, **flat(event.lead), "lead": 1}
        self.latest = self.ask([*({name: value} for name, value in fields.items()), message])
        return self.latest

    def holding(self, lead: Lead) -> Collection[str]:
        """Return what has just been found."""
        return [rule for rule in self.latest if _about(rule) == "lead"]


# --- clipspy -------------------------------------------------------------------------------

SLOTS = {
    "event": ("event", "of", "fraction", "silent", "registered"),
    "lead": (
        *("lead", "title_level", "industry", "email_kind", "source_name", "city"),
        *("employees", "amount"),
    ),
}
CLIPS = {
    "title-director": "(title_level director|vp|c_level)",
    "title-manager": "(title_level manager)",
    "large-company": "(employees ?n&:(and (numberp ?n) (>= ?n 500)))",
    "target-industry": '(industry "制造业"|"金融业")',
    "business-email": "(email_kind business)",
    "visited-pricing": "(event page_viewed) (of pricing|solution)",
    "downloaded-content": "(event content_downloaded) (of whitepaper|case_study)",
    "attended-webinar": "(event webinar_attended) (registered 1)",
    "watched-demo": "(event video_watched) (of product-demo) (fraction ?n&:(>= ?n 0.95))",
    "clicked-email": "(event email_clicked)",
    "idle": "(silent ?n&:(>= ?n 1))",
    "east-expo": '(source_name "华东区线下展会")',
    "key-account": "(amount ?n&:(and (numberp ?n) (> ?n 500000)))",
    "by-city": "(city ~nil)",
    "rest": "",
}
TEXTS = frozenset({"industry", "source_name", "city"})  # the others are symbols


def _about(rule: str) -> str:
    """Return whether a rule is on an event or on the fields of its lead."""
    return "event" if rule in EVENT or rule == "idle" else "lead"


def clips() -> Callable[[], Take]:
    """Clipspy: a fact for each event, retracted after it; raises ImportError."""
    from clips import Environment, Symbol

    environment, fired = Environment(), set[str]()

    def fire(rule: str) -> None:
        fired.add(str(rule))

    environment.define_function(fire)
    for name, slots in SLOTS.items():
        environment.build(f"(deftemplate {name} {' '.join(f'(slot {s})' for s in slots)})")
    for rule, pattern in CLIPS.items():
        environment.build(f"(defrule {rule} ({_about(rule)} {pattern}) => (fire {rule}))")
    templates = {name: environment.find_template(name) for name in SLOTS}
    symbols: dict[str, Symbol] = {}

    def slot(name: str, value: Any) -> Any:
        if not isinstance(value, str) or name in TEXTS:
            return value
        return symbols.get(value) or symbols.setdefault(value, Symbol(value))

    def match(message: Message) -> Collection[str]:
        fired.clear()
        template = templates["event" if "event" in message else "lead"]
        fact = template.assert_fact(**{name: slot(name, v) for name, v in message.items()})
        environment.run()
        fact.retract()
        return fired

    return lambda: Book(match).take


# --- zen-engine ----------------------------------------------------------------------------

ZEN = {
    "title-director": "title_level in ['director', 'vp', 'c_level']",
    "title-manager": "title_level == 'manager'",
    "large-company": "employees != null and employees >= 500",
    "target-industry": "industry in ['制造业', '金融业']",
    "business-email": "email_kind == 'business'",
    "visited-pricing": "event == 'page_viewed' and of in ['pricing', 'solution']",
    "downloaded-content": "event == 'content_downloaded' and of in ['whitepaper', 'case_study']",
    "attended-webinar": "event == 'webinar_attended' and registered == 1",
    "watched-demo": "event == 'video_watched' and of == 'product-demo' and fraction >= 0.95",
    "clicked-email": "event == 'email_clicked'",
    "idle": "silent >= 1",
    "east-expo": "source_name == '华东区线下展会'",
    "key-account": "amount != null and amount > 500000",
    "by-city": "city != null",
    "rest": "true",
}


def zen() -> Callable[[], Take]:
    """zen-engine: decision tables that collect every row that holds; raises ImportError."""
    from zen import ZenEngine

    tables = {
        about: ZenEngine().create_decision(json.dumps(_table(about))) for about in ("event", "lead")
    }

    def match(message: Message) -> Collection[str]:
        found = tables["event" if "event" in message else "lead"].evaluate(message)["result"]
        return {row["rule"] for row in found}

    return lambda: Book(match).take


def _table(about: str) -> dict[str, Any]:
    rows = [
        {"_id": rule, "in": condition, "out": json.dumps(rule)}
        for rule, condition in ZEN.items()
        if _about(rule) == about
    ]
    content = {
        "hitPolicy": "collect",
        "inputs": [{"id": "in", "name": "rule"}],
        "outputs": [{"id": "out", "name": "rule", "field": "rule"}],
        "rules": rows,
    }
    nodes = [
        {"id": "a", "type": "inputNode", "name": "message"},
        {"id": "b", "type": "decisionTableNode", "name": "rules", "content": content},
        {"id": "c", "type": "outputNode", "name": "rules"},
    ]
    edges = [
        {"id": "1", "type": "edge", "sourceId": "a", "targetId": "b"},
        {"id": "2", "type": "edge", "sourceId": "b", "targetId": "c"},
    ]
    return {"nodes": nodes, "edges": edges}


PEERS: dict[str, Callable[[], Callable[[], Take]]] = {
    "leadrules": Ours,
    "durable-rules": durable,
    "durable-rules, a session per lead": durable_sessions,
    "clipspy": clips,
    "zen-engine": zen,
    "by hand": lambda: by_hand,
    "by hand, with ledger and reasons": in_full,
}
