"""Leads that turn out to be one: merged by rule or by a person, parted again, nothing lost."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.host.clock import StreamClock
from engine.host.ids import new_id
from engine.host.outcome import Outcome
from engine.host.runtime import Runtime
from engine.host.verifying import verify
from engine.language.load import load_folder
from engine.machines.state import Event
from engine.network.ruleset import Ruleset
from engine.store import checks
from engine.store.exporting import Filter, export
from tests.host.conftest import one_event

Use = Callable[[Runtime], Awaitable[Any]]
MINUTE = 60_000


def run(folder: Path, use: Use) -> Any:
    """Run a server's engine on the folder, then check every lead against its log and its rows."""

    async def whole() -> Any:
        runtime = Runtime(folder, folder.parent / "leads.db", StreamClock(), environ={})
        assert not [d for d in runtime.load() if d.severity == "error"]
        runtime.start()
        try:
            return await use(runtime)
        finally:
            await runtime.stop()

    result = asyncio.run(whole())
    sound(folder)
    return result


def sound(folder: Path) -> None:
    """Every lead is what its log says, and every score the sum of its ledger."""
    loaded = load_folder(folder)
    assert loaded.definitions is not None
    ruleset = Ruleset(loaded.definitions)
    database = folder.parent / "leads.db"
    wrong = [c for c in verify(database, {}, ruleset) if c.verdict != "same"]
    assert not wrong
    found = checks.deep(database, ruleset.default_model)
    assert not [f for f in found if f.level == "error"]


def event(
    id: str, what: str, minute: int, lead: dict[str, Any], **properties: Any
) -> dict[str, Any]:
    """Something that happens ``minute`` minutes after 9:00."""
    at = f"2026-03-02T{9 + minute // 60:02}:{minute % 60:02}:00+08:00"
    return {"id": id, "type": what, "at": at, "lead": lead, "properties": properties}


def of(runtime: Runtime, lead: str | None) -> dict[str, Any]:
    """A lead as the API shows it."""
    found = runtime.reader.lead(lead or "")
    assert found is not None
    return found


PHONE = {"phone": "13800138000", "name": "王芳", "industry": "制造业"}
MAIL = {"email": "wang@acme.cn", "company": "金泰阀门"}


async def two(runtime: Runtime) -> tuple[str, str]:
    """Two leads: one by telephone, a later one by e-mail that looked at prices twice."""
    outcomes = await runtime.submit(
        [
            event("p1", "form_submitted", 0, PHONE, form="contact"),
            event("m1", "page_viewed", 10, MAIL, page="pricing"),
            event("m2", "page_viewed", 20, MAIL, page="pricing"),
        ]
    )
    assert [o.status for o in outcomes] == ["accepted"] * 3
    return str(outcomes[0].lead), str(outcomes[1].lead)


async def join(runtime: Runtime, minute: int = 60) -> Outcome:
    """An event that names both."""
    both = {"phone": PHONE["phone"], "email": MAIL["email"]}
    (outcome,) = await runtime.submit([event("both", "chat_started", minute, both)])
    return outcome


def test_an_event_that_names_two_leads_makes_them_one(folder: Path) -> None:
    """Fields, history and points of both are the older one's; the other id leads there."""

    async def use(runtime: Runtime) -> None:
        older, younger = await two(runtime)
        before = of(runtime, older)["score"] + of(runtime, younger)["score"]
        outcome = await join(runtime)
        assert outcome.lead == older
        lead = of(runtime, older)
        assert lead["fields"]["company"] == "金泰阀门"
        assert lead["fields"]["name"] == "王芳"
        assert lead["score"] >= before
        assert runtime.reader.lead(younger) is None
        assert runtime.reader.find(younger) == older
        assert runtime.reader.find("wang@acme.cn") == older
        items = runtime.reader.timeline(older).items
        assert {"p1", "m1", "m2", "both"} <= {i["id"] for i in items}
        (merge,) = [i for i in items if i["type"] == "lead_merged"]
        assert merge["properties"]["absorbed"] == younger
        points = [line["points"] for line in runtime.reader.ledger(older)]
        assert sum(points) == lead["score"]

    run(folder, use)


