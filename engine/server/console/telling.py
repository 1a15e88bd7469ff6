"""What happened to a lead, told in a line each: what, by whom, and why."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.requests import Request

from engine.server.console.room import called, formats_of, words_of
from engine.server.console.words import Words
from engine.server.endpoint import services

# Details that the line's own words say already, or that are for machines.
UNSAID: Final = frozenset(
    (
        *("delivery", "audience", "ruleset", "version", "event", "task"),
        *("tried", "considered", "lead", "request"),
    )
)
_LONG: Final = 300
# Details that are ids of what may have a label, and what it is.
_LABELLED: Final = {
    **{key: key for key in ("sla", "model", "journey", "message", "team", "pool")},
    "rule": "route",
}

# Details that are names of the engine's own, and those that may be a kind of event.
_NAMED: Final = {
    "does": "step",
    "clock": "clock",
    "rung": "rung",
    "how": "split",
    "priority": "priority",
}
_STANDINGS: Final = ("stage", "grade")
_OF_EVENTS: Final = ("by", "reason")


class Line(msgspec.Struct, frozen=True):
    """One line: ``tone`` colours its ``tag``; ``why`` says by which rule, and where it stands."""

    at: str
    kind: str
    title: str
    details: str = ""
    why: str = ""
    tag: str = ""
    tone: str = ""
    by: str | None = None


def told(request: Request, item: dict[str, Any]) -> Line:
    """Return a timeline's item in words."""
    words = words_of(request)
    tellers = {"event": _event, "score": _score, "happening": _happening, "task": _task}
    return tellers.get(item["kind"], _delivery)(request, words, item)


def event_name(request: Request, words: Words, type: str) -> str:
    """Return what people call a kind of event."""
    kind = services(request).runtime.ruleset.catalogue.events.get(type)
    own = words.texts.get(f"event.{type}")
    return own or words.label(type, kind.label if kind else None)


def _event(request: Request, words: Words, item: dict[str, Any]) -> Line:
    details = item.get("properties") or {}
    tag = words.say("line.history") if item.get("history") else ""
    return Line(
        item["at"],
        "event",
        event_name(request, words, item["type"]),
        _details(request, details),
        words.say("line.channel", channel=words.name("channel", item.get("channel"))),
        words.say("line.bot") if item.get("bot") else tag,
        by=item.get("by"),
    )


def _score(request: Request, words: Words, item: dict[str, Any]) -> Line:
    ruleset = services(request).runtime.ruleset
    rule = ruleset.rules.get(f"{item['model']}.{item['dimension']}.{item['rule']}")
    label = words.label(item["rule"], rule.definition.label if rule else None)
    points = item["points"]
    return Line(
        item["at"],
        "score",
        label,
        formats_of(request).within(words.why(item.get("reason"))),
        words.say("line.rule", rule=item["rule"], source=item["source"]),
        formats_of(request).signed(points),
        "good" if points > 0 else "bad",
    )


def _happening(request: Request, words: Words, item: dict[str, Any]) -> Line:
    data, kind = dict(item.get("data") or {}), item["type"]
    rule = data.pop("rule", None)
    title = words.name("happening", kind)
    if "to" in data and (kind in _STANDINGS or "from" in data):  # the first one is from nowhere
        before, after = (
            _named(request, kind, data.pop(k, None), data.get("model")) for k in ("from", "to")
        )
        title = f"{title}: {before} → {after}"
    rules = "recycle" if kind == "recycled" else "route"
    why = words.say("line.by_rule", rule=_with_id(request, rules, rule)) if rule else ""
    bad = kind in {"sla_breached", "message_blocked", "stage_refused"}
    tag, tone = (words.say("line.attention"), "warn") if bad else ("", "")
    return Line(item["at"], "happening", title, _details(request, data), why, tag, tone)


def _named(request: Request, kind: str, value: Any, model: str | None) -> str:
    ruleset = services(request).runtime.ruleset
    if value and (kind == "stage" or (kind == "grade" and model == ruleset.default_model)):
        return called(request)(kind, value)
    return str(value or "–")


def _in_words(request: Request, data: dict[str, Any]) -> dict[str, Any]:
    """Return details with the names of what they have ids of, in their order."""
    words, events = words_of(request), services(request).runtime.ruleset.catalogue.events

    def said(key: str, value: Any) -> Any:
        if key == "due" and isinstance(value, dict):
            return {words.name("clock", name): due for name, due in value.items()}
        if key == "clocks":
            return [words.name("clock", name) for name in value]
        if not isinstance(value, str):
            return value
        if key in _LABELLED:
            return _with_id(request, _LABELLED[key], value)
        if key in _OF_EVENTS and value in events:
            return event_name(request, words, value)
        return words.name(_NAMED[key], value) if key in _NAMED else value

    return {key: said(key, value) for key, value in data.items()}


def _with_id(request: Request, kind: str, id: str) -> str:
    name = called(request)(kind, id)
    return name if name == id else f"{name} ({id})"


def _task(request: Request, words: Words, item: dict[str, Any]) -> Line:
    due = item.get("due")
    details = formats_of(request).within(words.say("line.due", due=due)) if due else ""
    status = words.name("status", item["status"])
    title = words.say("line.task", title=item["title"])
    tone = "good" if item["status"] == "done" else "warn"
    return Line(item["at"], "task", title, details, _from(request, item), status, tone)


def _delivery(request: Request, words: Words, item: dict[str, Any]) -> Line:
    status = item.get("status") or ""
    tones = {"delivered": "good", "blocked": "warn", "failed": "bad", "dead": "bad"}
    title = item.get("subject") or called(request)("message", item["type"])
    return Line(
        item["at"],
        "delivery",
        words.say("line.message", title=title),
        formats_of(request).within(words.why(item.get("reason"))),
        _from(request, item),
        words.name("status", status),
        tones.get(status, ""),
    )


def _from(request: Request, item: dict[str, Any]) -> str:
    if not item.get("journey"):
        return ""
    journey = called(request)("journey", item["journey"])
    return words_of(request).say("line.journey", journey=journey, step=item.get("step") or "–")


def _details(request: Request, data: dict[str, Any]) -> str:
    formats, words = formats_of(request), words_of(request)
    parts = [
        f"{words.name('detail', name)}: {formats.within(words.why(formats.value(value)[:_LONG]))}"
        for name, value in _in_words(request, data).items()
        if value not in (None, "", [], {}) and name not in UNSAID
    ]
    return " · ".join(parts)
