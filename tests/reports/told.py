"""What happened to the leads of the world, as exported rows and the YAML tell of it.

Nothing here reads a table of the reports or uses what the engine made of the configuration.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd
import yaml

from engine.language.taxonomy import Taxonomy

ZONE = ZoneInfo("Asia/Shanghai")
DAY = 86_400_000
MILESTONES = {"mql": "mql", "sql": "assigned", "opportunity": "qualified", "won": "won"}
CONTACTS = ("call_logged", "visit_logged")
JOURNEYS = ("journeys", "journeys/subject")
SALES = ("opportunity_won", "order_placed")


class Share(NamedTuple):
    """A part of something, with what it is a part of."""

    hits: int
    cases: int


class Asked(NamedTuple):
    """A period, half-open in ms, of leads made in it or of what happened in it."""

    since: int
    until: int
    by_event: bool


def ms(text: str) -> int:
    """An instant as milliseconds."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def midnight(day: str | date, later: int = 0) -> int:
    """Where a day begins in China."""
    whole = date.fromisoformat(str(day)) + timedelta(days=later)
    return round(datetime(whole.year, whole.month, whole.day, tzinfo=ZONE).timestamp() * 1000)


def cents(amount: Fraction | Decimal | None) -> int | float | None:
    """Money as reports give it: to the cent, half a cent to the even one."""
    if amount is None:
        return None
    whole = round(Fraction(amount) * 100)
    return whole // 100 if whole % 100 == 0 else whole / 100


def share(hits: int, cases: int) -> float | None:
    """A part of the whole, None of nothing."""
    return hits / cases if cases else None


def chinese(label: Any) -> Any:
    """Return what a Chinese reader has of a label, as it is written in YAML."""
    return label["zh"] if isinstance(label, dict) else label


class Rules:
    """The configuration as plain YAML, and the names of the tree of sources."""

    def __init__(self, config: Path, tree: Taxonomy) -> None:
        self.folder, self.tree = config, tree
        self.stages = self._of("lifecycle")["stages"]
        self.routing = self._of("routing")
        self.reporting = self._of("reports")
        self.order = [stage["id"] for stage in self.stages]
        self.labels = {each["id"]: chinese(each.get("label")) or each["id"] for each in self.stages}
        final = [stage["id"] for stage in self.stages if stage.get("final")]
        self.way = self.order[: self.order.index(final[0]) + 1]
        self.open = [id for id in self.order[1:] if id not in final]
        self.teams = {
            id: {member["id"]: member["name"] for member in team["members"]}
            for id, team in self.routing["teams"].items()
        }

    def _of(self, name: str) -> Any:
        return yaml.safe_load((self.folder / f"{name}.yaml").read_text(encoding="utf-8"))

    def journeys(self) -> list[dict[str, Any]]:
        """All journeys, of both files."""
        return [each for name in JOURNEYS for each in self._of(name)["journeys"]]

    def places(self) -> Iterator[tuple[str, str, str]]:
        """Each rule's kind, id and the line where it stands."""
        files = ("scoring", "lifecycle", "routing", "routing", "journeys", "journeys/subject")
        kinds = ("rule", "stage", "route", "sla", "journey", "journey")
        lists = ("rules", "stages", "rules", "sla", "journeys", "journeys")
        for name, kind, key in zip(files, kinds, lists, strict=True):
            text = (self.folder / f"{name}.yaml").read_text(encoding="utf-8")
            for found, id, mark in _named(yaml.compose(text, yaml.SafeLoader)):
                if found == key:
                    place = f"{self.folder.name}/{name}.yaml:{mark.line + 1}:{mark.column + 1}"
                    yield kind, id, place