def test_what_counts_once_counts_once_after_a_merge(folder: Path) -> None:
    """Points for a field that both leads have are taken back once, with their own ledger line."""

    async def use(runtime: Runtime) -> None:
        mail = {**MAIL, "industry": "制造业"}
        await runtime.submit(
            [event("p1", "form_submitted", 0, PHONE), event("m1", "form_submitted", 5, mail)]
        )
        outcome = await join(runtime)
        ledger = runtime.reader.ledger(str(outcome.lead))
        industry = [(e["points"], e["reason"]) for e in ledger if e["rule"] == "industry"]
        assert sorted(industry) == [(-20, "merged"), (20, ""), (20, "")]

    run(folder, use)


def test_what_counts_only_together_counts(folder: Path) -> None:
    """Three visits within three days make one busy lead of two that were not."""

    async def use(runtime: Runtime) -> None:
        await two(runtime)
        outcome = await join(runtime)
        rules = {line["rule"] for line in runtime.reader.ledger(str(outcome.lead))}
        assert "busy" in rules

    run(folder, use)


def test_a_browsers_history_joins_whoever_signs_in(folder: Path) -> None:
    """Pages seen without a name belong to the lead that the same browser later names."""

    async def use(runtime: Runtime) -> None:
        seen = {"anonymous_id": "b-1"}
        first, known = await runtime.submit(
            [
                event("v1", "page_viewed", 0, seen, page="pricing"),
                event("f1", "form_submitted", 5, MAIL),
            ]
        )
        (outcome,) = await runtime.submit(
            [event("i", "page_viewed", 10, {**seen, **MAIL}, page="home")]
        )
        assert outcome.lead == known.lead
        assert runtime.reader.find(str(first.lead)) == known.lead
        ids = {item["id"] for item in runtime.reader.timeline(str(known.lead)).items}
        assert {"v1", "f1", "i"} <= ids
        assert any(e["rule"] == "pricing" for e in runtime.reader.ledger(str(known.lead)))

    run(folder, use)


def test_an_anonymous_lead_that_names_itself_stays_the_same_lead(folder: Path) -> None:
    """Without another lead of that name nothing is merged: the browser's lead gets the name."""

    async def use(runtime: Runtime) -> None:
        seen = {"anonymous_id": "b-1"}
        outcomes = await runtime.submit(
            [
                event("v1", "page_viewed", 0, seen, page="pricing"),
                event("f1", "form_submitted", 5, {**seen, **MAIL}),
            ]
        )
        assert outcomes[0].lead == outcomes[1].lead

    run(folder, use)


def test_a_family_that_shares_a_computer_stays_two_leads(folder: Path) -> None:
    """Another person's sign-in on a known browser is another lead, and is told once."""

    async def use(runtime: Runtime) -> None:
        seen = {"anonymous_id": "b-1"}
        one, two, three = await runtime.submit(
            [
                event("a", "form_submitted", 0, {**seen, "email": "ma@acme.cn", "name": "妈妈"}),
                event("b", "form_submitted", 5, {**seen, "email": "ba@acme.cn", "name": "爸爸"}),
                event("c", "page_viewed", 9, {**seen, "email": "ba@acme.cn"}),
            ]
        )
        assert one.lead != two.lead == three.lead
        items = runtime.reader.timeline(str(two.lead)).items
        (told,) = [i for i in items if i["type"] == "identity_conflict"]
        assert told["data"]["leads"] == [one.lead]
        assert runtime.reader.find("b-1") == one.lead

    run(folder, use)


