"""Tables of leads: encodings, quoting, headings, cells, and what is refused; nothing is lost."""

from __future__ import annotations

import datetime
import tracemalloc
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine.cli.table import encoding
from engine.cli.table.cells import moment
from engine.cli.table.columns import Columns, Target
from engine.cli.table.events import Making, raw_event
from engine.cli.table.mapping import BadMapping, Mapped, read_mapping, told
from engine.cli.table.problems import BadCell, BadSheet
from engine.cli.table.sheet import Sheet
from engine.language.sections.catalog import builtin

ZONE = ZoneInfo("Asia/Shanghai")
TABLE = "姓名,公司\n王芳,金泰阀门\n李雷,㐂𠮷公司\n"


def written(tmp_path: Path, raw: bytes | str, name: str = "leads.csv") -> Path:
    """A file with this in it."""
    file = tmp_path / name
    file.write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    return file


def read(
    file: Path, **options: Any
) -> tuple[tuple[str, ...], list[tuple[int, tuple[str, ...], str | None]]]:
    """The headings and rows of a file."""
    with Sheet(file, **options) as sheet:
        return sheet.headings, [(r.line, r.cells, r.fault) for r in sheet.rows()]


def making(sheet: Sheet, mapped: Mapped | None = None, **more: Any) -> Making:
    """How a sheet's rows become events, by the built-in catalogue."""
    mapped = mapped or Mapped()
    maps = more.pop("maps", {})
    columns = Columns(builtin(), mapped.event)
    given = {**mapped.columns, **told(list(maps.items()), columns)}
    return Making(
        file=sheet.path.name, digest=sheet.survey.digest, headings=sheet.headings,
        columns=columns.assign(sheet.headings, given), zone=ZONE, history=more.pop("history", True),
        event=mapped.event, constants=mapped.constants, properties=mapped.properties, **more,
    )  # fmt: skip


def events(file: Path, mapped: Mapped | None = None, **more: Any) -> list[dict[str, Any]]:
    """The events of a table."""
    with Sheet(file) as sheet:
        made = making(sheet, mapped, **more)
        return [raw_event(row, made) for row in sheet.rows()]


def event(tmp_path: Path, text: str, mapped: Mapped | None = None, **more: Any) -> dict[str, Any]:
    """The event of a table's only row."""
    (only,) = events(written(tmp_path, text), mapped, **more)
    return only


