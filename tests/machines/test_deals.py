"""Opportunities and contracts: facts of the lead, a record, and what rules make of them (NUR-14)."""

from __future__ import annotations

import re
from pathlib import Path

from engine.language.instants import DAY, HOUR
from engine.machines.people.deals import record
from engine.machines.state import STALE, Event
from tests.docs.pages import DOCS, blocks
from tests.play import START, Play, rules

ROUTING = """
teams: {east: {members: [{id: 陈静}]}}
rules: [{id: all, when: {lead.city: 上海}, assign: {team: east}}, {id: rest, assign: {pool: public}}]
pools:
  public:
    recycle: [{id: contract-over, when: {lead.contract_ends_on: {older_than: 30d}}}]
"""


def game(folder: Path) -> Play:
    """A lead of the journeys that routing.md shows, and one that routes."""
    text = next(
        block.text
        for block in blocks(DOCS / "rules" / "routing.md")
        if "id: slipping" in block.text
    )
    own = "  - {id: r, enter: {event: trial_requested}, steps: [{id: go, route: {}}]}\n"
    return Play(rules(folder, routing=ROUTING, journeys=re.sub(r"^#.*\n", "", text) + own))


def facts(play: Play) -> dict[str, object]:
    """What rules read of the opportunity."""
    head = "lead.opportunity."
    return {k.removeprefix(head): v for k, v in play.lead.facts.items() if k.startswith(head)}


def test_an_opportunity_is_facts_of_the_lead(tmp_path: Path) -> None:
    """Amount and expected close are read by rules, changed, and joined by how it ended."""
    play = game(tmp_path)
    play.event("0d", "opportunity_opened", amount=80_000, close_on="2026-04-30")
    assert facts(play) == {"status": "open", "amount": 80_000, "close_on": "2026-04-30"}
    play.event("1d", "opportunity_changed", amount=95_000)
    assert facts(play)["amount"] == 95_000
    play.event("2d", "opportunity_lost", reason="价格")
    assert facts(play) == {
        "status": "lost", "amount": 95_000, "close_on": "2026-04-30", "reason": "价格",
    }  # fmt: skip


def test_another_opportunity_begins_afresh(tmp_path: Path) -> None:
    """What was lost says nothing of the next one."""
    play = game(tmp_path)
    play.event("0d", "opportunity_opened", amount=80_000)
    play.event("1d", "opportunity_lost", reason="价格")
    play.event("2d", "opportunity_opened", close_on="2026-06-30")
    assert facts(play) == {"status": "open", "close_on": "2026-06-30"}


def test_the_record_has_all_of_them() -> None:
    """Each opportunity has who opened and closed it, when, and why; what is too old is none."""
    events = [
        Event("1", "opportunity_opened", 10, properties={"amount": 5}, by="陈静"),
        Event("2", "page_viewed", 20),
        Event("3", "opportunity_changed", 30, properties={"close_on": "2026-06-30"}),
        Event("4", "opportunity_lost", 40, properties={"reason": "功能"}, by="刘洋"),
        Event("5", "opportunity_won", 50, properties={"amount": 7}),
        Event("6", "opportunity_opened", 60, screened={STALE: "old"}),
    ]
    latest, first = record(events)
    assert (latest.opened_at, latest.status, latest.amount, latest.closed_at) == (50, "won", 7, 50)
    assert (first.by, first.closed_by, first.reason) == ("陈静", "刘洋", "功能")
    assert (first.amount, first.close_on, first.changed_at) == (5, "2026-06-30", 30)
    assert record([]) == []


def test_opening_is_a_follow_up(tmp_path: Path) -> None:
    """An opportunity that is opened still counts as a contact of the owner."""
    play = game(tmp_path)
    play.event("0d", "trial_requested", {"city": "上海"})
    play.event("2d", "opportunity_opened", amount=1)
    assert play.lead.contacted_at == START + 2 * DAY


def test_a_contract_goes_to_service_and_delivery(tmp_path: Path) -> None:
    """NUR-14: within 24 hours of the signature customer service and delivery have their to-dos."""
    play = game(tmp_path)
    play.event("0d", "contract_signed", amount=200_000, ends_on="2027-03-01")
    due = {task.owner: task.due for task in play.tasks}
    assert due == {"customer-service": START + 24 * HOUR, "delivery": START + 24 * HOUR}


def test_a_journey_waits_for_the_contracts_end(tmp_path: Path) -> None:
    """Sixty days before the contract ends the owner hears of it, and a new end moves the wait."""
    play = game(tmp_path)
    play.event("0d", "trial_requested", {"city": "上海"})
    play.event("1d", "contract_signed", ends_on="2026-06-30")
    play.clock("59d")  # 30 April
    assert not any("续签" in task.title for task in play.tasks)
    play.event("59d", "form_submitted", {"contract_ends_on": "2026-07-10"})
    play.clock("62d")
    assert not any("续签" in task.title for task in play.tasks)
    play.clock("71d")
    assert [task.owner for task in play.tasks if "续签" in task.title] == ["陈静"]


def test_a_contract_that_ran_out_takes_the_lead_back(tmp_path: Path) -> None:
    """SLA: thirty days after its end the clock alone brings the lead into the pool."""
    play = game(tmp_path)
    play.event("0d", "trial_requested", {"city": "上海"})
    play.event("1d", "contract_signed", ends_on="2026-04-01")
    play.clock("50d")
    assert play.lead.facts["owner"] == "陈静"
    play.clock("70d")
    assert play.lead.facts["pool"] == "public"


def test_a_close_that_slipped_is_asked_about(tmp_path: Path) -> None:
    """A day after the expected close an open opportunity makes a to-do, a closed one none."""
    play = game(tmp_path)
    play.event("0d", "opportunity_opened", amount=1, close_on="2026-03-10")
    play.clock("20d")
    assert [task.title for task in play.tasks] == ["商机已过预计成交日，请更新"]