def test_two_people_with_different_numbers_are_never_merged(folder: Path) -> None:
    """Leads that each have a telephone number stay two, whatever an event says."""

    async def use(runtime: Runtime) -> None:
        outcomes = await runtime.submit(
            [
                event("a", "form_submitted", 0, {**PHONE, "user_id": "u1"}),
                event("b", "form_submitted", 5, {**MAIL, "phone": "13900139000"}),
                event("c", "chat_started", 9, {"user_id": "u1", "email": MAIL["email"]}),
            ]
        )
        assert len({o.lead for o in outcomes}) == 2
        items = runtime.reader.timeline(str(outcomes[2].lead)).items
        (told,) = [i for i in items if i["type"] == "identity_conflict"]
        assert told["data"]["reason"] == "each has a phone of its own"

    run(folder, use)


def test_merging_can_be_turned_off(folder: Path) -> None:
    """With an empty ``when`` leads stay as they are, and the event goes to the stronger one."""
    (folder / "intake.yaml").write_text("merge: {when: []}\n", encoding="utf-8")

    async def use(runtime: Runtime) -> None:
        older, younger = await two(runtime)
        outcome = await join(runtime)
        assert outcome.lead == younger  # e-mail is stronger than a telephone number
        assert of(runtime, older)["id"] == older

    run(folder, use)


def test_the_strongest_identity_can_give_the_id(folder: Path) -> None:
    """With ``keep: strongest`` the lead of the strongest identity survives."""
    (folder / "intake.yaml").write_text("merge: {keep: strongest}\n", encoding="utf-8")

    async def use(runtime: Runtime) -> None:
        older, younger = await two(runtime)
        assert (await join(runtime)).lead == younger
        assert runtime.reader.find(older) == younger

    run(folder, use)


def test_all_within_one_request(folder: Path) -> None:
    """Leads made, merged and written to again in one batch are as if they came one by one."""

    async def use(runtime: Runtime) -> None:
        both = {"phone": PHONE["phone"], "email": MAIL["email"]}
        outcomes = await runtime.submit(
            [
                event("p1", "form_submitted", 0, PHONE),
                event("m1", "page_viewed", 10, MAIL, page="pricing"),
                event("both", "chat_started", 20, both),
                event("m2", "page_viewed", 30, MAIL, page="pricing"),
                event("m1", "page_viewed", 10, MAIL, page="pricing"),
            ]
        )
        assert [o.status for o in outcomes] == ["accepted"] * 4 + ["duplicate"]
        assert outcomes[3].lead == outcomes[4].lead == outcomes[0].lead
        ids = [logged.event.id for logged in runtime.reader.log()]
        assert ids.count("m1") == 1
        assert {"p1", "m1", "both", "m2"} <= set(ids)

    run(folder, use)


def deed(kind: str, absorbed: str, reason: str = "同一个人") -> Event:
    """What a person says of two leads."""
    said = {"absorbed": absorbed, "reason": reason}
    return Event(f"{kind}-{absorbed}", kind, 1_772_415_000_000, {}, said, "people", by="zhang")


def merge_of(absorbed: str) -> Event:
    """A merge by a person, under an id of its own."""
    return replace(deed("lead_merged", absorbed), id=new_id(0))


def parting_of(absorbed: str) -> Event:
    """Its undoing."""
    return replace(deed("lead_unmerged", absorbed), id=new_id(0))


def states(folder: Path) -> dict[str, tuple[Any, tuple[Any, ...]]]:
    """Every lead's state and what its ledger gives, as stored; how often it asked for a route
    goes on, so that no answer is taken for an earlier one.
    """
    connection = sqlite3.connect(folder.parent / "leads.db")
    try:
        found = {}
        for id, state in connection.execute("SELECT id, state FROM leads ORDER BY id").fetchall():
            sums = connection.execute(
                "SELECT model, dimension, sum(points) FROM ledger WHERE lead = ?"
                " GROUP BY model, dimension HAVING sum(points) <> 0",
                (id,),
            )
            kept = {k: v for k, v in json.loads(state).items() if k != "asked"}
            found[id] = (kept, tuple(sums.fetchall()))
        return found
    finally:
        connection.close()


