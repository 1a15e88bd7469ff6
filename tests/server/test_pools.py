"""Public pools over HTTP: claimed, given back, assigned, and whose they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from engine.language.instants import DAY, SECOND, parse_instant
from engine.reports.index import REPORTS
from engine.server.auth import Access
from engine.server.tokens import digest_of
from tests.server.test_events import error_of
from tests.serving import SERVER, form, served, wait_for, write_config

ROUTING = """
teams:
  east:
    supervisor: zhou.jie
    members: [{id: li.na, name: 李娜}, {id: zhang.wei, name: 张伟, capacity: 2}]
  west: {supervisor: wu.min, members: [{id: sun.qiang, name: 孙强}]}
rules:
  - {id: young, when: {lead.company: 新公司}, assign: {pool: new}}
  - {id: west, when: {lead.company: 西部公司}, assign: {pool: west}}
  - {id: rest, assign: {pool: public}}
pools:
  public: {label: 公海池, claim: {per_day: 3, previous_owner_after: 7d}}
  new: {label: 新客户池, claim: {newest_after: 1h}}
  west: {label: 西部池, teams: [west]}
"""
JOURNEYS = """
journeys:
  - {id: route, enter: {event: form_submitted}, steps: [{id: assign, route: {}}]}
"""
PEOPLE = ("li.na", "zhang.wei", "sun.qiang", "zhou.jie")


def bearer(who: str) -> dict[str, str]:
    """Return the header of somebody's token."""
    return {"Authorization": f"Bearer {who}-token-of-the-tests-0123456789"}


def _tokens() -> str:
    lines = [SERVER.format(port=9, notify="log"), "tokens:"]
    for who in PEOPLE:
        digest = digest_of(f"{who}-token-of-the-tests-0123456789")
        name = who.replace(".", "-")
        lines.append(f"  {name}: {{role: sales, member: {who}, secrets: [{{sha256: {digest}}}]}}")
    digest = digest_of("ops-token-of-the-tests-0123456789")
    lines.append(f"  ops: {{role: ops, secrets: [{{sha256: {digest}}}]}}")
    return "\n".join(lines)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """Serve a company with three pools, a token for everybody, and six leads in 公海."""
    config = write_config(tmp_path / "config", routing=ROUTING, journeys=JOURNEYS, server=_tokens())
    access = Access.token("x" * 30)
    with served(config, tmp_path / "leads.db", access, reports=REPORTS) as client:
        for number in range(1, 7):
            client.post("/v1/events", json=form(number), headers=bearer("ops"))
        yield client


def claim(client: TestClient, who: str, number: int) -> Any:
    """Claim the lead number ``number``."""
    return client.post(f"/v1/leads/w{number}@acme.cn/claim", headers=bearer(who))


def test_who_claims_has_the_lead(client: TestClient) -> None:
    """A claim makes the claimant the owner, in their team, and takes the lead from the pool."""
    assert claim(client, "li.na", 1).json()["owner"] == "li.na"
    lead = client.get("/v1/leads/w1@acme.cn", headers=bearer("li.na")).json()
    assert (lead["owner"], lead["team"], lead["pool"]) == ("li.na", "east", None)
    refused = claim(client, "zhang.wei", 1)
    assert refused.status_code == 404  # it is somebody else's now
    mine = error_of(claim(client, "li.na", 1), 409)
    assert (mine["code"], mine["message"]) == ("claim-refused", "li.na has it already")


def test_a_day_has_its_limit(client: TestClient) -> None:
    """The fourth claim of a day is refused until the next day in China, and written down."""
    for number in (1, 2, 3):
        assert claim(client, "li.na", number).status_code == 200
    error = error_of(claim(client, "li.na", 4), 409)
    assert error["message"] == "li.na has claimed 3 of 3 leads today"
    possible = parse_instant(error["details"][0]["possible_at"])
    assert (possible + 8 * 3_600_000) % DAY == 0
    timeline = client.get("/v1/leads/w4@acme.cn/timeline", headers=bearer("ops")).json()["items"]
    told = next(i["data"] for i in timeline if i["kind"] == "happening")
    assert (told["member"], told["pool"]) == ("li.na", "public")
    assert claim(client, "sun.qiang", 4).status_code == 200


