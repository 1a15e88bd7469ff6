"""What wakes a rule, told for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.machines.account import Past
from engine.machines.why import account
from engine.network.naming import find_rule
from engine.network.ruleset import Ruleset
from engine.network.waking import Wake, wakes
from tests.play import START, Play, rules

BY_HAND = "a person moves the lead; nothing enters it by itself"
GIVEN = "it is asked in its turn whenever the lead is given to somebody"
ON_THE_WAY = "looked at while the lead is in the journey"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("rule:default.fit.industry", {"fields": ("lead.industry",)}),
        ("rule:default.fit.large", {"fields": ("lead.budget", "lead.employees")}),
        (
            "rule:default.behavior.pricing",
            {"events": ("page_viewed",), "clock": ("90d after each occurrence",)},
        ),
        (
            "rule:default.behavior.long-look",
            {
                "events": ("page_viewed", "video_watched"),
                "clock": ("30d after each occurrence",),
                "note": "then asked: lead.city: 上海",
            },
        ),
        (
            "rule:default.behavior.opened-three",
            {
                "events": ("email_opened",),
                "clock": ("count: {event: email_opened, within: 30d, gte: 3}",),
            },
        ),
        (
            "rule:default.behavior.idle",
            {"events": ("any",), "clock": ("absent: {event: any, for: 30d}",)},
        ),
        (
            "rule:default.behavior.unpaid",
            {
                "events": ("order_placed",),
                "fields": ("lead.city",),
                "clock": ("absent: {event: order_placed, for: 60d}",),
            },
        ),
        ("rule:default.care.asked", {"events": ("support_requested",)}),
        ("rule:value.money.spent", {"events": ("order_placed",)}),
        (
            "rule:value.money.old",
            {"fields": ("lead.birthday",), "clock": ("lead.birthday: {older_than: 30d}",)},
        ),
        (
            "rule:value.money.often",
            {
                "events": ("any", "email_sent", "sms_sent"),
                "clock": (
                    "absent: {event: any, for: 1w}",
                    "count: {event: [email_sent, sms_sent], within: 1w, gte: 2}",
                ),
            },
        ),
        ("stage:fresh", {"note": BY_HAND}),
        ("stage:mql", {"fields": ("score.total",)}),
        ("stage:qualified", {"fields": ("lead.amount", "lead.city")}),
        ("stage:contacted", {"events": ("call_logged",), "note": "then asked: lead.city: 上海"}),
        ("stage:won", {"events": ("contract_signed",)}),
        (
            "route:rest",
            {"note": "it is asked in its turn whenever the lead is sent to routing"},
        ),
        ("sla:twin", {"note": GIVEN}),
        (
            "recycle:cold",
            {
                "events": ("email_opened",),
                "fields": ("grade",),
                "clock": (
                    "15 working_days after the assignment or the latest follow-up",
                    "absent: {event: email_opened, for: 9d}",
                ),
                "note": "asked when nobody has followed up for so long",
            },
        ),
        (
            "recycle:forgotten",
            {"clock": ("60d after the assignment or the latest follow-up",)},
        ),
        ("recycle:closed-line", {"fields": ("lead.industry",)}),
    ],
)
def test_a_rule_says_what_wakes_it(whole: Ruleset, name: str, told: dict[str, Any]) -> None:
    """The events it names or counts, the fields it reads, and what the clock may change."""
    assert wakes(whole, find_rule(whole, name)) == (Wake(role="when", **told),)


def test_clocks_that_may_stand_still_say_what_halts_them(whole: Ruleset) -> None:
    """An SLA is asked when the lead is given away; its pause is woken by what it reads."""
    assert wakes(whole, find_rule(whole, "hot")) == (
        Wake(role="when", note=GIVEN),
        Wake(role="pause", fields=("lead.city",)),
    )


def test_a_journey_says_what_lets_in_and_out(whole: Ruleset) -> None:
    """Entry, exit and goal each say what they are woken by."""
    assert wakes(whole, find_rule(whole, "welcome")) == (
        Wake(role="enter", events=("form_submitted",), note="then asked: stage: fresh"),
        Wake(role="exit", fields=("lead.city", "stage"), note=ON_THE_WAY),
        Wake(role="goal", events=("order_placed",), note=ON_THE_WAY),
    )
    assert wakes(whole, find_rule(whole, "warm")) == (
        Wake(role="enter", fields=("grade",)),
        Wake(role="exit", events=("unsubscribed",), note=ON_THE_WAY),
        Wake(
            role="goal",
            events=("chat_started",),
            fields=("score.total",),
            clock=("absent: {event: chat_started, for: 3d}",),
            note=ON_THE_WAY,
        ),
    )


def test_what_time_alone_ends_a_journey_by_is_said(tmp_path: Path) -> None:
    """An exit for silence is woken by the clock, as its rule in scoring would be."""
    text = """
journeys:
  - id: care
    enter: {event: form_submitted}
    exit: {when: {absent: {event: page_viewed, for: 5d}}}
    steps: [{id: w, wait: 90d}]
"""
    ruleset = rules(tmp_path, journeys=text)
    _, ends = wakes(ruleset, find_rule(ruleset, "care"))
    assert ends.clock == ("absent: {event: page_viewed, for: 5d}",)
    game = Play(ruleset)
    game.event("0d", "form_submitted", {"email": "a@b.cn"})
    told = account(ruleset, game.lead, Past(), START, find_rule(ruleset, "care"))
    assert (START + 5 * 86_400_000, "end:care") in told.timers


def test_a_journey_without_exit_and_goal_says_only_how_it_is_entered(whole: Ruleset) -> None:
    """There is nothing to tell of what a journey does not have."""
    assert wakes(whole, find_rule(whole, "plain")) == (
        Wake(role="enter", events=("support_requested",)),
    )