def test_parted_leads_are_as_they_were(folder: Path) -> None:
    """A merge by a person, undone by a person, leaves states, ledgers and identities as before."""

    async def use(runtime: Runtime) -> None:
        older, younger = await two(runtime)
        before = states(folder)
        merged = await runtime.submit_event(deed("lead_merged", younger), older)
        assert (merged.status, merged.lead) == ("accepted", older)
        assert set(states(folder)) == {older}
        parted = await runtime.submit_event(deed("lead_unmerged", younger), older)
        assert (parted.status, parted.lead) == ("accepted", older)
        assert states(folder) == before
        assert runtime.reader.find("wang@acme.cn") == younger
        assert {i["id"] for i in runtime.reader.timeline(younger).items} >= {"m1", "m2"}

    run(folder, use)


def test_parted_leads_are_not_merged_again_by_a_rule(folder: Path) -> None:
    """What a person has separated stays two, though events name both."""

    async def use(runtime: Runtime) -> None:
        older, younger = await two(runtime)
        await join(runtime)
        await runtime.submit_event(deed("lead_unmerged", younger), older)
        both = {"phone": PHONE["phone"], "email": MAIL["email"]}
        (outcome,) = await runtime.submit([event("again", "chat_started", 90, both)])
        assert {r["id"] for r in runtime.reader.leads().items} == {older, younger}
        items = runtime.reader.timeline(str(outcome.lead)).items
        (told,) = [i for i in items if i["type"] == "identity_conflict"]
        assert told["data"]["reason"] == "a person has separated them"

    run(folder, use)


def test_what_came_since_stays_with_the_survivor(folder: Path) -> None:
    """After parting the survivor has its own events and those that came while they were one."""

    async def use(runtime: Runtime) -> None:
        older, younger = await two(runtime)
        await join(runtime)
        await runtime.submit([event("d", "content_downloaded", 70, MAIL, kind="whitepaper")])
        await runtime.submit_event(deed("lead_unmerged", younger), older)
        assert {i["id"] for i in runtime.reader.timeline(older).items} >= {"p1", "both", "d"}
        rules = [line["rule"] for line in runtime.reader.ledger(younger) if line["points"] > 0]
        assert "download" not in rules

    run(folder, use)


def test_merges_are_undone_in_their_order(folder: Path) -> None:
    """Of several merges the latest is undone first; another says which one that is."""

    async def use(runtime: Runtime) -> None:
        older, younger = await two(runtime)
        (third,) = await runtime.submit([event("w", "chat_started", 30, {"wecom_id": "w"})])
        await runtime.submit_event(deed("lead_merged", younger), older)
        await runtime.submit_event(deed("lead_merged", str(third.lead)), older)
        refused = await runtime.submit_event(deed("lead_unmerged", younger), older)
        assert refused.status == "rejected"
        assert refused.error is not None
        assert str(third.lead) in refused.error["message"]
        await runtime.submit_event(deed("lead_unmerged", str(third.lead)), older)
        again = deed("lead_unmerged", younger)
        assert (await runtime.submit_event(again, older)).status == "accepted"
        assert len(runtime.reader.leads().items) == 3

    run(folder, use)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_world_of_merges_loses_and_doubles_nothing(folder: Path, seed: int) -> None:
    """Through hundreds of events, merges and partings every event is there once, and replays."""
    chance = random.Random(seed)

    async def use(runtime: Runtime) -> None:
        from tests.host.conftest import START, timedelta

        at, sent = START, []
        for number in range(300):
            at += timedelta(minutes=chance.randrange(1, 200))
            raw = one_event(chance, number, at)
            who = int(raw["lead"].pop("user_id")[1:]) % 12
            raw["lead"] = {k: v for k, v in raw["lead"].items() if k != "email"}
            kinds = {"phone": f"1380013{who:04}", "wecom_id": f"w{who}", "anonymous_id": f"b{who}"}
            named = chance.sample(sorted(kinds), chance.choice([1, 1, 1, 2]))
            raw["lead"] |= {kind: kinds[kind] for kind in named}
            sent.append(raw["id"])
            (outcome,) = await runtime.submit([raw])
            assert outcome.status == "accepted"
            if chance.random() < 0.06:
                ids = [r["id"] for r in runtime.reader.leads().items]
                active = [m for id in ids for m in runtime.reader.merges(id)[:1] if not m.undone_at]
                if active:
                    one = chance.choice(active)
                    part = deed("lead_unmerged", one.absorbed)
                    part = Event(f"part{number}", part.type, part.at, {}, part.properties)
                    done = await runtime.submit_event(part, one.survivor)
                    assert done.status == "accepted", done
        ids = [logged.event.id for logged in runtime.reader.log()]
        assert all(ids.count(id) == 1 for id in sent)
        assert any(m for r in runtime.reader.leads().items for m in runtime.reader.merges(r["id"]))

    run(folder, use)


