"""An independent judge of conditions: slow, obvious, and without any of the engine's code.

It keeps every event of one lead in a list and judges a condition, as it stands in YAML, by
looking at all of them again each time. What it says is what LANGUAGE says in words; the engine
must agree with it at every instant. It knows nothing of windows, counters or wake-ups.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

from engine.machines.state import Event

Data = Mapping[str, Any]
UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
CHINA = timezone(timedelta(hours=8))
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 - plain on purpose
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Lowest first, as the catalogue orders them.
RANKS = {"lead.title_level": ("staff", "manager", "director", "vp", "c_level")}
LISTS = frozenset({"lead.tags"})
ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


class Past:
    """All that is known of one lead: its events, in order of arrival, and its facts.

    ``before`` are the facts as they were when the latest event came; ``properties`` are that
    event's own. ``named`` are the named conditions.
    """

    def __init__(
        self, created_at: int, behaviour: Sequence[str], named: Data | None = None
    ) -> None:
        self.created_at = created_at
        self.behaviour = behaviour
        self.named = named or {}
        self.events: list[Event] = []
        self.facts: dict[str, Any] = {}
        self.before: dict[str, Any] = {}
        self.properties: Data = {}
        self._newest_profile = 0

    def take(self, event: Event) -> None:
        """Learn of an event. Of the fields that it brings, older ones only fill gaps."""
        self.before, self.facts = self.facts, dict(self.facts)
        self.properties = event.properties
        if not event.bot:
            self.events.append(event)
        if not event.lead:
            return
        is_old = event.at < self._newest_profile
        self._newest_profile = max(event.at, self._newest_profile)
        for name, value in event.lead.items():
            fact = f"lead.{name}"
            if name == "tags":
                known = self.facts.get(fact, [])
                self.facts[fact] = known + [t for t in dict.fromkeys(value) if t not in known]
            elif not (is_old and fact in self.facts):
                self.facts[fact] = value

    def holds(self, condition: Data, now: int) -> bool:
        """Whether every entry of a condition under ``when`` holds at ``now``."""
        return all(self._entry(key, said, now) for key, said in condition.items())

    def _entry(self, key: str, said: Any, now: int) -> bool:
        if key == "all":
            return all(self.holds(each, now) for each in said)
        if key == "any":
            return any(self.holds(each, now) for each in said)
        if key == "not":
            return not self.holds(said, now)
        if key == "use":
            return self.holds(self.named[said], now)
        if key in ("count", "sum", "max", "last"):
            return self._aggregate(key, said, now)
        if key == "absent":
            return now >= self._latest(said, self.created_at) + duration(said["for"])
        if key == "time":
            return guard(said, now)
        return self._field(key, said, now)

    # --- events ------------------------------------------------------------------------------

    def matching(self, said: Data) -> list[Event]:
        """Return the events that an aggregate or an absence is about."""
        types = said["event"]
        if types == "any":
            types = self.behaviour
        elif isinstance(types, str):
            types = [types]
        where = said.get("where", {})
        return [e for e in self.events if e.type in types and where_holds(where, e.properties)]

    def _latest(self, said: Data, otherwise: int) -> int:
        return max((e.at for e in self.matching(said)), default=otherwise)

    def _aggregate(self, kind: str, said: Data, now: int) -> bool:
        events = self.matching(said)
        if "within" in said:
            start = now - duration(said["within"])
            events = [e for e in events if start < e.at <= now]
        tests = {op: v for op, v in said.items() if op not in ("event", "where", "of", "within")}
        if kind == "last":
            if not events:
                return False
            age = now - max(e.at for e in events)
            return all(ORDER[op](age, duration(bound)) for op, bound in tests.items())
        value = self._number(kind, events, said.get("of"))
        return all(value is not None and compare(op, value, bound) for op, bound in tests.items())

    def _number(self, kind: str, events: list[Event], of: str | None) -> Any:
        if kind == "count":
            return len(events)
        numbers = [Fraction(str(e.properties[of])) for e in events if of in e.properties]
        return sum(numbers) if kind == "sum" else max(numbers, default=None)

    # --- fields ------------------------------------------------------------------------------

    def _field(self, name: str, said: Any, now: int) -> bool:
        tests = said
        if isinstance(said, list):
            tests = {"includes_any" if name in LISTS else "in": said}
        elif not isinstance(said, dict):
            tests = {"includes" if name in LISTS else "eq": said}
        return all(self._test(name, op, operand, now) for op, operand in tests.items())

    def _test(self, name: str, op: str, operand: Any, now: int) -> bool:
        if op in ("rises_to", "falls_below"):
            return crossed(op, operand, self.before.get(name), self.facts.get(name))
        value = self._value(name)
        if isinstance(operand, dict):
            operand = self._value(operand["field"])
            if operand is None:
                return False
        return judge(name, op, value, operand, now)

    def _value(self, name: str) -> Any:
        if name.startswith("event."):
            return self.properties.get(name.removeprefix("event."))
        return self.facts.get({"tags": "lead.tags", "source": "lead.source.name"}.get(name, name))


def where_holds(where: Data, properties: Data) -> bool:
    """Whether a ``where`` fits an event's properties."""
    for key, said in where.items():
        if key == "not":
            fits = not where_holds(said, properties)
        elif key in ("all", "any"):
            several = [where_holds(each, properties) for each in said]
            fits = all(several) if key == "all" else any(several)
        else:
            tests = said if isinstance(said, dict) else {"in": said}
            if not isinstance(said, dict | list):
                tests = {"eq": said}
            fits = all(judge(key, op, properties.get(key), v, 0) for op, v in tests.items())
        if not fits:
            return False
    return True


