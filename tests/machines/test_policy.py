"""Before every send: consent, bounces, quiet hours, caps, and what recipients answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.language.instants import format_instant, parse_instant
from engine.machines import policy, refusals
from engine.machines.state import Lead
from tests.play import START, Play, rules

WHO: dict[str, Any] = {"email": "wang@acme-valves.cn", "phone": "+8613800138000", "name": "王芳"}
JOURNEYS = """
journeys:
  - id: care
    enter: {event: form_submitted}
    reentry: always
    steps:
      - {id: hello, send: welcome}
  - id: texting
    enter: {event: page_viewed}
    reentry: always
    steps:
      - {id: offer, send: offer}
  - id: shop
    enter: {event: order_placed}
    reentry: always
    steps:
      - {id: receipt, send: receipt}
"""
MESSAGES = """
messages:
  welcome: {action: email, topic: marketing, subject: 欢迎, text: 您好}
  offer: {action: texts, topic: promo, text: 新品上市，拒收请回复Q, to: lead.phone, stop_words: [Q]}
  receipt: {action: email, kind: transactional, subject: 订单确认, text: 谢谢}
"""
SERVER = """
connections:
  email: {plugin: email, host: 127.0.0.1, port: 1025, from: a@example.com}
  texts: {plugin: sms.provider}