def test_what_was_done_stays_the_survivors(folder: Path) -> None:
    """Owner and journeys are the survivor's, the other's end; its to-dos come along."""

    async def use(runtime: Runtime) -> None:
        shanghai = {"industry": "制造业", "province": "上海"}
        looks = [
            event(f"{who}{n}", "content_downloaded", n, lead)
            for who, lead in (("p", {**PHONE, **shanghai}), ("m", {**MAIL, **shanghai}))
            for n in range(4)
        ]
        outcomes = await runtime.submit([*looks, event("f", "form_submitted", 9, MAIL)])
        older, younger = str(outcomes[0].lead), str(outcomes[4].lead)
        owners = [of(runtime, id)["owner"] for id in (older, younger)]
        assert sorted(owners) == ["wang", "zhang"]
        tasks = len(
            runtime.reader.tasks(lead=older).items + runtime.reader.tasks(lead=younger).items
        )
        await join(runtime, 30)
        assert of(runtime, older)["owner"] == owners[0]
        assert len(runtime.reader.tasks(lead=older).items) == tasks
        state = runtime.reader.state(older)
        assert state is not None
        assert state.journeys["hand-over"].left_at is None
        assert state.journeys["welcome"].reason == "merged"
        loads = runtime.reader.teams().books["east"].loads
        assert loads[owners[0]] == 1
        assert loads[owners[1]] == 0

    run(folder, use)


def test_the_owner_of_the_other_lead_stays_when_there_is_no_other(folder: Path) -> None:
    """A survivor that nobody has gets the other's owner, with the clocks that run for them."""

    async def use(runtime: Runtime) -> None:
        lead = {**MAIL, "industry": "制造业", "province": "上海"}
        looks = [event(f"m{n}", "content_downloaded", 2 + n, lead) for n in range(4)]
        first, *_, last = await runtime.submit([event("p", "chat_started", 0, PHONE), *looks])
        owner = of(runtime, last.lead)["owner"]
        assert owner
        await join(runtime, 30)
        assert of(runtime, first.lead)["owner"] == owner
        state = runtime.reader.state(str(first.lead))
        assert state is not None
        assert state.clocks["accept"].status == "running"
        assert runtime.reader.teams().books["east"].loads[owner] == 1

    run(folder, use)


def counted(runtime: Runtime) -> tuple[list[tuple[Any, ...]], list[str | None]]:
    """What reports say of everybody's turns, and who had the lead of each sale."""
    figures = runtime.reader.figures()
    sales = figures.deals(["opportunity_won"], 0, 2**53)
    return sorted(figures.turns(0, 2**53)), [deal.owner for deal in sales]


