"""``import`` whole: into a database and a server, cut off and run again, judged and screened."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.cli.client import ServerRefused
from engine.cli.importing import PATIENCE, Import, Rejected
from engine.cli.table.columns import Columns
from engine.cli.table.events import Making
from engine.cli.table.sheet import Row
from engine.cli.targets import Answer, ServerTarget
from engine.language.sections.catalog import builtin
from tests.cli.conftest import CONFIG, Ran
from tests.cli.test_table import ZONE

Command = Callable[..., Ran]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where a database will be."""
    return tmp_path / "leads.db"


def table(tmp_path: Path, rows: str, head: str = "姓名,手机,公司,留言") -> Path:
    """A table of leads."""
    file = tmp_path / "leads.csv"
    file.write_text(f"{head}\n{rows}", encoding="gb18030")
    return file


def ask(database: Path, question: str) -> list[tuple[Any, ...]]:
    """What the database answers."""
    connection = sqlite3.connect(database)
    try:
        return connection.execute(question).fetchall()
    finally:
        connection.close()


def test_a_table_goes_into_a_database_that_nobody_runs(
    leadrules: Command, tmp_path: Path, database: Path
) -> None:
    """Good rows are leads, screened ones wait or are turned away, and the sums are right."""
    file = table(
        tmp_path,
        "王芳,13800138000,金泰,\n李雷,13900139000,甲,代 开 发票\n韩梅,,乙,\n,,,\n赵六,13700137000,丙,x,y\n",
    )
    ran = leadrules("import", file, "--db", database, "--config", CONFIG)
    assert ran.code == 1
    assert (
        ran.out
        == "1 leads imported, 0 were there already, 1 in quarantine, 2 rejected, of 4 rows\n"
    )
    assert ran.err.startswith("姓名 -> name\n手机 -> phone\n公司 -> company\n留言 -> need\n")
    with file.with_name("leads.csv.rejected.csv").open(encoding="utf-8-sig", newline="") as out:
        rejected = list(csv.reader(out))
    assert [row[0] for row in rejected] == ["line", "4", "6"]
    assert rejected[2][1] == "5 cells, and the first line names 4 columns"
    assert ask(database, "SELECT rule FROM quarantine") == [("sensitive",)]
    mended = table(tmp_path, "王芳,13800138000,金泰,\n")
    again = leadrules("import", mended, "--db", database, "--config", CONFIG)
    assert (again.code, again.out) == (
        0,
        "0 leads imported, 1 were there already, 0 rejected, of 1 rows\n",
    )
    assert not file.with_name("leads.csv.rejected.csv").exists()


def test_a_dry_run_says_what_would_be_and_stores_nothing(
    leadrules: Command, tmp_path: Path, database: Path
) -> None:
    """Columns, counts and reasons as in earnest; no database, no file beside the table."""
    rows = "王芳,13800138000,金泰,\n李雷,13900139000,甲,诈骗\n韩梅,,乙,\n"
    file = table(tmp_path, rows + "无名,,,\n" * 12)
    ran = leadrules("import", file, "--db", database, "--config", CONFIG, "--dry-run")
    assert (ran.code, ran.out) == (
        1,
        "1 leads would be imported, 1 in quarantine, 13 rejected, of 15 rows\n",
    )
    assert "leads.csv:4: nobody is named" in ran.err
    assert "... and 3 more" in ran.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["leads.csv"]


def test_a_blacklisted_row_is_rejected_with_its_reason(
    leadrules: Command, tmp_path: Path, config: Path, database: Path
) -> None:
    """What screening turns away is a rejected row like any other, in a dry run too."""
    with (config / "lists" / "blacklist.txt").open("a", encoding="utf-8") as out:
        out.write("13900139000\n")
    file = table(tmp_path, "李雷,13900139000,甲,\n")
    for dry in ((), ("--dry-run",)):
        ran = leadrules("import", file, "--db", database, "--config", config, *dry)
        assert ran.code == 1
        assert "leads.csv:2: 在黑名单里" in ran.err
    assert ask(database, "SELECT rule FROM rejected") == [("blacklisted",)]


