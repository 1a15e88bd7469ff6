"""The verbs lead, pool and task against a real server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from tests.cli.conftest import Ran
from tests.server.test_process import post, server
from tests.serving import form, write_config

ROUTING = """
teams: {east: {members: [{id: li.na, name: 李娜}, {id: he.xin, name: 何欣}]}}
rules: [{id: rest, assign: {pool: public}}]
pools: {public: {label: 公海池, claim: {per_day: 1}}}
"""
JOURNEYS = """
journeys:
  - {id: route, enter: {event: form_submitted}, steps: [{id: assign, route: {}}]}
"""
Command = Callable[..., Ran]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a server with four leads in its pool."""
    folder = tmp_path_factory.mktemp("people")
    config = write_config(folder / "config", routing=ROUTING, journeys=JOURNEYS)
    with server(config, folder / "leads.db") as running:
        assert running.url is not None
        post(running.url, *(form(n) for n in range(1, 5)))
        yield running.url


def told(ran: Ran) -> list[dict[str, object]]:
    """Return what `--format json` printed."""
    assert ran.code == 0, ran.err
    return [json.loads(line) for line in ran.out.splitlines()]


def test_claiming_from_a_pool(url: str, leadrules: Command) -> None:
    """Who claims has the lead; the pool shows it no more, and why there is no second today."""
    pools = leadrules("pool", "--url", url)
    assert "公海池" in pools.out
    assert leadrules("lead", "claim", "w1@acme.cn", "--by", "li.na", "--url", url).code == 0
    again = leadrules("lead", "claim", "w2@acme.cn", "--by", "li.na", "--url", url)
    assert again.code == 2
    assert "has claimed 1 of 1 leads today" in again.err
    (page,) = told(leadrules("pool", "public", "--member", "li.na", "--url", url, "--format=json"))
    assert isinstance(page["items"], list)
    assert {each["claim"]["possible"] for each in page["items"]} == {False}
    listed = leadrules("pool", "public", "--member", "he.xin", "--url", url)
    assert "now" in listed.out
    given = leadrules("lead", "release", "w1@acme.cn", "--reason", "转行业", "--url", url)
    assert given.out.rstrip().endswith("owner nobody")


def test_a_day_of_work(url: str, leadrules: Command) -> None:
    """Assigned in turn, followed up, graded, and won: each deed answers with the lead as it is."""
    both = ("w3@acme.cn", "w4@acme.cn", "--owner", "li.na", "--owner", "he.xin")
    found = told(leadrules("lead", "assign", *both, "--url", url, "--format", "json"))
    assert [each["owner"] for each in found] == ["li.na", "he.xin"]
    where = ("--url", url, "--by", "li.na")
    for deed in (
        ("accept",),
        ("note", "--text", "已读资料"),
        (
            "follow-up",
            "--type",
            "call_logged",
            "--set",
            "summary=关注交付",
            "--set",
            "outcome=接通",
        ),
        ("grade", "--grade", "A", "--reason", "熟客"),
        ("follow-up", "--type", "opportunity_won", "--set", "amount=80000"),
    ):
        ran = leadrules("lead", deed[0], "w3@acme.cn", *deed[1:], *where)
        assert ran.code == 0, ran.err
    assert "stage won, grade A, owner li.na" in ran.out
    refused = leadrules("lead", "stage", "w4@acme.cn", "--to", "没有", *where)
    assert refused.code == 2
    decline = ("lead", "decline", "w4@acme.cn", "--reason", "出差", "--url", url)
    others = leadrules(*decline, "--by", "li.na")
    assert others.code == 2
    assert "he.xin has the lead, not li.na" in others.err
    assert leadrules(*decline, "--by", "he.xin").code == 0


def test_opportunities(url: str, leadrules: Command) -> None:
    """What was opened and won is listed with amount, expected close and reason."""
    at = ("--url", url)
    opened = (
        "--type",
        "opportunity_opened",
        "--set",
        "amount=50000",
        "--set",
        "close_on=2027-01-31",
    )
    won = ("--type", "opportunity_won", "--set", "amount=48000", "--set", "reason=价格合适")
    assert leadrules("lead", "opportunities", "w4@acme.cn", *at).out == ""
    for said in (opened, won):
        assert leadrules("lead", "follow-up", "w4@acme.cn", *said, *at).code == 0
    (line,) = leadrules("lead", "opportunities", "w4@acme.cn", *at).out.splitlines()
    assert line.startswith("w4@acme.cn: won, amount 48000, close on 2027-01-31, reason 价格合适")
    (deal,) = told(leadrules("lead", "opportunities", "w4@acme.cn", "--format=json", *at))
    assert (deal["status"], deal["amount"]) == ("won", 48000)


def test_to_dos(url: str, leadrules: Command) -> None:
    """Given, listed, put off and done."""
    at = ("--url", url, "--format", "json")
    given = ("--lead", "w2@acme.cn", "--title", "寄样品", "--owner", "li.na", "--priority", "high")
    (task,) = told(leadrules("task", "give", *given, *at))
    assert (task["title"], task["owner"], task["status"]) == ("寄样品", "li.na", "open")
    assert task in told(leadrules("task", "--lead", "w2@acme.cn", "--status", "open", *at))
    later = ("--until", "2036-03-05T10:00:00+08:00")
    (put_off,) = told(leadrules("task", "snooze", str(task["id"]), *later, *at))
    assert put_off["status"] == "open"
    done = leadrules("task", "done", str(task["id"]), "--outcome", "已寄", "--url", url)
    assert done.out.rstrip().endswith("done)")


def test_an_inbox(url: str, leadrules: Command) -> None:
    """What was told is listed until it is read; one note, then everything."""
    post(url, form(9, company="金泰阀门"))
    where = ("--url", url)
    assert leadrules("lead", "assign", "w9@acme.cn", "--owner", "he.xin", *where).code == 0
    for _ in range(2):
        said = ("--type", "call_logged", "--set", 'signals=["付款方式"]', "--by", "he.xin")
        assert leadrules("lead", "follow-up", "w9@acme.cn", *said, *where).code == 0
    first, *rest = told(leadrules("inbox", "he.xin", "--unread", "--format", "json", *where))
    assert (first["person"], first["kind"], first["read_at"]) == ("he.xin", "signal", None)
    read = leadrules("inbox", "--read", str(first["id"]), *where)
    assert (read.code, read.out[0]) == (0, " ")
    assert leadrules("inbox", "he.xin", "--read", "all", *where).out == f"{len(rest)} read\n"
    assert leadrules("inbox", "he.xin", "--unread", *where).out == ""
    assert "金泰阀门" in leadrules("inbox", "he.xin", *where).out


@pytest.mark.parametrize(
    "arguments",
    [
        ("lead", "note", "w1@acme.cn", "--pool", "public"),
        ("lead", "follow-up", "w1@acme.cn", "--type", "call_logged", "--set", "outcome"),
        ("lead", "claim"),
        ("pool", "--member", "li.na"),
        ("task", "done"),
        ("task", "list", "some-id"),
        ("task", "give", "--until", "2036-03-05T10:00:00+08:00"),
    ],
)
def test_what_makes_no_sense_is_refused(leadrules: Command, arguments: tuple[str, ...]) -> None:
    """An option of another deed, or a missing name, is said before any server is asked."""
    ran = leadrules(*arguments, "--url", "http://127.0.0.1:9")
    assert ran.code == 2
    assert "does not answer" not in ran.err