EAST = {"industry": "制造业", "province": "上海"}


def test_a_merge_gives_nobody_a_lead(folder: Path) -> None:
    """Two owners' turns, calls and sales stay theirs when their leads are merged and parted."""

    async def use(runtime: Runtime) -> None:
        phone, mail = {**PHONE, **EAST}, {**MAIL, **EAST}
        looks = [
            event(f"{who}{n}", "content_downloaded", n, lead)
            for who, lead in (("p", phone), ("m", mail))
            for n in range(4)
        ]
        outcomes = await runtime.submit(looks)
        older, younger = str(outcomes[0].lead), str(outcomes[4].lead)
        owners = [of(runtime, id)["owner"] for id in (older, younger)]
        assert sorted(owners) == ["wang", "zhang"]
        await runtime.submit(
            [
                event("call1", "call_logged", 20, phone),
                event("call2", "call_logged", 21, mail),
                event("won1", "opportunity_won", 30, phone, amount=1),
                event("won2", "opportunity_won", 31, mail, amount=2),
            ]
        )
        before = counted(runtime)
        assert before[1] == owners
        assert [row[2:5] for row in before[0]] == [(1, 0, 1), (1, 0, 1)]
        for _ in range(2):
            await runtime.submit_event(merge_of(younger), older)
            assert counted(runtime) == before
            await runtime.submit([event(f"won{new_id(0)}", "opportunity_won", 40, mail, amount=3)])
            before[1].append(owners[0])
            assert counted(runtime) == before
            await runtime.submit_event(parting_of(younger), older)
            assert counted(runtime) == before

    run(folder, use)


def moved(runtime: Runtime) -> tuple[Any, ...]:
    """What reports say of stages: how many came to each, and how long they stayed."""
    figures = runtime.reader.figures()
    stages = ("new", "mql", "assigned", "contacted", "qualified", "won")
    stays = [figures.stays(stage, 0, 2**53) for stage in stages]
    late = [figures.waiting([stage], 2**53, 9, 0, 2**53) for stage in stages]
    return sorted(figures.entries(0, 2**53)), sorted(figures.groups(0, 2**53)), stays, late


def test_a_parted_lead_was_never_in_the_others_stages(folder: Path) -> None:
    """Merging and parting leave entries, stays and who is stuck; later moves are the lead's own."""

    async def use(runtime: Runtime) -> None:
        older, younger = await two(runtime)
        await runtime.submit(
            [
                event("c1", "call_logged", 30, PHONE),
                event("c2", "call_logged", 31, MAIL),
                event("o2", "opportunity_opened", 40, MAIL, amount=1),
            ]
        )
        before = moved(runtime)
        for minute in (50, 60):
            await runtime.submit([event(f"l{minute}", "page_viewed", minute, PHONE, page="home")])
            await runtime.submit_event(merge_of(younger), older)
            assert of(runtime, older)["stage"] == "qualified"
            await runtime.submit_event(parting_of(younger), older)
            assert moved(runtime) == before
        await runtime.submit_event(merge_of(younger), older)
        await runtime.submit([event("won", "opportunity_won", 90, PHONE, amount=2)])
        await runtime.submit_event(parting_of(younger), older)
        exported = export(folder.parent / "leads.db", "transitions", Filter(), "default")
        moves = [(row["lead"], row["from"], row["to"]) for row in exported]
        assert [each[1:] for each in moves if each[0] == older] == [
            *[(None, "new"), ("new", "nurturing")],
            *[("nurturing", "contacted"), ("contacted", "won")],
        ]
        assert of(runtime, older)["stage"] == "won"
        assert of(runtime, younger)["stage"] == "qualified"

    run(folder, use)


