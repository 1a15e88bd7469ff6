from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from engine.host.verifying import verify
from engine.machines import profile
from engine.network.ruleset import Ruleset
from engine.server.logs import JsonLines, Lines, redacted
from engine.server.requests import REQUEST_ID
from engine.store import checks
from tests.replacing import REPLACING
from tests.server.test_events import error_of
from tests.serving import form, served, wait_for, write_config

PHONE = "13812345678"
NAME = "欧阳修文"
MAIL = "ouyang.xiuwen@jintai-famen.cn"
COMPANY = "金泰阀门集团"
SECRETS = (PHONE, NAME, MAIL, COMPANY, "ouyang")


def person(n: int = 1, **more: Any) -> dict[str, Any]:
    """Return a form of the person, whose own id is made of the address."""
    lead = {"email": MAIL, "phone": PHONE, "name": NAME, "company": COMPANY}
    event = form(n) | {"id": f"{MAIL}-{n}", "lead": lead}
    return event | more


def traces(folder: Path, texts: tuple[str, ...] = SECRETS) -> set[str]:
    """Return which texts stand in any file of a folder, as they are in it byte by byte."""
    found = set()
    for file in folder.iterdir():
        data = file.read_bytes() if file.is_file() else b""
        found |= {text for text in texts if text.encode() in data}
    return found


def without_clock(lead: dict[str, Any]) -> dict[str, Any]:
    """Return a lead without the instant that a receipt of its own, under way here, moves."""
    return {name: value for name, value in lead.items() if name != "updated_at"}


def test_forget(config: Path, tmp_path: Path) -> None:
    """Nothing of a forgotten person is left in any file; the counts are; others are untouched."""
    folder = tmp_path / "data"
    folder.mkdir()
    with served(config, folder / "leads.db") as client:
        client.post("/v1/events", json=[person(1), person(2), form(7, company="别的公司")])
        id = client.get(f"/v1/leads/{MAIL}").json()["id"]
        client.post(f"/v1/leads/{id}/note", json={"text": f"{NAME}说下周再联系"})
        client.post(f"/v1/leads/{id}/stage", json={"to": "lost", "reason": f"{NAME}嫌贵"})
        wait_for(lambda: client.get("/v1/deliveries").json()["items"])
        before = client.get("/-/status").json()
        other = client.get("/v1/leads/w7@acme.cn").json()
        assert NAME in traces(folder) or COMPANY in traces(folder)

        answer = client.post(f"/v1/leads/{MAIL}/forget")
        assert answer.status_code == 200
        assert answer.json()["events"] >= 4
        assert answer.json()["identities"] == 2
        assert MAIL not in answer.text

        assert client.get(f"/v1/leads/{id}").status_code == 404
        assert client.get(f"/v1/leads/{MAIL}").status_code == 404
        for query in (NAME, COMPANY, PHONE, "欧阳"):
            assert client.get("/v1/leads", params={"q": query}).json()["items"] == []
        assert client.get(f"/v1/deliveries?lead={id}").json()["items"] == []
        assert client.get(f"/v1/tasks?lead={id}").json()["items"] == []
        after = client.get("/-/status").json()
        assert after["events"] >= before["events"]
        assert sum(after["deliveries"].values()) >= sum(before["deliveries"].values())
        assert without_clock(client.get("/v1/leads/w7@acme.cn").json()) == without_clock(other)
        assert client.post(f"/v1/leads/{MAIL}/forget").status_code == 404
        audit = client.get("/v1/audit").text
        assert id not in audit
        assert "forgotten:" in audit
        wait_for(lambda: not traces(folder), 5)
    assert traces(folder) == set()
    # What stays stands under another name, and is nothing that was left behind.
    found = checks.deep(folder / "leads.db", "default")
    assert [each for each in found if each.level != "ok"] == []


