"""Whether a message may be sent to a lead, now, later or not at all. Of state and rules only.

Asked twice: when a journey's step is about to send, and by the host before each attempt, for
much may have happened while a delivery waited for its provider.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

import msgspec

from engine.language.definitions import Message
from engine.language.handling import Connection
from engine.language.instants import format_duration, format_instant
from engine.language.sending import (
    EVERYTHING,
    TRANSACTIONAL,
    Cap,
    QuietHours,
    channel_of,
)
from engine.language.zones import is_zone
from engine.machines.quiet import quiet_end
from engine.machines.state import Lead
from engine.network.ruleset import Ruleset

QUIET: Final = "quiet hours"
LEAST_KEPT: Final = 20  # sends remembered whatever their age, for caps that are added later
MOST_KEPT: Final = 1_000
# Where a channel finds a lead, for messages that do not say.
ADDRESSES: Final = {"email": "lead.email", "sms": "lead.phone", "wecom": "lead.wecom_id"}


class Verdict(msgspec.Struct, frozen=True):
    """``reason`` "" lets it pass; with ``until`` it is to be asked again then, else never."""

    reason: str = ""
    until: int | None = None


PASS: Final = Verdict()


class Intended(msgspec.Struct, frozen=True):
    """What is about to be sent, as the policy looks at it. ``to`` is the address, if known."""

    channel: str
    topic: str | None
    transactional: bool
    to: str | None = None
    asked: bool = False  # only with consent


def of_message(ruleset: Ruleset, message: Message, to: str | None) -> Intended:
    """Return a message as the policy looks at it."""
    topic = ruleset.definitions.sending.topics.get(message.topic or "")
    owed = message.purpose == TRANSACTIONAL
    return Intended(message.channel, message.topic, owed, to, topic is not None and topic.asked)


def of_action(connection: Connection, to: str | None) -> Intended:
    """Return what an action sends to a lead as the policy looks at it: it has no topic."""
    return Intended(channel_of(connection.name, connection.plugin), None, False, to)


def judge(
    ruleset: Ruleset, lead: Lead, message: Message, since: int, due: int, present: int
) -> Verdict:
    """Return whether a step may send its message at ``present``.

    ``since`` is when it was first meant to go out, ``due`` the instant of the step or of the end
    of the quiet hours that it waited for. It is later than that only because nothing ran, or
    because the event came late that led to the step.
    """
    to = lead.facts.get(message.to) if message.to else None
    if message.to and not to:
        return Verdict(f"the lead has no {message.to}")
    intended = of_message(ruleset, message, to)
    reason = refusal(lead, intended)
    if reason is not None:
        return Verdict(reason)
    if present - due > message.stale_after:
        return Verdict(f"stale: its moment was {format_instant(due)}")
    until = quiet_until(ruleset, lead, intended, present)
    if until is not None:
        if until - since > message.stale_after:
            return Verdict(f"stale: quiet hours last until {format_instant(until)}")
        return Verdict(QUIET, until)
    return Verdict(_over(ruleset, lead, intended, present) or "")


def recheck(ruleset: Ruleset, lead: Lead, intended: Intended, now: int) -> Verdict:
    """Return whether what was decided before may still go out at ``now``; caps were counted."""
    reason = refusal(lead, intended)
    if reason is not None:
        return Verdict(reason)
    until = quiet_until(ruleset, lead, intended, now)
    return PASS if until is None else Verdict(QUIET, until)


# --- consent and suppression ---------------------------------------------------------------------


def refusal(lead: Lead, intended: Intended) -> str | None:
    """Return why a lead, or its address, gets nothing of the kind any more."""
    about = lead.addresses.get(intended.to) if intended.to else None
    if about is not None and "bounced" in about:
        return f"its address bounced: {about['bounced']}"
    if intended.transactional:
        return None
    if about is not None and "complained" in about:
        return f"complained about {intended.channel}"
    return _withdrawn(lead, intended)


def subscribed(lead: Lead, topic: str, asked: bool = False) -> bool:
    """Whether a lead has left neither a topic nor all of them, and joined it if ``asked``."""
    return _withdrawn(lead, Intended("", topic, transactional=False, asked=asked)) is None


def _withdrawn(lead: Lead, intended: Intended) -> str | None:
    topic = intended.topic
    if topic is not None and _status(lead, topic) == "withdrawn":
        return f"consent to {topic} is withdrawn"
    given = _given_at(lead, topic)
    for wide in (EVERYTHING, intended.channel):
        if _status(lead, wide) == "withdrawn" and not _since(lead, wide) < given:
            return f"consent to {wide} is withdrawn"
    if intended.asked and _status(lead, topic or "") != "given":
        return f"consent to {topic} was not given"
    return None


def _status(lead: Lead, topic: str) -> Any:
    return lead.facts.get(f"lead.consent.{topic}")


def _since(lead: Lead, topic: str) -> int:
    return cast(int, lead.consents.get(topic, {}).get("at", 0))


def _given_at(lead: Lead, topic: str | None) -> int:
    """Return when consent to the topic itself was given, -1 if it was not.

    Who subscribes to one topic after leaving all wants that one.
    """
    return _since(lead, topic) if topic is not None and _status(lead, topic) == "given" else -1


# --- quiet hours ---------------------------------------------------------------------------------


def quiet_until(ruleset: Ruleset, lead: Lead, intended: Intended, now: int) -> int | None:
    """Return when the quiet hours end in which ``now`` lies, None outside of them."""
    hours = [each for each in ruleset.definitions.sending.quiet if _concerns(each, intended)]
    return quiet_end(hours, zone_of(ruleset, lead), now) if hours else None


def zone_of(ruleset: Ruleset, lead: Lead) -> ZoneInfo:
    """Return the recipient's zone: the lead's own if it is one, else the server's."""
    name: Any = lead.facts.get("lead.timezone")
    return ZoneInfo(name if _is_zone(name) else ruleset.definitions.server.zone)