"""
NIGHT = 'quiet_hours: [{between: ["21:00", "08:00"]}]'


def play(folder: Path, more: str = "") -> Play:
    """Play a shop that mails and texts, with more settings of messages.yaml."""
    return Play(rules(folder, journeys=JOURNEYS, messages=MESSAGES + more, server=SERVER))


def sent(game: Play) -> list[str | None]:
    """The messages that go out."""
    return [d.message for d in game.deliveries if d.status == "queued"]


def reasons(game: Play) -> list[str]:
    """Why messages were blocked, in order."""
    return [d.reason for d in game.deliveries if d.status == "blocked"]


# --- consent -------------------------------------------------------------------------------------


def test_who_leaves_a_topic_gets_its_messages_no_more_and_the_others_still(tmp_path: Path) -> None:
    """A withdrawal stops its topic only; the timeline says why."""
    game = play(tmp_path)
    game.event("0h", "unsubscribed", WHO, topic="marketing")
    game.event("1h", "form_submitted")
    game.event("2h", "page_viewed")
    assert sent(game) == ["offer"]
    assert reasons(game) == ["consent to marketing is withdrawn"]
    (told,) = game.happened("message_blocked")
    assert told["message"] == "welcome"
    assert told["step"] == "hello"


def test_who_leaves_everything_gets_what_is_owed_and_what_is_joined_again(tmp_path: Path) -> None:
    """`all` stops every topic, not a transactional message, and a later consent takes one back."""
    game = play(tmp_path)
    game.event("0h", "unsubscribed", WHO, topic="all")
    game.event("1h", "form_submitted")
    game.event("2h", "order_placed")
    assert sent(game) == ["receipt"]
    game.event("3h", "subscribed", {"consent.promo": "given"}, topic="promo")
    game.event("4h", "page_viewed")
    game.event("5h", "form_submitted")
    assert sent(game) == ["receipt", "offer"]
    assert reasons(game) == ["consent to all is withdrawn"] * 2


@pytest.mark.parametrize("topic", [{"topic": "marketing"}, {}])
def test_who_comes_back_to_a_topic_gets_its_messages_again(
    tmp_path: Path, topic: dict[str, str]
) -> None:
    """The event alone says so, as the one by which it was left: a mail service tells no more."""
    game = play(tmp_path)
    game.event("0d", "unsubscribed", WHO, topic="all")
    game.event("1d", "form_submitted")
    game.event("2d", "subscribed", **topic)
    game.event("3d", "form_submitted")
    game.event("4d", "unsubscribed", topic="marketing")
    game.event("3d", "subscribed", now="5d", **topic)  # arrives late
    game.event("6d", "form_submitted")
    assert sent(game) == ["welcome"]
    assert reasons(game) == ["consent to all is withdrawn", "consent to marketing is withdrawn"]


def test_consent_given_before_leaving_everything_does_not_count(tmp_path: Path) -> None:
    """The latest word decides, and of one instant the withdrawal."""
    game = play(tmp_path)
    game.event("0h", "subscribed", {**WHO, "consent.promo": "given"}, topic="promo")
    game.event("0h", "unsubscribed", topic="all")
    game.event("1h", "page_viewed")
    assert sent(game) == []


def test_a_topic_may_ask_for_consent_first(tmp_path: Path) -> None:
    """With `consent: required` silence is no consent."""
    game = play(tmp_path, "topics: {promo: {label: 优惠, consent: required}}")
    game.event("0h", "page_viewed", WHO)
    assert reasons(game) == ["consent to promo was not given"]
    game.event("1h", "subscribed", {"consent.promo": "given"}, topic="promo")
    game.event("2h", "page_viewed")
    assert sent(game) == ["offer"]


# --- stop words ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["退订", "我要退订", "TD", " td。", "Ｔ", "n", "STOP", "q"])
def test_a_stop_word_ends_text_messages_and_not_mail(tmp_path: Path, text: str) -> None:
    """By the channel's words and the message's own; case, width and full stops do not matter."""
    game = play(tmp_path)
    game.event("0h", "page_viewed", WHO)
    game.event("1h", "sms_replied", text=text)
    game.event("2h", "page_viewed")
    game.event("3h", "form_submitted")
    assert sent(game) == ["offer", "welcome"]
    assert reasons(game) == ["consent to sms is withdrawn"]
    assert game.lead.facts["lead.consent.sms"] == "withdrawn"
    assert game.happened("unsubscribed")[0]["topic"] == "sms"


@pytest.mark.parametrize(
    "text", ["好的", "Not now", "请问T恤有货吗", "这个怎么退订得了呢我还想继续了解你们的产品"]
)
def test_other_replies_are_no_stop_words(tmp_path: Path, text: str) -> None:
    """A letter within a sentence, or a word within a long one, withdraws nothing."""
    game = play(tmp_path)
    game.event("0h", "page_viewed", WHO)
    game.event("1h", "sms_replied", text=text)
    assert "lead.consent.sms" not in game.lead.facts


def test_a_message_has_stop_words_of_its_own_only_after_it_was_sent() -> None:
    """Width and case of the word itself do not matter either."""
    assert refusals.stop_word("r", ["Ｒ"]) == "Ｒ"
    assert refusals.stop_word("", ["退订"]) is None


# --- bounces and complaints ----------------------------------------------------------------------


def test_an_address_that_bounced_hard_is_left_alone_until_there_is_another(tmp_path: Path) -> None:
    """Also for transactional messages; a new address is a new chance."""
    game = play(tmp_path)
    game.event("0h", "form_submitted", WHO)
    game.event("1h", "email_bounced", hard=True, message="welcome")
    game.event("2h", "order_placed")
    assert reasons(game) == ["its address bounced: hard"]
    game.event("3h", "order_placed", {"email": "wang.fang@acme-valves.cn"})
    assert sent(game) == ["welcome", "receipt"]


def test_so_many_soft_bounces_in_so_long_are_a_hard_one(tmp_path: Path) -> None:
    """Counted within the window only; the last one stops the address."""
    game = play(tmp_path, "policy: {soft_bounces: {at_most: 3, per: 10d}}")
    game.event("0d", "form_submitted", WHO)
    for day in ("1d", "2d", "12d", "13d"):
        game.event(day, "email_bounced", hard=False)
        game.event(day, "order_placed")
    assert reasons(game) == []
    game.event("14d", "email_bounced", hard=False)
    game.event("14d", "order_placed")
    assert reasons(game) == ["its address bounced: soft, 3 times"]


def test_who_complains_gets_only_what_is_owed(tmp_path: Path) -> None:
    """A complaint is a word against marketing by this channel's address."""
    game = play(tmp_path)
    game.event("0h", "form_submitted", WHO)
    game.event("1h", "email_complained", message="welcome")
    game.event("2h", "form_submitted")
    game.event("3h", "order_placed")
    assert sent(game) == ["welcome", "receipt"]
    assert reasons(game) == ["complained about email"]


# --- quiet hours ---------------------------------------------------------------------------------


def test_a_send_in_quiet_hours_waits_for_their_end(tmp_path: Path) -> None:
    """The journey stays at the step, the timeline says until when, and the key is the same."""
    game = play(tmp_path, NIGHT)
    game.event("12h", "form_submitted", WHO)  # 21:00
    assert game.deliveries == []
    (told,) = game.happened("message_postponed")
    assert told["until"] == format_instant(parse_instant("2026-03-03T08:00:00+08:00"))
    assert told["reason"] == policy.QUIET
    game.clock("22h59m")
    assert game.deliveries == []
    game.clock("23h")
    assert [(d.message, d.at - START) for d in game.deliveries] == [("welcome", 23 * 3_600_000)]
    assert game.deliveries[0].key == "lead-1:care:hello:e1"
    game.clock("30d")
    assert len(game.deliveries) == 1


def test_who_leaves_while_a_send_waits_does_not_get_it(tmp_path: Path) -> None:
    """At the end of quiet hours everything is looked at again."""
    game = play(tmp_path, NIGHT)
    game.event("13h", "form_submitted", WHO)
    game.event("14h", "unsubscribed", topic="marketing")
    game.clock("1d")
    assert reasons(game) == ["consent to marketing is withdrawn"]


