"""Every figure of every report once more, by pandas over what `leadrules export` gives."""

from __future__ import annotations

from collections import Counter, defaultdict
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import pandas as pd

from tests.reports.told import (
    CONTACTS,
    DAY,
    MILESTONES,
    ZONE,
    Asked,
    Share,
    Told,
    cents,
    chinese,
    midnight,
    within,
)

Cells = dict[str, Any]
EVER = Asked(-(2**62), 2**62, True)


class Answer(msgspec.Struct, frozen=True):
    """What a report must say: figures, rows and totals by table, (days, lines) by series."""

    figures: Cells = {}
    tables: dict[str, list[Cells]] = {}
    totals: dict[str, Cells] = {}
    series: dict[str, tuple[list[str], dict[str, list[Any]]]] = {}


# --- sources ---------------------------------------------------------------------------------


class Sum(NamedTuple):
    """What became of some leads, and what they cost."""

    leads: int
    reached: dict[str, int]
    revenue: Fraction
    cost: Fraction | None


def _cost(told: Told, cost: Cells, asked: Asked) -> Fraction:
    """What of a declared cost falls in the period."""
    first, last = cost.get("from"), cost.get("to")
    if "amount" in cost:
        days = (last - first).days + 1
        begin = pd.Series([midnight(first, n) for n in range(days)])
        begun = within(begin, asked) & (begin <= told.now)
        return Fraction(str(cost["amount"])) * int(begun.sum()) / days
    made = told.made(asked)
    made = made[made["source"] == cost["source"]]
    if first is not None:
        made = made[within(made["at"], Asked(midnight(first), midnight(last, 1), False))]
    return Fraction(str(cost["per_lead"])) * len(made)


def summed(told: Told, asked: Asked, costs: list[Cells], **having: str) -> Sum:
    """What became of the leads that have these values, at these costs."""

    def own(leads: pd.DataFrame) -> pd.DataFrame:
        for name, value in having.items():
            leads = leads[leads[name] == value]
        return leads

    leads, sold = own(told.leads), own(told.sold(asked))
    reached = {
        name: len(told.reached(stage, asked).intersection(leads.index))
        for name, stage in MILESTONES.items()
    }
    cost = sum((_cost(told, each, asked) for each in costs), Fraction(0)) if costs else None
    revenue = sum(map(Fraction, sold["amount"]), Fraction(0))
    return Sum(len(own(told.made(asked))), reached, revenue, cost)


def touched(told: Told, asked: Asked, *by: str) -> set[tuple[str, ...]]:
    """Every combination of values that has leads, entries or sales in the period."""
    made, sold = told.made(asked), told.sold(asked)
    frames = [made, sold]
    if asked.by_event:
        frames += [told.leads.loc[told.reached(each, asked)] for each in MILESTONES.values()]
    return {tuple(row) for frame in frames for row in frame[list(by)].itertuples(index=False)}


def priced(found: Sum) -> Cells:
    """What follows from a sum: rates and prices."""
    cost, won = found.cost, found.reached["won"]
    none = cost is None
    return {
        "leads": found.leads,
        **found.reached,
        "to_opportunity": Share(found.reached["opportunity"], found.leads),
        "conversion": Share(won, found.leads),
        "revenue": cents(found.revenue),
        "cost": cents(cost),
        "cost_per_lead": None if none or not found.leads else cents(cost / found.leads),
        "cac": None if none or not won else cents(cost / won),
        "roi": float(round((found.revenue - cost) / cost, 4)) if cost else None,
    }


