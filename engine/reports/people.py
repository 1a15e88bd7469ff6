"""People and teams (销售与团队): the leader board, how soon leads are taken up, what is won."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Final

import msgspec

from engine.language.instants import format_instant
from engine.language.label import Text
from engine.reports import cycle, outcomes, sources
from engine.reports.asking import Given
from engine.reports.context import Context, in_currency, line, money, number, ratio, text, total
from engine.reports.shape import Column, Report, Row, Table, Value, Words
from engine.reports.statistics import mean

TITLE: Final = Words("销售与团队", "People")
GIVEN: Final = number(
    "given",
    "count",
    ("分配", "given"),
    ("期间内分配到此人的次数", "times a lead was given in the period"),
)
_ACCEPTED: Final = number(
    "accepted", "count", ("接单", "accepted"), ("期间内接单的次数", "leads accepted in the period")
)
_ACCEPTANCE: Final = number(
    "acceptance",
    "share",
    ("接单率", "acceptance"),
    ("接单 / (接单 + 拒单)", "accepted / (accepted + declined)"),
)
_CLAIMED: Final = number(
    "claimed", "count", ("领取", "claimed"), ("从公海池领取的次数", "leads claimed from pools")
)
_CONTACTED: Final = number(
    "contacted",
    "share",
    ("联系率", "contacted"),
    ("分配后有电话或拜访的 / 分配", "assignments followed by a call or visit / assignments"),
)
_FIRST: Final = number(
    "first_contact",
    "duration",
    ("首次联系用时", "first contact"),
    ("分配到首次电话或拜访的平均时长", "mean time from being given to the first call or visit"),
)
_SLA: Final = number(
    "sla",
    "share",
    ("时限达成率", "SLA kept"),
    ("按时的时限 / (按时 + 超时)", "clocks met / (met + breached), of leads given in the period"),
)
_TASKS: Final = number(
    "tasks", "count", ("任务", "to-dos"), ("期间内新建的任务", "to-dos made in it")
)
_DONE: Final = number(
    "done", "share", ("任务完成率", "to-dos done"), ("已完成任务 / 任务", "done / to-dos")
)
_LATE: Final = number(
    "late", "count", ("逾期任务", "late"), ("过期未完成或逾期完成的任务", "not done when due")
)
_DEALS: Final = number(
    "deals",
    "count",
    ("成交", "deals"),
    ("成交时负责人为此人的成交数", "sales of leads that were theirs at that time"),
)
_AVERAGE: Final = number(
    "average", "money", ("客单价", "average deal"), ("收入 / 成交数", "revenue / deals")
)


class Line(msgspec.Struct):
    """One person's figures; pairs are (hits, cases)."""

    teams: set[str] = msgspec.field(default_factory=set)
    given: int = 0
    accepted: int = 0
    declined: int = 0
    claimed: int = 0
    contacted: int = 0
    waited: int = 0
    met: int = 0
    breached: int = 0
    tasks: int = 0
    done: int = 0
    late: int = 0
    deals: int = 0
    revenue: Decimal = Decimal(0)
    cycles: list[int] = msgspec.field(default_factory=list)


def build(context: Context) -> Report:
    """Return the report without its head."""
    found = measured(context).items()
    lines = {name: each for name, each in found if _belongs(context, name, each)}
    teams: dict[str, list[str]] = {}
    for name, each in lines.items():
        for team in _teams_of(context, name) or each.teams:
            teams.setdefault(team, []).append(name)
    columns = _columns(context)
    named = [
        text("owner", "销售", "owner"),
        text("name", "姓名", "name"),
        text("team", "团队", "team"),
    ]
    rows = [
        _row(_who(context, name), each, _links(context, [name]))
        for name, each in _best(lines.items())
    ]
    together = {team: added(lines[name] for name in names) for team, names in teams.items()}
    by_team = [
        _row({"team": team, "name": _label(context, team)}, each, _links(context, teams[team]))
        for team, each in _best(together.items())
    ]
    labels = [text("team", "团队", "team"), text("name", "名称", "label")]
    tables = [
        Table(
            "people",
            Words("排行榜", "Leader board"),
            [*named, *columns],
            rows,
            None,
            "bar",
            "revenue",
        ),
        Table(
            "teams", Words("团队", "Teams"), [*labels, *columns], by_team, None, "bar", "revenue"
        ),
    ]
    return Report("people", TITLE, "", {}, tables=tables)