def test_quiet_hours_are_the_recipients(tmp_path: Path) -> None:
    """22:00 in Shanghai is an afternoon in Berlin; a zone that is none is the server's."""
    game = play(tmp_path, NIGHT)
    game.event("13h", "form_submitted", {**WHO, "timezone": "Europe/Berlin"})
    assert sent(game) == ["welcome"]
    other = play(tmp_path / "other", NIGHT)
    other.event("13h", "form_submitted", {**WHO, "timezone": "火星"})
    assert sent(other) == []


def test_quiet_hours_may_be_of_channels_and_days_and_follow_on_one_another(tmp_path: Path) -> None:
    """A Saturday's whole day goes over into the night: the wait lasts until Sunday morning."""
    quiet = 'quiet_hours: [{between: ["00:00", "24:00"], days: [sat], channels: [sms]}, '
    game = play(tmp_path, quiet + '{between: ["21:00", "08:00"], channels: [sms]}]')
    game.event("5d1h", "page_viewed", WHO)  # Saturday, 10:00
    game.event("5d1h", "form_submitted")
    assert sent(game) == ["welcome"]
    game.clock("5d22h59m")
    assert sent(game) == ["welcome"]
    game.clock("5d23h")
    assert sent(game) == ["welcome", "offer"]


def test_what_is_owed_does_not_wait_unless_it_is_told_to(tmp_path: Path) -> None:
    """`transactional: true` makes quiet hours hold for everything."""
    game = play(tmp_path, NIGHT)
    game.event("13h", "order_placed", WHO)
    assert sent(game) == ["receipt"]
    strict = play(tmp_path / "s", NIGHT.replace("}]", ", transactional: true}]"))
    strict.event("13h", "order_placed", WHO)
    assert sent(strict) == []


def test_a_message_that_would_be_stale_by_the_morning_is_not_kept(tmp_path: Path) -> None:
    """`stale_after` counts from when it was meant to go out."""
    game = play(tmp_path, NIGHT)
    game.ruleset = rules(
        tmp_path / "short",
        journeys=JOURNEYS,
        messages=MESSAGES.replace("text: 您好", "text: 您好, stale_after: 2h") + NIGHT,
        server=SERVER,
    )
    game.event("13h", "form_submitted", WHO)
    assert len(reasons(game)) == 1
    assert reasons(game)[0].startswith("stale: quiet hours last until 2026-03-03T")


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-03-29T01:10:00+01:00", "2026-03-29T03:30:00+02:00"),  # put forward at 02:00
        ("2026-10-25T02:40:00+02:00", "2026-10-25T02:30:00+01:00"),  # put back at 03:00
        ("2026-10-25T02:10:00+01:00", "2026-10-25T02:30:00+01:00"),
    ],
)
def test_quiet_hours_end_when_the_clock_on_the_wall_says_so(
    tmp_path: Path, now: str, end: str
) -> None:
    """An end that does not exist comes later, one that comes twice counts the second time."""
    ruleset = rules(tmp_path, messages=MESSAGES + 'quiet_hours: [{between: ["01:00", "02:30"]}]',
                    server=SERVER)  # fmt: skip
    lead = Lead("l", 0, 0, facts={"lead.timezone": "Europe/Berlin"})
    intended = policy.Intended("email", "marketing", transactional=False)
    until = policy.quiet_until(ruleset, lead, intended, parse_instant(now))
    assert until == parse_instant(end)


# --- frequency -----------------------------------------------------------------------------------


def test_caps_hold_over_all_journeys_and_windows_are_half_open(tmp_path: Path) -> None:
    """Two in a day of all marketing; the third is blocked until the first is a day old."""
    game = play(tmp_path, "frequency: [{at_most: 2, per: 1d}]")
    game.event("0h", "form_submitted", WHO)
    game.event("1h", "page_viewed")
    game.event("23h59m", "page_viewed")
    assert reasons(game) == ["frequency: marketing at most 2 in 1d"]
    game.event("24h", "page_viewed")
    assert sent(game) == ["welcome", "offer", "offer"]


def test_a_cap_may_be_of_a_channel_or_a_topic(tmp_path: Path) -> None:
    """Others neither count nor are capped; what is owed never."""
    caps = "frequency: [{at_most: 1, per: 7d, channels: [sms]}, {at_most: 2, per: 7d, topics: [marketing]}]"
    game = play(tmp_path, caps)
    for hour in ("0h", "1h", "2h"):
        for kind in ("form_submitted", "page_viewed", "order_placed"):
            game.event(hour, kind, WHO)
    assert sorted(filter(None, sent(game))) == ["offer", *["receipt"] * 3, *["welcome"] * 2]
    assert set(reasons(game)) == {
        "frequency: sms at most 1 in 1w", "frequency: marketing at most 2 in 1w",
    }  # fmt: skip