@lru_cache(maxsize=1_000)
def _is_zone(name: Any) -> bool:
    return is_zone(name)


def _concerns(hours: QuietHours, intended: Intended) -> bool:
    if intended.transactional and not hours.transactional:
        return False
    return not hours.channels or intended.channel in hours.channels


# --- frequency -----------------------------------------------------------------------------------


def _over(ruleset: Ruleset, lead: Lead, intended: Intended, now: int) -> str | None:
    """Return the first cap that the message would break."""
    if intended.transactional:
        return None
    for cap in ruleset.definitions.sending.caps:
        if not _counts(cap, intended.channel, intended.topic):
            continue
        sent = sum(
            at > now - cap.per and _counts(cap, channel, topic)
            for at, channel, topic, _ in lead.sends
        )
        if sent >= cap.at_most:
            what = "/".join((*cap.channels, *cap.topics)) or "marketing"
            return f"frequency: {what} at most {cap.at_most} in {format_duration(cap.per)}"
    return None


def _counts(cap: Cap, channel: str, topic: str | None) -> bool:
    return _among(channel, cap.channels) and _among(topic, cap.topics)


def _among(name: str | None, names: Collection[str]) -> bool:
    return not names or name in names


def remembered(ruleset: Ruleset, lead: Lead, message: Message, now: int) -> list[list[Any]]:
    """Return a lead's sends with one more, without those that no cap asks for any more."""
    sends = lead.sends
    if message.purpose != TRANSACTIONAL:
        sends = [*sends, [now, message.channel, message.topic, message.id]]
    since = now - ruleset.definitions.sending.longest
    old = sum(at <= since for at, *_ in sends)
    spare = max(0, min(old, len(sends) - LEAST_KEPT), len(sends) - MOST_KEPT)
    return sends[spare:]
