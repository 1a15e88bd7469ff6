"""Lists of leads: every filter in every order, by the way that few take and by that of many."""

from __future__ import annotations

import json
import random
from itertools import combinations
from typing import Any, Final

import pytest

from engine.machines.state import Decision, Event, Happening, Lead
from engine.store import listing
from engine.store.database import Store
from engine.store.listing import FILTERS, SORTS
from engine.store.reading import Reader
from engine.store.writing import Rows, write_leads

DAY: Final = 86_400_000
VALUES: Final[dict[str, tuple[str | None, ...]]] = {
    "grade": ("A", "C", None),
    "stage": ("new", "mql", "won"),
    "owner": ("li.na", "王伟", None),
    "team": ("east", None),
    "pool": ("public", None),
    "source": ("官网表单", "展会", None),
}
NAMES: Final = ("苏州金泰阀门", "上海阀门", "杭州云图科技")
TAGS: Final = ("VIP", "展会,华东", '说"急"')
BEHIND: Final[tuple[dict[str, Any], ...]] = (
    *({"tag": "VIP"}, {"tag": "展会,华东", "stage": "won"}, {"tag": '说"急"', "grade": "A"}),
    *({"tag": None}, {"tag": "VIP", "reached": '["mql"]'}),
    {"campaign": "spring"},
    {"campaign": "autumn", "stage": "won"},
    {"reached": '["mql"]'},
    {"reached": '["won","mql"]', "owner": "li.na"},
    {"entered": "mql"},
    {"entered": "mql", "entered_from": str(8 * DAY), "entered_to": str(20 * DAY)},
    {"created_from": str(5 * DAY), "created_to": str(25 * DAY), "grade": "A"},
)


def made(number: int, chance: random.Random) -> Lead:
    """A lead with a value of each filter, and the stages on its way."""
    facts: dict[str, Any] = {name: chance.choice(values) for name, values in VALUES.items()}
    facts["lead.source.name"] = facts.pop("source")
    facts["lead.source.utm_campaign"] = chance.choice(("spring", "autumn", None))
    facts |= {"lead.company": chance.choice(NAMES), "score.default.total": chance.randrange(5)}
    facts["lead.tags"] = chance.sample(TAGS, chance.randrange(4)) or None
    way = ("new", "mql", "won")[: 1 + ("new", "mql", "won").index(facts["stage"])]
    created = number * DAY // 2
    stages = {stage: created + step * DAY for step, stage in enumerate(way)}
    facts = {name: value for name, value in facts.items() if value is not None}
    return Lead(f"l{number:02}", created, chance.randrange(9) * DAY, facts=facts, stages=stages)


@pytest.fixture(params=[0, 1_000], ids=["as many", "as few"])
def leads(request: pytest.FixtureRequest, store: Store, monkeypatch: Any) -> dict[str, Lead]:
    """Sixty leads, taken for more than can be sorted, or for fewer."""
    monkeypatch.setattr(listing, "_FEW", request.param)
    chance = random.Random(8)
    found = [made(number, chance) for number in range(60)]
    rows = Rows()
    for lead in found:
        entered = [
            Happening(at, "stage", {"from": None, "to": stage, "reason": ""})
            for stage, at in lead.stages.items()
        ]
        event = Event(f"e-{lead.id}", "form_submitted", lead.created_at)
        rows.decided(event, Decision(lead, happenings=entered))
    with store.transaction() as connection:
        rows.write(connection)
        write_leads(connection, found, {}, "default", rows.linked)
    return {lead.id: lead for lead in found}


def fits(lead: Lead, filters: dict[str, Any], text: str | None) -> bool:
    """Whether a lead belongs into a list, told from its state."""
    get = lead.facts.get
    told = {name: get(name) for name in FILTERS} | {"source": get("lead.source.name")}
    checks = [told[name] == value for name, value in filters.items() if name in told]
    if "tag" in filters:
        tags = get("lead.tags", [])
        checks.append(filters["tag"] in tags if filters["tag"] else not tags)
    if "campaign" in filters:
        checks.append(get("lead.source.utm_campaign") == filters["campaign"])
    if "reached" in filters:
        checks.append(bool(lead.stages.keys() & set(json.loads(filters["reached"]))))
    if "created_from" in filters:
        since, until = int(filters["created_from"]), int(filters["created_to"])
        checks.append(since <= lead.created_at < until)
    if "entered" in filters:
        at = lead.stages.get(filters["entered"], -1)
        since, until = (
            int(filters.get(f"entered_{end}", n)) for end, n in (("from", 0), ("to", 1e15))
        )
        checks.append(since <= at < until)
    return all(checks) and (text is None or text in str(get("lead.company")))