def sources(told: Told, asked: Asked) -> Answer:
    """By source, and by campaign of a source."""
    costs = told.rules.reporting["costs"]
    keys = touched(told, asked, "source", "campaign")
    keys |= {(each["source"], each.get("campaign", "")) for each in costs if "source" in each}
    by_source, campaigns = [], []
    for source in {source for source, _ in keys}:
        own = [each for each in costs if each.get("source") == source]
        found = summed(told, asked, own, source=source)
        by_source.append({"source": source or None, **priced(found)})
        for campaign in {campaign for of, campaign in keys if of == source and campaign}:
            dear = [each for each in own if each.get("campaign") == campaign]
            found = summed(told, asked, dear, source=source, campaign=campaign)
            campaigns.append({"source": source, "campaign": campaign, **priced(found)})
    whole = priced(summed(told, asked, costs))
    dear = () if whole["cost"] is not None else ("cost", "cac", "roi")
    left_out = {"to_opportunity", "cost_per_lead", *dear}
    figures = {k: v for k, v in whole.items() if k not in left_out}
    return Answer(
        figures,
        {"sources": by_source, "campaigns": campaigns},
        {"sources": {"source": None, **whole}},
        _new_leads(told, asked),
    )


def _new_leads(told: Told, asked: Asked) -> dict[str, Any]:
    made = told.leads["at"]
    days, starts = _buckets(asked.since, min(max(made.max(), told.now) + 1, asked.until))
    if not days:
        return {}
    bounds = [*(max(start, asked.since) for start in starts), asked.until]
    values = [int(within(made, Asked(one, other, True)).sum()) for one, other in pairwise(bounds)]
    return {"leads": (days, {"leads": values})}


def _buckets(since: int, until: int) -> tuple[list[str], list[int]]:
    """Days, weeks or months, whichever suits, in which instants of the span can lie."""
    if until <= since:
        return [], []
    span = (until - since) // DAY
    first = pd.Timestamp(since, unit="ms", tz=ZONE).normalize()
    if span > 31:
        monday = first - pd.Timedelta(days=first.weekday())
        first = monday if span <= 400 else first.replace(day=1)
    every = "D" if span <= 31 else "W-MON" if span <= 400 else "MS"
    last = pd.Timestamp(until - 1, unit="ms", tz=ZONE)
    starts = pd.date_range(first, last, freq=every)
    return [f"{at:%Y-%m-%d}" for at in starts], [round(at.timestamp() * 1000) for at in starts]


# --- stages ----------------------------------------------------------------------------------


def stages(told: Told, asked: Asked) -> Answer:
    """How far leads came, how long they stayed, who is stuck."""
    rules, made = told.rules, told.made(asked)
    late = stuck(told, asked)
    rows = []
    for stage in rules.order:
        reached, at = (
            len(told.reached(stage, asked)),
            rules.way.index(stage) if stage in rules.way else 0,
        )
        before = len(told.reached(rules.way[at - 1], asked)) if at else None
        stays = _stays(told, asked, stage)
        rows.append({
            "stage": stage, "label": rules.labels[stage], "reached": reached,
            "share": Share(reached, len(made)),
            "passed": None if before is None else Share(reached, before),
            "dropped": None if before is None else before - reached,
            "now": int((made["stage"] == stage).sum()),
            "stay": sum(stays) // len(stays) if stays else None,
            "longest": max(stays, default=None),
            "stuck": int((late["stage"] == stage).sum()) if stage in rules.open else None,
        })  # fmt: skip
        if asked.by_event:
            del rows[-1]["dropped"]
    return Answer({}, {"stages": rows, "stuck": waiting(told, late[:50])})


def _stays(told: Told, asked: Asked, stage: str) -> list[int]:
    """How long each stay was that ended in the period; the forgotten have none."""
    moves = told.stages[~told.stages["lead"].str.startswith("forgotten:")]
    held = moves["at"] - moves.groupby("lead")["at"].shift()
    ended = (moves["from"] == stage) & held.notna() & within(moves["at"], asked)
    return [int(each) for each in held[ended]]


def stuck(told: Told, asked: Asked) -> pd.DataFrame:
    """The leads of the period that are stuck, the longest first."""
    made = told.made(asked)
    made = made[made["alive"] & made["stage"].isin(told.rules.open)]
    moves = told.stages[told.stages["lead"].isin(made.index)]
    moves = moves[moves["to"] == moves["lead"].map(made["stage"])]
    since = moves.groupby("lead")["at"].max()
    limit = int(told.rules.reporting["stuck_after"].removesuffix("d")) * DAY
    late = made.join(since.rename("entered"), how="inner")
    return late[told.now - late["entered"] > limit].rename_axis("id").sort_values(["entered", "id"])