def test_who_is_full_claims_nothing(client: TestClient) -> None:
    """A capacity counts for claims too, and giving back makes room."""
    assert [claim(client, "zhang.wei", n).status_code for n in (1, 2, 3)] == [200, 200, 409]
    path = "/v1/leads/w1@acme.cn/release"
    client.post(path, json={"reason": "不是我的行业"}, headers=bearer("zhang.wei"))
    assert claim(client, "zhang.wei", 3).status_code == 200


def test_giving_back_needs_a_reason_and_cools_down(client: TestClient) -> None:
    """Who gives a lead back says why, and may claim it again seven days later, others at once."""
    claim(client, "li.na", 1)
    path = "/v1/leads/w1@acme.cn/release"
    assert client.post(path, json={}, headers=bearer("li.na")).status_code == 422
    back = client.post(path, json={"reason": "联系不上"}, headers=bearer("li.na"))
    assert (back.status_code, back.json()["owner"]) == (200, None)
    error = error_of(claim(client, "li.na", 1), 409)
    assert error["message"] == "li.na had the lead before"
    lead = client.get("/v1/leads/w1@acme.cn/explain", headers=bearer("ops")).json()["owner"]
    assert (lead["pool"], lead["reason"]) == ("public", "联系不上")
    left = parse_instant(error["details"][0]["possible_at"]) - parse_instant(lead["at"])
    assert 0 <= left - 7 * DAY < SECOND  # from the decision, which comes after the request
    assert claim(client, "zhang.wei", 1).status_code == 200
    again = client.post(path, json={"reason": "x"}, headers=bearer("li.na"))
    assert again.status_code == 404


def test_nobody_has_it_twice(client: TestClient) -> None:
    """A lead that nobody has cannot be given back."""
    path = "/v1/leads/w1@acme.cn/release"
    answer = client.post(path, json={"reason": "误领"}, headers=bearer("ops"))
    assert error_of(answer, 409)["message"] == "nobody has the lead"


def test_new_leads_are_protected(client: TestClient) -> None:
    """A lead that has just come into a pool waits an hour before anybody may claim it."""
    client.post("/v1/events", json=form(7, company="新公司"), headers=bearer("ops"))
    error = error_of(claim(client, "li.na", 7), 409)
    assert error["message"] == "the lead is new in pool new"
    pool = client.get("/v1/pools/new", headers=bearer("li.na")).json()
    (lead,) = pool["items"]
    assert lead["claim"]["possible"] is False
    assert lead["claim"]["possible_at"] == error["details"][0]["possible_at"]


def test_pools_have_their_teams(client: TestClient) -> None:
    """A pool of one team is none for the others: not listed, not read, not claimed from."""
    client.post("/v1/events", json=form(8, company="西部公司"), headers=bearer("ops"))
    names = {
        who: [p["id"] for p in client.get("/v1/pools", headers=bearer(who)).json()["items"]]
        for who in ("li.na", "sun.qiang", "ops")
    }
    assert names == {
        "li.na": ["public", "new"],
        "sun.qiang": ["public", "new", "west"],
        "ops": ["public", "new", "west"],
    }
    assert client.get("/v1/pools/west", headers=bearer("li.na")).status_code == 404
    assert client.get("/v1/leads?pool=west", headers=bearer("li.na")).status_code == 403
    assert client.get("/v1/leads?owner=", headers=bearer("li.na")).status_code == 403
    assert claim(client, "li.na", 8).status_code == 404
    assert claim(client, "sun.qiang", 8).status_code == 200


def test_a_pool_says_what_one_may_claim(client: TestClient) -> None:
    """The pool counts its leads and one's claims of today."""
    claim(client, "li.na", 1)
    pool = client.get("/v1/pools/public", headers=bearer("li.na")).json()
    assert (pool["leads"], len(pool["items"])) == (5, 5)
    assert pool["claims"] == {"member": "li.na", "claimed_today": 1, "per_day": 3}
    assert all(item["claim"]["possible"] for item in pool["items"])