def test_what_is_remembered_of_sends_stays_small(tmp_path: Path) -> None:
    """Only what a cap may ask for, and the latest few."""
    game = play(tmp_path, "frequency: [{at_most: 1000, per: 1h}]")
    for day in range(40):
        game.event(f"{day}d", "form_submitted", WHO)
    assert len(game.lead.sends) == policy.LEAST_KEPT
    assert len(sent(game)) == 40


def test_what_nobody_can_be_reached_by_bounces_for_nobody(tmp_path: Path) -> None:
    """Of a lead without an address, a bounce and a complaint change nothing."""
    game = play(tmp_path)
    game.event("0d", "form_submitted", {"name": "王芳"})
    game.event("1h", "email_bounced", hard=True)
    game.event("2h", "email_complained")
    assert game.lead.addresses == {}
    game.event("3h", "order_placed", WHO)
    assert sent(game) == ["receipt"]


def test_of_many_addresses_the_latest_are_known(tmp_path: Path) -> None:
    """A lead that changes its address again and again takes bounded state."""
    game = play(tmp_path)
    names = [f"wang{number}@acme-valves.cn" for number in range(refusals.MOST_ADDRESSES + 3)]
    for number, name in enumerate(names):
        game.event(f"{number}h", "form_submitted", {"email": name})
        game.event(f"{number}h", "email_bounced", hard=True)
    assert list(game.lead.addresses) == names[3:]
    assert all(about == {"bounced": "hard"} for about in game.lead.addresses.values())


def test_hours_that_are_always_quiet_end_never(tmp_path: Path) -> None:
    """A month ahead nobody looks for their end any more: the message is stale by then."""
    game = play(tmp_path, 'quiet_hours: [{between: ["00:00", "24:00"]}]')
    game.event("0h", "form_submitted", WHO)
    assert reasons(game) == ["stale: quiet hours last until 2026-03-31T16:00:00Z"]
    assert "journey:care" not in game.lead.timers


# --- before each attempt -------------------------------------------------------------------------


def test_before_each_attempt_leaving_and_the_hour_are_looked_at_again(tmp_path: Path) -> None:
    """Caps were counted when it was decided, so a message does not stand in its own way."""
    game = play(tmp_path, NIGHT + "\nfrequency: [{at_most: 1, per: 1d}]")
    game.event("0h", "form_submitted", WHO)
    message = game.ruleset.definitions.messages["welcome"]
    intended = policy.of_message(game.ruleset, message, WHO["email"])
    assert policy.recheck(game.ruleset, game.lead, intended, START) == policy.PASS
    night, morning = START + 13 * 3_600_000, START + 23 * 3_600_000
    verdict = policy.recheck(game.ruleset, game.lead, intended, night)
    assert verdict == policy.Verdict(policy.QUIET, morning)
    game.event("1h", "unsubscribed", topic="marketing")
    verdict = policy.recheck(game.ruleset, game.lead, intended, START)
    assert verdict == policy.Verdict("consent to marketing is withdrawn")


def test_an_action_is_bound_by_what_a_lead_has_left_altogether(tmp_path: Path) -> None:
    """It has no topic, so only its channel, everything and its address stand in its way."""
    game = play(tmp_path)
    game.event("0h", "form_submitted", WHO)
    texts = game.ruleset.definitions.server.connections["texts"]
    intended = policy.of_action(texts, WHO["phone"])
    assert intended == policy.Intended("sms", None, False, WHO["phone"])
    game.event("1h", "unsubscribed", topic="marketing")
    assert policy.recheck(game.ruleset, game.lead, intended, START) == policy.PASS
    game.event("2h", "sms_replied", text="TD")
    verdict = policy.recheck(game.ruleset, game.lead, intended, START)
    assert verdict == policy.Verdict("consent to sms is withdrawn")


def test_a_preference_page_shows_what_a_lead_still_gets(tmp_path: Path) -> None:
    """A topic is on until it or everything is left; one that asks first is off until joined."""
    game = play(tmp_path)
    game.event("0h", "form_submitted", WHO)
    assert policy.subscribed(game.lead, "promo")
    assert not policy.subscribed(game.lead, "promo", asked=True)
    game.event("1h", "unsubscribed", topic="all")
    assert not policy.subscribed(game.lead, "promo")
    game.event("2h", "form_submitted", {"consent.promo": "given"})
    assert policy.subscribed(game.lead, "promo", asked=True)
    assert not policy.subscribed(game.lead, "marketing")
