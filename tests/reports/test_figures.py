"""Every figure of the reports against a calculation of its own, over what `export` gives.

Nothing here reads the tables of the reports: the calculation has exported rows only.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest

from engine.store.listing import Wanted, find_leads
from tests.reports.conftest import NOW, World

ZONE = ZoneInfo("Asia/Shanghai")
SPANS = (("2000-01-01", "2099-12-31"), ("2026-07-25", "2026-07-31"), ("2026-09-01", "2026-09-30"))
WAY = (
    "new",
    "nurturing",
    "mql",
    "assigned",
    "contacted",
    "qualified",
    "proposal",
    "negotiation",
    "won",
)
MILESTONES = {"mql": "mql", "sql": "assigned", "opportunity": "qualified", "won": "won"}


def ms(text: str) -> int:
    """An instant as milliseconds."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def midnight(day: str, later: int = 0) -> int:
    """Where a day begins in China."""
    whole = date.fromisoformat(day) + timedelta(days=later)
    return ms(datetime(whole.year, whole.month, whole.day, tzinfo=ZONE).isoformat())


class Story:
    """The leads as the exported rows tell of them, merged ones as one."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.into = {
            e["properties"]["absorbed"]: e["lead_id"]
            for e in world.exported["events"]
            if e["type"] == "lead_merged" and "absorbed" in e["properties"]
        }
        self.leads: dict[str, dict[str, Any]] = {}
        for lead in world.exported["leads"]:
            self.leads[lead["id"]] = {
                "at": ms(lead["created_at"]),
                "source": lead["source"] or "",
                "stage": lead["stage"],
                "grade": lead["grade"],
            }
        for gone in world.exported["forgotten"]:
            self.leads[gone["id"]] = {
                "at": ms(gone["created_at"]), "source": gone["source"], "stage": gone["stage"],
                "grade": None,
            }  # fmt: skip
        self.entries: dict[str, dict[str, int]] = defaultdict(dict)
        for row in world.exported["transitions"]:
            known = self.entries[self.now(row["lead"])]
            known[row["to"]] = min(known.get(row["to"], 2**60), ms(row["at"]))
        self.bots = [e for e in world.exported["events"] if e["bot"]]
        self.events = [e for e in world.exported["events"] if not e["bot"]]

    def now(self, lead: str) -> str:
        """Which lead it is after merges."""
        while lead in self.into:
            lead = self.into[lead]
        return lead

    def furthest(self, lead: str) -> int:
        """How far along the way it came."""
        known = {*self.entries[lead], self.leads[lead]["stage"]}
        return max((i for i, stage in enumerate(WAY) if stage in known), default=0)

    def made(self, since: int, until: int) -> list[str]:
        """The leads made then."""
        return [id for id, lead in self.leads.items() if since <= lead["at"] < until]

    def deals(self) -> list[tuple[str, int, Decimal]]:
        """Every sale: lead, instant, amount."""
        return [
            (e["lead_id"], ms(e["at"]), Decimal(str(e["properties"].get("amount") or 0)))
            for e in self.events
            if e["type"] in ("opportunity_won", "order_placed")
        ]


@pytest.fixture(scope="module")
def story(world: World) -> Story:
    """What happened, by the exported rows."""
    return Story(world)


def test_the_world_has_all_that_goes_wrong(story: Story, world: World) -> None:
    """There are merges, forgotten people, late events and stages entered again, so they count."""
    assert len(story.into) >= 5
    assert len(world.exported["forgotten"]) >= 3
    again = Counter((row["lead"], row["to"]) for row in world.exported["transitions"])
    assert max(again.values()) > 1
    ats = [ms(e["at"]) for e in world.exported["events"]]
    assert ats != sorted(ats)
    assert len(story.deals()) > 20


@pytest.mark.parametrize("span", SPANS)
def test_sources_by_creation(story: Story, world: World, span: tuple[str, str]) -> None:
    """Leads, milestones, conversion and revenue of each source are those counted by hand."""
    since, until = midnight(span[0]), midnight(span[1], 1)
    report = world.report("sources", **{"from": span[0], "to": span[1]})
    made = story.made(since, until)
    found = {row.cells["source"] or "": row.cells for row in report.tables[0].rows}
    by_source: dict[str, list[str]] = defaultdict(list)
    for lead in made:
        by_source[story.leads[lead]["source"]].append(lead)
    assert {s: c["leads"] for s, c in found.items() if c["leads"]} == {
        s: len(leads) for s, leads in by_source.items()
    }
    for source, leads in by_source.items():
        for name, stage in MILESTONES.items():
            reached = sum(story.furthest(lead) >= WAY.index(stage) for lead in leads)
            assert found[source][name] == reached, (source, name)
        won = sum(story.furthest(lead) >= WAY.index("won") for lead in leads)
        assert found[source]["conversion"] == won / len(leads)
        revenue = sum((a for lead, _, a in story.deals() if lead in set(leads)), Decimal(0))
        assert Decimal(str(found[source]["revenue"])) == revenue


@pytest.mark.parametrize("span", SPANS)
def test_sources_by_event(story: Story, world: World, span: tuple[str, str]) -> None:
    """By event, a lead counts in the period in which it entered a stage for the first time."""
    since, until = midnight(span[0]), midnight(span[1], 1)
    query = {"from": span[0], "to": span[1], "cohort": "event"}
    found = {
        r.cells["source"] or "": r.cells for r in world.report("sources", **query).tables[0].rows
    }
    for name, stage in MILESTONES.items():
        counted = Counter(
            story.leads[lead]["source"]
            for lead, entries in story.entries.items()
            if lead in story.leads and since <= entries.get(stage, -1) < until
        )
        assert {s: c[name] for s, c in found.items() if c[name]} == dict(counted), name
    revenue: dict[str, Decimal] = defaultdict(Decimal)
    for lead, at, amount in story.deals():
        if since <= at < until:
            revenue[story.leads[lead]["source"]] += amount
    assert {s: Decimal(str(c["revenue"])) for s, c in found.items() if c["revenue"]} == dict(
        revenue
    )


@pytest.mark.parametrize("span", SPANS)
def test_costs_fall_on_their_days(story: Story, world: World, span: tuple[str, str]) -> None:
    """Amounts are spread over their days, prices counted by lead; CAC and ROI follow, to the cent."""
    since, until = midnight(span[0]), midnight(span[1], 1)
    report = world.report("sources", **{"from": span[0], "to": span[1]})
    rows = {row.cells["source"]: row.cells for row in report.tables[0].rows}
    made = story.made(since, until)

    def days(first: str, last: str) -> int:
        count = (date.fromisoformat(last) - date.fromisoformat(first)).days + 1
        return sum(since <= midnight(first, n) < until for n in range(count))

    def leads(source: str) -> list[str]:
        return [lead for lead in made if story.leads[lead]["source"] == source]

    white = midnight("2026-07-25"), midnight("2026-07-31", 1)
    expected = {
        "百度SEM": Fraction("98765.4") * days("2026-07-01", "2026-09-30") / 92,
        "官网表单": Fraction("12.5") * len(leads("官网表单")),
        "知乎白皮书": Fraction(150)
        * sum(white[0] <= story.leads[i]["at"] < white[1] for i in leads("知乎白皮书")),
    }
    for source, cost in expected.items():
        cells = rows[source]
        assert Fraction(str(cells["cost"])) == Fraction(round(cost * 100), 100)
        won = sum(story.furthest(lead) >= WAY.index("won") for lead in leads(source))
        wanted = None if not won else Fraction(round(cost / won * 100), 100)
        assert (None if cells["cac"] is None else Fraction(str(cells["cac"]))) == wanted
    general = Fraction(10000) * days("2026-08-01", "2026-08-31") / 31
    whole = round((sum(expected.values()) + general) * 100)
    assert Fraction(str(report.tables[0].total.cells["cost"])) == Fraction(whole, 100)


@pytest.mark.parametrize("span", SPANS)
def test_stages(story: Story, world: World, span: tuple[str, str]) -> None:
    """Each stage's leads, drop-off, present leads and stays are those counted by hand."""
    since, until = midnight(span[0]), midnight(span[1], 1)
    report = world.report("stages", **{"from": span[0], "to": span[1]})
    rows = {row.cells["stage"]: row.cells for row in report.tables[0].rows}
    made = story.made(since, until)
    reached = [sum(story.furthest(lead) >= i for lead in made) for i in range(len(WAY))]
    assert [rows[stage]["reached"] for stage in WAY] == reached
    assert [rows[s]["dropped"] for s in WAY[1:]] == [a - b for a, b in itertools.pairwise(reached)]
    now = Counter(story.leads[lead]["stage"] for lead in made)
    assert {s: c["now"] for s, c in rows.items() if c["now"]} == dict(now)
    stays: dict[str, list[int]] = defaultdict(list)
    before: dict[str, int] = {}
    for row in world.exported["transitions"]:
        if row["lead"].startswith("forgotten:"):
            continue
        at = ms(row["at"])
        if row["from"] is not None and row["lead"] in before and since <= at < until:
            stays[row["from"]].append(at - before[row["lead"]])
        before[row["lead"]] = at
    assert {s: c["stay"] for s, c in rows.items() if c["stay"] is not None} == {
        stage: sum(each) // len(each) for stage, each in stays.items()
    }