def test_a_supervisor_gives_many_away(client: TestClient) -> None:
    """A supervisor spreads a pool's leads over the team in turn; nobody else does."""
    leads = [f"w{n}@acme.cn" for n in range(1, 5)]
    told = {"leads": leads, "owner": ["li.na", "zhang.wei"], "reason": "本周任务"}
    assert client.post("/v1/leads/assign", json=told, headers=bearer("li.na")).status_code == 403
    answer = client.post("/v1/leads/assign", json=told, headers=bearer("zhou.jie"))
    owners = [result["owner"] for result in answer.json()["results"]]
    assert owners == ["li.na", "zhang.wei", "li.na", "zhang.wei"]
    other = {"owner": "sun.qiang"}
    path = "/v1/leads/w5@acme.cn/assign"
    assert client.post(path, json=other, headers=bearer("zhou.jie")).status_code == 403
    hers = client.get("/v1/leads?owner=li.na", headers=bearer("zhou.jie")).json()["items"]
    assert len(hers) == 2
    # What was given by hand is a load as well: 张伟 has room for two.
    assert error_of(claim(client, "zhang.wei", 5), 409)["message"].startswith("zhang.wei is full")


def test_assigning_checks_names(client: TestClient) -> None:
    """Somebody in no team is refused with the nearest name, and nothing is assigned."""
    told = {"leads": ["w1@acme.cn", "nobody"], "owner": "li.na"}
    assert client.post("/v1/leads/assign", json=told, headers=bearer("ops")).status_code == 422
    path = "/v1/leads/w1@acme.cn/assign"
    error = error_of(client.post(path, json={"owner": "lina"}, headers=bearer("ops")), 422)
    assert "li.na" in error["message"]
    assert client.post(path, json={}, headers=bearer("ops")).status_code == 422
    moved = client.post(path, json={"pool": "new", "reason": "换池"}, headers=bearer("ops"))
    assert moved.status_code == 200
    lead = client.get("/v1/leads/w1@acme.cn", headers=bearer("ops")).json()
    assert (lead["owner"], lead["pool"]) == (None, "new")


def test_declining_tells_the_supervisor(client: TestClient) -> None:
    """Who cannot take a lead on says so, and the supervisor gets a to-do."""
    claim(client, "li.na", 1)
    path = "/v1/leads/w1@acme.cn/decline"
    assert client.post(path, json={"reason": "出差"}, headers=bearer("li.na")).status_code == 200
    (task,) = client.get("/v1/tasks?owner=zhou.jie", headers=bearer("zhou.jie")).json()["items"]
    assert "出差" in task["title"]
    assert task["priority"] == "high"


def test_only_who_has_a_lead_answers_for_it(client: TestClient) -> None:
    """Accepting and declining are the owner's, or their supervisor's, and count once."""
    path, reason = "/v1/leads/w1@acme.cn", {"reason": "出差"}
    nobodys = client.post(f"{path}/accept", headers=bearer("li.na"))
    assert error_of(nobodys, 409)["message"] == "nobody has the lead"
    assert client.post(f"{path}/decline", json=reason, headers=bearer("ops")).status_code == 409
    claim(client, "li.na", 1)
    for by in ("zhang.wei", "not.a.person", "wu.min"):
        for verb, said in (("accept", {}), ("decline", reason)):
            named = {**said, "by": by}
            answer = client.post(f"{path}/{verb}", json=named, headers=bearer("ops"))
            assert error_of(answer, 409)["message"] == f"li.na has the lead, not {by}"
    event = {"type": "lead_accepted", "lead": {"email": "w1@acme.cn"}, "by": "zhang.wei"}
    assert client.post("/v1/events", json=event, headers=bearer("ops")).status_code == 200
    for who in ("li.na", "ops", "zhou.jie"):  # who is no salesperson speaks for the owner
        assert client.post(f"{path}/accept", headers=bearer(who)).status_code == 200
    report = client.get("/v1/reports/people?period=all", headers=bearer("ops")).json()
    people = next(table for table in report["tables"] if table["key"] == "people")["rows"]
    accepted = {row["cells"]["owner"]: row["cells"]["accepted"] for row in people}
    assert accepted["li.na"] == 1
    assert sum(accepted.values()) == 1