def _named(node: Any, key: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yield (the list it is in, id, mark) of everything with an id."""
    if isinstance(node, yaml.SequenceNode):
        for each in node.value:
            known = {k.value: v for k, v in each.value} if hasattr(each.value, "append") else {}
            if isinstance(each, yaml.MappingNode) and "id" in known:
                yield key, known["id"].value, each.start_mark
            yield from _named(each, key)
    elif isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            yield from _named(value, name.value)


class Told:
    """The exported rows as frames; leads that were merged are one with the lead they are now."""

    def __init__(self, exported: dict[str, list[dict[str, Any]]], rules: Rules, now: int) -> None:
        self.rules, self.now = rules, now
        self.into = {
            each["properties"]["absorbed"]: each["lead_id"]
            for each in exported["events"]
            if each["type"] == "lead_merged" and "absorbed" in each["properties"]
        }
        leads = pd.DataFrame(_leads(exported)).set_index("id")
        self.leads = leads.astype({"owner": object}).where(leads.notna(), None)
        self.alive = self.leads[self.leads["alive"]]
        self.events = pd.DataFrame(map(_event, exported["events"])).rename_axis("seq").reset_index()
        apart = [each["lead_id"] for each in exported["apart before"]]
        self.events["own"] = [*apart, *self.events["lead"][len(apart) :]]
        gone = self.events["lead"].str.startswith("forgotten:")
        self.events.loc[gone, "own"] = self.events["lead"]
        self.people = self.events[~self.events["bot"]]
        self.stages = _timed(exported["transitions"], "at")
        self.stages["now"] = self.stages["lead"].map(self.present)
        self.entries = self.stages.groupby(["now", "to"])["at"].min()
        self.entered = self.stages.groupby("now")["to"].agg(set)
        self.given = _timed(exported["assignments"], "at")
        self.tasks = _timed(exported["tasks"], "created_at", "due", "completed_at")
        self.clocks = _timed(exported["clocks"], "started_at", "ended_at")
        self.decided_at = {each["id"]: ms(each["decided_at"]) for each in exported["events"]}
        self.splits = _timed(exported["splits"], "at")
        self.enrolments = _timed(exported["enrolments"], "entered_at")
        self.enrolments["now"] = self.enrolments["lead"].map(self.present)
        firsts = {journey["id"]: journey["steps"][0]["id"] for journey in rules.journeys()}
        steps = pd.DataFrame(exported["journeys before"])
        self.decided = pd.DataFrame(map(_event, exported["events before"]))
        self.began = steps[steps["step"] == steps["journey"].map(firsts)]
        self.ledger = pd.DataFrame(exported["ledger"])
        self.furthest = self.leads.apply(self._furthest, axis=1)
        sales = self.people[self.people["type"].isin(SALES)]
        made = self.leads[["at", "source", "campaign", "kind"]].rename(columns={"at": "made"})
        self.deals = sales.sort_values(["at", "seq"]).join(made, on="lead", how="inner")

    def present(self, lead: str) -> str:
        """Which lead it is after merges."""
        while lead in self.into:
            lead = self.into[lead]
        return lead

    def _furthest(self, lead: pd.Series) -> int:
        way, known = self.rules.way, {lead["stage"], *self.entered.get(lead.name, ())}
        return max((way.index(stage) for stage in known if stage in way), default=0)

    def made(self, asked: Asked) -> pd.DataFrame:
        """The leads made in the period."""
        return self.leads[within(self.leads["at"], asked)]

    def first_entries(self, stage: str) -> pd.Series:
        """When each lead that there is entered a stage for the first time, by lead."""
        found = self.entries[self.entries.index.get_level_values("to") == stage]
        found = found.droplevel("to")
        return found[found.index.isin(self.leads.index)].rename_axis("id")

    def reached(self, stage: str, asked: Asked) -> pd.Index:
        """The leads that reached a stage, as the cohort has it."""
        way = self.rules.way
        if asked.by_event and stage != way[0]:
            first = self.first_entries(stage)
            return first[within(first, asked)].index
        made = self.made(asked)
        if stage not in way:
            return made[made["stage"] == stage].index
        return made[self.furthest.loc[made.index] >= way.index(stage)].index

    def sold(self, asked: Asked) -> pd.DataFrame:
        """The sales of the period's leads, or of the period."""
        when = self.deals["at"] if asked.by_event else self.deals["made"]
        return self.deals[within(when, asked)]

    def owner_at(self, lead: str, at: int) -> str | None:
        """Who had a lead then; ``lead`` is the one that it was before a merge."""
        before = self.given[(self.given["lead"] == lead) & (self.given["at"] <= at)]
        return None if before.empty else before["owner"].iloc[-1]


def within(instants: pd.Series, asked: Asked) -> pd.Series:
    """Which of the instants lie in the period."""
    return (instants >= asked.since) & (instants < asked.until)


def _timed(rows: list[dict[str, Any]], *instants: str) -> pd.DataFrame:
    found = pd.DataFrame([
        {**row, **{name: None if row[name] is None else ms(row[name]) for name in instants}}
        for row in rows
    ]).astype(object)  # fmt: skip
    found[instants[0]] = found[instants[0]].astype("int64")
    return found.where(found.notna(), None)


def _leads(exported: dict[str, list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    for lead in exported["leads"]:
        fields = lead["fields"]
        yield {
            "id": lead["id"], "at": ms(lead["created_at"]), "source": lead["source"] or "",
            "campaign": fields.get("source.utm_campaign") or "", "stage": lead["stage"],
            "kind": "/".join(fields[n] for n in ("source.channel", "source.kind") if n in fields),
            "grade": lead["grade"] or "", "score": lead["score"] or 0, "owner": lead["owner"],
            "name": fields.get("name"), "company": fields.get("company"), "alive": True,
        }  # fmt: skip
    for gone in exported["forgotten"]:
        yield {
            "id": gone["id"], "at": ms(gone["created_at"]), "source": gone["source"],
            "campaign": gone["campaign"], "stage": gone["stage"], "grade": gone["grade"],
            "kind": "/".join(gone["placed"].split("/")[:2]),
            "alive": False,
        }  # fmt: skip


def _event(event: dict[str, Any]) -> dict[str, Any]:
    said = event["properties"]
    return {
        "lead": event["lead_id"], "type": event["type"], "at": ms(event["at"]),
        "by": event.get("by"), "bot": event["bot"], "named": event["lead"].get("source.name"),
        "amount": Decimal(str(said.get("amount") or 0)), "rule": said.get("rule"),
        **{name: said.get(name) for name in ("message", "journey", "step")},
    }  # fmt: skip