def test_who_is_stuck_is_named(story: Story, world: World) -> None:
    """Stuck is who stands in an open stage since more than stuck_after, the longest first."""
    report = world.report("stages", period="all")
    last: dict[str, int] = {}
    for row in world.exported["transitions"]:
        lead = story.now(row["lead"])
        if lead in story.leads and row["to"] == story.leads[lead]["stage"] and row["lead"] == lead:
            last[lead] = max(last.get(lead, 0), ms(row["at"]))
    final = {"new", "won", "lost", "invalid"}
    wanted = sorted(
        (at, lead)
        for lead, at in last.items()
        if not lead.startswith("forgotten:") and story.leads[lead]["stage"] not in final
        and NOW - at > 20 * 86_400_000
    )  # fmt: skip
    assert [row.cells["lead"] for row in report.tables[1].rows] == [lead for _, lead in wanted][:50]
    counted = Counter(story.leads[lead]["stage"] for _, lead in wanted)
    stuck = {row.cells["stage"]: row.cells["stuck"] for row in report.tables[0].rows}
    assert {stage: n for stage, n in stuck.items() if n} == dict(counted)


@pytest.mark.parametrize("span", SPANS)
def test_cycle(story: Story, world: World, span: tuple[str, str]) -> None:
    """The cycle is from the first call or visit to the first entry of the won stage."""
    since, until = midnight(span[0]), midnight(span[1], 1)
    report = world.report("cycle", **{"from": span[0], "to": span[1], "cohort": "event"})
    contact: dict[str, int] = {}
    for e in world.exported["events"]:
        if e["type"] in ("call_logged", "visit_logged"):
            contact[e["lead_id"]] = min(contact.get(e["lead_id"], 2**60), ms(e["at"]))
    wins = [
        (lead, entries["won"])
        for lead, entries in story.entries.items()
        if lead in story.leads and since <= entries.get("won", -1) < until
    ]
    cycles = sorted(at - contact[lead] for lead, at in wins if contact.get(lead, 2**60) <= at)
    figures = {each.key: each.value for each in report.figures}
    assert (figures["won"], figures["counted"]) == (len(wins), len(cycles))
    assert figures["cycle"] == (sum(cycles) // len(cycles) if cycles else None)
    assert figures["median"] == (cycles[(len(cycles) - 1) // 2] if cycles else None)


@pytest.mark.parametrize("span", SPANS)
def test_losses(world: World, span: tuple[str, str]) -> None:
    """Each reason counts as often as a lead was lost for it."""
    since, until = midnight(span[0]), midnight(span[1], 1)
    report = world.report("losses", **{"from": span[0], "to": span[1], "cohort": "event"})
    wanted = Counter(
        row["reason"]
        for row in world.exported["transitions"]
        if row["to"] == "lost" and since <= ms(row["at"]) < until
    )
    assert {row.cells["reason"]: row.cells["lost"] for row in report.tables[0].rows} == dict(wanted)


@pytest.mark.parametrize("span", SPANS)
def test_people(story: Story, world: World, span: tuple[str, str]) -> None:
    """Assignments, first contacts, deals, revenue and to-dos of everybody are counted by hand."""
    since, until = midnight(span[0]), midnight(span[1], 1)
    report = world.report("people", **{"from": span[0], "to": span[1]})
    rows = {row.cells["owner"]: row.cells for row in report.tables[0].rows}
    given = list(world.exported["assignments"])
    within = [a for a in given if a["owner"] and since <= ms(a["at"]) < until]
    assert {o: c["given"] for o, c in rows.items() if c["given"]} == dict(
        Counter(a["owner"] for a in within)
    )
    waits: dict[str, list[int]] = defaultdict(list)
    for i, a in enumerate(given):
        if a not in within:
            continue
        later = [ms(n["at"]) for n in given[i + 1 :] if n["lead"] == a["lead"]]
        end = min(later, default=2**60)
        calls = [
            ms(e["at"])
            for e in world.exported["events"]
            if e["type"] in ("call_logged", "visit_logged") and e["lead_id"] == a["lead"]
            and ms(a["at"]) <= ms(e["at"]) < end
        ]  # fmt: skip
        if calls:
            waits[a["owner"]].append(min(calls) - ms(a["at"]))
    assert {o: c["first_contact"] for o, c in rows.items() if c["first_contact"] is not None} == {
        owner: sum(each) // len(each) for owner, each in waits.items()
    }
    deals: dict[str, list[Decimal]] = defaultdict(list)
    for lead, at, amount in story.deals():
        if since <= at < until:
            owners = [a["owner"] for a in given if a["lead"] == lead and ms(a["at"]) <= at]
            if owners and owners[-1]:
                deals[owners[-1]].append(amount)
    assert {o: c["deals"] for o, c in rows.items() if c["deals"]} == {
        o: len(each) for o, each in deals.items()
    }
    assert {o: Decimal(str(c["revenue"])) for o, c in rows.items() if c["deals"]} == {
        o: sum(each) for o, each in deals.items()
    }
    owner_of = {lead["id"]: lead["owner"] for lead in world.exported["leads"]}
    tasks = Counter(
        t["owner"] or owner_of.get(t["lead"])
        for t in world.exported["tasks"]
        if since <= ms(t["created_at"]) < until
    )
    tasks.pop(None, None)
    assert {o: c["tasks"] for o, c in rows.items() if c["tasks"]} == dict(tasks)


@pytest.mark.parametrize("span", SPANS)
def test_nurture(story: Story, world: World, span: tuple[str, str]) -> None:
    """Opened and clicked count each lead once for a message, suspected scanners not at all."""
    since, until = midnight(span[0]), midnight(span[1], 1)
    report = world.report("nurture", **{"from": span[0], "to": span[1]})
    kinds = {"email_sent": "sent", "email_opened": "opened", "email_clicked": "clicked"}
    wanted: dict[tuple[str | None, str], set[str]] = defaultdict(set)
    for e in story.events:
        if e["type"] in kinds and since <= ms(e["at"]) < until:
            wanted[e["properties"].get("message"), kinds[e["type"]]].add(e["lead_id"])
    found = {
        (row.cells["message"], key): row.cells[key]
        for row in report.tables[0].rows
        for key in kinds.values()
        if row.cells[key]
    }
    assert found == {key: len(leads) for key, leads in wanted.items()}


def test_attribution(story: Story, world: World) -> None:
    """Each model credits all of the revenue; first, last, linear and 40-20-40 as by hand."""
    report = world.report("attribution", period="all")
    kinds = {"email_clicked": "email", "webinar_attended": "webinar", "event_attended": "event",
             "chat_started": "chat", "wecom_contact_added": "wecom"}  # fmt: skip
    touches: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for n, e in enumerate(story.events):
        source = e["lead"].get("source.name")
        if source or e["type"] in kinds:
            touches[e["lead_id"]].append((ms(e["at"]), n, source or kinds[e["type"]]))
    credit: dict[str, dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    for lead, at, amount in story.deals():
        before = [channel for when, _, channel in sorted(touches[lead]) if when <= at]
        channels = before or [story.leads[lead]["source"]]
        worth, n = Fraction(amount), len(channels)
        credit[channels[0]]["first"] += worth
        credit[channels[-1]]["last"] += worth
        for i, channel in enumerate(channels):
            credit[channel]["linear"] += worth / n
            ends = i in (0, n - 1)
            share = (
                Fraction(1, n) if n <= 2 else Fraction(2, 5) if ends else Fraction(1, 5 * (n - 2))
            )
            credit[channel]["position"] += worth * share
    for row in report.tables[0].rows:
        for model in ("first", "last", "linear", "position"):
            wanted = Fraction(round(credit[row.cells["channel"] or ""][model] * 100), 100)
            assert Fraction(str(row.cells[model])) == wanted


def test_grades(story: Story, world: World) -> None:
    """Each grade has the leads that have it now, and those of them that were won."""
    report = world.report("scores", period="all")
    alive = {row.cells["grade"]: row.cells for row in report.tables[0].rows}
    wanted = Counter(lead["grade"] for lead in world.exported["leads"])
    for grade, leads in wanted.items():
        assert alive[grade]["leads"] >= leads
    assert sum(c["leads"] for c in alive.values()) == len(story.leads)
    bands = sum(row.cells["leads"] for row in report.tables[1].rows)
    assert bands == len(world.exported["leads"])


def test_goals(story: Story, world: World) -> None:
    """A goal is measured in its own days, against as many before where it says so."""
    rows = {row.cells["goal"]: row.cells for row in world.report("goals").tables[0].rows}
    made = len(story.made(midnight("2026-07-20"), midnight("2026-08-20", 1)))
    assert (rows["many"]["value"], rows["many"]["progress"]) == (made, round(made / 250, 4))

    def won(first: str, last: str) -> int:
        span = midnight(first), midnight(last, 1)
        entries = (e for lead, e in story.entries.items() if lead in story.leads)
        return sum(span[0] <= e.get("won", -1) < span[1] for e in entries)

    assert rows["more"]["value"] == won("2026-09-01", "2026-09-30")
    assert rows["more"]["baseline"] == won("2026-08-02", "2026-08-31")
    assert rows["more"]["target"] == round(
        float(Fraction(rows["more"]["baseline"]) * Fraction(6, 5)), 6
    )


@pytest.mark.parametrize("cohort", ["created", "event"])
def test_every_number_opens_into_its_leads(world: World, cohort: str) -> None:
    """The leads that a figure's query finds are as many as the figure, the forgotten aside."""
    gone = len(world.exported["forgotten"])
    for name in ("sources", "stages"):
        report = world.report(name, period="all", cohort=cohort)
        for row in report.tables[0].rows:
            for key, query in row.leads.items():
                filters = {k: v or None for k, v in parse_qsl(query, keep_blank_values=True)}
                found = find_leads(world.reader._connection, Wanted(filters=filters), 100_000, None)
                assert 0 <= row.cells[key] - len(found.rows) <= gone, (name, key, query)
