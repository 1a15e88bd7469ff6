"""Names that would do harm, on their way through a workbook, the terminal and files."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import openpyxl
import pytest

from tests.cli.conftest import Ran
from tests.server.test_process import server
from tests.serving import write_config

SCRIPT = "<script>alert(1)</script>"
# Markup of pages, of the terminal's own library, a formula, and what turns the writing round.
NAMES = (SCRIPT, "[bold]王芳[/red]", "[link=https://example.com]", "=1+1", "\u202e王\u200b芳\u2066")
UNSEEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u001b]")
ROUTING = """
teams: {east: {members: [{id: li.na, name: 李娜}]}}
rules: [{id: rest, assign: {pool: public}}]
pools: {public: {label: "[red]公海"}}
"""
JOURNEYS = """
journeys:
  - {id: route, enter: {event: form_submitted}, steps: [{id: assign, route: {}}]}
"""
Command = Callable[..., Ran]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, Path]]:
    """Run a server; yields its address, its configuration and its database."""
    folder = tmp_path_factory.mktemp("names")
    config = write_config(folder / "config", routing=ROUTING, journeys=JOURNEYS)
    with server(config, folder / "leads.db") as running:
        assert running.url is not None
        yield running.url, config, folder / "leads.db"


def workbook(path: Path) -> Path:
    """Write a workbook that has each name as name, company and source."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["姓名", "公司", "来源", "邮箱"])
    for n, name in enumerate(NAMES):
        sheet.append([name, name, name, f"w{n}@acme.cn"])
        for column in (1, 2, 3):
            sheet.cell(n + 2, column).data_type = "s"
    book.save(path)
    return path


def test_through_workbook_terminal_and_files(
    shop: tuple[str, Path, Path], leadrules: Command, tmp_path: Path
) -> None:
    """Each name comes out as it went in, without what is not seen; nothing of it is obeyed."""
    url, config, database = shop
    done = leadrules("import", workbook(tmp_path / "名单.xlsx"), "--url", url, "--config", config)
    assert done.code == 0, done.err + done.out
    wanted = {UNSEEN.sub("", name) for name in NAMES}

    exported = leadrules("export", "leads", "--config", config, "--db", database, "--format", "csv")
    cells = [cell for row in csv.reader(io.StringIO(exported.out.lstrip("\ufeff"))) for cell in row]
    assert wanted <= {cell.removeprefix("'") for cell in cells}
    assert not [cell for cell in cells if cell.startswith(("=", "＝", "@"))]

    for arguments in (
        ("report", "sources", "--period", "all", "--config", config, "--db", database),
        ("report", "funnel", "--config", config, "--db", database),
    ):
        shown = leadrules(*arguments)
        assert shown.code == 0, shown.err
        assert not UNSEEN.search(shown.out)
        # Long names go on in the next line.
        assert [name for name in wanted if name[:12] not in shown.out] == []
    pools = leadrules("pool", "--url", url)
    assert "[red]公海" in pools.out
    for n in range(len(NAMES)):
        told = leadrules("explain", f"w{n}@acme.cn", "--url", url)
        assert told.code == 0, told.err
        assert not UNSEEN.search(told.out)
