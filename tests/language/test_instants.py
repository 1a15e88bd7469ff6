"""Instants as people and programs write them."""

from __future__ import annotations

import pytest

from engine.language.catalogue import Field, convert
from engine.language.instants import BadTime, parse_instant

MORNING = parse_instant("2026-03-02T09:00:00+08:00")


@pytest.mark.parametrize("text", ["2026-03-02t01:00:00z", "2026-03-02 01:00:00Z"])
def test_rfc_3339_in_any_spelling(text: str) -> None:
    """T and Z may be small, and a blank may stand between date and time."""
    assert parse_instant(text) == MORNING


def test_a_date_gets_a_hint_that_helps() -> None:
    """What the message proposes can be read."""
    with pytest.raises(BadTime) as error:
        parse_instant("2026-11-22")
    proposed = str(error.value).rpartition(" ")[2]
    assert proposed == "2026-11-22T00:00:00+08:00"
    parse_instant(proposed)


@pytest.mark.parametrize("text", ["2026-11-22+08:00", "2026-11-22+08:00+08:00", "2026-11-22-01"])
def test_an_offset_is_no_time(text: str) -> None:
    """A date with an offset behind it has no time of day, rather than that of the offset."""
    with pytest.raises(BadTime, match="is not a date and time"):
        parse_instant(text)


def test_values_are_kept_in_one_spelling() -> None:
    """Whoever reads a stored instant finds a large T and Z."""
    field = Field("next_at", "datetime")
    assert convert(field, "2026-03-02t01:00:00z") == "2026-03-02T01:00:00Z"
