"""Values and instants as people read them."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from engine.workbench.values import instant, local


def test_instants_are_in_the_readers_zone() -> None:
    """Also those within a text; in UTC they stay as they were, and so does all else."""
    told = {
        "at": "2026-11-22T23:55:00.123Z",
        "why": ["not before 2026-11-22T23:55:00Z", 5, None, True],
        "day": "2026-11-22",
    }
    assert local(told, ZoneInfo("UTC")) == told
    there = local(told, ZoneInfo("Asia/Shanghai"))
    assert there == {
        "at": "2026-11-23T07:55:00.123000+08:00",
        "why": ["not before 2026-11-23T07:55:00+08:00", 5, None, True],
        "day": "2026-11-22",
    }
    assert instant(told["at"]) == "2026-11-22 23:55:00Z"  # type: ignore[arg-type]
    assert instant(there["at"]) == "2026-11-23 07:55:00+08:00"
