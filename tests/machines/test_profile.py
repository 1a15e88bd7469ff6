"""What an event says of a lead: which value stays, and what becomes of consent and flags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.machines.state import Event
from tests.play import BASE, START, Play, rules

HOUR = 3_600_000


@pytest.fixture
def game(tmp_path: Path) -> Play:
    """A lead of the sound base configuration."""
    assert BASE.is_dir()
    return Play(rules(tmp_path))


def say(game: Play, hours: int, lead: dict[str, Any], **more: Any) -> None:
    """Let an event bring fields, so many hours after the start."""
    at = START + hours * HOUR
    kind = more.pop("kind", "form_submitted")
    game.take(Event(f"p{hours}:{kind}", kind, at, lead, **more), at if hours > 0 else START)


def test_the_latest_value_wins_and_an_older_one_fills_gaps(game: Play) -> None:
    """By the events' own time, in whatever order they come."""
    say(game, 5, {"city": "上海"})
    late = Event("late", "form_submitted", START + HOUR, {"city": "南京", "industry": "制造业"})
    game.take(late, START + 6 * HOUR)
    assert (game.lead.facts["lead.city"], game.lead.facts["lead.industry"]) == ("上海", "制造业")
    say(game, 7, {"city": "杭州"})
    assert game.lead.facts["lead.city"] == "杭州"


def test_a_new_address_makes_void_what_was_known_of_the_old_one(game: Play) -> None:
    """What comes with the new one stays; what does not is gone."""
    say(game, 1, {"email": "a@qq.com", "email.kind": "free", "email.domain": "qq.com"})
    say(game, 2, {"email": "a@acme.cn", "email.domain": "acme.cn"})
    assert game.lead.facts["lead.email.domain"] == "acme.cn"
    assert "lead.email.kind" not in game.lead.facts


def test_what_an_enricher_found_fills_gaps_and_overwrites_what_it_may(game: Play) -> None:
    """The customer's own word counts more, save in the fields that the event names."""
    say(game, 1, {"city": "上海", "industry": "制造业"})
    found = {"city": "南京", "industry": "金融业", "employees": 600}
    say(game, 2, found, kind="lead_enriched", properties={"overwrite": ["industry"]})
    facts = game.lead.facts
    assert (facts["lead.city"], facts["lead.industry"], facts["lead.employees"]) == (
        "上海", "金融业", 600,
    )  # fmt: skip
    assert game.lead.profile_at == START + HOUR


def test_tags_gather(game: Play) -> None:
    """Each once, in the order in which they came."""
    say(game, 1, {"tags": ["甲", "乙"]})
    say(game, 2, {"tags": ["乙", "丙"]})
    assert game.lead.facts["lead.tags"] == ["甲", "乙", "丙"]


def consent(game: Play, hours: int, status: str, **evidence: Any) -> dict[str, Any]:
    """Say something of marketing; return what is then known of it."""
    properties = {"consent": {"marketing": evidence}} if evidence else {}
    say(game, hours, {"consent.marketing": status}, properties=properties)
    return game.lead.consents["marketing"]


def test_consent_is_kept_with_its_evidence(game: Play) -> None:
    """When and where it was given, and in which words; else the event's instant and channel."""
    assert consent(game, 1, "given") == {
        "status": "given", "at": START + HOUR, "source": "api", "event": "p1:form_submitted",
    }  # fmt: skip
    told = consent(game, 2, "withdrawn", at="2026-03-02T10:30:00+08:00", source="展会", text="不要")
    assert told == {
        "status": "withdrawn", "at": START + HOUR * 3 // 2, "source": "展会", "text": "不要",
        "event": "p2:form_submitted",
    }  # fmt: skip
    assert game.lead.facts["lead.consent.marketing"] == "withdrawn"


def test_the_latest_word_on_a_topic_counts(game: Play) -> None:
    """An older one changes nothing; at one instant a withdrawal wins."""
    at = "2026-03-02T12:00:00+08:00"
    consent(game, 1, "given", at=at)
    assert consent(game, 2, "withdrawn", at="2026-03-02T11:00:00+08:00")["status"] == "given"
    assert consent(game, 3, "withdrawn", at=at)["status"] == "withdrawn"
    assert consent(game, 4, "given", at=at)["status"] == "withdrawn"
    assert consent(game, 5, "given", at="2026-03-02T12:00:01+08:00")["status"] == "given"


def test_flags_of_screening_stay(game: Play) -> None:
    """Each once; an event without any takes none away."""
    say(game, 1, {}, screened={"flags": ["竞品", "重复"]})
    say(game, 2, {}, screened={"flags": ["重复", "黑名单"]})
    say(game, 3, {}, screened={})
    assert game.lead.facts["lead.flags"] == ["竞品", "重复", "黑名单"]