@pytest.mark.parametrize(
    ("codec", "found"),
    [
        ("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("gb18030", "gb18030"),
        ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"), ("utf-16-be", "utf-16-be"),
    ],
)  # fmt: skip
def test_every_usual_encoding_is_found(tmp_path: Path, codec: str, found: str) -> None:
    """Excel, WPS and old systems save Chinese in six ways; each is read without being told."""
    file = written(tmp_path, TABLE.encode(codec))
    assert encoding.survey(file).encoding == found
    headings, rows = read(file)
    assert headings == ("姓名", "公司")
    assert rows == [(2, ("王芳", "金泰阀门"), None), (3, ("李雷", "㐂𠮷公司"), None)]


def test_one_bad_byte_costs_its_row_only(tmp_path: Path) -> None:
    """A file of UTF-8 stays one; the row with the bad byte says so."""
    file = written(tmp_path, TABLE.encode() + b"\xff\xfe,x\n" + "韩梅,乙\n".encode())
    _, rows = read(file)
    assert [r[2] for r in rows] == [
        None,
        None,
        "some of its bytes are no text in the file's encoding",
        None,
    ]
    assert read(written(tmp_path, b"\x81"), encoding="gbk")[0] == ("\ufffd",)


def test_an_encoding_can_be_told(tmp_path: Path) -> None:
    """Where the guess is wrong people say it; one that does not exist is refused."""
    file = written(tmp_path, "姓名\n陳大文\n".encode("big5"))
    assert read(file, encoding="big5")[1][0][1] == ("陳大文",)
    with pytest.raises(BadSheet, match='no encoding "klingon"'):
        read(file, encoding="klingon")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    """Whatever stands between the cells of the first line."""
    text = TABLE.replace(",", delimiter)
    assert read(written(tmp_path, text))[1][0][1] == ("王芳", "金泰阀门")


def test_what_excel_says_of_its_delimiter_is_heard(tmp_path: Path) -> None:
    """A first line sep=; is no heading."""
    assert read(written(tmp_path, "sep=;\n姓名;公司\n王,芳;x\n")) == (
        ("姓名", "公司"),
        [(3, ("王,芳", "x"), None)],
    )


FAULT = "a quotation mark is not closed, or stands in the wrong place"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ('"王,芳",x\n', [(2, ("王,芳", "x"), None)]),
        ('"王\n芳",x\n李,y\n', [(2, ("王\n芳", "x"), None), (4, ("李", "y"), None)]),
        ('"王""芳""",x\n', [(2, ('王"芳"', "x"), None)]),
        ('"王"芳,x\n', [(2, ("王芳", "x"), None)]),
        ('5" 阀门,x\n', [(2, ('5" 阀门', "x"), None)]),
        ('"王芳,x\n李,y\n', [(2, ("王芳", "x"), None), (3, ("李", "y"), None)]),
        ('王,"x\n李,"y\n', [(2, ("王", "x"), None), (3, ("李", "y"), None)]),
        ('"王,芳"乙",x\n李,y\n', [(2, ('王,芳乙"', "x"), None), (3, ("李", "y"), None)]),
        ('"王,芳,x\n李,y\n', [(2, ("王", "芳"), FAULT), (3, ("李", "y"), None)]),
        ("王,x,y,z\n", [(2, ("王", "x"), "4 cells, and the first line names 2 columns")]),
        ("王,x,,\n", [(2, ("王", "x"), None)]),
        ("王\n", [(2, ("王", ""), None)]),
        ("王,x\r李,y\r", [(2, ("王", "x"), None), (3, ("李", "y"), None)]),
        (",\n\n王,x\n", [(4, ("王", "x"), None)]),
        ("王,x", [(2, ("王", "x"), None)]),
        ('"' + "长" * 200_000 + '",x\n', [(2, ("长" * 200_000, "x"), None)]),
    ],
)  # fmt: skip
def test_dirty_rows_are_mended_or_named(tmp_path: Path, rows: str, expected: Any) -> None:
    """A quote never closed costs its own line at most; what cannot be mended has its fault."""
    end = "\r" if "\r" in rows else "\n"
    assert read(written(tmp_path, f"姓名,公司{end}{rows}"))[1] == expected


CELLS = st.text(st.sampled_from('王芳a1",;\t|\n\r \x00\ufeff'), max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.lists(CELLS, max_size=5), max_size=8), st.sampled_from([",", ";", "\t"]))
@example([['"', "x"], ["y", '"'], ["z", "w"]], ",")
def test_no_line_of_any_table_is_lost(
    tmp_path: Path, table: list[list[str]], delimiter: str
) -> None:
    """Whatever is in a file, each line with anything in it is part of a row, in order, once."""
    lines = [delimiter.join(cells) for cells in table]
    text = "\n".join([f"姓名{delimiter}公司", *lines, ""])
    _, rows = read(written(tmp_path, text), delimiter=delimiter)
    numbers = [line for line, _, _ in rows]
    assert numbers == sorted(set(numbers))
    said = "".join("".join(cells) for _, cells, fault in rows if fault is None)
    kept = sum(c in "王芳a1" for c in said)
    lost = sum(c in "王芳a1" for c in "".join(lines)) - kept
    assert lost >= 0
    assert lost == 0 or any(fault for _, _, fault in rows)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=200) | st.text().map(lambda t: t.encode("utf-8", "replace")))