MAPPING = "event: form_submitted\ncolumns: {姓名: name, 手机: phone, 表单: {property: form}}\nothers: skip\ndelimiter: ;\n"


def journeys(database: Path) -> int:
    """How many journeys were entered."""
    return int(
        ask(database, "SELECT count(*) FROM happenings WHERE kind = 'journey_entered'")[0][0]
    )


def stages(database: Path) -> list[str]:
    """The stages of all leads."""
    return [row[0] for row in ask(database, "SELECT stage FROM leads ORDER BY stage")]


WARM = "姓名,手机,公司,职位,员工数,行业,职级"
HOT = f"{WARM}\n" + "".join(
    f"客户{n},1380013{n:04},公司{n},总监,600,制造业,总监\n" for n in range(30)
)
LEVELS = "columns:\n  职级: {field: title_level, values: {总监: director}}\n"


def judged(leadrules: Command, tmp_path: Path, database: Path, *options: str) -> Ran:
    """Import leads whose history alone makes them more than new."""
    config = tmp_path / "judging"
    if not config.exists():
        config.mkdir()
        (config / "scoring.yaml").write_text(
            "models:\n  default:\n    dimensions: {fit: {}}\n    rules:\n"
            "      - {id: big, dimension: fit, when: {lead.employees: {gte: 500}}, points: 60}\n"
            "    grades: [{grade: A, from: 50}, {grade: C, from: 0}]\n", "utf-8")  # fmt: skip
        (config / "routing.yaml").write_text(
            "rules: [{id: rest, assign: {pool: public}}]\npools: {public: {}}\n", "utf-8"
        )
        (config / "journeys.yaml").write_text(
            "journeys:\n  - {id: hot, enter: {when: {grade: A}}, steps: [{id: go, route: {}}]}\n", "utf-8"
        )  # fmt: skip
    file = tmp_path / "hot.csv"
    file.write_text(HOT, encoding="utf-8")
    mapping = tmp_path / "levels.yaml"
    mapping.write_text(LEVELS, encoding="utf-8")
    return leadrules(
        "import",
        file,
        "--db",
        database,
        "--config",
        config,
        "--mapping",
        mapping,
        "--batch",
        "7",
        *options,
    )


def test_history_is_judged_at_the_next_event_or_at_the_end(
    leadrules: Command, tmp_path: Path, database: Path
) -> None:
    """By default nobody enters a journey; with --judge at-end everybody does, once, also later."""
    assert judged(leadrules, tmp_path, database).out.startswith("30 leads imported, 0 were there")
    assert journeys(database) == 0
    ran = judged(leadrules, tmp_path, database, "--judge", "at-end")
    assert (
        ran.out
        == "0 leads imported, 30 were there already, 0 rejected, of 30 rows; 30 leads judged\n"
    )
    assert journeys(database) == 30
    again = judged(leadrules, tmp_path, database, "--judge", "at-end")
    assert again.out.endswith("; 0 leads judged\n")
    assert journeys(database) == 30


def test_live_rows_are_news_at_once(leadrules: Command, tmp_path: Path, database: Path) -> None:
    """--live needs no judging."""
    ran = judged(leadrules, tmp_path, database, "--live", "--judge", "at-end")
    assert ran.out == "30 leads imported, 0 were there already, 0 rejected, of 30 rows\n"
    assert journeys(database) == 30


def test_a_mapping_file_makes_other_events(
    leadrules: Command, tmp_path: Path, database: Path
) -> None:
    """Rows can be what the lead did, with properties, and columns nobody needs are left out."""
    mapping = tmp_path / "m.yaml"
    mapping.write_text(MAPPING, encoding="utf-8")
    file = tmp_path / "forms.csv"
    file.write_text("姓名;手机;表单;编码\n王芳;13800138000;contact;7\n", encoding="utf-8")
    ran = leadrules(
        "import",
        file,
        "--db",
        database,
        "--config",
        CONFIG,
        "--mapping",
        mapping,
        "--map",
        "编码=title",
        "--id-by",
        "file",
    )
    assert ran.code == 0, ran.err
    ((type, body),) = ask(database, "SELECT type, body FROM events")
    assert type == "form_submitted"
    assert '"properties":{"form":"contact"}' in body
    assert '"title":"7"' in body


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--delimiter", "ab"), "one character"),
        (("--map", "姓名"), "write --map COLUMN=FIELD"),
        (("--encoding", "klingon"), "no encoding"),
    ],
)
def test_a_bad_option_is_2(
    leadrules: Command, tmp_path: Path, options: tuple[str, ...], says: str
) -> None:
    """Nothing is sent before everything said is understood."""
    ran = leadrules("import", table(tmp_path, "王芳,,,\n"), "--config", CONFIG, *options)
    assert ran.code == 2
    assert says in ran.err