def test_forgetting_leaves_everybody_their_turns_and_sales(folder: Path) -> None:
    """Also of a lead that was two, with an owner each, is a sale theirs who had the lead then."""

    async def use(runtime: Runtime) -> None:
        phone, mail = {**PHONE, **EAST}, {**MAIL, **EAST}
        looks = [
            event(f"{who}{n}", "content_downloaded", n, lead)
            for who, lead in (("p", phone), ("m", mail))
            for n in range(4)
        ]
        outcomes = await runtime.submit(looks)
        older, younger = str(outcomes[0].lead), str(outcomes[4].lead)
        await runtime.submit(
            [
                event("call1", "call_logged", 20, phone),
                event("call2", "call_logged", 95, mail),
                event("won2", "opportunity_won", 100, mail, amount=2),
                event("won1", "opportunity_won", 101, phone, amount=1),
            ]
        )
        before = counted(runtime)
        assert len(set(before[1])) == 2
        assert sorted(row[-2:] for row in before[0]) == [(1, 1), (2, 0)]
        await runtime.submit_event(merge_of(younger), older)
        assert counted(runtime) == before
        await runtime.forget(older)
        assert counted(runtime) == before

    run(folder, use)


def test_whom_a_merge_gave_a_lead_has_it_until_it_is_undone(folder: Path) -> None:
    """Only both together are hot; what is sold after they were parted is no sale of theirs."""

    async def use(runtime: Runtime) -> None:
        phone, mail = {**PHONE, **EAST}, {"email": "wang@qq.com", "province": "上海"}
        looks = [
            event(f"{who}{n}", "content_downloaded", n, lead)
            for who, lead in (("p", phone), ("m", mail))
            for n in range(2)
        ]
        outcomes = await runtime.submit(looks)
        older, younger = str(outcomes[0].lead), str(outcomes[2].lead)
        assert [of(runtime, id)["owner"] for id in (older, younger)] == [None, None]
        await runtime.submit_event(merge_of(younger), older)
        owner = of(runtime, older)["owner"]
        assert owner is not None
        sale, look = "opportunity_won", event("look", "page_viewed", 35, phone, page="home")
        await runtime.submit([event("one", sale, 30, phone, amount=1), look])
        await runtime.submit_event(parting_of(younger), older)
        assert [of(runtime, id)["owner"] for id in (older, younger)] == [None, None]
        await runtime.submit([event("two", sale, 40, phone, amount=2)])
        assert counted(runtime)[1] == [owner, None]

    run(folder, use)


def test_what_people_answered_before_a_merge_stays_theirs(folder: Path) -> None:
    """Each owner accepted the lead that was theirs then, twice, which counts once."""

    async def use(runtime: Runtime) -> None:
        people = {**PHONE, **EAST}, {**MAIL, **EAST}
        looks = [
            event(f"{n}-{number}", "content_downloaded", number, lead)
            for n, lead in enumerate(people)
            for number in range(4)
        ]
        outcomes = await runtime.submit(looks)
        older, younger = str(outcomes[0].lead), str(outcomes[4].lead)
        owners = [of(runtime, id)["owner"] for id in (older, younger)]
        for minute in (20, 21):
            said = [
                event(f"a{minute}{who}", "lead_accepted", minute, lead) | {"by": who}
                for who, lead in zip(owners, people, strict=True)
            ]
            await runtime.submit(said)
        once = [(who, 1, 0) for who in sorted(owners)]
        assert sorted(runtime.reader.figures().answered(0, 2**53)) == once
        await runtime.submit_event(merge_of(younger), older)
        assert sorted(runtime.reader.figures().answered(0, 2**53)) == once
        await runtime.submit_event(parting_of(younger), older)
        assert sorted(runtime.reader.figures().answered(0, 2**53)) == once

    run(folder, use)


