"""Intake at work: screened, held, released, marked, consented and enriched; all of it stored."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine.host.clock import StreamClock
from engine.host.enriching import MAX_ATTEMPTS, Enriching, backoff
from engine.host.outcome import Outcome
from engine.host.plugins import PluginError, Plugins
from engine.host.runtime import Runtime
from engine.language.instants import parse_instant
from engine.machines.replay import Entry, replay
from engine.plugin import Enricher, LeadView, hookimpl
from engine.store import holding

INTAKE = """
lists:
  words: lists/words.txt
  people: {file: lists/people.txt, kind: people}
  scanners: {file: lists/scanners.txt, kind: agents}
rules:
  - {id: blacklist, when: {listed.people: true}, do: reject, reason: 黑名单}
  - {id: student, when: {lead.title: 学生}, do: flag, reason: 学生}
  - {id: spam, when: {listed.words: true}, do: quarantine, reason: 敏感词}
bots: {agents: scanners}
"""
LISTS = {"words": "代开发票\n", "people": "spam@bad.cn\n", "scanners": "barracuda\n"}
DAY = "2026-03-02T09:00:{:02d}+08:00"
Use = Callable[[Runtime], Awaitable[Any]]


@pytest.fixture
def intake(folder: Path) -> Path:
    """The small configuration with an intake.yaml."""
    (folder / "intake.yaml").write_text(INTAKE, encoding="utf-8")
    (folder / "lists").mkdir()
    for name, text in LISTS.items():
        (folder / "lists" / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


def run(folder: Path, use: Use, plugins: Plugins | None = None) -> Any:
    """Start a runtime on the folder's database, use it and stop it."""

    async def whole() -> Any:
        runtime = Runtime(folder, folder.parent / "leads.db", StreamClock(), plugins, environ={})
        errors = [d for d in runtime.load() if d.severity == "error"]
        assert not errors, errors
        runtime.start()
        try:
            return await use(runtime)
        finally:
            await runtime.stop()

    return asyncio.run(whole())


def form(id: str, second: int = 0, type: str = "form_submitted", **lead: Any) -> dict[str, Any]:
    """A form, or another event, that brings these fields."""
    return {"id": id, "type": type, "at": DAY.format(second), "lead": lead}


def about(id: str, type: str, second: int, **properties: Any) -> dict[str, Any]:
    """Something that happened to a message to u1."""
    return form(id, second, type, user_id="u1") | {"properties": properties}


def statuses(outcomes: list[Outcome]) -> list[str]:
    """What became of each event, in short."""
    return [o.status for o in outcomes]


def test_a_rejected_event_is_answered_and_kept_with_its_reason(intake: Path) -> None:
    """Nobody is lost in silence: the sender hears why, and the list has it, counted when it repeats."""

    async def use(runtime: Runtime) -> None:
        for _ in range(2):
            (outcome,) = await runtime.submit([form("e1", email="SPAM@bad.cn", name="某人")])
            assert outcome.status == "rejected"
            assert outcome.error is not None
            assert (outcome.error["code"], outcome.error["message"]) == ("screened", "黑名单")
        (item,) = runtime.reader.rejected().items
        assert (item["id"], item["rule"], item["reason"], item["times"]) == (
            "e1",
            "blacklist",
            "黑名单",
            2,
        )
        assert item["matched"] == {"people": ["spam@bad.cn"]}
        assert item["lead"]["name"] == "某人"
        assert runtime.reader.screened() == {"quarantined": 0, "rejected": 2}
        assert runtime.reader.counts()["leads"] == 0

    run(intake, use)