def measured(context: Context) -> dict[str, Line]:
    """Return each person's figures: of what happened in the period."""
    lines: dict[str, Line] = {}
    _of_leads(context, lines)
    figures, when = context.figures, context.when
    for owner, made, done, late in figures.tasks(when[0], when[1], context.question.now, when[2]):
        each = lines.setdefault(owner, Line())
        each.tasks += made
        each.done += done
        each.late += late
    # A sale is theirs who had the lead at that time, whoever has it now.
    everybody = msgspec.structs.replace(context.question, cohort="event", owners=None)
    event, wanted = context.asking(everybody), when[2]
    owners: dict[str, str] = {}
    sold: dict[str, list[int | float | None]] = defaultdict(list)
    for deal in outcomes.deals(event):
        if deal.owner is not None and (wanted is None or deal.owner in wanted):
            sold[deal.owner].append(deal.amount)
            owners[deal.lead] = deal.owner
    for owner, amounts in sold.items():
        each = lines.setdefault(owner, Line())
        each.deals, each.revenue = len(amounts), total(amounts)
    for win in cycle.won(event):
        if win.lead in owners and win.cycle is not None:
            lines[owners[win.lead]].cycles.append(win.cycle)
    return lines


def _of_leads(context: Context, lines: dict[str, Line]) -> None:
    figures, when = context.figures, context.when
    for owner, team, times, claims, contacted, waited, met, breached in figures.turns(*when):
        each = lines.setdefault(owner, Line())
        each.teams |= {team} if team else set()
        each.given += times
        each.claimed += claims
        each.contacted += contacted
        each.waited += waited or 0
        each.met += met
        each.breached += breached
    for owner, accepted, declined in figures.answered(*when):
        each = lines.setdefault(owner, Line())
        each.accepted, each.declined = accepted, declined


def added(lines: Iterable[Line]) -> Line:
    """Return the figures of several people together."""
    whole = Line()
    for each in lines:
        for name in msgspec.structs.asdict(each):
            if name == "teams":
                whole.teams |= each.teams
            else:
                setattr(whole, name, getattr(whole, name) + getattr(each, name))
    return whole


def _best(lines: Iterable[tuple[str, Line]]) -> list[tuple[str, Line]]:
    return sorted(lines, key=lambda each: (-each[1].revenue, -each[1].given, each[0]))


def _teams_of(context: Context, member: str) -> list[str]:
    teams = context.definitions.routing.teams
    return [t.id for t in teams.values() if any(each.id == member for each in t.members)]


def _belongs(context: Context, member: str, each: Line) -> bool:
    """Whether somebody is of the board: with any figure, or of a team that gets leads."""
    getting = {rule.team for rule in context.definitions.routing.rules}
    return each != Line() or not getting.isdisjoint(_teams_of(context, member))


def _label(context: Context, team: str) -> Text:
    found = context.definitions.routing.teams.get(team)
    return team if found is None else found.label or team


def _who(context: Context, member: str) -> dict[str, Value]:
    teams = context.definitions.routing.teams
    name = next((m.name for t in teams.values() for m in t.members if m.id == member), None)
    return {"owner": member, "name": name, "team": ", ".join(_teams_of(context, member)) or None}


def _columns(context: Context) -> list[Column]:
    currency = context.reporting.currency
    worth = [in_currency(each, currency) for each in (sources.REVENUE, _AVERAGE)]
    work = [_ACCEPTED, _ACCEPTANCE, _CLAIMED, _CONTACTED, _FIRST, _SLA, _TASKS, _DONE, _LATE]
    return [GIVEN, *work, _DEALS, *worth, cycle.CYCLE]


def _links(context: Context, people: list[str]) -> dict[str, str]:
    """Return what finds the leads of each column: those that were given to them, sold by them..."""
    ask = context.question.anybodys
    given = {turn: ask(given_to=people, turn=turn) for turn in ("claimed", "contacted", "met")}
    answers = ask(answered_by=people, answer="accepted")
    late = format_instant(context.question.now)
    sold: dict[str, Given] = {"bought": context.reporting.revenue, "sold_by": people}
    found = {
        "given": ask(given_to=people),
        "accepted": answers,
        "acceptance": answers,
        "claimed": given["claimed"],
        "contacted": given["contacted"],
        "first_contact": given["contacted"],
        "sla": given["met"],
        "tasks": ask(todo_of=people),
        "done": ask(todo_of=people, todo="done"),
        "late": ask(todo_of=people, late_at=late),
        **dict.fromkeys(("deals", "revenue", "average"), ask(**sold)),
    }
    won = context.reporting.milestones.get("won")
    if won is not None:
        found["cycle"] = ask(**sold, **context.question.entering(won), called_before=won)
    return found


def _row(who: dict[str, Value], each: Line, links: dict[str, str]) -> Row:
    cells: dict[str, Value] = {
        **who,
        "given": each.given,
        "accepted": each.accepted,
        "claimed": each.claimed,
        "first_contact": each.waited // each.contacted if each.contacted else None,
        "tasks": each.tasks,
        "late": each.late,
        "deals": each.deals,
        "revenue": money(each.revenue),
        "average": money(ratio(Fraction(each.revenue), each.deals)),
        "cycle": mean(each.cycles),
    }
    shares = {
        "acceptance": (each.accepted, each.accepted + each.declined),
        "contacted": (each.contacted, each.given),
        "sla": (each.met, each.met + each.breached),
        "done": (each.done, each.tasks),
    }
    return line(cells, shares, links)