@example(b"PK\x03\x04rest")
@example(b"\xff\xfe")
@example(b"\xff\xfea")
@example(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
def test_any_bytes_are_a_table_or_refused(tmp_path: Path, raw: bytes) -> None:
    """No file whatever makes the reader raise anything but BadSheet."""
    try:
        headings, rows = read(written(tmp_path, raw))
    except BadSheet:
        return
    assert headings
    assert all(len(cells) == len(headings) for _, cells, _ in rows)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """A hundred thousand rows are read within 8 MB."""
    file = tmp_path / "big.csv"
    with file.open("w", encoding="gb18030") as out:
        out.write("姓名,手机\n")
        out.writelines(f"客户{n},{13_000_000_000 + n}\n" for n in range(100_000))
    tracemalloc.start()
    with Sheet(file) as sheet:
        assert sum(1 for _ in sheet.rows()) == 100_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000


# --- workbooks -------------------------------------------------------------------------------


def workbook(
    tmp_path: Path, *rows: list[Any], title: str = "线索", name: str = "leads.xlsx"
) -> Path:
    """A workbook with these rows in its second sheet, and an empty first one."""
    book = openpyxl.Workbook()
    page = book.create_sheet(title)
    for row in rows:
        page.append(row)
    book.save(tmp_path / name)
    return tmp_path / name


def test_a_workbook_is_read_as_a_csv_would_be(tmp_path: Path) -> None:
    """Numbers, dates, truth and errors in cells become the text that people see."""
    file = workbook(
        tmp_path,
        ["姓名", "手机", "员工数", "创建时间", "生日", "标签", None],
        [
            "王芳",
            13800138000.0,
            600.5,
            datetime.datetime.fromisoformat("2026-03-02T09:05"),
            datetime.datetime.fromisoformat("1990-03-02"),
            True,
            None,
        ],
        [None, None, None, None, None, None, None],
        ["李雷", "#N/A", 3, None, None, False, None],
    )
    assert read(file, page="线索") == (
        ("姓名", "手机", "员工数", "创建时间", "生日", "标签"),
        [
            (
                2,
                ("王芳", "13800138000", "600.5", "2026-03-02 09:05:00", "1990-03-02", "true"),
                None,
            ),
            (4, ("李雷", "", "3", "", "", "false"), None),
        ],
    )
    with pytest.raises(BadSheet, match="empty"):
        read(file)
    with pytest.raises(BadSheet, match='no sheet "线锁"; known here: Sheet, 线索'):
        read(file, page="线锁")


def test_a_workbook_is_known_by_its_content(tmp_path: Path) -> None:
    """One called .csv is read all the same; old and broken ones are refused with a way out."""
    file = workbook(tmp_path, ["姓名"], ["王芳"], name="leads.csv.xlsx")
    assert read(file.rename(tmp_path / "leads.csv"), page="线索")[1][0][1] == ("王芳",)
    with pytest.raises(BadSheet, match=r"save it as \.xlsx"):
        read(written(tmp_path, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old.xls"))
    with pytest.raises(BadSheet, match="cannot be read as a workbook"):
        read(written(tmp_path, b"PK\x03\x04broken", "broken.xlsx"))


def test_a_chart_is_no_table(tmp_path: Path) -> None:
    """A workbook that begins with a chart is refused, not a traceback."""
    book = openpyxl.Workbook()
    book.create_chartsheet("图", 0)
    book.save(tmp_path / "chart.xlsx")
    with pytest.raises(BadSheet, match="cannot be read as a workbook"):
        read(tmp_path / "chart.xlsx")


# --- columns ---------------------------------------------------------------------------------


def columns_of(tmp_path: Path, head: str, **maps: str) -> dict[str, str]:
    """What the headings mean."""
    with Sheet(written(tmp_path, head + "\n")) as sheet:
        return {h: t.shown for h, t in making(sheet, maps=maps).columns.items()}


def test_headings_are_found_in_english_and_chinese(tmp_path: Path) -> None:
    """Names, labels and what people write instead all mean the field."""
    found = columns_of(
        tmp_path, "姓名*,手机号,E-mail,公司名称,Job Title,员工数（必填）,lead source"
    )
    assert list(found.values()) == [
        "name",
        "phone",
        "email",
        "company",
        "title",
        "employees",
        "source.name",
    ]


def test_an_unknown_heading_is_refused_with_the_nearest(tmp_path: Path) -> None:
    """A column that would be lost is named before anything is sent."""
    with pytest.raises(BadSheet, match=r'nobody knows the column "emial".*did you mean "email"'):
        columns_of(tmp_path, "name,emial")


def test_a_heading_can_be_mapped_or_left_out(tmp_path: Path) -> None:
    """--map says what a column means; with nothing behind it the column is left out."""
    found = columns_of(tmp_path, "姓名,微信,内部编号", 微信="wecom_id", 内部编号="")
    assert found == {"姓名": "name", "微信": "wecom_id", "内部编号": "skip"}
    with pytest.raises(BadSheet, match="there is no column"):
        columns_of(tmp_path, "姓名", 微信="wecom_id")
    with pytest.raises(BadMapping, match='no field "wecom"'):
        columns_of(tmp_path, "姓名", 姓名="wecom")


def test_two_columns_for_one_field_are_refused(tmp_path: Path) -> None:
    """Which of two would win is not for us to guess."""
    with pytest.raises(BadSheet, match="both mean phone"):
        columns_of(tmp_path, "手机,联系电话")


def test_a_heading_that_stands_twice_fills_in(tmp_path: Path) -> None:
    """The second 手机 counts where the first is empty; columns without a heading have a number."""
    file = written(
        tmp_path, "手机,姓名,手机,,备注\n,王芳,13800138000,7,\n13900139000,李雷,13700137000,8,\n"
    )
    found = events(file, maps={"column 4": "", "备注": ""})
    assert [e["lead"]["phone"] for e in found] == ["13800138000", "13900139000"]


# --- cells -----------------------------------------------------------------------------------


def test_cells_get_the_type_of_their_field(tmp_path: Path) -> None:
    """Numbers, lists, dates and instants are written in many ways."""
    found = event(
        tmp_path,
        '邮箱,员工数,预估金额,预算,标签,生日,创建时间\na@b.cn,"1,200人",¥5000.5,50万元,甲;乙，丙,1990年3月2日,2026/3/2 9:05\n',
    )
    assert found["lead"] == {
        "email": "a@b.cn", "employees": 1200, "amount": 5000.5, "budget": 500_000,
        "tags": ["甲", "乙", "丙"], "birthday": "1990-03-02",
    }  # fmt: skip
    assert found["at"] == "2026-03-02T09:05:00+08:00"
    assert (found["history"], found["channel"], found["type"]) == (True, "import", "note_added")
    assert found["properties"] == {"text": "导入 leads.csv 第 2 行"}


@pytest.mark.parametrize("cell", ["director", "总监", "Director"])
def test_a_value_is_known_by_its_label(tmp_path: Path, cell: str) -> None:
    """A column is found by its label, and so is a value in it: both are what people read."""
    assert event(tmp_path, f"手机,职级\n13800138000,{cell}\n")["lead"]["title_level"] == "director"


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026/3/1", "2026-03-01T00:00"), ("2026年3月1日", "2026-03-01T00:00"),
        ("2026.3.1 9:05", "2026-03-01T09:05"), ("46082", "2026-03-01T00:00"),
        ("46082.375", "2026-03-01T09:00"), ("20260301", "2026-03-01T00:00"),
        ("2026年3月1日 下午3点05分", "2026-03-01T15:05"), ("2026-03-01 上午9:05:30", "2026-03-01T09:05:30"),
        ("2026年3月1日 下午3点", "2026-03-01T15:00"), ("2026年3月1日9时", "2026-03-01T09:00"),
        ("2026/3/1 上午12:05", "2026-03-01T00:05"), ("2026年3月1日凌晨12点", "2026-03-01T00:00"),
        ("2026-03-01 中午12:30", "2026-03-01T12:30"), ("2026-03-01 中午1:30", "2026-03-01T13:30"),
        ("２０２６－３－１", "2026-03-01T00:00"), ("2026-03-01T09:00:00Z", "2026-03-01T09:00+00:00"),
    ],
)  # fmt: skip
def test_dates_as_people_write_them(text: str, instant: str) -> None:
    """Slashes, dots, Chinese, halves of the day, full width, and the numbers of a workbook."""
    assert moment(text) == datetime.datetime.fromisoformat(instant)


def test_midnight_in_the_evening_is_refused() -> None:
    """晚上12点 is the end of the day to some and its beginning to others."""
    with pytest.raises(ValueError, match="is not a date such as"):
        moment("2026年3月1日 晚上12点")


def test_an_ambiguous_date_is_refused_until_its_form_is_told() -> None:
    """3/1/2026 may be January or March: the mapping says which."""
    with pytest.raises(ValueError, match="is not a date such as"):
        moment("3/1/2026")
    assert moment("3/1/2026", "%d/%m/%Y").month == 1
    with pytest.raises(ValueError, match="not written as"):
        moment("2026-01-03", "%d/%m/%Y")


@pytest.mark.parametrize(
    ("heading", "cell", "says"),
    [
        ("员工数", "很多", "not a number"),
        ("员工数", "1.5", "not a whole number"),
        ("手机", "1.38E+10", "rounded"),
        ("生日", "明天", "not a date"),
    ],
)
def test_a_bad_cell_is_named_by_its_heading(
    tmp_path: Path, heading: str, cell: str, says: str
) -> None:
    """The reason says which column and quotes the cell."""
    with pytest.raises(BadCell, match=f"{heading}: .*{says}"):
        event(tmp_path, f"{heading}\n{cell}\n")


def test_a_row_counts_once_by_its_cells_or_by_its_line(tmp_path: Path) -> None:
    """By content a moved row is the same event; by file two equal rows are two events."""
    first = written(tmp_path, "姓名,手机\n王芳,13800138000\n李雷,13900139000\n李雷,13900139000\n")
    second = written(tmp_path, "姓名,手机\n李雷,13900139000\n", "second.csv")
    ids = [e["id"] for e in events(first)]
    assert ids[1] == ids[2] == events(second)[0]["id"] != ids[0]
    lines = [e["id"] for e in events(first, ids="file")]
    assert len(set(lines)) == 3
    assert lines == [e["id"] for e in events(first, ids="file")]
    assert lines[0] != events(second, ids="file")[0]["id"]
    other = events(second, Mapped(event="form_submitted"))[0]
    assert other["id"] != ids[1]
    assert other["properties"] == {}


@pytest.mark.parametrize(("raw", "says"), [(b"", "empty"), (b"\n,,\n", "empty")])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, raw: bytes, says: str) -> None:
    """What has no first line with names is said to have none."""
    with pytest.raises(BadSheet, match=says):
        read(written(tmp_path, raw))