def waiting(told: Told, late: pd.DataFrame) -> list[Cells]:
    """The rows that name who is stuck."""
    return [
        {
            "lead": id, "name": lead["name"], "company": lead["company"], "owner": lead["owner"],
            "stage": told.rules.labels[lead["stage"]], "waits": told.now - int(lead["entered"]),
        }
        for id, lead in late.iterrows()
    ]  # fmt: skip


# --- cycle -----------------------------------------------------------------------------------


def _wins(told: Told, asked: Asked) -> pd.DataFrame:
    """The leads won, with the instant and the time since the first call or visit."""
    won = told.first_entries("won").rename("won")
    wins = told.leads.join(won, how="inner")
    wins = wins[within(wins["won"] if asked.by_event else wins["at"], asked)]
    calls = told.events[told.events["type"].isin(CONTACTS)].groupby("lead")["at"].min()
    wins = wins.join(calls.rename("called"))
    wins["cycle"] = (wins["won"] - wins["called"]).where(wins["called"] <= wins["won"])
    return wins


def _cycle(wins: pd.DataFrame) -> Cells:
    cycles = sorted(int(each) for each in wins["cycle"].dropna())
    n = len(cycles)
    whole = [int(each) for each in wins["won"] - wins["at"]]
    return {
        "won": len(wins),
        "counted": n,
        "cycle": _mean(cycles),
        "median": cycles[(n - 1) // 2] if n else None,
        "slow": cycles[-(-9 * n // 10) - 1] if n else None,
        "whole": _mean(whole),
    }


def _mean(values: list[int]) -> int | None:
    return sum(values) // len(values) if values else None


def cycle(told: Told, asked: Asked) -> Answer:
    """How long sales took."""
    wins = _wins(told, asked)
    rows = [{"source": source or None, **_cycle(each)} for source, each in wins.groupby("source")]
    timed = wins[wins["cycle"].notna()]
    series = {}
    if len(timed):
        end = max(int(timed["won"].max()), told.now) + 1
        since = asked.since if asked.by_event else int(timed["won"].min())
        days, starts = _buckets(since, min(end, asked.until) if asked.by_event else end)
        found: dict[str, list[int]] = {day: [] for day in days}
        for at, took in zip(timed["won"], timed["cycle"], strict=True):
            found[days[sum(start <= at for start in starts) - 1]].append(int(took))
        lines = {
            "cycle": [_mean(each) for each in found.values()],
            "counted": [len(each) for each in found.values()],
        }
        series["cycle"] = days, lines
    return Answer(_cycle(wins), {"sources": rows}, {}, series)


# --- people ----------------------------------------------------------------------------------


def people(told: Told, asked: Asked) -> Answer:
    """What each salesperson and team did."""
    event = asked._replace(by_event=True)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    amounts: dict[str, list[Fraction]] = defaultdict(list)
    cycles: dict[str, list[int]] = defaultdict(list)
    teams: dict[str, set[str]] = defaultdict(set)
    _count_given(told, asked, counts, teams)
    _count_tasks(told, asked, counts)
    last: dict[str, str] = {}
    for deal in told.sold(event).itertuples():
        # An owner whom the other lead kept stands there now.
        owner = told.owner_at(deal.own, deal.at) or told.owner_at(deal.lead, deal.at)
        if owner is not None:
            counts[owner]["deals"] += 1
            amounts[owner].append(Fraction(deal.amount))
            last[deal.lead] = owner
    for lead, win in _wins(told, event).iterrows():
        if lead in last and pd.notna(win["cycle"]):
            cycles[last[lead]].append(int(win["cycle"]))
    names = {id: name for team in told.rules.teams.values() for id, name in team.items()}
    rows, by_team = [], defaultdict(list)
    getting = {rule["assign"].get("team") for rule in told.rules.routing["rules"]}
    for owner, count in counts.items():
        own = [team for team, members in told.rules.teams.items() if owner in members]
        if not any(count.values()) and getting.isdisjoint(own):
            continue
        for team in own or teams[owner]:
            by_team[team].append(owner)
        who = {"owner": owner, "name": names.get(owner), "team": ", ".join(own) or None}
        rows.append({**who, **_work(count, amounts[owner], cycles[owner])})
    together = []
    for team, owners in by_team.items():
        whole: Counter[str] = Counter()
        for owner in owners:
            whole.update(counts[owner])
        label = chinese(told.rules.routing["teams"].get(team, {}).get("label")) or team
        sold = [each for owner in owners for each in amounts[owner]]
        took = [each for owner in owners for each in cycles[owner]]
        together.append({"team": team, "name": label, **_work(whole, sold, took)})
    return Answer({}, {"people": rows, "teams": together})


def _count_given(
    told: Told, asked: Asked, counts: dict[str, Counter[str]], teams: dict[str, set[str]]
) -> None:
    calls = told.events[told.events["type"].isin(CONTACTS)]
    clocks = told.clocks
    given = told.given.reset_index(drop=True)
    for n, row in given[within(given["at"], asked) & given["owner"].notna()].iterrows():
        count = counts[row["owner"]]
        count["given"] += 1
        count["claimed"] += ":claim:" in row["event"]
        teams[row["owner"]] |= {row["team"]} if row["team"] else set()
        later = given[(given.index > n) & (given["lead"] == row["lead"])]["at"]
        end = later.min() if len(later) else 2**62
        whose = (calls["lead"] == row["lead"]) | (calls["own"] == row["lead"])
        own = calls[whose & (calls["at"] >= row["at"])]
        first = own[own["at"] < end]["at"].min()
        if pd.notna(first):
            count["contacted"] += 1
            count["waited"] += int(first - row["at"])
        # Clocks run from when it was told, which may be later.
        since = told.decided_at.get(row["event"], row["at"])
        started = clocks[(clocks["lead"] == row["lead"]) & (clocks["started_at"] == since)]
        count.update(started["status"])
    answers = told.events[within(told.events["at"], asked) & told.events["by"].notna()]
    for type in ("lead_accepted", "lead_declined"):
        turns = set[tuple[str, int]]()
        for answer in answers[answers["type"] == type].itertuples():
            counts[answer.by].update(())
            had = given[(given["lead"] == answer.lead) & (given["at"] <= answer.at)]
            if len(had) and had.iloc[-1]["owner"] == answer.by:
                turns.add((answer.by, int(had.index[-1])))
        for owner, _ in turns:
            counts[owner][type] += 1
    for owner in answers[answers["type"].isin(("lead_claimed", "lead_released"))]["by"]:
        counts[owner].update(())


def _count_tasks(told: Told, asked: Asked, counts: dict[str, Counter[str]]) -> None:
    made = told.tasks[within(told.tasks["created_at"], asked)]
    for task in made.itertuples():
        owner = task.owner or told.alive["owner"].get(task.lead)
        if owner is None or pd.isna(owner):
            continue
        counts[owner]["tasks"] += 1
        counts[owner]["done"] += task.status == "done" and task.completed_at is not None
        over = told.now if task.completed_at is None else task.completed_at
        counts[owner]["late"] += task.due is not None and over > task.due


def _work(count: Counter[str], sold: list[Fraction], cycles: list[int]) -> Cells:
    revenue = sum(sold, Fraction(0))
    met, answered = count["met"], count["lead_accepted"] + count["lead_declined"]
    return {
        "given": count["given"],
        "accepted": count["lead_accepted"],
        "acceptance": Share(count["lead_accepted"], answered),
        "claimed": count["claimed"],
        "contacted": Share(count["contacted"], count["given"]),
        "first_contact": count["waited"] // count["contacted"] if count["contacted"] else None,
        "sla": Share(met, met + count["breached"]),
        "tasks": count["tasks"],
        "done": Share(count["done"], count["tasks"]),
        "late": count["late"],
        "deals": count["deals"],
        "revenue": cents(revenue),
        "average": cents(revenue / len(sold)) if sold else None,
        "cycle": _mean(cycles),
    }
