"""What decisions did, as rows that the API and reports read: written with the events themselves.

Rows are gathered in memory for one transaction. Whatever a lead's present state says is taken
from the state; what it no longer says, from the happenings of the decision.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from engine.machines.merging import UNMERGED
from engine.machines.state import Clock, Decision, Enrolment, Event, Happening, Lead
from engine.store import arrivals
from engine.store.bulk import Insert, Target
from engine.store.rows import Row, to_json

_ENROLMENT: Final = Insert(
    "enrolments (lead, journey, entered_at, entered_by, step, arrived_at, left_at, reason)",
    8,
    """
ON CONFLICT (lead, journey, entered_at, entered_by) DO UPDATE SET step = excluded.step,
    arrived_at = excluded.arrived_at, left_at = excluded.left_at, reason = excluded.reason
""",
)
_STEP_LEFT: Final = """
UPDATE journey_steps SET left_at = j.value ->> 2, outcome = j.value ->> 3 FROM json_each(?) j
WHERE lead = j.value ->> 0 AND journey = j.value ->> 1 AND left_at IS NULL
"""
_STEP: Final = Insert(
    "journey_steps (lead, journey, step, arrived_at, left_at, outcome)",
    6,
)
_ASSIGNMENT: Final = Insert(
    """assignments (lead, at, event, type, owner, team, pool, rule, reason, tried, considered,
    "by")""",
    12,
)
_TRANSITION: Final = Insert(
    """transitions (lead, at, "from", "to", reason, rule, event, "by")""",
    8,
)
_MOVED_SINCE: Final = """
DELETE FROM transitions WHERE lead = ?1
AND event IN (SELECT id FROM events WHERE lead = ?1 AND seq > ?2)
"""
_GRADE: Final = Insert(
    """grade_changes (lead, at, model, "from", "to", score, reason, event, "by")""",
    9,
)
_CLOCK: Final = Insert(
    "clocks (lead, clock, started_at, sla, due, status, ended_at)",
    7,
    """
ON CONFLICT (lead, started_at, clock) DO UPDATE SET sla = excluded.sla, due = excluded.due,
    status = excluded.status, ended_at = excluded.ended_at
""",
)
_SPLIT: Final = Insert(
    "splits (journey, step, lead, variant, at)",
    5,
    "ON CONFLICT (journey, step, lead) DO NOTHING",
)
_TIMERS_GONE: Final = "DELETE FROM timers WHERE lead IN (SELECT value FROM json_each(?))"
_TIMER_GONE: Final = """
DELETE FROM timers WHERE (lead, name) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))
"""
_TIMER: Final = Insert(
    "timers (lead, name, due)",
    3,
    """