# --- mapping files ---------------------------------------------------------------------------

MAPPING = """
event: event_attended
columns:
  姓名: name
  级别: {field: title_level, values: {总监: director, 经理: manager}}
  展会: {property: event_name}
  到场: {at: "%d/%m/%Y"}
  编号: id
  内部: skip
  空: null
  出生: {field: birthday, dates: "%d.%m.%Y"}
  同意: consent.marketing
  签到: {at: auto}
constants: {source.name: 华东区线下展会}
properties: {format: offline}
zone: Europe/Berlin
"""


def mapped(tmp_path: Path, text: str) -> Mapped:
    """Read a mapping file."""
    return read_mapping(written(tmp_path, text, "mapping.yaml"), builtin())


def test_a_mapping_says_what_every_column_means(tmp_path: Path) -> None:
    """Fields, properties, times, ids, meanings of cells, what is left out, and what all rows have."""
    said = mapped(tmp_path, MAPPING.replace("  签到: {at: auto}\n", ""))
    assert said.zone == "Europe/Berlin"
    found = event(
        tmp_path,
        "姓名,级别,展会,到场,编号,内部,空,出生,同意\n王芳,总监,工博会,02/03/2026,A7,x,y,02.03.1990,是\n",
        said,
    )
    assert found == {
        "id": "import:A7", "type": "event_attended", "at": "2026-03-02T00:00:00+08:00",
        "lead": {"source.name": "华东区线下展会", "name": "王芳", "title_level": "director",
                 "birthday": "1990-03-02", "consent.marketing": "given"},
        "properties": {"format": "offline", "event_name": "工博会"},
        "channel": "import", "history": True,
    }  # fmt: skip
    assert mapped(tmp_path, MAPPING).columns["签到"] == Target(
        "at", mapped(tmp_path, MAPPING).columns["到场"].field
    )


def test_an_empty_mapping_says_nothing(tmp_path: Path) -> None:
    """Everything in it may be left out."""
    assert mapped(tmp_path, "# 还没写\n") == Mapped()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("evnt: x", '"evnt"'),
        (
            "event: form_submited",
            'mapping.yaml:1:8: there is no event "form_submited"; did you mean "form_submitted"',
        ),
        (
            "columns: {a: emial}",
            'mapping.yaml:1:14: there is no field "emial"; did you mean "email"',
        ),
        ("columns: {a: {property: nobody}}", 'there is no field "event.nobody"'),
        ("columns: [a]", "mapping.yaml:1:10: a list is not a map"),
        ("columns: {a: b", "mapping.yaml:2:1: not YAML"),
        ("others: keep", "none of find, skip"),
    ],
)
def test_mistakes_in_a_mapping_have_their_place(tmp_path: Path, text: str, says: str) -> None:
    """A mapping file is checked like any other YAML of the configuration."""
    with pytest.raises(BadMapping) as error:
        mapped(tmp_path, text + "\n")
    assert says in str(error.value)
