"""export, replay, backup and doctor, on a database that a real server writes."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.cli import export
from engine.cli.export import KINDS
from engine.store import exporting
from tests.cli.conftest import CONFIG, Ran
from tests.serving import Mailbox, mail_server

Run = Callable[..., Ran]
SIGN_IN = """
sign_in:
  oidc:
    url: https://leads.example.cn
    issuer: https://login.example.cn
    client_id: leadrules
    client_secret: "${OIDC_SECRET:-told-apart}"
    grants: [{when: {groups: [leads]}, role: ops}]
"""
NAMES = ("王芳", "欧阳娜娜", "李雷", "韩梅梅", "张伟")


def event(n: int, **more: Any) -> dict[str, Any]:
    """A form that somebody has filled in."""
    lead = {
        "email": f"user{n % 50}@acme{n % 50 % 7}.cn",
        "name": NAMES[n % 5],
        "company": f"金泰阀门{n % 50}厂",
        "industry": "制造业",
        "title_level": "director",
    }
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("form_submitted", {"form": "contact"}),
        ("page_viewed", {"page": "pricing"}),
    ]
    kind, properties = kinds[n % 2]
    return {"id": f"keep-{n}", "type": kind, "lead": lead, "properties": properties, **more}


@pytest.fixture(scope="module")
def filled(server: tuple[str, Path]) -> tuple[str, Path]:
    """The running server, with some hundred events in it."""
    url, database = server
    answer = httpx.post(f"{url}v1/events", json=[event(n) for n in range(300)])
    assert answer.json()["accepted"] == 300, answer.text
    return url, database


def test_a_backup_of_a_running_server_can_be_restored(
    filled: tuple[str, Path], leadrules: Run, tmp_path: Path
) -> None:
    """Taken under load, the copy has whole requests, replays, is well, and is not overwritten."""
    url, database = filled
    done = threading.Event()
    sent: list[int] = [1_000]

    def load() -> None:
        with httpx.Client(base_url=url) as client:
            while not done.is_set():
                batch = [event(n) for n in range(sent[0], sent[0] + 10)]
                assert client.post("/v1/events", json=batch).json()["accepted"] == 10
                sent[0] += 10

    sender = threading.Thread(target=load)
    sender.start()
    try:
        copy = tmp_path / "copy.db"
        ran = leadrules("backup", copy, "--config", CONFIG, "--db", database, "--format", "json")
    finally:
        done.set()
        sender.join()
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told["leads"] == 50
    found = sqlite3.connect(copy).execute(
        "SELECT count(*) FROM events WHERE id LIKE 'keep-%' AND CAST(substr(id, 6) AS INT) >= 1000"
    )
    assert found.fetchone()[0] % 10 == 0
    again = leadrules("backup", copy, "--config", CONFIG, "--db", database)
    assert (again.code, "--force" in again.err) == (2, True)
    forced = leadrules("backup", copy, "--force", "--config", CONFIG, "--db", database)
    assert (forced.code, "integrity checked" in forced.out) == (0, True)
    restored = tmp_path / "restored" / "leads.db"
    restored.parent.mkdir()
    shutil.copy(copy, restored)
    verified = leadrules("replay", "--verify", "--config", CONFIG, "--db", restored)
    assert verified.code == 0
    assert "50 leads" in verified.out
    assert " 50 the same to the last byte" in verified.out
    assert "0 different" in verified.out
    deep = leadrules("doctor", "--deep", "--offline", "--config", CONFIG, "--db", restored)
    assert (deep.code, deep.out.splitlines()[-1]) == (0, "0 errors, 0 warnings"), deep.out


def test_doctor_sees_the_server_and_a_silent_connection(
    filled: tuple[str, Path], leadrules: Run, config: Path
) -> None:
    """The lock is seen, a mail server that answers and one that does not, without a mail."""
    _, database = filled
    mailbox = Mailbox()
    with mail_server(mailbox) as port:
        server = config / "server.yaml"
        text = server.read_text("utf-8").replace("${SMTP_PORT:-1025}", str(port))
        server.write_text(text, "utf-8")
        found = findings(
            leadrules("doctor", "--config", config, "--db", database, "--format", "json")
        )
        assert found["lock"] == ("ok", "a server is running on it")
        assert found["connection"][0] == "ok"
        assert not mailbox.messages
        assert found["schema"][0] == found["clock"][0] == found["configuration"][0] == "ok"
    ran = leadrules("doctor", "--config", config, "--db", database, "--format", "json",
                    "--fail-on", "warning")  # fmt: skip
    assert ran.code == 1
    assert findings(ran)["connection"][0] == "warning"
    assert f"127.0.0.1:{port} does not take it" in findings(ran)["connection"][1]


def findings(ran: Ran) -> dict[str, tuple[str, str]]:
    """Level and message by check; of the connections the one that is not ok."""
    items = [json.loads(line) for line in ran.out.splitlines()]
    items.sort(key=lambda item: item["level"] != "ok")
    found: dict[str, tuple[str, str]] = {}
    for item in items:
        found[item["check"]] = (item["level"], item["message"])
    return found


@pytest.mark.parametrize(
    ("check", "damage"),
    [
        ("scores", "DELETE FROM ledger WHERE rowid = (SELECT min(rowid) FROM ledger)"),
        ("columns", "UPDATE leads SET name = '无名' WHERE id = (SELECT min(id) FROM leads)"),
        ("timers", "DELETE FROM timers WHERE lead = (SELECT min(lead) FROM timers)"),
        ("enrolments", "UPDATE enrolments SET step = 'nowhere' WHERE left_at IS NULL"),
        ("stages", "DELETE FROM transitions"),
        ("figures", "DELETE FROM entries WHERE lead = (SELECT min(lead) FROM entries)"),
        ("figures", "UPDATE arrivals SET since = since + 1"),
        ("orphans", "INSERT INTO timers VALUES ('nobody', 't', 1)"),
        ("search", "DELETE FROM searched WHERE number = 1"),
        ("index", "DELETE FROM search_data WHERE id > 100"),
        ("clock", "UPDATE events SET decided_at = 4102444800000 WHERE seq = (SELECT max(seq) FROM events)"),
        ("schema", "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('leadrules', 'of_tomorrow', '')"),
    ],
)  # fmt: skip
def test_doctor_finds_each_damage(
    filled: tuple[str, Path], leadrules: Run, tmp_path: Path, check: str, damage: str
) -> None:
    """One changed row is found by its check, with the exit code 1."""
    copy = tmp_path / "copy.db"
    assert leadrules("backup", copy, "--config", CONFIG, "--db", filled[1]).code == 0
    connection = sqlite3.connect(copy)
    connection.execute(damage)
    connection.commit()
    connection.close()
    ran = leadrules("doctor", "--deep", "--offline", "--config", CONFIG, "--db", copy,
                    "--format", "json")  # fmt: skip
    assert ran.code == 1, ran.out
    assert findings(ran)[check][0] == "error"


def test_doctor_says_what_is_not_there(leadrules: Run, config: Path, tmp_path: Path) -> None:
    """Broken rules are an error, a database that is none too; one that is not yet there is none."""
    new = leadrules("doctor", "--offline", "--config", config, "--db", tmp_path / "new.db")
    assert new.code == 0
    assert "`serve` makes it" in new.out
    (tmp_path / "notes.db").write_text("no database " * 200)
    bad = leadrules("doctor", "--offline", "--config", config, "--db", tmp_path / "notes.db")
    assert bad.code == 1
    (config / "scoring.yaml").write_text("models: 5", "utf-8")
    broken = leadrules("doctor", "--offline", "--config", config, "--db", tmp_path / "new.db")
    assert broken.code == 1
    assert "leadrules validate" in broken.out


def test_what_is_exported_is_what_is_there(filled: tuple[str, Path], leadrules: Run) -> None:
    """Events come as they were sent, in order; filters and instants pick some of them."""
    common = ("--config", CONFIG, "--db", filled[1])
    items = lambda *more: [  # noqa: E731
        json.loads(line) for line in leadrules("export", *more, *common).out.splitlines()
    ]
    events = [e for e in items("events") if e["id"].startswith("keep-") and len(e["id"]) < 9]
    assert [e["id"] for e in events] == [f"keep-{n}" for n in range(300)]
    assert events[7]["lead"]["name"] == event(7)["lead"]["name"]
    assert {e["type"] for e in items("events", "--where", "type=page_viewed")} == {"page_viewed"}
    at = events[0]["at"]
    assert "keep-0" in {e["id"] for e in items("events", "--since", at)}
    assert "keep-0" not in {e["id"] for e in items("events", "--until", at)}
    leads = items("leads")
    assert len(leads) == 50
    shown = httpx.get(f"{filled[0]}v1/leads/{leads[3]['id']}").json()
    assert leads[3] == shown
    one = items("ledger", "--lead", "user3@acme3.cn")
    assert sum(line["points"] for line in one) == next(
        lead["score"] for lead in leads if lead["fields"]["email"] == "user3@acme3.cn"
    )
    assert {t["to"] for t in items("transitions", "--where", "stage=mql")} == {"mql"}
    for kind in KINDS:
        assert leadrules("export", kind, *common).code == 0


def test_csv_is_for_spreadsheets(filled: tuple[str, Path], leadrules: Run, tmp_path: Path) -> None:
    """Excel sees UTF-8, columns are flat, nobody's name is a formula, numbers stay numbers."""
    url, database = filled
    bad = event(1, id="keep-formula") | {"lead": {"email": "f@acme.cn", "name": "=1+1",
                                                   "phone": "13800138000"}}  # fmt: skip
    httpx.post(f"{url}v1/events", json=bad)
    target = tmp_path / "线索.csv"
    ran = leadrules("export", "leads", "--out", target, "--config", CONFIG, "--db", database)
    assert ran.code == 0
    raw = target.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    found = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    row = next(r for r in found if r["fields.email"] == "f@acme.cn")
    assert (row["fields.name"], row["fields.phone"]) == ("'=1+1", "+8613800138000")
    assert {r["fields.name"] for r in found} >= set(NAMES)
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".part"] == []