ON CONFLICT (lead, name) DO UPDATE SET due = excluded.due
""",
)
_PASSED: Final = "passed"  # a step that did not wait for anything


def transition(lead: str, event: str | None, by: str | None, each: Happening) -> Row:
    """Return the row of a move from one stage to another."""
    get = each.data.get
    return lead, each.at, get("from"), get("to"), get("reason"), get("rule"), event, by


def move_anew(connection: sqlite3.Connection, lead: str, seq: int, moves: list[Row]) -> None:
    """Let ``moves`` be what a lead has gone through since the event ``seq``."""
    connection.execute(_MOVED_SINCE, (lead, seq))
    _TRANSITION.write(connection, moves)
    arrivals.measure(connection, len(moves))


class ProjectionRows:
    """The rows of one transaction's decisions; give them in the order of their making."""

    def __init__(self) -> None:
        self._enrolments: dict[Row, Row] = {}
        self._steps: list[list[Any]] = []
        self._open: dict[tuple[str, str], list[Any]] = {}
        self._steps_left: dict[tuple[str, str], Row] = {}
        self._outcomes: dict[tuple[str, str], str] = {}
        self._assignments: list[Row] = []
        self._transitions: list[Row] = []
        self._grades: list[Row] = []
        self._clocks: dict[Row, Row] = {}
        self._splits: list[Row] = []

    def decided(self, before: Lead | None, event: Event, decision: Decision) -> None:
        """Add what a decision changed in its lead, which was ``before``; None: it is new."""
        lead = decision.lead
        for happening in decision.happenings:
            if event.type != UNMERGED or happening.kind != "stage":  # `move_anew` has told these
                self.happened(lead.id, event.id, event.by, happening)
        if before is None:
            before = Lead(lead.id, lead.created_at, lead.created_at)
        if lead.journeys is not before.journeys:
            self._enrolled(before, event, decision)
        if lead.assignment is not None and lead.assignment is not before.assignment:
            self._assigned(lead, event)
        if lead.clocks is not before.clocks:
            self._clocked(before, decision)

    def happened(self, lead: str, event: str | None, by: str | None, each: Happening) -> None:
        """Add what one happening tells of stages, grades and steps."""
        get = each.data.get
        if each.kind == "stage":
            self._transitions.append(transition(lead, event, by, each))
        elif each.kind == "grade":
            said = get("model"), get("from"), get("to"), get("score")
            self._grades.append((lead, each.at, *said, None, event, by))
        elif each.kind == "grade_override":
            override = None, None, get("to"), None, get("reason")
            self._grades.append((lead, each.at, *override, event, get("by")))
        elif "journey" in each.data:
            self._stepped((lead, each.data["journey"]), each)

    def _stepped(self, who: tuple[str, str], each: Happening) -> None:
        """Open and close the rows of steps; a row of an earlier transaction is closed in place."""
        if each.kind == "journey_heard":
            self._outcomes[who] = f"heard {each.data.get('event')}"
        elif each.kind == "journey_wait_over":
            self._outcomes[who] = each.data.get("reason", "time")
        elif each.kind == "journey_split":
            self._dealt(who, each)
        elif each.kind == "journey_step":
            self._close(who, each.at, _PASSED)
            self._open[who] = row = [*who, each.data.get("step"), each.at, None, None]
            self._steps.append(row)
        elif each.kind == "journey_left":
            self._close(who, each.at, str(each.data.get("reason")))

    def _dealt(self, who: tuple[str, str], each: Happening) -> None:
        """Note a variant that was dealt by weight; after the decision there is no test any more."""
        data = each.data
        self._outcomes[who] = str(data["variant"])
        if data["how"] in ("weight", "holdout"):
            lead, journey = who
            self._splits.append((journey, data["step"], lead, data["variant"], each.at))

    def _close(self, who: tuple[str, str], at: int, otherwise: str) -> None:
        outcome = self._outcomes.pop(who, otherwise)
        row = self._open.pop(who, None)
        if row is None:
            self._steps_left.setdefault(who, (*who, at, outcome))
        else:
            row[4:6] = at, outcome

    def _enrolled(self, before: Lead, event: Event, decision: Decision) -> None:
        """Add enrolments that changed, those among them that began and ended at once."""
        lead = decision.lead
        current = {name: each for name, each in before.journeys.items() if each.left_at is None}
        for happening in decision.happenings:
            name = happening.data.get("journey", "")
            if happening.kind == "journey_entered":
                current[name] = Enrolment(
                    name, happening.at, None, happening.at, entered_by=event.id
                )
            elif happening.kind == "journey_left" and name in current:
                self._enrolment(lead.id, _ended(current.pop(name), happening))
        for name, enrolment in lead.journeys.items():
            if before.journeys.get(name) is not enrolment:
                self._enrolment(lead.id, enrolment)

    def _enrolment(self, lead: str, each: Enrolment) -> None:
        key = lead, each.journey, each.entered_at, each.entered_by
        self._enrolments[key] = (*key, each.step, each.arrived_at, each.left_at, each.reason)

    def _assigned(self, lead: Lead, event: Event) -> None:
        answer = lead.assignment
        assert answer is not None
        self._assignments.append(
            (
                *(lead.id, answer.at, event.id, event.type, answer.owner, answer.team),
                *(answer.pool, answer.rule, answer.reason),
                *(to_json(answer.tried), to_json(answer.considered), event.by),
            )
        )

    def _clocked(self, before: Lead, decision: Decision) -> None:
        """Add clocks that changed; those that a new assignment replaced were stopped by it."""
        lead = decision.lead
        ends = [each.at for each in decision.happenings if each.kind == "sla_stopped"]
        for name, clock in before.clocks.items():
            now = lead.clocks.get(name)
            if clock.status in ("running", "paused") and (
                now is None or now.started_at != clock.started_at
            ):
                at = max(ends, default=lead.updated_at)
                self._clock(lead.id, name, replace(clock, status="stopped", ended_at=at))
        for name, clock in lead.clocks.items():
            if before.clocks.get(name) is not clock:
                self._clock(lead.id, name, clock)

    def _clock(self, lead: str, name: str, each: Clock) -> None:
        key = lead, name, each.started_at
        self._clocks[key] = (*key, each.sla, each.due, each.status, each.ended_at)

    def write(self, target: Target) -> None:
        """Write everything within the caller's transaction."""
        if self._steps_left:  # before the steps that come next
            target.execute(_STEP_LEFT, (to_json(list(self._steps_left.values())),))
        for statement, values in (
            (_ENROLMENT, list(self._enrolments.values())),
            (_STEP, self._steps),
            (_ASSIGNMENT, self._assignments),
            (_TRANSITION, self._transitions),
            (_GRADE, self._grades),
            (_CLOCK, list(self._clocks.values())),
            (_SPLIT, self._splits),
        ):
            statement.write(target, values)

    @property
    def turned(self) -> set[str]:
        """The leads of whom somebody's turn began, or went on with another clock."""
        assigned = {row[0] for row in self._assignments}
        return assigned | {row[0] for row in self._clocks}

    @property
    def dealt(self) -> set[str]:
        """The leads that a split dealt to a variant."""
        return {row[2] for row in self._splits}

    @property
    def transitions(self) -> int:
        """How many stages were entered."""
        return len(self._transitions)


def _ended(enrolment: Enrolment, left: Happening) -> Enrolment:
    return replace(enrolment, step=None, left_at=left.at, reason=left.data.get("reason"))


def write_timers(target: Target, leads: Iterable[Lead], stored: Mapping[str, Lead]) -> None:
    """Write the deadlines that changed; of a lead that is not ``stored`` all of them."""
    whole: list[str] = []
    gone: list[tuple[str, str]] = []
    due: list[Row] = []
    for lead in leads:
        before = stored.get(lead.id)
        old = before.timers if before is not None else {}
        if before is None:
            whole.append(lead.id)
        elif old == lead.timers:
            continue
        gone += ((lead.id, name) for name in old if name not in lead.timers)
        due += ((lead.id, name, at) for name, at in lead.timers.items() if old.get(name) != at)
    for statement, keys in ((_TIMERS_GONE, whole), (_TIMER_GONE, gone)):
        if keys:
            target.execute(statement, (to_json(keys),))
    _TIMER.write(target, due)