def judge(name: str, op: str, value: Any, operand: Any, now: int) -> bool:
    """Whether one present or missing value passes one operator."""
    if op == "exists":
        return (value is not None) is operand
    if value is None:
        return False
    if op in ("at_least", "at_most"):
        ranks = RANKS[name]
        rank, bound = ranks.index(value), ranks.index(operand)
        return rank >= bound if op == "at_least" else rank <= bound
    if op in ("before", "after"):
        value, bound = moment(value), moment(operand)
        return value < bound if op == "before" else value > bound
    if op in ("older_than", "newer_than"):
        age = now - moment(value)
        return age > duration(operand) if op == "older_than" else age <= duration(operand)
    return compare(op, value, operand)


def compare(op: str, value: Any, operand: Any) -> bool:
    """Whether a present value compares so with a constant."""
    if op in ("eq", "ne"):
        return (exact(value) == exact(operand)) is (op == "eq")
    if op in ("in", "not_in"):
        return (exact(value) in [exact(each) for each in operand]) is (op == "in")
    if op in ORDER:
        return ORDER[op](exact(value), exact(operand))
    if op == "between":
        low, high = operand
        return exact(low) <= exact(value) <= exact(high)
    if op == "matches":
        return re.search(operand, value) is not None
    if op in ("contains", "includes"):
        return operand in value
    if op in ("contains_any", "includes_any"):
        return any(each in value for each in operand)
    if op == "includes_all":
        return all(each in value for each in operand)
    return value.startswith(operand) if op == "starts_with" else value.endswith(operand)


def exact(value: Any) -> Any:
    """Return a number as the fraction that its decimal digits say, anything else as it is."""
    return Fraction(str(value)) if isinstance(value, float) else value


def crossed(op: str, bound: float, previous: Any, value: Any) -> bool:
    """Whether the latest event took a number across a bound, upwards or downwards."""
    if value is None:
        return False
    if op == "rises_to":
        return (previous is None or previous < bound) and value >= bound
    return previous is not None and previous >= bound and value < bound


def guard(said: Data, now: int) -> bool:
    """Whether ``now`` lies in these hours and days, by China's clock."""
    local = (EPOCH + timedelta(milliseconds=now)).astimezone(CHINA)
    if "days" in said and DAYS[local.weekday()] not in said["days"]:
        return False
    if "between" not in said:
        return True
    start, end = said["between"]
    time = f"{local:%H:%M}"
    return start <= time < end if start <= end else time >= start or time < end


def moment(text: str) -> int:
    """Return the instant of a day, at midnight in China, or of a date with time and offset."""
    if len(text) == 10:
        start = datetime.combine(date.fromisoformat(text), datetime.min.time(), CHINA)
    else:
        start = datetime.fromisoformat(text)
    return (start - EPOCH) // timedelta(milliseconds=1)


def duration(text: str) -> int:
    """Return the milliseconds of such as ``30d``."""
    return int(text[:-1]) * UNITS[text[-1]]