def test_replay_after_forgetting(config: Path, tmp_path: Path) -> None:
    """`replay --verify` finds every other lead as it was, and the forgotten one not at all."""
    database = tmp_path / "leads.db"
    with served(config, database) as client:
        client.post("/v1/events", json=[person(1), form(7, company="别的公司"), form(8)])
        id = client.get(f"/v1/leads/{MAIL}").json()["id"]
        client.post(f"/v1/leads/{id}/forget")
        client.post("/v1/events", json=form(9, company="又一家"))
        runtime = client.app.state.services.runtime  # type: ignore[attr-defined]
        ruleset: Ruleset = runtime.ruleset
        runtime_verdicts = list(verify(database, {}, ruleset))
    assert len(runtime_verdicts) == 3
    assert {each.verdict for each in runtime_verdicts} == {"same"}
    assert id not in {each.lead for each in runtime_verdicts}


def test_the_owner_has_one_lead_less(config: Path, tmp_path: Path) -> None:
    """A forgotten lead is no load for its owner any more, in memory and on disk."""
    with served(config, tmp_path / "leads.db") as client:
        client.post("/v1/events", json=[person(1), form(7, company="别的公司")])
        reader = client.app.state.services.runtime.reader  # type: ignore[attr-defined]
        assert reader.teams().books["east"].loads["li.na"] == 2
        client.post(f"/v1/leads/{MAIL}/forget")
        assert reader.teams().books["east"].loads["li.na"] == 1
        client.post("/v1/events", json=form(9, company="又一家"))
        assert reader.teams().books["east"].loads["li.na"] == 2


def test_who_was_forgotten_stays_so(client: TestClient) -> None:
    """An old list does not bring the person back; what they do themselves makes a new lead."""
    client.post("/v1/events", json=person(1))
    old = client.get(f"/v1/leads/{MAIL}").json()["id"]
    client.post(f"/v1/leads/{old}/forget")
    again = client.post("/v1/events", json=person(1, history=True))
    assert error_of(again, 422)["code"] == "forgotten"
    phone_only = {**person(3, history=True), "lead": {"phone": f"+86{PHONE}"}}
    assert error_of(client.post("/v1/events", json=phone_only), 422)["code"] == "forgotten"
    assert client.post("/v1/events", json=form(5) | {"history": True}).status_code == 200
    live = client.post("/v1/events", json=person(1)).json()
    assert live["accepted"] == 1
    assert client.get(f"/v1/leads/{MAIL}").status_code == 200
    named = {"type": "page_viewed", "lead": {"id": old}, "properties": {"page": "pricing"}}
    if live["results"][0]["lead"] != old:
        assert client.post("/v1/events", json=named).status_code == 422


def test_tombstones_do_not_tell(config: Path, tmp_path: Path) -> None:
    """A tombstone is a keyed hash: the same person has another one in another database."""
    hashes = []
    for name in ("a.db", "b.db"):
        with served(config, tmp_path / name) as client:
            client.post("/v1/events", json=person(1))
            client.post(f"/v1/leads/{MAIL}/forget")
        found = sqlite3.connect(tmp_path / name).execute("SELECT hash FROM tombstones").fetchall()
        hashes += [row[0] for row in found]
    assert len(set(hashes)) == 4