def test_the_turn_of_the_other_leads_owner_goes_on(folder: Path) -> None:
    """Of a survivor that nobody had, the other's owner goes on with one turn, not with two."""

    async def use(runtime: Runtime) -> None:
        lead = {**MAIL, **EAST}
        looks = [event(f"m{n}", "content_downloaded", 2 + n, lead) for n in range(4)]
        first, *_, last = await runtime.submit([event("p", "chat_started", 0, PHONE), *looks])
        older, younger = str(first.lead), str(last.lead)
        before = counted(runtime)
        await runtime.submit_event(merge_of(younger), older)
        assert counted(runtime) == before
        await runtime.submit_event(parting_of(younger), older)
        assert counted(runtime) == before
        await runtime.submit_event(merge_of(younger), older)
        await runtime.submit(
            [
                event("call", "call_logged", 60, PHONE),
                event("won", "opportunity_won", 61, PHONE, amount=1),
            ]
        )
        ((owner, _, given, _, called, *_),), sold = counted(runtime)
        assert (given, called, sold) == (1, 1, [owner])

    run(folder, use)


def test_the_further_stage_counts(folder: Path) -> None:
    """The one lead stands where the further of the two stood; a final stage is not handed on."""
    stages = "stages: [{id: new}, {id: mql}, {id: sql}, {id: lost, final: true}]\n"
    (folder / "lifecycle.yaml").write_text(stages, encoding="utf-8")

    async def use(runtime: Runtime) -> None:
        older, younger = await two(runtime)
        moved = event("s", "stage_changed", 25, {"id": younger}, to="sql")
        await runtime.submit([moved])
        await join(runtime)
        assert of(runtime, older)["stage"] == "sql"
        (third,) = await runtime.submit([event("w", "chat_started", 70, {"wecom_id": "w"})])
        lost = event("l", "stage_changed", 71, {"id": str(third.lead)}, to="lost")
        both = {"wecom_id": "w", "phone": PHONE["phone"]}
        await runtime.submit([lost, event("b2", "chat_started", 72, both)])
        assert runtime.reader.find("w") == older
        assert of(runtime, older)["stage"] == "sql"

    run(folder, use)


KILLED = """
import asyncio, sys
from pathlib import Path
from engine.host.clock import StreamClock
from engine.host.runtime import Runtime
from tests.host.test_merging import event, deed
from engine.machines.state import Event

async def main():
    folder, turn = Path(sys.argv[1]), sys.argv[2]
    runtime = Runtime(folder, folder.parent / "leads.db", StreamClock(), environ={})
    runtime.load(); runtime.start()
    for n in range(10_000):
        one, two = {"phone": f"138{turn:0>2}{n:06}"}, {"email": f"w{turn}x{n}@acme.cn"}
        made = await runtime.submit([
            event(f"{turn}a{n}", "form_submitted", n % 600, one),
            event(f"{turn}b{n}", "page_viewed", n % 600, two, page="pricing"),
        ])
        await runtime.submit([event(f"{turn}c{n}", "chat_started", n % 600, {**one, **two})])
        print(f"{turn}a{n} {turn}b{n} {turn}c{n}", flush=True)
        said = {"absorbed": made[1].lead, "reason": "两个人"}
        part = Event(f"{turn}d{n}", "lead_unmerged", 0, {}, said, "people")
        if n % 2: await runtime.submit_event(part, made[0].lead)
asyncio.run(main())
"""


def test_killed_between_two_leads_are_two_or_one(folder: Path) -> None:
    """Killed with signal 9 in the middle of merges, all that was answered is there, and sound."""
    chance = random.Random(5)
    answered: list[str] = []
    for turn in range(4):
        command = [sys.executable, "-c", KILLED, str(folder), str(turn)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(chance.randrange(3, 20)):
                answered += process.stdout.readline().split()
            process.kill()
            answered += [
                id for line in process.stdout if line.endswith("\n") for id in line.split()
            ]
        sound(folder)
    connection = sqlite3.connect(folder.parent / "leads.db")
    log = {row[0] for row in connection.execute("SELECT id FROM events")}
    connection.close()
    assert answered
    assert set(answered) <= log