def expected(
    leads: dict[str, Lead], filters: dict[str, Any], sort: str | None, text: str | None
) -> list[str]:
    """The ids that a list should have, in its order."""
    keys = {
        "updated": lambda lead: (lead.updated_at, lead.id),
        "created": lambda lead: (lead.created_at, lead.id),
        "score": lambda lead: (lead.facts["score.default.total"], lead.id),
    }
    key = keys[sort or ("updated" if text is None else "created")]
    found = [lead for lead in leads.values() if fits(lead, filters, text)]
    return [lead.id for lead in sorted(found, key=key, reverse=True)]


def listed(reader: Reader, limit: int, **asked: Any) -> list[str]:
    """The ids of all pages of a list."""
    page = reader.leads(limit=limit, **asked)
    found = [item["id"] for item in page.items]
    while page.next:
        page = reader.leads(limit=limit, cursor=page.next, **asked)
        found += [item["id"] for item in page.items]
    return found


def filterings() -> list[dict[str, Any]]:
    """No filter, each filter, each two, and those of reports."""
    one = [{name: value} for name, values in VALUES.items() for value in values]
    two = [{**a, **b} for a, b in combinations(one, 2) if a.keys() != b.keys()]
    return [{}, *one, *two, *BEHIND]


@pytest.mark.parametrize("text", [None, "阀门", "云图"])
def test_every_filter_leaves_what_it_says_in_every_order(
    leads: dict[str, Lead], reader: Reader, text: str | None
) -> None:
    """Each filter and each two of them, in each order, with a text and without."""
    for filters in filterings():
        for sort in (None, *SORTS):
            wanted = expected(leads, filters, sort, text)
            found = reader.leads(filters=filters, sort=sort, text=text, limit=100).items
            assert [item["id"] for item in found] == wanted, (filters, sort)


@pytest.mark.parametrize("text", [None, "阀门"])
def test_pages_of_every_list_go_on_where_the_last_one_ended(
    leads: dict[str, Lead], reader: Reader, text: str | None
) -> None:
    """No lead is left out or comes twice, whatever the size of the pages."""
    for filters in ({}, {"stage": "mql"}, {"owner": "li.na"}, {"pool": "public", "owner": None}):
        for sort in (None, *SORTS):
            wanted = expected(leads, filters, sort, text)
            assert listed(reader, 3, filters=filters, sort=sort, text=text) == wanted


def plans(reader: Reader, **asked: Any) -> list[str]:
    """What SQLite does for the last statement of a list."""
    connection, said = reader._connection, list[str]()
    connection.set_trace_callback(said.append)
    reader.leads(**asked)
    connection.set_trace_callback(None)
    return [row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {said[-1]}")]


@pytest.mark.parametrize("leads", [0], indirect=True)
def test_long_lists_are_walked_in_their_order_and_nothing_is_sorted(
    leads: dict[str, Lead], reader: Reader
) -> None:
    """Whatever the filters, many leads are read by the index of the order; nothing is sorted."""
    for filters in filterings():
        for sort in SORTS:
            plan = plans(reader, filters=filters, sort=sort)
            assert any(f"INDEX leads_{sort}" in step for step in plan), (filters, sort, plan)
            assert not any("TEMP B-TREE" in step for step in plan), (filters, sort, plan)


@pytest.mark.parametrize("leads", [1_000], indirect=True)
@pytest.mark.parametrize("name", ["owner", "pool", "stage", "source", "campaign", "entered", "tag"])
def test_few_leads_are_looked_up(leads: dict[str, Lead], reader: Reader, name: str) -> None:
    """What few leads have is no reason to walk a list."""
    value = {"campaign": "spring", "entered": "mql", "tag": "VIP"}.get(name) or VALUES[name][0]
    for sort in SORTS:
        plan = plans(reader, filters={name: value}, sort=sort)
        assert any("SEARCH l USING" in step and "(id=?)" in step for step in plan), plan
        assert not any("INDEX leads_" in step for step in plan), plan
