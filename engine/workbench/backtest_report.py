"""A backtest as people at a terminal, pull requests and programs read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from engine.language.instants import format_instant
from engine.machines.state import Number
from engine.workbench.backtest import Backtest, Change, Move
from engine.workbench.expected_changes import Failure

_MOVES: Final = 10  # of each kind; JSON has all
_TITLES: Final = {"grade": "Grades", "stage": "Stages", "owner": "Owners"}


def as_text(made: Backtest, failed: Sequence[Failure], limits: int) -> Iterator[str]:
    """Yield the lines of a report."""
    yield from _head(made)
    for title, changes in _counts(made):
        differing = [each for each in changes if each.old != each.new]
        yield ""
        yield f"{title}: {_others(len(differing), len(changes))}"
        yield from (f"  {_line(each)}" for each in differing)
    for name, standing in made.standings.items():
        yield ""
        yield f"{_TITLES[name]}: {_moved(standing.moved, made.leads)}"
        yield from (f"  {_line(each)}" for each in standing.counts if each.old != each.new)
        yield from (f"    {_move(each)}" for each in standing.moves[:_MOVES])
    yield ""
    yield from (_line(each) for each in (made.total, made.busiest, made.tasks))
    yield from _expected(failed, limits)


def as_markdown(made: Backtest, failed: Sequence[Failure], limits: int) -> Iterator[str]:
    """Yield the lines of a comment on a pull request."""
    head, *rest = _head(made)
    yield f"### {head}"
    yield ""
    yield " ".join(rest)
    for title, changes in [*_counts(made), ("Together", _together(made))]:
        differing = [each for each in changes if each.old != each.new]
        yield ""
        yield f"**{title}**: {_others(len(differing), len(changes))}"
        yield from _table(title, differing)
    for name, standing in made.standings.items():
        yield ""
        yield f"**{_TITLES[name]}**: {_moved(standing.moved, made.leads)}"
        yield from _table(name, [each for each in standing.counts if each.old != each.new])
        if standing.moves:
            yield ""
            yield from (f"- {_cell(_move(each))}" for each in standing.moves[:_MOVES])
    yield from (f"- {_cell(line)}" if line else line for line in _expected(failed, limits))


def _head(made: Backtest) -> Iterator[str]:
    days = f"{format_instant(made.since)[:10]} to {format_instant(made.until)[:10]}"
    days = days if made.events else "nothing came in"
    yield f"Backtest: {made.events} events of {made.leads} leads, {days}"
    yield f"rules {made.old[:12]} (old) and {made.new[:12]} (new)"


def _counts(made: Backtest) -> list[tuple[str, list[Change]]]:
    return [
        ("Scoring rules fired", made.rules),
        ("Points given by", made.points),
        ("Routing rules", made.routes),
        ("Journeys entered", made.journeys),
        ("Messages", made.sends),
    ]


def _together(made: Backtest) -> list[Change]:
    return [made.total, made.busiest, made.tasks]


def _others(differing: int, whole: int) -> str:
    return f"{differing} of {whole} otherwise" if differing else f"all {whole} as before"


def _moved(moved: int, leads: int) -> str:
    return f"{moved} of {leads} leads would stand elsewhere" if moved else "nobody moves"


def _line(change: Change) -> str:
    return f"{change.name or '(none)'}: {_told(change.old)} → {_told(change.new)}{_more(change)}"


def _told(count: Number | None) -> str:
    return "not there" if count is None else str(count)


def _more(change: Change) -> str:
    if change.old is None or change.new is None or change.old == change.new:
        return ""
    return f" ({change.new - change.old:+d})"


def _move(move: Move) -> str:
    who = ", ".join(move.examples)
    more = ", ..." if move.leads > len(move.examples) else ""
    return f"{move.old or '(none)'} → {move.new or '(none)'}: {move.leads} ({who}{more})"


def _table(title: str, changes: Iterable[Change]) -> Iterator[str]:
    rows = [f"| {_cell(c.name) or '(none)'} | {_told(c.old)} | {_told(c.new)} |" for c in changes]
    if rows:
        yield ""
        yield f"| {title} | old | new |"
        yield "|---|---:|---:|"
        yield from rows


def _cell(text: str) -> str:
    """Return text that Markdown shows as it is: names are what people wrote."""
    for sign in "\\`*_[]<>|#":
        text = text.replace(sign, f"\\{sign}")
    return text


def _expected(failed: Sequence[Failure], limits: int) -> Iterator[str]:
    if limits:
        yield ""
        yield f"Expectations: {limits - len(failed)} hold, {len(failed)} do not"
        yield from (f"  {each.limit.source}: {each}" for each in failed)
