"""Scanners that open and click: told by how soon and how much, and by nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from engine.language.intake import Bots
from engine.machines.bots import GIVEN, MOST, MOST_URL, burst, marked, remembered, suspicion
from engine.machines.state import Event, Lead

NOW = 1_772_413_200_000
BOTS = Bots()  # within 5 s of the delivery; 3 links within 10 s


def event(kind: str, at: int = 0, /, **properties: Any) -> Event:
    """An event so many milliseconds after NOW."""
    return Event(f"{kind}:{at}", kind, NOW + at, properties=properties)


def lead(*events: Event) -> Lead:
    """A lead that remembers these."""
    made = Lead("l", NOW, NOW)
    for each in events:
        made.mail = remembered(made.mail, each)
    return made


def why(found: Lead | None, happened: Event) -> str | None:
    """Why an event is taken for a scanner's."""
    return suspicion(BOTS, found, happened)


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (0, "0 s after the delivery"),
        (4999, "4.999 s after the delivery"),
        (5000, None),
        (-1, None),
    ],
)
def test_nobody_reads_within_seconds_of_the_delivery(at: int, reason: str | None) -> None:
    """An open in the first five seconds is a machine's; one dated before it is nobody's."""
    assert why(lead(event("email_delivered")), event("email_opened", at)) == reason


@pytest.mark.parametrize("kind", ["email_sent", "email_delivered", "message_sent"])
def test_a_delivery_counts_for_its_own_message_only(kind: str) -> None:
    """What both name must be equal; an open that names nothing is of a delivery that names nothing."""
    sent = lead(event(kind, delivery="d1", message="welcome"))
    same, other = {"message": "welcome"}, {"message": "报价"}
    assert why(sent, event("email_opened", 1, **same)) is not None
    assert why(sent, event("email_opened", 1, **other)) is None
    assert why(sent, event("email_opened", 1, delivery="d1")) is not None
    assert why(sent, event("email_opened", 1, delivery="d2")) is None
    assert why(sent, event("email_opened", 1)) is None
    assert why(lead(event(kind)), event("email_opened", 1)) is not None


def test_only_opens_and_clicks_of_the_present_are_suspected() -> None:
    """Other events, history, and what comes to somebody unknown are taken as they are."""
    sent = lead(event("email_delivered"))
    assert why(sent, event("page_viewed", 1)) is None
    past = Event("e", "email_opened", NOW + 1, history=True)
    assert suspicion(BOTS, sent, past) is None
    assert why(None, event("email_opened", 1)) is None
    assert suspicion(Bots(within=0), sent, event("email_opened", 0)) is None


def click(link: str, at: int = 0, **more: Any) -> Event:
    """A click on a link."""
    return event("email_clicked", at, url=link, **more)


def test_all_links_at_once_are_a_scanners() -> None:
    """Three different links of one message within ten seconds; the same one again is one."""
    two = lead(click("a"), click("b", 1000))
    assert why(two, click("c", 9999)) == "3 links of one message within 10 s"
    assert why(two, click("b", 2000)) is None
    assert why(two, click("c", 10_000)) is None
    assert why(two, event("email_clicked", 2000)) is None
    assert why(two, event("email_opened", 2000)) is None
    other = lead(click("a", message="x"), click("b", message="x"))
    assert why(other, click("c", 1, message="y")) is None
    assert why(other, click("c", 1, message="x")) is not None


def test_a_burst_names_the_clicks_that_counted_before() -> None:
    """Those near and of the same message, once there are links enough, and never for an open."""
    before = lead(click("a", message="报价"), click("b", 9000))
    before.mail |= {
        GIVEN: [
            [NOW, "", "报价", "点一"],
            [NOW + 9000, "", "", "点二"],
            [NOW + 9000, "", "其他", "点三"],
            [NOW - 1000, "", "报价", "点零"],
        ]
    }
    assert burst(BOTS, before, click("c", 9000, message="报价")) == ["点一", "点二"]
    assert burst(BOTS, before, click("b", 9000, message="报价")) == []
    assert burst(BOTS, before, event("email_opened", 9000, message="报价")) == []
    assert burst(BOTS, before, event("page_viewed", 9000)) == []
    past = Event("e", "email_clicked", NOW, properties={"url": "c"}, history=True)
    assert burst(BOTS, before, past) == []
    assert burst(BOTS, None, click("c")) == []


def test_a_few_deliveries_and_clicks_are_remembered() -> None:
    """The latest of each, links cut short; what was there before is left as it was."""
    first = remembered({}, event("email_sent", delivery="d", message="m"))
    assert first == {"sent": [[NOW, "d", "m"]]}
    both = remembered(first, click("x" * 500))
    assert both == {"sent": [[NOW, "d", "m"]], "clicks": [[NOW, "", "", "x" * MOST_URL]]}
    assert first == {"sent": [[NOW, "d", "m"]]}
    many = lead(*(event("email_sent", n) for n in range(MOST + 5)))
    assert [at - NOW for at, *_ in many.mail["sent"]] == list(range(5, MOST + 5))


def test_a_suspected_event_says_why() -> None:
    """It is marked, keeps what else intake said of it, and the event given is not changed."""
    plain = Event("e", "email_opened", NOW, screened={"flags": ["f"]})
    found = marked(plain, "0 s after the delivery", [])
    assert found.bot is True
    assert found.screened == {"flags": ["f"], "bot": "0 s after the delivery"}
    assert (plain.bot, plain.screened) == (False, {"flags": ["f"]})
    with_others = marked(plain, "3 links of one message within 10 s", ["点一"])
    assert with_others.screened["withdraws"] == ["点一"]
