"""What each type of value takes, what operators compare with, and instants and durations."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.language.catalogue import BadValue, Field, convert
from engine.language.instants import (
    DAY,
    BadTime,
    TooLong,
    format_duration,
    format_instant,
    parse_duration,
    parse_instant,
    parse_offset,
    parse_working,
)
from engine.language.operators import check_operand
from engine.language.sections.catalog import builtin

LEVEL = Field("level", "enum", values=("staff", "manager"), ordered=True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (Field("a", "string"), "王芳"),
        (Field("a", "text"), "字" * 20_000),
        (Field("a", "integer"), -3),
        (Field("a", "number"), 0.5),
        (Field("a", "money"), 500_000),
        (Field("a", "boolean"), False),
        (LEVEL, "staff"),
        (Field("a", "date"), "2024-02-29"),
        (Field("a", "datetime"), "2026-03-02T09:00:00+08:00"),
        (Field("a", "list"), ["制造业", "金融业"]),
        (Field("a", "list", of="integer"), [1, 2]),
    ],
)
def test_a_value_of_its_type_stays_as_it_is(field: Field, value: Any) -> None:
    """Nothing is coerced, so what fits comes back unchanged."""
    assert convert(field, value) == value
    assert type(convert(field, value)) is type(value)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (Field("a", "string"), 7, "7 is not text"),
        (Field("a", "string"), "字" * 1001, "text of 1001 characters; at most 1000 fit"),
        (Field("a", "string"), "a\x00b", "the character U+0000 is not allowed in text"),
        (Field("a", "geo"), "亚特兰蒂斯", "is no province, city or district of China"),
        (Field("a", "integer"), 1.0, "1.0 is not a whole number"),
        (Field("a", "integer"), True, "True is not a whole number"),
        (Field("a", "integer"), 2**53 + 1, "is too large"),
        (Field("a", "number"), "7", "'7' is not a number"),
        (Field("a", "number"), float("nan"), "is too large or not finite"),
        (Field("a", "money"), -(2.0**54), "is too large or not finite"),
        (Field("a", "boolean"), 1, "1 is not true or false"),
        (LEVEL, "director", "'director' is none of staff, manager"),
        (Field("level", "enum"), "staff", "'staff' is no value of level: none is declared"),
        (Field("a", "date"), "2026-02-30", "is not a date such as 2026-03-02"),
        (Field("a", "date"), "20260302", "is not a date such as 2026-03-02"),
        (Field("a", "date"), 20260302, "20260302 is not a date"),
        (Field("a", "datetime"), 7, "7 is not a date and time"),
        (Field("a", "datetime"), "2026-03-02T09:00:00", "has no time zone; add an offset"),
        (Field("a", "list"), "制造业", "'制造业' is not a list"),
        (Field("a", "list"), ["甲"] * 201, "a list of 201 items; at most 200 fit"),
        (Field("a", "list", of="integer"), [1, "2"], "'2' is not a whole number"),
        (Field("a", "consent"), "given", "consent is a map of topic to given or withdrawn"),
    ],
)
def test_a_value_of_another_type_is_refused(field: Field, value: Any, message: str) -> None:
    """The text quotes the value and says what would fit."""
    with pytest.raises(BadValue) as caught:
        convert(field, value)
    assert message in str(caught.value)


def test_a_long_value_is_quoted_in_part() -> None:
    """A message stays readable, whatever was sent."""
    with pytest.raises(BadValue) as caught:
        convert(Field("a", "integer"), "字" * 500)
    assert len(str(caught.value)) < 100
    assert "..." in str(caught.value)


def test_properties_of_events_are_known_by_name() -> None:
    """An event carries its own properties, and an unknown event none."""
    found = builtin().property("order_placed", "amount")
    assert found is not None
    assert found.type == "money"
    assert builtin().property("order_placed", "page") is None
    assert builtin().property("order_plaecd", "amount") is None


@pytest.mark.parametrize(
    ("op", "field", "operand", "compared"),
    [
        ("exists", LEVEL, False, False),
        ("in", LEVEL, ["staff", "manager"], ("staff", "manager")),
        ("between", Field("a", "integer"), [1, 2.5], (1, 2.5)),
        ("older_than", Field("a", "date"), "2d", 2 * 86_400_000),
        ("before", Field("a", "date"), "1970-01-02", 57_600_000),
        ("after", Field("a", "datetime"), "1970-01-01T00:00:01Z", 1000),
        ("matches", Field("a", "string"), "^甲.*公司$", "^甲.*公司$"),
        ("contains", Field("a", "geo"), "海", "海"),
        ("eq", Field("a", "geo"), "上海", "上海市"),
        ("contains", Field("a", "text"), "预算", "预算"),
        ("includes", Field("a", "list", of="integer"), 3, 3),
        ("at_least", LEVEL, "manager", "manager"),
    ],
)
def test_operands_are_read_as_the_network_compares_them(
    op: str, field: Field, operand: Any, compared: Any
) -> None:
    """Days begin in China, durations are milliseconds, places have their official names."""
    assert check_operand(op, field, operand) == compared


@pytest.mark.parametrize(
    ("op", "field", "operand", "message"),
    [
        ("between", Field("a", "number"), [2, 1], "between [2, 1] can never hold"),
        ("at_most", Field("a", "enum", values=("甲",)), "甲", "at_most needs an ordered enum"),
        ("newer_than", Field("a", "date"), "0d", "newer_than takes a duration: '0d'"),
        ("after", Field("a", "date"), "2026-02-30", "is not a date and time"),
        ("matches", Field("a", "string"), "(?=a)", "runs in linear time"),
        ("contains", Field("a", "text"), 7, "7 is not text"),
    ],
)
def test_operands_that_cannot_be_compared_are_refused(
    op: str, field: Field, operand: Any, message: str
) -> None:
    """The text says what the operator takes."""
    with pytest.raises(BadValue) as caught:
        check_operand(op, field, operand)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tomorrow", "is not a date and time; write RFC 3339"),
        ("2026-03-02T09:00:00", "has no time zone; add an offset such as +08:00"),
        ("0001-01-01T00:00:00+14:00", "is out of range; years 1 to 9999 are known"),
        ("9999-12-31T23:59:59-12:00", "is out of range; years 1 to 9999 are known"),
    ],
)
def test_text_that_is_no_instant_is_refused(text: str, message: str) -> None:
    """No zone is guessed, and every instant can be written back."""
    with pytest.raises(BadTime) as caught:
        parse_instant(text)
    assert message in str(caught.value)


@given(st.integers(-62_135_596_800_000, 253_402_214_400_000))
def test_an_instant_is_read_back(instant: int) -> None:
    """Written as RFC 3339 and read again it is the same millisecond."""
    assert parse_instant(format_instant(instant)) == instant


@given(st.integers(1, 10**9))
def test_a_duration_is_read_back(seconds: int) -> None:
    """The shortest form of whole seconds means the same."""
    assert parse_duration(format_duration(seconds * 1000)) == seconds * 1000


def test_what_has_no_unit_is_in_milliseconds() -> None:
    """Nothing and parts of a second have a form to be shown in, too."""
    assert format_duration(1500) == "1500ms"
    assert format_duration(0) == "0ms"


@pytest.mark.parametrize(("text", "ms"), [("0d", 0), ("6d23h", 601_200_000), ("90m", 5_400_000)])
def test_offsets_of_tests_add_up(text: str, ms: int) -> None:
    """An offset may have several parts, and may be nothing."""
    assert parse_offset(text) == ms


def test_text_that_is_no_offset_is_refused() -> None:
    """The text says how one is written."""
    with pytest.raises(BadTime, match="'later' is not an offset; write such as 0d, 90m or 6d23h"):
        parse_offset("later")


@pytest.mark.parametrize(
    ("text", "ms"),
    [("36500d", 36_500 * DAY), ("5214w", 5_214 * 7 * DAY), ("3153600000s", 36_500 * DAY)],
)
def test_a_duration_may_be_a_century(text: str, ms: int) -> None:
    """The longest of each unit, to the last one."""
    assert parse_duration(text) == parse_offset(text) == ms


@pytest.mark.parametrize("text", ["9999999w", "36501d", "3153600001s", "9" * 10_000 + "d"])
def test_a_duration_beyond_a_century_is_refused(text: str) -> None:
    """Adding it to an instant would leave the years that have a date."""
    for read in (parse_duration, parse_offset):
        with pytest.raises(TooLong, match="is at most 100 years, which is 36500d") as caught:
            read(text)
        assert len(str(caught.value)) < 200


def test_working_time_is_bounded_too() -> None:
    """About a century of hours or days; it is counted day by day."""
    assert parse_working("24 working_hours") == (24, "hours")
    assert parse_working("25000 working_days") == (25_000, "days")
    assert parse_working("24h") is None
    for text in ("25001 working_days", "200001 working_hours", "9" * 5_000 + " working_days"):
        with pytest.raises(TooLong):
            parse_working(text)
