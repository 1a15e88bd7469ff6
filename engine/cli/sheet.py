"""A spreadsheet of leads, saved as CSV: columns found by their headings, cells by their types."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from engine.errors import LeadrulesError
from engine.language.catalogue import Catalogue, Field
from engine.language.nearest import did_you_mean

AT: Final = "at"
# What people write above a column, beside the catalogue's names and labels.
_HEADINGS: Final[Mapping[str, str]] = {
    "name": "联系人 联系人姓名 客户姓名 名字 fullname contact contactname",
    "phone": "手机号 手机号码 电话 联系电话 电话号码 联系方式 mobile tel telephone phonenumber",
    "email": "电子邮箱 电子邮件 邮箱地址 邮件 mail emailaddress",
    "company": "公司名称 企业 企业名称 单位 companyname organization",
    "title": "职务 岗位 jobtitle position",
    "industry": "所属行业 所在行业",
    "employees": "公司规模 员工人数 人数 规模 companysize",
    "province": "省 所在省份",
    "city": "所在城市",
    "amount": "金额 预计金额",
    "need": "需求描述 需求痛点 需求标签",
    "source.name": "线索来源 渠道 来源渠道 source leadsource",
    AT: "时间 日期 创建时间 创建日期 登记时间 date time createdat",
}
_TRUE: Final = frozenset({"是", "有", "true", "yes", "y", "1"})
_FALSE: Final = frozenset({"否", "无", "false", "no", "n", "0"})
_EXPONENT: Final = re.compile(r"[0-9]\.[0-9]+E\+[0-9]+", re.IGNORECASE)
_TIMES: Final = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")


class BadSheet(LeadrulesError):
    """A file that is no table of leads, or has columns that nobody knows."""

    code = "bad-sheet"


class BadCell(ValueError):
    """A cell that does not hold what its column needs; the text says what would."""


class Row(msgspec.Struct, frozen=True):
    """One line of the sheet: its number in the file and its cells by heading."""

    line: int
    cells: Mapping[str, str]


class Sheet(msgspec.Struct, frozen=True):
    """All rows, and which field each heading means."""

    headings: tuple[str, ...]
    fields: Mapping[str, Field]
    rows: tuple[Row, ...]


def read_sheet(raw: bytes, catalogue: Catalogue, mapping: Mapping[str, str]) -> Sheet:
    """Return the table in ``raw``; ``mapping`` says what headings mean, "" leaves one out.

    Raises BadSheet. UTF-8, and GB 18030 as Excel in Chinese writes it.
    """
    reader = csv.DictReader(io.StringIO(_decode(raw), newline=""), restval="")
    headings = tuple(h.strip() for h in reader.fieldnames or ())
    if not any(headings):
        raise BadSheet("the file is empty; the first line names the columns, such as 姓名,手机")
    reader.fieldnames = headings
    fields = _columns(headings, catalogue, mapping)
    try:
        rows = tuple(
            Row(reader.line_num, {h: row[h] for h in headings})
            for row in reader
            if any(row[h].strip() for h in headings)
        )
    except csv.Error as error:
        raise BadSheet(f"line {reader.line_num} is no CSV: {error}") from error
    return Sheet(headings, fields, rows)


def _decode(raw: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadSheet("the file is neither UTF-8 nor GB 18030; save it as CSV in UTF-8")


def _columns(
    headings: Sequence[str], catalogue: Catalogue, mapping: Mapping[str, str]
) -> dict[str, Field]:
    known = _known(catalogue)
    fields: dict[str, Field] = {}
    for heading in mapping:
        if heading not in headings:
            hint = did_you_mean(heading, headings)
            raise BadSheet(f'--map names a column "{heading}" that is not there; {hint}')
    unknown: list[str] = []
    for heading in headings:
        wanted = mapping.get(heading)
        if wanted == "":
            continue
        field = known.get(_plain(wanted or heading))
        if field is None:
            unknown.append(f'"{heading}" ({did_you_mean(wanted or heading, known)})')
            continue
        twin = next((h for h, f in fields.items() if f.name == field.name), None)
        if twin is not None:
            raise BadSheet(f'"{twin}" and "{heading}" both mean {field.name}; use --map "{twin}="')
        fields[heading] = field
    if unknown:
        raise BadSheet(
            f"nobody knows the column {', '.join(unknown)}; say --map COLUMN=FIELD, "
            "or --map COLUMN= to leave it out"
        )
    return fields


def _known(catalogue: Catalogue) -> dict[str, Field]:
    """Return every heading that is understood."""
    fields = {n: f for n, f in catalogue.fields.items() if not f.derived and f.type != "consent"}
    fields[AT] = Field(AT, "datetime")
    known: dict[str, Field] = {}
    for name, heading in _HEADINGS.items():
        if name in fields:
            known.update({_plain(word): fields[name] for word in heading.split()})
    for name, field in fields.items():
        known.update({_plain(text): field for text in (name, field.label) if text})
    return known


def _plain(heading: str) -> str:
    """Return a heading without what people vary: width, case, spaces, marks of a required cell."""
    text = unicodedata.normalize("NFKC", heading).casefold()
    return re.sub(r"[\s_*:()-]|必填|选填", "", text)


def raw_event(row: Row, sheet: Sheet, file: str, zone: ZoneInfo, history: bool) -> dict[str, Any]:
    """Return the event that brings a row's lead in; raises BadCell.

    Its id derives from the cells, so that a sheet sent again, or sent with a few rows
    changed, brings in nothing twice.
    """
    lead: dict[str, Any] = {}
    event: dict[str, Any] = {"id": _id(row), "type": "note_added", "lead": lead}
    for heading, field in sheet.fields.items():
        text = unicodedata.normalize("NFC", row.cells[heading]).strip()
        if not text:
            continue
        try:
            value = _value(field, text, zone)
        except ValueError as error:
            raise BadCell(f"{heading}: {error}") from None
        if field.name == AT:
            event["at"] = value
        else:
            lead[field.name] = value
    text = f"导入 {file} 第 {row.line} 行"
    return {**event, "properties": {"text": text}, "channel": "import", "history": history}


def _id(row: Row) -> str:
    cells = "\x1f".join(f"{h}\x1e{c.strip()}" for h, c in row.cells.items())
    return f"import:{hashlib.sha256(cells.encode()).hexdigest()[:24]}"


def _value(field: Field, text: str, zone: ZoneInfo) -> Any:
    """Return a cell as its field's type; a spreadsheet has nothing but text."""
    if field.family == "number":
        return _number(field, text)
    if field.type == "boolean":
        return _boolean(text)
    if field.type == "list":
        return [part for part in re.split(r"[;；,，、|]\s*", text) if part]
    if field.type == "date":
        return _moment(text).date().isoformat()
    if field.type == "datetime":
        moment = _moment(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).isoformat()
    if field.type == "phone" and _EXPONENT.fullmatch(text):
        raise ValueError(f"{text!r} is a number that the spreadsheet rounded; format it as text")
    return text


