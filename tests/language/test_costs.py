"""Costs: as reports.yaml and CSV files write them, and each slip at its own line."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from engine.language.load import Loaded, load_folder
from tests.play import BASE

WRITTEN = """
rates: {USD: 7.1}
costs:
  - {kind: 百度推广, from: 2026-03-01, to: 2026-03-31, amount: 30000, label: 三月}
  - {kind: offline/expo, per_lead: 20, currency: USD}
cost_files: [costs/三月.csv]
"""
HEAD = "来源,渠道,金额,单条成本,开始,结束,币种\n"


def loaded(folder: Path, text: str, rows: str | None = None) -> Loaded:
    """Return a small configuration with this reports.yaml and the rows of its CSV file, as read."""
    shutil.copytree(BASE, folder, dirs_exist_ok=True)
    (folder / "reports.yaml").write_text(text, encoding="utf-8")
    if rows is not None:
        (folder / "costs").mkdir()
        (folder / "costs" / "三月.csv").write_text(rows, encoding="utf-8")
    return load_folder(folder)


def test_costs_are_read_as_they_are_written(tmp_path: Path) -> None:
    """Kinds by any of their names, currencies by their rate, thousands apart, and empty lines."""
    rows = "\ufeff" + HEAD + '知乎,,"1,200",,2026-03-01,2026-03-02,\n\n,展会,,150.5,,,USD\n'
    found = loaded(tmp_path, WRITTEN, rows)
    assert found.diagnostics == []
    assert found.definitions is not None
    baidu, expo, zhihu, listed = found.definitions.reporting.costs
    assert (baidu.kind, baidu.amount, baidu.rate) == (("online", "sem", "baidu"), 30_000, 1)
    assert (baidu.first, baidu.last, baidu.label) == (date(2026, 3, 1), date(2026, 3, 31), "三月")
    assert (expo.kind[-1], expo.per_lead, expo.rate) == ("expo", 20, 7.1)
    assert (zhihu.source, zhihu.kind, zhihu.amount, zhihu.place.line) == ("知乎", (), 1200, 2)
    assert (listed.kind, listed.per_lead, listed.rate) == (expo.kind, 150.5, 7.1)


@pytest.mark.parametrize(
    ("cost", "finding"),
    [
        ("{amount: 9, per_lead: 2}", "3:5 value"),
        ("{amount: 9, from: 2026-03-01}", "3:5 value"),
        ("{amount: 9, from: 2026-03-05, to: 2026-03-01}", "3:39 value"),
        ("{amount: 9, from: 2026-03-05, to: 2026-03-32}", "3:39 date"),
        ("{per_lead: 2, kind: 百渡推广}", "3:25 unknown-source"),
        ("{per_lead: 2, currency: EUR}", "3:29 value"),
    ],
)
def test_a_slip_in_a_cost_is_told_at_its_place(tmp_path: Path, cost: str, finding: str) -> None:
    """An amount needs its days, a kind has to be one, and a currency its rate."""
    found = loaded(tmp_path, f"rates: {{USD: 7}}\ncosts:\n  - {cost}\n")
    assert [f"{d.source.line}:{d.source.column} {d.code}" for d in found.diagnostics] == [finding]


@pytest.mark.parametrize(
    ("rows", "finding"),
    [
        ("来源,花费\n知乎,9\n", "1 bad-entry"),
        (HEAD + "知乎,,九,,2026-03-01,2026-03-02,\n", "2 bad-entry"),
        (HEAD + "知乎,,1,200,,2026-03-01,2026-03-02,,多\n", "2 bad-entry"),
        (HEAD + '\n知乎,"未完', "3 bad-entry"),
        (HEAD + "知乎,,,9,,,EUR\n", "2 value"),
    ],
)
def test_a_slip_in_a_csv_file_is_told_at_its_line(tmp_path: Path, rows: str, finding: str) -> None:
    """Columns that nobody knows, what is no amount, cells too many, and a quote without end."""
    found = loaded(tmp_path, WRITTEN, rows)
    told = [f"{d.source.line} {d.code}" for d in found.diagnostics if d.source.file.endswith("csv")]
    assert told[0] == finding


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """The costs that stand in reports.yaml are read all the same."""
    found = loaded(tmp_path, WRITTEN)
    assert [(d.source.line, d.severity) for d in found.diagnostics] == [(6, "error")]