def test_nobody_meets_anothers_clocks(tmp_path: Path) -> None:
    """A clock that waits for the owner's word waits on when somebody else gives it."""
    routing = ROUTING.replace("{pool: west}}", "{team: west}}") + "sla: [{id: a, accept: 1h}]"
    config = write_config(tmp_path / "config", routing=routing, journeys=JOURNEYS, server=_tokens())
    with served(config, tmp_path / "leads.db", Access.token("x" * 30)) as client:
        client.post("/v1/events", json=form(1, company="西部公司"), headers=bearer("ops"))
        event = {"type": "lead_accepted", "lead": {"email": "w1@acme.cn"}}
        for by, met in (("li.na", 0), ("wu.min", 0), ("sun.qiang", 1)):
            client.post("/v1/events", json={**event, "by": by}, headers=bearer("ops"))
            timeline = client.get("/v1/leads/w1@acme.cn/timeline", headers=bearer("ops")).json()
            assert sum(item["type"] == "sla_met" for item in timeline["items"]) == met


def test_supervisors_list_their_teams_leads(client: TestClient) -> None:
    """Without an owner's name the list has the leads of all whom one supervises, no others."""
    for number, who in enumerate(("li.na", "zhang.wei", "sun.qiang"), 1):
        claim(client, who, number)
    for query, whose in (
        ("", ["li.na", "zhang.wei"]),
        ("?q=acme", ["li.na", "zhang.wei"]),
        ("?owner=li.na", ["li.na"]),
    ):
        found = client.get(f"/v1/leads{query}", headers=bearer("zhou.jie")).json()["items"]
        assert sorted(lead["owner"] for lead in found) == whose
    (own,) = client.get("/v1/leads", headers=bearer("li.na")).json()["items"]
    assert own["owner"] == "li.na"
    page = client.get("/console/leads", headers=bearer("zhou.jie")).text
    offered = page.partition('<select name="owner">')[2].partition("</select>")[0]
    assert "li.na" in offered
    assert "zhang.wei" in offered
    assert "sun.qiang" not in offered
    assert '<select name="owner">' not in client.get("/console/leads", headers=bearer("li.na")).text


def test_follow_ups_make_the_next_one(client: TestClient) -> None:
    """A call with a next date makes the to-do of the next contact; a signal alerts two people."""
    claim(client, "li.na", 1)
    told = {
        "type": "call_logged",
        "properties": {
            "outcome": "接通",
            "summary": "关注交付周期",
            "objections": "价格偏高",
            "promises": "3天内发送案例",
            "next_step": "发案例并约下次通话",
            "next_at": "2036-03-02T10:00:00+08:00",
            "signals": ["合同细节"],
        },
    }
    path = "/v1/leads/w1@acme.cn/follow-up"
    assert client.post(path, json=told, headers=bearer("li.na")).json()["stage"] == "contacted"
    tasks = client.get("/v1/tasks", headers=bearer("li.na")).json()["items"]
    titles = {task["title"]: task for task in tasks}
    assert titles["发案例并约下次通话"]["due"] == "2036-03-02T02:00:00Z"
    alert = next(task for title, task in titles.items() if "合同细节" in title)
    assert (alert["owner"], alert["priority"]) == ("li.na", "high")
    sent = wait_for(
        lambda: client.get("/v1/deliveries?status=delivered", headers=bearer("ops")).json()["items"]
    )
    assert {note["to"] for note in sent} <= {"li.na", "zhou.jie"}
    lost = {"type": "opportunity_lost", "properties": {}}
    assert client.post(path, json=lost, headers=bearer("li.na")).status_code == 422
    told = {"type": "opportunity_opened", "properties": {"amount": 1, "close_on": "2027-01-31"}}
    assert client.post(path, json=told, headers=bearer("li.na")).json()["stage"] == "qualified"


