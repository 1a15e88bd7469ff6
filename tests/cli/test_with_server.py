"""Verbs that talk to a running server, or read its database."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from engine.cli import deliveries
from tests.cli.conftest import CONFIG, Ran

Command = Callable[..., Ran]
SHEET = """姓名,手机,邮箱,公司,职位,员工数,行业,城市,来源
王芳,13800138000,wang@acme-valves.cn,金泰阀门,总监,600,制造业,苏州,官网表单
李雷,1.39E+10,,甲公司,经理,100,金融业,北京,展会
韩梅,,,乙公司,,,,,
"""


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    """One good row and two bad ones."""
    file = tmp_path / "leads.csv"
    file.write_text(SHEET, encoding="utf-8")
    return file


def test_import_takes_what_is_good_and_says_what_is_not(
    leadrules: Command, server: tuple[str, Path], sheet: Path
) -> None:
    """Rejected rows are in a file of their own, with line and reason; again changes nothing."""
    somebody_else = SHEET.replace("13800138000", "13700137000").replace("wang@", "fang@")
    sheet.write_text(somebody_else, encoding="utf-8")
    ran = leadrules("import", sheet, "--url", server[0])
    assert ran.code == 1
    assert ran.out == "1 leads imported, 0 were there already, 2 rejected, of 3 rows\n"
    assert "leads.csv:4: nobody is named" in ran.err
    with sheet.with_name("leads.csv.rejected.csv").open(encoding="utf-8-sig", newline="") as file:
        rejected = list(csv.DictReader(file))
    assert [(r["line"], r["姓名"]) for r in rejected] == [("3", "李雷"), ("4", "韩梅")]
    assert "rounded" in rejected[0]["reason"]
    again = leadrules("import", sheet, "--url", server[0])
    assert again.out == "0 leads imported, 1 were there already, 2 rejected, of 3 rows\n"


def test_imported_leads_can_be_explained_on_and_off_line(
    leadrules: Command, server: tuple[str, Path], sheet: Path
) -> None:
    """The server and the database alone give the same explanation, by any identity."""
    url, database = server
    leadrules("import", sheet, "--url", url)
    ran = leadrules("explain", "wang@acme-valves.cn", "--url", url)
    assert ran.code == 0
    assert "评分 score: 30   等级 grade: C" in ran.out
    assert "large-company  公司规模在 500 人以上" in ran.out
    online = json.loads(leadrules("explain", "13800138000", "--url", url, "--format", "json").out)
    offline = json.loads(
        leadrules(
            "explain", "13800138000", "--db", database, "--config", CONFIG, "--format", "json"
        ).out
    )
    assert online == offline
    assert sum(line["points"] for line in online["score"]["ledger"]) == online["score"]["total"]


def test_explain_of_nobody_is_2(leadrules: Command, server: tuple[str, Path]) -> None:
    """A lead that is not there is named, also off line."""
    for where in (("--url", server[0]), ("--db", server[1])):
        ran = leadrules("explain", "nobody@example.com", *where)
        assert (ran.code, ran.out) == (2, "")
        assert "nobody@example.com" in ran.err


def test_status_shows_the_rules_and_the_queue(leadrules: Command, server: tuple[str, Path]) -> None:
    """What operations ask is there, for people and for machines."""
    ran = leadrules("status", "--url", server[0])
    assert ran.code == 0
    assert "oldest_overdue_timer" in ran.out
    data = json.loads(leadrules("status", "--url", server[0], "--format", "json").out)
    assert data["last_reload"]["ok"] is True


def test_report_reads_the_database_beside_the_server(
    leadrules: Command, server: tuple[str, Path], sheet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The funnel on paper has the figures of the API, and the terminal's language."""
    url, database = server
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    leadrules("import", sheet, "--url", url)
    ran = leadrules("report", "funnel", "--db", database)
    assert ran.code == 0
    assert "新线索" in ran.out
    assert "官网表单" in ran.out
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")
    asked = leadrules("report", "sources", "--db", database, "--config", CONFIG).out
    assert "Sources" in asked
    assert re.search(r"\d{4}-\d\d-01 – \d{4}-\d\d-\d\d · Asia/Shanghai · leads made in it", asked)
    monkeypatch.delenv("LC_ALL")
    printed = json.loads(leadrules("report", "funnel", "--db", database, "--format", "json").out)
    assert printed == httpx.get(f"{url}v1/reports/funnel").json()
    assert printed["stages"][0]["reached"] == printed["leads"] >= 1


