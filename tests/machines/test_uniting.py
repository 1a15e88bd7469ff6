"""What any host does about an event that names several leads."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.language.intake import Merge
from engine.machines import balance, uniting
from engine.machines.merging import MERGED, Entry, Side
from engine.machines.state import Clock, Enrolment, Event, Lead, Teams
from engine.machines.turn import new_lead, take_turn
from engine.network.ruleset import Ruleset
from tests.play import START, rules

WANG = ("email", "wang@acme.cn")
LI = ("phone", "+8613800138000")
BROWSER = ("anonymous_id", "b-1")
PROVING = frozenset({"email", "phone"})


def test_a_newcomer_in_anothers_browser_is_somebody_else() -> None:
    """Where the browser's lead has an address of its own, another address is another person's."""
    known = {BROWSER: "王芳"}
    found = uniting.somebody_else(Merge(), [WANG, BROWSER], known, lambda _: {"email"})
    assert found == "王芳"
    # It has no address yet: the newcomer is the one who was browsing.
    assert uniting.somebody_else(Merge(), [WANG, BROWSER], known, lambda _: {"phone"}) is None


def test_without_a_proof_of_somebody_else_nobody_is_one() -> None:
    """A known address, a browser nobody has used, and one that says nothing more."""
    both = {BROWSER: "王芳", WANG: "王芳"}
    assert uniting.somebody_else(Merge(), [WANG, BROWSER], both, lambda _: PROVING) is None
    assert uniting.somebody_else(Merge(), [WANG, BROWSER], {}, lambda _: PROVING) is None
    assert uniting.somebody_else(Merge(), [BROWSER], {BROWSER: "王芳"}, lambda _: PROVING) is None


def test_an_event_names_leads_by_each_kind_that_knows_them() -> None:
    """The strongest first, one named by its id before all others; who is unknown names nobody."""
    known = {WANG: "王芳", LI: "李强", BROWSER: "王芳"}
    assert list(uniting.names_by([WANG, LI, BROWSER], None, known).items()) == [
        ("王芳", frozenset({"email", "anonymous_id"})),
        ("李强", frozenset({"phone"})),
    ]
    by_id = uniting.names_by([WANG, ("wecom_id", "x")], "李强", known)
    assert list(by_id) == ["李强", "王芳"]
    assert by_id["李强"] == {"id"}


def test_a_merge_by_the_engine_says_what_showed_it() -> None:
    """Its reason names the event and the kinds; history merges as history."""
    shown = Event("e7", "form_submitted", START, history=True)
    event = uniting.automatic(shown, "王芳", "李强", {"phone", "email"}, START + 1)
    assert (event.type, event.at, event.channel, event.history) == (
        MERGED,
        START + 1,
        "engine",
        True,
    )
    assert event.properties == {
        "absorbed": "李强",
        "survivor": "王芳",
        "reason": "event e7 names both by email, phone",
    }


def _side(ruleset: Ruleset, lead: Lead, *events: Event) -> Side:
    """Let a lead live through some events."""
    log, ledger = [], []
    for seq, event in enumerate(events):
        turn = take_turn(ruleset, lead, Teams(), event, event.at)
        lead = turn.lead
        log.append(Entry(event, event.at, lead=lead.id, seq=seq))
        ledger += [line for entry in turn.entries for line in entry.decision.ledger]
    return Side(lead, log, None, balance.sums(ledger))


def test_the_one_lead_has_what_both_had(tmp_path: Path) -> None:
    """Points of both, in one turn that begins with the lines that the merge writes."""
    ruleset = rules(tmp_path)
    one = _side(
        ruleset,
        new_lead(ruleset, "王芳", START),
        Event("a", "form_submitted", START, {"email": WANG[1], "industry": "制造业"}),
    )
    other = _side(
        ruleset,
        new_lead(ruleset, "访客", START),
        Event("b", "page_viewed", START + 1, {}, {"page": "pricing"}),
    )
    event = uniting.automatic(
        Event("c", "form_submitted", START + 2), "王芳", "访客", {"email"}, START + 2
    )
    found = uniting.merge(ruleset, Teams(), (one, other), event, 3, START + 2)
    assert found.turn.lead.id == "王芳"
    assert found.turn.lead.facts["score.default.total"] == 25
    assert found.event.id == "merged:访客:3"
    assert found.turn.entries[0].event == found.event
    assert (found.journeys, found.clocks) == ([], [])


def test_journeys_and_clocks_of_the_absorbed_go_on_as_the_survivors(tmp_path: Path) -> None:
    """The survivor's own journeys stay its own; the owner that a lead had before is told."""
    ruleset = rules(tmp_path)
    plain = _side(
        ruleset,
        new_lead(ruleset, "王芳", START),
        Event("a", "page_viewed", START, {}, {"page": "home"}),
    )
    lead = _side(
        ruleset,
        new_lead(ruleset, "访客", START),
        Event("b", "form_submitted", START + 1, {"email": WANG[1]}),
    )
    owned = msgspec.structs.replace(
        lead.lead,
        facts={**lead.lead.facts, "owner": "chen.jing", "team": "east"},
        clocks={"accept": Clock("hot", START, START + 3_600_000)},
    )
    assert isinstance(owned.journeys["welcome"], Enrolment)
    sides = plain, msgspec.structs.replace(lead, lead=owned)
    by_hand = Event("m-1", MERGED, START + 2, {}, {"reason": "同一个人"}, "li.na")
    found = uniting.merge(ruleset, Teams(), sides, by_hand, 1, START + 2)
    assert found.event.id == "m-1"
    assert found.event.properties["owner_before"] == "chen.jing"
    assert found.event.properties["reason"] == "同一个人"
    assert found.journeys == ["welcome"]
    assert found.clocks == ["accept"]
    assert found.turn.lead.facts["owner"] == "chen.jing"
