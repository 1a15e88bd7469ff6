"""Touches: the first and the latest, each as a whole, in whatever order they become known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.language.instants import DAY
from engine.machines.state import Event
from tests.machines.test_merging import Live
from tests.play import START, Play, rules

BAIDU: dict[str, Any] = {
    "email": "wang@acme-valves.cn",
    "source.name": "百度",
    "source.utm_campaign": "春季阀门",
    "source.channel": "online",
    "source.kind": "sem",
}
EXPO: dict[str, Any] = {
    "source.name": "工业博览会",
    "source.channel": "offline",
    "source.kind": "expo",
}
GUESSED: dict[str, Any] = {"source.channel": "online", "source.kind": "website"}


@pytest.fixture
def game(tmp_path: Path) -> Play:
    """A lead that nothing has happened to."""
    return Play(rules(tmp_path))


def touch(game: Play, which: str) -> dict[str, Any]:
    """What is kept of the first or the latest touch."""
    head = f"lead.{which}_touch."
    return {n.removeprefix(head): v for n, v in game.lead.facts.items() if n.startswith(head)}


def test_a_touch_is_kept_as_a_whole(game: Play) -> None:
    """The latest has nothing of the one before it; the first stays, with form, way and instant."""
    game.event("0d", "form_submitted", BAIDU, form="询价")
    game.event("2d", "page_viewed", EXPO)
    first, last = touch(game, "first"), touch(game, "last")
    assert (first["name"], first["utm_campaign"], first["form"]) == ("百度", "春季阀门", "询价")
    assert (last["name"], last["kind"], last["at"]) == (
        "工业博览会",
        "expo",
        "2026-03-04T01:00:00Z",
    )
    assert not {"utm_campaign", "form"} & last.keys()
    assert first["via"] == last["via"] == "api"


def test_a_touch_that_becomes_known_late_takes_its_place(game: Play) -> None:
    """One before the first is the first; one between the two is neither."""
    game.event("5d", "form_submitted", BAIDU)
    game.event("9d", "page_viewed", GUESSED)
    game.event("1d", "page_viewed", EXPO, now="10d")
    assert (touch(game, "first")["name"], touch(game, "last")["kind"]) == ("工业博览会", "website")
    game.event("6d", "page_viewed", BAIDU, now="11d")
    assert (touch(game, "first")["name"], touch(game, "last")["kind"]) == ("工业博览会", "website")


def test_only_a_touch_that_names_its_source_moves_the_leads_own(game: Play) -> None:
    """What was guessed from the way it came in places only who is nowhere yet."""
    game.event("0d", "page_viewed", GUESSED)
    assert game.lead.facts["lead.source.kind"] == "website"
    game.event("1d", "form_submitted", BAIDU)
    assert game.lead.facts["lead.source.kind"] == "sem"
    game.event("2d", "page_viewed", GUESSED)
    assert game.lead.facts["lead.source.kind"] == "sem"


def test_merged_leads_keep_their_touches_whole(tmp_path: Path) -> None:
    """What one touch lacks is not taken from another lead's."""
    ruleset = rules(tmp_path)
    one, other = (Live(ruleset, id, START) for id in ("甲", "乙"))
    one.take(Event("展位", "form_submitted", START, {"phone": "+8613800138000", **EXPO}), START, 1)
    other.take(Event("广告", "form_submitted", START + DAY, BAIDU), START + DAY, 2)
    one.absorb(other, START + 2 * DAY, 3)
    facts = one.lead.facts
    assert facts["lead.first_touch.name"] == "工业博览会"
    assert "lead.first_touch.utm_campaign" not in facts
    assert facts["lead.email"] == BAIDU["email"]