def test_a_flood_of_rejects_leaves_the_newest(
    intake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list of rejected events is bounded; pages follow each other without a gap."""
    monkeypatch.setattr(holding, "MOST_REJECTED", 3)

    async def use(runtime: Runtime) -> None:
        await runtime.submit([form(f"e{n}", email="spam@bad.cn") for n in range(7)])
        first = runtime.reader.rejected(limit=2)
        rest = runtime.reader.rejected(limit=2, cursor=first.next)
        assert [i["id"] for i in (*first.items, *rest.items)] == ["e6", "e5", "e4"]

    run(intake, use)


def test_a_flag_stays_with_the_lead_and_its_event(intake: Path) -> None:
    """Rules read lead.flags; the event says which rule and why."""

    async def use(runtime: Runtime) -> None:
        (outcome,) = await runtime.submit([form("e1", user_id="u1", title="学生")])
        await runtime.submit(
            [form("e2", 1, user_id="u1", city="上海"), form("e3", 2, user_id="u1", title="学生")]
        )
        assert outcome.lead is not None
        lead = runtime.reader.state(outcome.lead)
        assert lead is not None
        assert lead.facts["lead.flags"] == ["student"]
        first = next(iter(runtime.reader.history(outcome.lead))).event
        assert first.screened == {"flags": ["student"], "reasons": {"student": "学生"}}

    run(intake, use)


def test_who_is_held_waits_with_everything_that_follows(intake: Path) -> None:
    """Later events of the same person wait behind; released, all come in, in their order, once."""

    async def use(runtime: Runtime) -> None:
        bad = form("e1", 1, email="li@acme.cn", need="代 开 发 票")
        later = form("e2", 2, "page_viewed", email="li@acme.cn", anonymous_id="a1")
        third = form("e3", 3, "page_viewed", anonymous_id="a1")
        other = form("e4", 4, "page_viewed", anonymous_id="a2")
        assert statuses(await runtime.submit([bad, later])) == ["quarantined"] * 2
        found = await runtime.submit([third, other, bad])
        assert statuses(found) == ["quarantined", "accepted", "quarantined"]
        assert found[2].screened == {"rule": "spam", "reason": "敏感词"}
        items = runtime.reader.quarantine("waiting").items
        assert [(i["id"], i["behind"], i["rule"]) for i in items] == [
            ("e3", "e1", ""), ("e2", "e1", ""), ("e1", "e1", "spam"),
        ]  # fmt: skip
        assert items[2]["matched"] == {"words": ["代开发票"]}
        released = await runtime.release("e1", "li.na")
        assert statuses(released) == ["accepted"] * 3
        assert len({o.lead for o in released}) == 1
        assert await runtime.release("e1", "li.na") == []
        assert runtime.reader.quarantine("waiting").items == []
        assert [i["by"] for i in runtime.reader.quarantine("released").items] == ["li.na"] * 3
        assert statuses(
            await runtime.submit([bad, form("e5", 5, anonymous_id="a1", name="李")])
        ) == ["duplicate", "accepted"]
        log = [logged.event for logged in runtime.reader.history(str(released[0].lead))]
        assert [e.id for e in log] == ["e1", "e2", "e3", "e5"]
        assert log[0].screened["released"]["by"] == "li.na"

    run(intake, use)


def test_who_is_kept_out_stays_out(intake: Path) -> None:
    """A person's no is final for that event; its sender may start anew with a clean one."""

    async def use(runtime: Runtime) -> None:
        bad = form("e1", email="li@acme.cn", need="代开发票")
        await runtime.submit([bad, form("e2", 1, "page_viewed", email="li@acme.cn")])
        assert await runtime.reject("e1", "li.na", "广告") == 2
        assert await runtime.reject("e1", "li.na", "广告") == 0
        (again,) = await runtime.submit([bad])
        assert (again.status, again.error and again.error["message"]) == ("rejected", "敏感词")
        assert [i["note"] for i in runtime.reader.quarantine("rejected").items] == ["广告"] * 2
        assert statuses(await runtime.submit([form("e3", 2, email="li@acme.cn")])) == ["accepted"]

    run(intake, use)


def test_a_no_that_comes_first_wins_over_a_yes(intake: Path) -> None:
    """Two people decide at once: an event rejected meanwhile is not let in."""

    async def use(runtime: Runtime) -> None:
        await runtime.submit([form("e1", email="li@acme.cn", need="代开发票")])
        read = runtime.reader.held_arrivals("e1")
        await runtime.reject("e1", "a", "")
        runtime.reader.held_arrivals = lambda id: read  # type: ignore[method-assign]
        (late,) = await runtime.release("e1", "b")
        assert (late.status, late.error and late.error["code"]) == ("rejected", "not-held")
        assert runtime.reader.counts()["leads"] == 0

    run(intake, use)


def test_a_customer_who_is_known_goes_on(intake: Path) -> None:
    """One bad message of a customer is held; everything else of theirs comes in."""

    async def use(runtime: Runtime) -> None:
        await runtime.submit([form("e1", user_id="u1")])
        found = await runtime.submit(
            [form("e2", 1, user_id="u1", need="代开发票"), form("e3", 2, user_id="u1")]
        )
        assert statuses(found) == ["quarantined", "accepted"]

    run(intake, use)


def test_a_verdict_is_recorded_and_not_judged_again(intake: Path) -> None:
    """With other lists tomorrow, yesterday's log still replays to the same lead."""

    async def first(runtime: Runtime) -> str:
        (outcome,) = await runtime.submit([form("e1", user_id="u1", title="学生")])
        return str(outcome.lead)

    lead = run(intake, first)
    (intake / "intake.yaml").unlink()

    async def second(runtime: Runtime) -> None:
        state = runtime.reader.state(lead)
        log = [Entry(logged.event, logged.decided_at) for logged in runtime.reader.history(lead)]
        again = replay(runtime.ruleset, lead, log, log[-1].decided_at)
        assert state is not None
        assert again is not None
        assert again.lead.facts == state.facts
        assert again.lead.facts["lead.flags"] == ["student"]

    run(intake, second)


def test_what_was_sent_stays_visible(intake: Path) -> None:
    """A number in another form, an address in capitals: the event keeps both forms."""

    async def use(runtime: Runtime) -> None:
        lead = {
            "phone": "１３８ 0013 8000",
            "email": "Wang@Acme.cn",
            "name": "王\u200b芳 ",
            "city": "上海",
            "company": " 金泰 ",
        }
        (outcome,) = await runtime.submit([form("e1", **lead)])
        event = next(iter(runtime.reader.history(str(outcome.lead)))).event
        assert event.raw == {
            "phone": "１３８ 0013 8000",
            "email": "Wang@Acme.cn",
            "name": "王\u200b芳 ",
        }
        assert event.lead["name"] == "王芳"
        items = runtime.reader.timeline(str(outcome.lead)).items
        assert next(i for i in items if i["id"] == "e1")["raw"] == event.raw

    run(intake, use)


def bots_of(intake: Path, *batches: list[dict[str, Any]]) -> dict[str, str]:
    """The reasons of the events that were marked, by id."""

    async def use(runtime: Runtime) -> dict[str, str]:
        for batch in ([form("e0", user_id="u1")], *batches):
            outcomes = await runtime.submit(batch)
            assert set(statuses(outcomes)) == {"accepted"}
        (lead,) = {str(o.lead) for o in outcomes}
        return {
            logged.event.id: logged.event.screened["bot"]
            for logged in runtime.reader.history(lead)
            if logged.event.bot
        }

    found: dict[str, str] = run(intake, use)
    return found


def test_nobody_reads_within_seconds_of_the_delivery(intake: Path) -> None:
    """An open or click before 5 s are over is a scanner's, of that message only."""
    sent = about("s", "email_delivered", 10, message="hello")
    found = bots_of(
        intake, [sent],
        [about("a", "email_opened", 12, message="hello"), about("b", "email_opened", 12, message="other")],
        [about("c", "email_clicked", 14, message="hello", url="x"), about("d", "email_opened", 15, message="hello")],
    )  # fmt: skip
    assert found == {"a": "2 s after the delivery", "c": "4 s after the delivery"}


def test_all_links_at_once_are_a_scanners(intake: Path) -> None:
    """Three links of one message in ten seconds: the third is marked, and those after it."""
    together = [
        about(f"c{n}", "email_clicked", 10 + n, message="hello", url=f"l{n}") for n in range(3)
    ]
    found = bots_of(intake, together, [about("c9", "email_clicked", 15, message="hello", url="l0")])
    assert set(found) == {"c2", "c9"}
    assert found["c2"] == "3 links of one message within 10 s"


def test_links_one_after_another_count_together(intake: Path) -> None:
    """Sent one by one the third is marked; the same link again, or slowly, is a reader's."""
    found = bots_of(
        intake, *([about(f"c{n}", "email_clicked", n, message="m", url=f"l{n}")] for n in range(3))
    )
    assert set(found) == {"c2"}
    database = intake.parent / "leads.db"
    database.unlink()
    slow = [[about(f"c{n}", "email_clicked", n * 12, message="m", url=f"l{n}")] for n in range(4)]
    same = [[about(f"d{n}", "email_clicked", 50 + n, message="m", url="l")] for n in range(4)]
    assert bots_of(intake, *slow, *same) == {}


def _splits(events: list[dict[str, Any]]) -> list[list[list[dict[str, Any]]]]:
    """Every way to cut a list into batches, in order."""
    if not events:
        return [[]]
    return [[events[:n], *rest] for n in range(1, len(events) + 1) for rest in _splits(events[n:])]


def test_splitting_a_burst_changes_nothing(intake: Path) -> None:
    """However the clicks of a scanner come, together, one by one or in between: the same lead.

    The first two count and are taken back by the third; a page read meanwhile stays. A replay of
    the log gives the lead, too.
    """
    scoring = (intake / "scoring.yaml").read_text(encoding="utf-8")
    clicked = "      - {id: 点击, dimension: behaviour, event: email_clicked, points: 5, repeat: each, expires: 9d}\n"
    scoring = scoring.replace("    grades:", f"{clicked}    grades:")
    (intake / "scoring.yaml").write_text(scoring, encoding="utf-8")
    burst = [
        about(f"c{n}", "email_clicked", 10 + n, message="周报", url=f"https://acme.cn/{n}")
        for n in range(4)
    ]
    burst.insert(2, about("p", "page_viewed", 12, page="pricing"))

    async def use(split: list[list[dict[str, Any]]], runtime: Runtime) -> tuple[Any, ...]:
        for batch in ([form("e0", user_id="u1")], *split):
            outcomes = await runtime.submit(batch)
        (lead,) = {str(o.lead) for o in outcomes}
        state = runtime.reader.state(lead)
        assert state is not None
        ledger = runtime.reader.ledger(lead)
        log = [Entry(logged.event, logged.decided_at) for logged in runtime.reader.history(lead)]
        again = replay(runtime.ruleset, lead, log, log[-1].decided_at)
        assert again is not None
        assert again.lead == state
        assert sum(line["points"] for line in ledger) == state.facts["score.default.total"] == 15
        taken = [line["points"] for line in ledger if line["reason"] == "bot"]
        assert taken == [-5, -5]
        return state, ledger

    found = []
    for split in _splits(burst):
        found.append(run(intake, partial(use, split)))
        (intake.parent / "leads.db").unlink()
    assert len(found) == 16
    assert all(each == found[0] for each in found)


def test_known_scanners_score_nothing(intake: Path) -> None:
    """What a known agent does is stored with its reason, and moves no score."""

    async def use(runtime: Runtime) -> None:
        page = about("p", "page_viewed", 1, page="pricing")
        (seen,) = await runtime.submit(
            [page | {"client": {"ip": "192.0.2.1", "agent": "BarracudaCentral/1"}}]
        )
        assert seen.summary is not None
        assert seen.summary["score"] == 0
        event = next(iter(runtime.reader.history(str(seen.lead)))).event
        assert (event.bot, event.screened["bot"]) == (
            True,
            'its user agent has "barracuda" of scanners',
        )
        assert event.client == {"ip": "192.0.2.1", "agent": "BarracudaCentral/1"}
        (human,) = await runtime.submit([about("q", "page_viewed", 2, page="pricing")])
        assert human.summary is not None
        assert human.summary["score"] == 15

    run(intake, use)


def test_back_filled_opens_are_nobodys(intake: Path) -> None:
    """History is not looked at for haste: its times may be those of an export."""
    sent = about("s", "email_delivered", 10, message="hello")
    assert (
        bots_of(
            intake, [sent], [about("a", "email_opened", 10, message="hello") | {"history": True}]
        )
        == {}
    )


@pytest.mark.parametrize(
    ("said", "stands"),
    [
        ([("given", 1), ("withdrawn", 2)], "withdrawn"),
        ([("withdrawn", 2), ("given", 1)], "withdrawn"),
        ([("given", 2), ("withdrawn", 2)], "withdrawn"),
        ([("withdrawn", 2), ("given", 2)], "withdrawn"),
        ([("withdrawn", 1), ("given", 2)], "given"),
    ],
)
def test_the_latest_word_on_a_topic_counts(
    intake: Path, said: list[tuple[str, int]], stands: str
) -> None:
    """By its own time, not by its arrival; at one instant a withdrawal wins."""

    async def use(runtime: Runtime) -> None:
        for number, (status, at) in enumerate(said):
            word = {
                "status": status,
                "at": DAY.format(at),
                "source": "官网表单",
                "text": "我同意接收",
            }
            (outcome,) = await runtime.submit(
                [form(f"e{number}", 30 + number, user_id="u1", consent={"marketing": word})]
            )
        state = runtime.reader.state(str(outcome.lead))
        assert state is not None
        assert state.facts["lead.consent.marketing"] == stands
        kept = state.consents["marketing"]
        assert (kept["status"], kept["source"], kept["text"]) == (stands, "官网表单", "我同意接收")
        assert kept["at"] == parse_instant(DAY.format(max(at for _, at in said)))
        assert kept["event"] in ("e0", "e1")

    run(intake, use)


def test_an_unsubscription_is_a_withdrawal_with_its_event(intake: Path) -> None:
    """Whoever unsubscribes has withdrawn, dated, until a later consent."""

    async def use(runtime: Runtime) -> None:
        await runtime.submit([form("e1", 1, user_id="u1", consent={"marketing": "given"})])
        (outcome,) = await runtime.submit([about("e2", "unsubscribed", 2, topic="marketing")])
        state = runtime.reader.state(str(outcome.lead))
        assert state is not None
        kept = state.consents["marketing"]
        assert (kept["status"], kept["source"], kept["event"]) == ("withdrawn", "api", "e2")

    run(intake, use)


class Firm(Enricher):
    """Knows every company; goes wrong in the ways that a test asks for."""

    name = "firm"

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[LeadView] = []

    async def enrich(self, lead: LeadView) -> Mapping[str, Any]:
        """Give the next answer."""
        self.asked.append(lead)
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        if answer == "sleep":
            await asyncio.sleep(5)
        found: Mapping[str, Any] = answer
        return found


class FirmPlugin:
    """Brings the enricher."""

    def __init__(self, firm: object) -> None:
        self.firm = firm

    @hookimpl
    def register_enrichers(self, register: Callable[[Any], None]) -> None:
        """Register it."""
        register(self.firm)


ENRICH = "enrich: [{plugin: firm, on: [company], overwrite: [industry], timeout: 1s}]\n"


def enriched(folder: Path, firm: Firm, *events: dict[str, Any], turns: int = 1) -> dict[str, Any]:
    """The lead of the events after so many turns of enriching, and what became of the questions."""
    (folder / "intake.yaml").write_text(ENRICH, encoding="utf-8")
    plugins = Plugins({"firm": FirmPlugin(firm)}, entry_points=False)

    async def use(runtime: Runtime) -> dict[str, Any]:
        (*_, outcome) = await runtime.submit(list(events))
        enriching = Enriching(runtime, plugins, backoff=lambda attempt: 0)
        for _ in range(turns):
            await enriching.turn()
        lead = runtime.reader.state(str(outcome.lead))
        assert lead is not None
        log = [logged.event for logged in runtime.reader.history(lead.id)]
        return {"facts": lead.facts, "log": log, "questions": runtime.reader.enrichments(lead.id)}

    found: dict[str, Any] = run(folder, use, plugins)
    return found


def test_an_enricher_fills_gaps_and_overwrites_only_what_it_may(folder: Path) -> None:
    """What the customer said stays; the fields under overwrite take the better source."""
    firm = Firm({"employees": 600, "industry": "制造业", "city": "上海市"})
    found = enriched(
        folder, firm, form("e1", user_id="u1", company="金泰", industry="阀门", city="苏州市")
    )
    facts = found["facts"]
    assert (facts["lead.employees"], facts["lead.industry"], facts["lead.city"]) == (
        600,
        "制造业",
        "苏州",
    )
    event = found["log"][-1]
    assert (event.type, event.channel, event.id[:9]) == ("lead_enriched", "enrichment", "enriched:")
    assert firm.asked[0].fields["company"] == "金泰"
    assert [q["status"] for q in found["questions"]] == ["answered"]


def test_an_enricher_is_asked_when_its_field_changes(folder: Path) -> None:
    """Once for a new company, again for another one, not for a page view, never for history."""
    firm = Firm({}, {})
    old = form("e0", user_id="u1", company="旧") | {"history": True}
    events = [old, form("e1", 1, user_id="u1", company="甲"), form("e2", 2, "page_viewed", user_id="u1"),
              form("e3", 3, user_id="u1", company="甲"), form("e4", 4, user_id="u1", company="乙")]  # fmt: skip
    found = enriched(folder, firm, *events)
    assert sorted(q["event"] for q in found["questions"]) == ["e1", "e4"]
    assert [q["reason"] for q in found["questions"]] == ["it knows nothing more"] * 2


@pytest.mark.parametrize(
    ("answers", "turns", "status", "says"),
    [
        (["sleep", {"employees": 3}], 2, "answered", ""),
        ([OSError("down"), {"employees": 3}], 2, "answered", ""),
        ([OSError("down")] * MAX_ATTEMPTS, MAX_ATTEMPTS, "failed", "OSError: down (5 attempts)"),
        ([ValueError("13800138000")], 1, "failed", "it raised ValueError"),
        ([["no map"]], 1, "failed", "it returned a list, not a map of fields"),
        (
            [{"emploees": 3}],
            1,
            "failed",
            'a lead has no field "emploees"; did you mean "employees"?',
        ),
        ([{"employees": "三"}], 1, "failed", "lead.employees: '三' is not a whole number"),
    ],
)
def test_an_enricher_that_fails_costs_its_answer_only(
    folder: Path, answers: list[Any], turns: int, status: str, says: str
) -> None:
    """Slow and broken connections are tried again, nonsense is refused, and all of it is told."""
    found = enriched(folder, Firm(*answers), form("e1", user_id="u1", company="甲"), turns=turns)
    (question,) = found["questions"]
    assert (question["status"], question["reason"]) == (status, says)
    assert found["facts"].get("lead.employees") == (3 if status == "answered" else None)


def test_a_server_runs_its_enrichers(folder: Path) -> None:
    """Started and stopped with the server, it asks by itself."""
    (folder / "intake.yaml").write_text(ENRICH, encoding="utf-8")
    plugins = Plugins({"firm": FirmPlugin(Firm({"employees": 600}))}, entry_points=False)

    async def use(runtime: Runtime) -> None:
        enriching = Enriching(runtime, plugins)
        enriching.start()
        (outcome,) = await runtime.submit([form("e1", user_id="u1", company="甲")])
        for _ in range(600):
            lead = runtime.reader.state(str(outcome.lead))
            if lead is not None and lead.facts.get("lead.employees") == 600:
                break
            await asyncio.sleep(0.05)
        else:
            pytest.fail("nobody asked")
        await enriching.stop()

    run(folder, use, plugins)


def test_questions_nobody_can_answer_end(folder: Path) -> None:
    """An enricher taken out of the configuration, or a lead that is gone, ends its question."""
    (folder / "intake.yaml").write_text(ENRICH, encoding="utf-8")
    plugins = Plugins({"firm": FirmPlugin(Firm())}, entry_points=False)

    async def use(runtime: Runtime) -> list[str]:
        await runtime.submit(
            [form("e1", user_id="u1", company="甲"), form("e2", 1, user_id="u2", company="乙")]
        )

        def vanish(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE enrichments SET plugin = 'gone' WHERE event = 'e1'")
            connection.execute("UPDATE enrichments SET lead = 'gone' WHERE event = 'e2'")

        await runtime.write(vanish)
        enriching = Enriching(runtime, plugins)
        assert await enriching.turn()
        assert not await enriching.turn()
        rows = await runtime.write(
            lambda c: c.execute("SELECT reason FROM enrichments ORDER BY event").fetchall()
        )
        return [row[0] for row in rows]

    assert run(folder, use, plugins) == [
        'nobody asks "gone" any more', "the lead does not exist any more",
    ]  # fmt: skip


def test_an_enricher_that_nobody_installed_is_a_finding(folder: Path) -> None:
    """The configuration names a plugin that is not there: said when it loads, with the nearest."""
    (folder / "intake.yaml").write_text(ENRICH.replace("firm", "firn"), encoding="utf-8")
    plugins = Plugins({"firm": FirmPlugin(Firm())}, entry_points=False)
    found = Runtime(folder, folder.parent / "x.db", StreamClock(), plugins, environ={}).load()
    assert [(d.code, 'did you mean "firm"' in d.message) for d in found] == [
        ("unknown-plugin", True)
    ]


def test_a_malformed_enricher_is_refused_at_the_start() -> None:
    """What could not be asked later is told when it is registered."""

    class Wrong(Enricher):
        name = "wrong"

        def enrich(self, lead: LeadView) -> Any:
            """Not a coroutine."""

    with pytest.raises(PluginError, match="async def enrich"):
        Plugins({"wrong": FirmPlugin(Wrong())}, entry_points=False)


def test_waits_between_attempts_grow() -> None:
    """Half a minute, then twice as long each time."""
    assert [backoff(n) for n in (1, 2, 3)] == [30_000, 60_000, 120_000]