def test_to_dos_of_ones_own(client: TestClient) -> None:
    """A to-do is made, put off and done by who has it, and is nothing to anybody else."""
    claim(client, "li.na", 1)
    told = {"lead": "w1@acme.cn", "title": "寄样品", "due": "2036-03-02T10:00:00+08:00"}
    task = client.post("/v1/tasks", json=told, headers=bearer("li.na")).json()
    assert (task["owner"], task["status"]) == ("li.na", "open")
    later = {"until": "2036-03-05T10:00:00+08:00"}
    path = f"/v1/tasks/{task['id']}"
    assert client.post(f"{path}/snooze", json=later, headers=bearer("sun.qiang")).status_code == 404
    put_off = client.post(f"{path}/snooze", json=later, headers=bearer("li.na")).json()
    assert put_off["due"] == "2036-03-05T02:00:00Z"
    for wrong in ("2020-03-05T10:00:00+08:00", "2036-03-05", "tomorrow", None, 5):
        answer = client.post(f"{path}/snooze", json={"until": wrong}, headers=bearer("li.na"))
        assert error_of(answer, 422)["code"] == "bad-value", wrong
    assert client.post("/v1/tasks", json=told, headers=bearer("sun.qiang")).status_code == 404
    for_another = {**told, "owner": "zhang.wei"}
    assert client.post("/v1/tasks", json=for_another, headers=bearer("li.na")).status_code == 403
    done = client.post(f"{path}/complete", json={"outcome": "已寄"}, headers=bearer("zhou.jie"))
    assert done.json()["status"] == "done"
    assert client.post(f"{path}/snooze", json=later, headers=bearer("li.na")).status_code == 409


def test_a_grade_by_hand(client: TestClient) -> None:
    """A salesperson's grade counts over the computed one, and needs a reason."""
    claim(client, "li.na", 1)
    path = "/v1/leads/w1@acme.cn/grade"
    assert client.post(path, json={"grade": "A"}, headers=bearer("li.na")).status_code == 422
    told = {"grade": "A", "reason": "总经理亲自来电"}
    assert client.post(path, json=told, headers=bearer("li.na")).json()["grade"] == "A"
    assert (
        client.post(path, json={**told, "grade": "Z"}, headers=bearer("li.na")).status_code == 422
    )


def test_colleagues_in_others_pools_are_none(client: TestClient) -> None:
    """Leads of one company that lie in another team's pool are not shown beside one's own."""
    for number in (8, 9):
        event = form(number, company="西部公司")
        client.post("/v1/events", json=event, headers=bearer("ops"))
    given = {"owner": "li.na", "reason": "老客户"}
    client.post("/v1/leads/w9@acme.cn/assign", json=given, headers=bearer("ops"))
    path = "/v1/leads/w9@acme.cn/colleagues"
    seen = {
        who: [
            lead["fields"]["email"]
            for lead in client.get(path, headers=bearer(who)).json()["items"]
        ]
        for who in ("li.na", "ops")
    }
    assert "w8@acme.cn" in seen["ops"]
    assert "w8@acme.cn" not in seen["li.na"]


def test_a_pool_has_no_leads_that_are_done(client: TestClient) -> None:
    """Won and lost leads are neither counted nor listed nor claimed, though they had no owner."""
    for number, type in ((1, "opportunity_won"), (2, "opportunity_lost")):
        event = {"type": type, "lead": {"email": f"w{number}@acme.cn"}}
        event |= {"properties": {"amount": 1} if number == 1 else {"reason": "预算取消"}}
        client.post("/v1/events", json=event, headers=bearer("ops")).raise_for_status()
    pools = client.get("/v1/pools", headers=bearer("ops")).json()["items"]
    assert {each["id"]: each["leads"] for each in pools}["public"] == 4
    pool = client.get("/v1/pools/public", headers=bearer("li.na")).json()
    assert (pool["leads"], len(pool["items"])) == (4, 4)
    assert {each["stage"] for each in pool["items"]}.isdisjoint({"won", "lost"})
    assert claim(client, "li.na", 1).status_code == 409
    behind = client.get(
        '/v1/leads?pool=public&owner=&without=["won","lost","invalid"]', headers=bearer("ops")
    )
    assert len(behind.json()["items"]) == 4
    assert client.get("/v1/leads?pool=public", headers=bearer("ops")).json() == behind.json()
    day = client.get("/console/day", headers={**bearer("li.na"), "Accept": "text/html"})
    assert day.status_code == 200
    assert day.text.count("/claim") == 4