def test_a_filter_that_is_none_is_refused(filled: tuple[str, Path], leadrules: Run) -> None:
    """A misspelt filter is told with those that there are."""
    ran = leadrules("export", "leads", "--where", "colour=red", "--config", CONFIG,
                    "--db", filled[1])  # fmt: skip
    assert ran.code == 2
    assert "colour: known here are grade, stage" in ran.err


def test_the_kinds_of_an_export_are_those_of_the_store() -> None:
    """The command line names every kind that the store exports, in its order."""
    assert tuple(exporting.KINDS) == export.KINDS


def test_replay_tells_what_other_rules_would_do(
    filled: tuple[str, Path], leadrules: Run, config: Path, tmp_path: Path
) -> None:
    """Changed points are shown per lead; --verify names the rules that are missing, --also helps."""
    copy = tmp_path / "copy.db"
    assert leadrules("backup", copy, "--config", CONFIG, "--db", filled[1]).code == 0
    scoring = config / "scoring.yaml"
    text = scoring.read_text("utf-8")
    assert "points: 15" in text
    scoring.write_text(text.replace("points: 15", "points: 16"), "utf-8")
    played = leadrules("replay", "--config", config, "--db", copy)
    assert (played.code, "score" in played.out) == (0, True)
    verified = leadrules("replay", "--verify", "--config", config, "--db", copy)
    assert verified.code == 0
    assert "are not at hand" in verified.out
    also = leadrules("replay", "--verify", "--config", config, "--also", CONFIG, "--db", copy)
    assert (also.code, "not at hand" in also.out) == (0, False)
    connection = sqlite3.connect(copy)
    connection.execute(
        "UPDATE leads SET state = CAST(replace(CAST(state AS TEXT), '王芳', '王方') AS BLOB)"
    )
    connection.commit()
    connection.close()
    wrong = leadrules("replay", "--verify", "--config", CONFIG, "--db", copy)
    assert wrong.code == 1
    assert "differs at facts.lead.name (" in wrong.out, "a name does not belong in a terminal log"


def test_doctor_says_what_sign_in_lacks(
    leadrules: Run, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenID Connect without its libraries is an error here, not when somebody signs in."""
    server = config / "server.yaml"
    server.write_text(server.read_text("utf-8") + SIGN_IN, "utf-8")
    asked = ("doctor", "--offline", "--config", config, "--db", tmp_path / "new.db")
    well = leadrules(*asked, "--format", "json")
    assert (well.code, findings(well)["sign-in"][0]) == (0, "ok"), well.out
    monkeypatch.setitem(sys.modules, "jwt", None)
    ill = leadrules(*asked, "--format", "json")
    assert (ill.code, findings(ill)["sign-in"][0]) == (1, "error")
    assert "pip install 'leadrules[oidc]'" in findings(ill)["sign-in"][1]
