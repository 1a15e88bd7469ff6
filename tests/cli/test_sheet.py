"""Spreadsheets of leads: headings, cells and what is refused."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from engine.cli.sheet import BadCell, BadSheet, Sheet, raw_event, read_sheet
from engine.language.sections.catalog import builtin

ZONE = ZoneInfo("Asia/Shanghai")


def sheet(text: str, **mapping: str) -> Sheet:
    """Read a sheet by the built-in catalogue."""
    return read_sheet(text.encode(), builtin(), mapping)


def event(text: str, history: bool = True) -> dict[str, object]:
    """Return the event of a sheet's only row."""
    read = sheet(text)
    return raw_event(read.rows[0], read, "leads.csv", ZONE, history)


def test_headings_are_found_in_english_and_chinese() -> None:
    """Names, labels and what people write instead all mean the field."""
    read = sheet("姓名*,手机号,E-mail,公司名称,Job Title,员工数（必填）,lead source\n")
    assert [f.name for f in read.fields.values()] == [
        "name", "phone", "email", "company", "title", "employees", "source.name",
    ]  # fmt: skip


def test_an_unknown_heading_is_refused_with_the_nearest() -> None:
    """A column that would be lost is named before anything is sent."""
    with pytest.raises(BadSheet, match=r'nobody knows the column "emial".*did you mean "email"'):
        sheet("name,emial\n")


def test_a_heading_can_be_mapped_or_left_out() -> None:
    """--map says what a column means; with nothing behind it the column is left out."""
    read = sheet("姓名,微信,内部编号\n王芳,w1,7\n", 微信="wecom_id", 内部编号="")
    assert {h: f.name for h, f in read.fields.items()} == {"姓名": "name", "微信": "wecom_id"}
    with pytest.raises(BadSheet, match="not there"):
        sheet("姓名\n", 微信="wecom_id")


def test_two_columns_for_one_field_are_refused() -> None:
    """Which of two would win is not for us to guess."""
    with pytest.raises(BadSheet, match="both mean phone"):
        sheet("手机,联系电话\n")


def test_cells_get_the_type_of_their_field() -> None:
    """Numbers, lists, dates and instants are written in many ways."""
    found = event(
        '邮箱,员工数,预估金额,标签,生日,创建时间\na@b.cn,"1,200",¥5000.5,甲;乙，丙,1990年3月2日,2026/3/2 9:05\n'
    )
    assert found["lead"] == {
        "email": "a@b.cn", "employees": 1200, "amount": 5000.5, "tags": ["甲", "乙", "丙"], "birthday": "1990-03-02",
    }  # fmt: skip
    assert found["at"] == "2026-03-02T09:05:00+08:00"
    assert found["history"] is True


def test_empty_cells_and_rows_are_left_out() -> None:
    """Nothing is not a value."""
    assert event("姓名,公司\n王芳,\n")["lead"] == {"name": "王芳"}
    assert len(sheet("姓名,公司\n,\n王芳,x\n").rows) == 1


@pytest.mark.parametrize(
    ("heading", "cell", "says"),
    [
        ("员工数", "很多", "not a number"),
        ("员工数", "1.5", "not a whole number"),
        ("手机", "1.38E+10", "rounded"),
        ("生日", "明天", "not a date"),
    ],
)
def test_a_bad_cell_is_named_by_its_heading(heading: str, cell: str, says: str) -> None:
    """The reason says which column and quotes the cell."""
    with pytest.raises(BadCell, match=f"{heading}: .*{says}"):
        event(f"{heading}\n{cell}\n")


def test_an_id_depends_on_the_cells_alone() -> None:
    """A row moved to another line, or sent again, is the same event."""
    first = sheet("姓名,手机\n王芳,13800138000\n李雷,13900139000\n")
    second = sheet("姓名,手机\n李雷,13900139000\n")
    ids = [raw_event(row, first, "a", ZONE, True)["id"] for row in first.rows]
    assert raw_event(second.rows[0], second, "b", ZONE, True)["id"] == ids[1] != ids[0]


def test_chinese_excel_is_understood() -> None:
    """Excel in Chinese saves CSV in GB 18030."""
    read = read_sheet("姓名,公司\n王芳,金泰阀门\n".encode("gb18030"), builtin(), {})
    assert read.rows[0].cells["公司"] == "金泰阀门"


@pytest.mark.parametrize(("raw", "says"), [(b"", "empty"), (b"\x81", "neither UTF-8")])
def test_a_file_that_is_no_table_is_refused(raw: bytes, says: str) -> None:
    """What is no CSV is said to be none."""
    with pytest.raises(BadSheet, match=says):
        read_sheet(raw, builtin(), {})
