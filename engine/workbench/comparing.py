"""What differs between old and new rules, as people at a terminal and pull requests read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from engine.language.instants import format_instant
from engine.machines.state import Number
from engine.workbench.backtest import Backtest, Change, Move
from engine.workbench.expected_changes import Failure
from engine.workbench.plan import Plan, Shift

_MOVES: Final = 10  # of each kind; JSON has all
_TITLES: Final = {"grade": "Grades", "stage": "Stages", "owner": "Owners"}


class Section(msgspec.Struct, frozen=True):
    """One kind of figures: those that differ, and the leads that would stand elsewhere."""

    title: str
    told: str
    changes: Sequence[Change] = ()
    moves: Sequence[Move] = ()
    lines: Sequence[str] = ()


def of_backtest(made: Backtest, failed: Sequence[Failure], limits: int) -> list[Section]:
    """Return what a backtest tells."""
    sections = [*_counts(made), *_standings(made), _together(made)]
    if limits:
        told = f"{limits - len(failed)} hold, {len(failed)} do not"
        lines = [f"{each.limit.source}: {each}" for each in failed]
        sections.append(Section("Expectations", told, lines=lines))
    return sections


def of_plan(plan: Plan) -> list[Section]:
    """Return what a plan tells: what becomes of the leads, then what is to come."""
    made, moved = plan.made, sum(each.leads for each in plan.steps)
    leads = made.leads
    deadlines = [_shift(each) for each in plan.deadlines]
    told = f"{len(deadlines)} kinds otherwise" if deadlines else "all as before"
    return [
        *_standings(made),
        Section("Steps of journeys", _moved(moved, leads), moves=plan.steps),
        Section("Deadlines", told, lines=deadlines),
        *_counts(made),
        _together(made),
    ]


def backtest_head(made: Backtest) -> list[str]:
    """Return what was played."""
    days = f"{_day(made.since)} to {_day(made.until)}" if made.events else "nothing came in"
    return [f"Backtest: {made.events} events of {made.leads} leads, {days}", _rules(made)]


def plan_head(plan: Plan) -> list[str]:
    """Return what was looked at."""
    made = plan.made
    ahead = f"looked ahead to {_day(made.until)}, in which nobody does anything"
    return [f"Plan: {made.leads} leads as of {_day(made.since)}, {ahead}", _rules(made)]


def text(head: Sequence[str], sections: Iterable[Section]) -> Iterator[str]:
    """Yield the lines for a terminal."""
    yield from head
    for each in sections:
        yield ""
        yield f"{each.title}: {each.told}"
        yield from (f"  {_line(change)}" for change in each.changes)
        yield from (f"    {_move(move)}" for move in each.moves[:_MOVES])
        yield from (f"  {line}" for line in each.lines)


def markdown(head: Sequence[str], sections: Iterable[Section]) -> Iterator[str]:
    """Yield the lines of a comment on a pull request."""
    yield f"### {head[0]}"
    yield ""
    yield from head[1:]
    for each in sections:
        yield ""
        yield f"**{each.title}**: {each.told}"
        yield from _table(each)
        listed = [*map(_move, each.moves[:_MOVES]), *each.lines]
        if listed:
            yield ""
            yield from (f"- {_cell(line)}" for line in listed)


def _counts(made: Backtest) -> Iterator[Section]:
    for title, changes in (
        ("Scoring rules fired", made.rules),
        ("Points given by", made.points),
        ("Routing rules", made.routes),
        ("Journeys entered", made.journeys),
        ("Messages", made.sends),
    ):
        yield Section(title, _others(changes), _differing(changes))


def _standings(made: Backtest) -> Iterator[Section]:
    for name, standing in made.standings.items():
        told = _moved(standing.moved, made.leads)
        yield Section(_TITLES[name], told, _differing(standing.counts), standing.moves)


def _together(made: Backtest) -> Section:
    changes = [made.total, made.busiest, made.tasks]
    return Section("Together", _others(changes), _differing(changes))


def _differing(changes: Sequence[Change]) -> list[Change]:
    return [each for each in changes if each.old != each.new]


def _others(changes: Sequence[Change]) -> str:
    differing, whole = len(_differing(changes)), len(changes)
    return f"{differing} of {whole} otherwise" if differing else f"all {whole} as before"


def _moved(moved: int, leads: int) -> str:
    return f"{moved} of {leads} leads would stand elsewhere" if moved else "nobody moves"


def _day(instant: int) -> str:
    return format_instant(instant)[:10]


def _rules(made: Backtest) -> str:
    return f"rules {made.old[:12]} (old) and {made.new[:12]} (new)"


def _line(change: Change) -> str:
    return f"{change.name or '(none)'}: {_told(change.old)} → {_told(change.new)}{_more(change)}"


def _told(count: Number | None) -> str:
    return "not there" if count is None else str(count)


def _more(change: Change) -> str:
    if change.old is None or change.new is None:
        return ""
    return f" ({change.new - change.old:+})"


def _move(move: Move) -> str:
    who = ", ".join(move.examples)
    more = ", ..." if move.leads > len(move.examples) else ""
    return f"{move.old or '(none)'} → {move.new or '(none)'}: {move.leads} ({who}{more})"


def _shift(shift: Shift) -> str:
    counts = {name: getattr(shift, name) for name in ("anew", "gone", "sooner", "later")}
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"{shift.name}: {told}"


def _table(section: Section) -> Iterator[str]:
    if section.changes:
        yield ""
        yield f"| {section.title} | old | new |"
        yield "|---|---:|---:|"
    for each in section.changes:
        yield f"| {_cell(each.name) or '(none)'} | {_told(each.old)} | {_told(each.new)} |"


def _cell(name: str) -> str:
    """Return text that Markdown shows as it is: names are what people wrote."""
    for sign in "\\`*_[]<>|#":
        name = name.replace(sign, f"\\{sign}")
    return name