def test_logs_and_metrics_name_nobody(
    config: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Name, phone and e-mail of a lead reach neither logs nor metrics, whatever goes wrong."""
    write_config(config, smtp_port=9)
    with caplog.at_level(logging.DEBUG, "leadrules"), served(config, tmp_path / "l.db") as client:
        client.post("/v1/events", json=[person(1), person(2), {"type": NAME, "lead": {}}])
        client.post("/channels/form/contact", data={"email": MAIL, "name": NAME, "phone": PHONE})
        client.get(f"/v1/leads/{MAIL}")
        client.get("/v1/leads", params={"q": NAME})
        client.get(f"/nowhere/{MAIL}")
        client.post(f"/v1/leads/{MAIL}/note", json={"text": NAME})

        def broken(*asked: object) -> None:
            raise RuntimeError(f"{NAME} {MAIL} {PHONE}")

        client.app.state.services.reports["broken"] = broken  # type: ignore[attr-defined]
        assert client.get("/v1/reports/broken").status_code == 500
        wait_for(lambda: client.get("/v1/deliveries").json()["items"][0]["attempts"])
        shown = client.get("/metrics").text
        client.post(f"/v1/leads/{MAIL}/forget")
    assert caplog.records
    for form_ in (Lines("%(message)s%(request)s"), JsonLines()):
        lines = "\n".join(form_.format(record) for record in caplog.records)
        for text in SECRETS:
            assert text not in lines + shown


@REPLACING
def test_the_senders_ids_are_in_no_log(
    config: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event id that is an address or a name reaches no log line, as it was logged, not blotted
    out after: neither of a defect nor of rows that cannot be written; the sender is told a name
    that the log has.
    """
    real = profile.take_fields

    def failing(work: Any, event: Any) -> None:
        if event.id.startswith("bad"):
            raise ZeroDivisionError("a defect")
        real(work, event)

    monkeypatch.setattr(profile, "take_fields", failing)
    forbid = (
        "CREATE TRIGGER forbid BEFORE INSERT ON events WHEN NEW.id LIKE 'unwritable%' "
        "BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    ids = [f"{word}{who}" for word in ("bad-", "unwritable-", "good-") for who in (MAIL, NAME)]
    with caplog.at_level(logging.DEBUG), served(config, tmp_path / "l.db") as client:
        runtime = client.app.state.services.runtime  # type: ignore[attr-defined]
        runtime._store.connection.execute(forbid)
        events = [form(n) | {"id": id} for n, id in enumerate(ids)]
        results = client.post("/v1/events", json=events).json()["results"]
        assert client.post("/v1/events", json=events).status_code == 200
    codes = [(each.get("error") or {}).get("code") for each in results]
    assert codes == ["defect"] * 4 + [None] * 2
    logged = "\n".join(
        f"{record.getMessage()} {record.args} {record.exc_text or ''}" for record in caplog.records
    )
    for result in results[:4]:
        assert result["error"]["message"].rpartition(" ")[2] in logged
    for text in SECRETS:
        assert text not in logged


def test_what_the_log_blots_out() -> None:
    """Addresses and numbers go, whoever logged them; ids, instants and versions stay."""
    assert redacted(f"to {MAIL}, {PHONE} or +86 138 1234 5678") == (
        "to [address], [number] or [number]"
    )
    for harmless in (
        "01a200c2-f131-718a-a179-1e8801029a6e",
        "2026-11-22T00:58:25.457Z",
        "9443d5bd839c2038a4567ebd03fb2cd89dcda9150c728de05564f1e0721fb4d3",
        "config/scoring.yaml:52:9",
    ):
        assert redacted(harmless) == harmless


def test_an_exception_is_logged_without_its_text() -> None:
    """The log has type and place of an error and of its cause; the database's own words stay."""

    def raised() -> logging.LogRecord:
        try:
            try:
                raise sqlite3.OperationalError("disk I/O error")
            except sqlite3.OperationalError as error:
                raise ValueError(f"{NAME} {MAIL}") from error
        except ValueError as error:
            info = (type(error), error, error.__traceback__)
            return logging.LogRecord("x", 40, __file__, 1, "it failed", (), info)

    token = REQUEST_ID.set("req-4711")
    try:
        for made in (Lines("%(levelname)s%(request)s: %(message)s"), JsonLines()):
            text = made.format(raised())
            assert "ValueError" in text
            assert "OperationalError: disk I/O error" in text
            assert "test_privacy.py" in text
            assert "req-4711" in text
            assert NAME not in text
    finally:
        REQUEST_ID.reset(token)


def test_requests_have_names(client: TestClient) -> None:
    """Each answer bears an id: the client's own if harmless, else one of ours."""
    one, two = (client.get("/-/healthy").headers["x-request-id"] for _ in range(2))
    assert one != two
    given = client.get("/-/healthy", headers={"X-Request-Id": "trace-4711"})
    assert given.headers["x-request-id"] == "trace-4711"
    for bad in ("a b", "x" * 65, "é", 'a"b'):
        answer = client.get("/-/healthy", headers={"X-Request-Id": bad.encode()})
        assert answer.headers["x-request-id"] != bad