def _number(field: Field, text: str) -> int | float:
    plain = unicodedata.normalize("NFKC", text).replace(",", "").removeprefix("¥").strip()
    try:
        number = float(plain)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
    if number.is_integer():
        return int(number)
    if field.type == "integer":
        raise ValueError(f"{text!r} is not a whole number")
    return number


def _boolean(text: str) -> bool:
    plain = text.casefold()
    if plain in _TRUE or plain in _FALSE:
        return plain in _TRUE
    raise ValueError(f"{text!r} is neither 是 (true) nor 否 (false)")


def _moment(text: str) -> datetime:
    plain = re.sub(r"[年月/.]", "-", text).replace("日", "").strip()
    for pattern in _TIMES:
        try:
            return datetime.strptime(plain, pattern)  # noqa: DTZ007 - the caller adds the zone
        except ValueError:
            continue
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a date such as 2026-03-02 or 2026-03-02 09:00") from None


def write_rejected(sheet: Sheet, rejected: Sequence[tuple[Row, str]]) -> Iterator[str]:
    """Yield a CSV of the rows that were not taken, each with its line and the reason first."""
    for cells in (("line", "reason", *sheet.headings), *_cells(sheet, rejected)):
        buffer = io.StringIO()
        csv.writer(buffer).writerow(cells)
        yield buffer.getvalue()


def _cells(sheet: Sheet, rejected: Sequence[tuple[Row, str]]) -> Iterator[tuple[str, ...]]:
    for row, reason in rejected:
        yield str(row.line), reason, *(row.cells[h] for h in sheet.headings)