def test_a_narrow_terminal_cuts_no_figure(
    leadrules: Command, server: tuple[str, Path], sheet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a table is wider than the terminal, its lines wrap; no name and no figure is cut."""
    url, database = server
    leadrules("import", sheet, "--url", url)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    period = ("--period", "last_30_days", "--compare", "previous")
    ran = leadrules("report", "sources", "--db", database, "--config", CONFIG, *period)
    assert ran.code == 0
    table = ran.out.split("按来源")[1]
    assert "官网表单" in table
    assert "机会转化率" in table
    assert "合计" in table
    assert "…" not in table


def test_a_server_out_of_reach_is_2(leadrules: Command, sheet: Path) -> None:
    """Nobody there: the address is named, and what to look at."""
    for arguments in (("status",), ("explain", "x"), ("import", sheet)):
        ran = leadrules(*arguments, "--url", "http://127.0.0.1:1")
        assert ran.code == 2
        assert "http://127.0.0.1:1 does not answer" in ran.err


def test_a_database_in_use_is_refused(leadrules: Command, server: tuple[str, Path]) -> None:
    """Two servers never write one database."""
    ran = leadrules("serve", "--db", server[1], "--port", "0")
    assert ran.code == 2
    assert str(server[1]) in ran.err


def test_serve_refuses_rules_with_the_findings_of_validate(
    leadrules: Command, config: Path, tmp_path: Path
) -> None:
    """A broken configuration says the same to serve and to validate."""
    file = config / "scoring.yaml"
    file.write_text(file.read_text("utf-8").replace("lead.industry", "lead.industri"), "utf-8")
    refused = leadrules("serve", "--config", config, "--db", tmp_path / "x.db", "--port", "0")
    validated = leadrules("validate", config)
    assert refused.code == validated.code == 1
    assert refused.out == validated.out
    assert "unknown-field" in refused.out
    assert not (tmp_path / "x.db").exists()


def test_a_missing_database_is_2(leadrules: Command, tmp_path: Path) -> None:
    """Reading makes no empty database."""
    ran = leadrules("report", "funnel", "--db", tmp_path / "none.db")
    assert ran.code == 2
    assert "none.db" in ran.err
    assert not (tmp_path / "none.db").exists()


def test_serve_warns_of_a_year_without_official_holidays(config: Path, tmp_path: Path) -> None:
    """The server starts, and has said which deadlines are guessed."""
    calendars = "calendars: {cn: {official_until: 2020}}\n"
    (config / "calendars.yaml").write_text(calendars, "utf-8")
    database = tmp_path / "leads.db"
    arguments = ["serve", "--config", str(config), "--db", str(database), "--port", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "engine.cli.main", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        cwd=CONFIG.parent,
    )
    assert process.stderr is not None
    started = process.stderr.readline()
    process.terminate()
    out, _ = process.communicate(timeout=30)
    assert "http://" in started
    assert 'warning[unofficial-calendar] the calendar "cn" has official data up to 2020' in out
    assert "in rule" in out


def test_a_pipe_gets_whole_ids(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However narrow it is: `--retry` wants the id as it stands."""
    monkeypatch.setenv("COLUMNS", "80")
    item = {"created_at": "2026-03-02T01:00:00.000Z", "status": "failed", "connection": "email"}
    item |= {"message": "welcome", "id": "0197f3a0" * 5, "reason": "550 没有这个人 " * 9}
    deliveries._print([{**item, "attempts": 1}])
    out = capsys.readouterr().out
    (line,) = [line for line in out.splitlines() if "failed" in line]
    assert item["id"] in line
    assert item["reason"].strip() in line


def test_deliveries_are_listed_and_tried_again(
    leadrules: Command, server: tuple[str, Path]
) -> None:
    """What was sent and could not be sent is shown; trying again says how many, or why not."""
    url = server[0]
    ran = leadrules("deliveries", "--url", url, "--format", "json", "--limit", "5")
    assert ran.code == 0
    assert all(json.loads(line)["status"] for line in ran.out.splitlines())
    shown = leadrules("deliveries", "--url", url, "--status", "dead", "--connection", "email")
    assert (shown.code, "连接" in shown.out) == (0, True)
    again = leadrules(
        "deliveries", "--url", url, "--retry", "--connection", "email", "--by", "李娜"
    )
    assert again.code == 0
    assert again.out.endswith("deliveries of email are queued again\n")
    nobody = leadrules("deliveries", "nope", "--url", url, "--retry")
    assert (nobody.code, "there is no delivery 'nope'" in nobody.err) == (2, True)
    for wrong in (("nope",), ("--retry",)):
        assert leadrules("deliveries", "--url", url, *wrong).code == 2