def test_a_database_that_a_server_runs_is_refused(
    leadrules: Command, server: tuple[str, Path], tmp_path: Path
) -> None:
    """Two never write one database: the server's API is the way in."""
    ran = leadrules(
        "import", table(tmp_path, "王芳,13800138000,,\n"), "--db", server[1], "--config", CONFIG
    )
    assert ran.code == 2
    assert str(server[1]) in ran.err


def test_a_running_server_takes_a_table_and_judges_it(
    leadrules: Command, server: tuple[str, Path], tmp_path: Path
) -> None:
    """By its API: imported, held, rejected, again, and judged at the end."""
    rows = "甲一,13811110001,甲,\n乙二,13811110002,乙,刷单\n丙三,1,丙,\n甲一,13811110001,甲,\n"
    file = table(tmp_path, rows)
    ran = leadrules("import", file, "--url", server[0], "--judge", "at-end")
    assert (
        ran.out
        == "1 leads imported, 1 were there already, 1 in quarantine, 1 rejected, of 4 rows; 1 leads judged\n"
    )
    assert leadrules("import", table(tmp_path, "丙三,1,丙,\n"), "--url", server[0]).code == 1


def run_import(file: Path, database: Path) -> subprocess.Popen[str]:
    """An import in a process of its own."""
    arguments = [
        "import",
        str(file),
        "--db",
        str(database),
        "--config",
        str(CONFIG),
        "--batch",
        "20",
    ]
    environ = {k: v for k, v in os.environ.items() if not k.startswith("LEADRULES_")}
    return subprocess.Popen(
        [sys.executable, "-m", "engine.cli", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ, cwd=CONFIG.parent,
    )  # fmt: skip


def stored(database: Path) -> int:
    """How many events a database has, 0 before it is there."""
    try:
        return int(ask(database, "SELECT count(*) FROM events")[0][0])
    except sqlite3.OperationalError:
        return 0


def test_an_import_that_was_killed_is_run_again_and_doubles_nothing(
    tmp_path: Path, database: Path
) -> None:
    """Killed with signal 9 in the middle, then run again: every row is there once."""
    file = table(tmp_path, "".join(f"客户{n},1380{n:07},公司{n},\n" for n in range(3_000)))
    process = run_import(file, database)
    until = time.monotonic() + 60
    while stored(database) < 200 and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = stored(database)
    assert 0 < before < 3_000
    out, _ = run_import(file, database).communicate(timeout=100)
    assert (
        f"{3_000 - before} leads imported, {before} were there already, 0 rejected, of 3000 rows"
        in out
    )
    assert ask(database, "SELECT count(*), count(DISTINCT lead) FROM events") == [(3_000, 3_000)]
    assert ask(database, "SELECT count(*) FROM leads") == [(3_000,)]


# --- busy servers ----------------------------------------------------------------------------


class Busy:
    """A target that is busy for some calls."""

    def __init__(self, *answers: Sequence[Answer]) -> None:
        self.answers: Iterator[Sequence[Answer]] = iter(answers)
        self.asked: list[int] = []

    def send(self, events: Sequence[Any]) -> list[Answer]:
        """Give the next answers."""
        self.asked.append(len(events))
        return list(next(self.answers))

    def close(self) -> None:
        """Nothing is open."""


def made() -> Making:
    """How rows of one column become events."""
    columns = Columns(builtin()).assign(("手机",), {})
    return Making(
        file="x", digest="d", headings=("手机",), columns=columns, zone=ZONE, history=True
    )


def test_what_a_busy_server_did_not_take_is_sent_again() -> None:
    """Only those events, after a pause that grows; what is never taken is a rejected row."""
    pauses: list[float] = []
    again, good = Answer("again", "busy"), Answer("accepted")
    busy = Busy([good, again, again], [again, good], *([[again]] * len(PATIENCE)))
    rejected = Rejected(None, ("手机",))
    work = Import(busy, made(), rejected, pause=pauses.append)
    work.take([Row(n, (f"1380013800{n}",)) for n in (2, 3, 4)])
    assert busy.asked == [3, 2, 1, 1, 1, 1]
    assert tuple(pauses) == PATIENCE
    assert (work.counts.accepted, work.counts.rejected, work.counts.rows) == (2, 1, 3)
    assert rejected.first == [(3, "busy")]


class Refusing:
    """A client whose server refuses."""

    def __init__(self, error: ServerRefused) -> None:
        self.error = error

    def post(self, path: str, body: Any) -> Any:
        """Refuse."""
        raise self.error


@pytest.mark.parametrize("status", [429, 503, 507])
def test_a_server_that_is_full_is_asked_again(status: int) -> None:
    """Too many requests, or one that is starting: the whole batch may come again."""
    target = ServerTarget(Refusing(ServerRefused("full", status)))  # type: ignore[arg-type]
    assert [a.status for a in target.send([{}, {}])] == ["again", "again"]


def test_a_server_that_says_no_ends_the_import() -> None:
    """A wrong token is not a matter of rows."""
    target = ServerTarget(Refusing(ServerRefused("token", 401)))  # type: ignore[arg-type]
    with pytest.raises(ServerRefused):
        target.send([{}])


# --- quarantine ------------------------------------------------------------------------------


def test_people_decide_about_what_is_held(
    leadrules: Command, server: tuple[str, Path], tmp_path: Path
) -> None:
    """Listed with who and why, let in or kept out; a second decision is refused."""
    url = ("--url", server[0])
    rows = "丁一,13822220001,甲,洗钱\n丁二,13822220002,乙,刷单\n"
    leadrules("import", table(tmp_path, rows), *url)
    listed = json.loads(leadrules("quarantine", *url, "--format", "json").out)["items"]
    held = {item["lead"].get("name"): item["id"] for item in listed}
    shown = leadrules("quarantine", *url)
    assert "丁一" in shown.out
    assert "洗钱" in shown.out
    ran = leadrules("quarantine", *url, "--release", held["丁一"], "--by", "li.na")
    assert (ran.code, ran.out) == (0, "1 events let in\n")
    assert leadrules("explain", "13822220001", *url).code == 0
    ran = leadrules("quarantine", *url, "--reject", held["丁二"], "--reason", "广告")
    assert (ran.code, ran.out) == (0, "1 events kept out\n")
    for option in ("--release", "--reject"):
        again = leadrules("quarantine", *url, option, held["丁二"])
        assert again.code == 2
        assert "waits in quarantine" in again.err
    assert leadrules("quarantine", *url, "--rejected").out == "nothing is there\n"
    both = leadrules("quarantine", *url, "--release", "a", "--reject", "b")
    assert (both.code, "two decisions" in both.err) == (2, True)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "v1/quarantine?status=gone", None, 400),
        ("GET", "v1/quarantine?cursor=x", None, 400),
        ("POST", "v1/quarantine/none/release", {}, 404),
        ("POST", "v1/quarantine/none/reject", {"reason": 3}, 422),
        ("POST", "v1/quarantine/none/reject", {"why": "x"}, 422),
    ],
)
def test_a_bad_question_about_the_quarantine_is_refused(
    server: tuple[str, Path], method: str, path: str, body: Any, status: int
) -> None:
    """Wrong statuses, cursors, ids and bodies have clear answers."""
    assert httpx.request(method, server[0] + path, json=body).status_code == status


def test_more_than_a_page_is_said_to_be_more(
    leadrules: Command, server: tuple[str, Path], tmp_path: Path
) -> None:
    """A long list ends with a word that it goes on."""
    rows = "".join(f"戊{n},1383333{n:04},甲,诈骗\n" for n in range(60))
    leadrules("import", table(tmp_path, rows), "--url", server[0])
    assert leadrules("quarantine", "--url", server[0]).out.endswith("... and more\n")
