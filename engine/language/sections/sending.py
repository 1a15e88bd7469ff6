"""``messages.yaml``: topics, quiet hours, frequency caps, stop words and bounces."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from engine.language.calendars import DAYS
from engine.language.handling import Message
from engine.language.instants import parse_duration
from engine.language.sections.part import Builder, Part, minute_of_day
from engine.language.sending import (
    CHANNELS,
    MARKETING,
    STOP_WORDS,
    Cap,
    QuietHours,
    SendingPolicy,
    Topic,
)


class SendingBuilder(Builder):
    """Builds the policy of all files together; of single settings the last file's counts."""

    topics: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset(CHANNELS)

    def build(self, parts: Sequence[Part], messages: Iterable[Message]) -> SendingPolicy:
        """Return the policy; its defaults where nothing is written."""
        for message in messages:
            self.channels |= {message.channel}
            self.topics |= {message.topic} if message.topic else set()
        declared = {name for part in parts for name, _ in part.entries("topics")}
        self.topics |= declared
        if declared:
            self._check_messages(parts, sorted({*declared, MARKETING}))
        soft: Mapping[str, Any] = {}
        words = dict(STOP_WORDS)
        for part in parts:
            policy = part.child("policy")
            soft = policy.get("soft_bounces", soft) if policy.sound else soft
            for channel, each in policy.entries("stop_words"):
                words[channel] = tuple(each.data)
        given: dict[str, Any] = {}
        if soft:
            given = {"soft_bounces": soft["at_most"], "soft_within": parse_duration(soft["per"])}
        return SendingPolicy(
            topics={topic.id: topic for part in parts for topic in _topics(part)},
            quiet=tuple(hours for part in parts for hours in self._quiet(part)),
            caps=tuple(cap for part in parts for cap in self._caps(part)),
            stop_words=words,
            **given,
        )

    def _check_messages(self, parts: Sequence[Part], topics: Collection[str]) -> None:
        """Refuse topics that are not declared: a slip would pass by the consent one asks for."""
        for part in parts:
            for name, message in part.entries("messages"):
                if (topic := message.get("topic")) is not None:
                    self.known(message.child("topic"), topic, topics, "topic", name)

    def _quiet(self, part: Part) -> Iterator[QuietHours]:
        for item in part.items("quiet_hours"):
            self._known(item)
            yield from quiet_hours(self, item)

    def _caps(self, part: Part) -> Iterator[Cap]:
        for item in part.items("frequency"):
            self._known(item)
            yield Cap(
                at_most=item.data["at_most"],
                per=parse_duration(item.data["per"]),
                channels=tuple(item.get("channels", ())),
                topics=tuple(item.get("topics", ())),
                source=item.source,
            )

    def _known(self, item: Part) -> None:
        """Refuse channels and topics that no message has: nothing would come of them."""
        for index, name in enumerate(item.get("channels", ())):
            place = item.child("channels").child(index)
            self.known(place, name, sorted(self.channels), "channel", None)
        for index, name in enumerate(item.get("topics", ())):
            place = item.child("topics").child(index)
            self.known(place, name, sorted(self.topics), "topic", None)


def quiet_hours(builder: Builder, item: Part) -> Iterator[QuietHours]:
    """Yield the hours of quiet that ``item`` says, or write a finding."""
    start, end = (minute_of_day(text) for text in item.data["between"])
    if start == end:
        builder.error(
            "quiet-for-ever",
            item.child("between"),
            f"from {item.data['between'][0]} to the same time is no part of a day",
            None,
            'write two times, such as ["21:00", "08:00"]; the whole day is ["00:00", "24:00"]',
        )
        return
    yield QuietHours(
        start=start,
        end=end,
        days=tuple(DAYS.index(day) for day in item.get("days", ())),
        channels=tuple(item.get("channels", ())),
        transactional=item.get("transactional", False),
        source=item.source,
    )


def _topics(part: Part) -> Iterator[Topic]:
    for name, topic in part.entries("topics"):
        yield Topic(
            id=name,
            label=topic.label(),
            asked=topic.get("consent") == "required",
            source=topic.key_source,
        )
