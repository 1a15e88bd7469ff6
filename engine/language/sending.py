"""What allows or forbids a message, typed: topics, quiet hours, caps, stop words, bounces."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from engine.language.diagnostic import Source
from engine.language.instants import DAY
from engine.language.label import Text
from engine.language.rules import Struct

MARKETING: Final = "marketing"
TRANSACTIONAL: Final = "transactional"
PURPOSES: Final = (MARKETING, TRANSACTIONAL)
EVERYTHING: Final = "all"  # the topic that stands for all topics
# The channels that events name; a connection belongs to one by its plugin's or its own name.
CHANNELS: Final = ("email", "sms", "wecom", "wechat", "dingtalk", "feishu")
# What people answer to a short message that they do not want again.
STOP_WORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"sms": ("退订", "拒收", "取消订阅", "TD", "T", "N", "R", "STOP", "UNSUBSCRIBE")}
)
_PARTS: Final = re.compile(r"[-._/]")


class Topic(Struct, frozen=True, kw_only=True):
    """What messages are about. ``asked``: only for who has given consent to it."""

    id: str
    label: Text | None
    asked: bool
    source: Source


class QuietHours(Struct, frozen=True, kw_only=True):
    """When nothing goes out, in minutes of the recipient's day; past midnight when end < start.

    ``days`` are those on which it begins, 0 is Monday; empty: every day. ``channels`` empty:
    all. Transactional messages wait only if ``transactional``.
    """

    start: int
    end: int
    days: tuple[int, ...]
    channels: tuple[str, ...]
    transactional: bool
    source: Source


class Cap(Struct, frozen=True, kw_only=True):
    """At most so many marketing messages to one lead in ``per`` ms, over all journeys.

    ``channels`` and ``topics`` say which count and are capped; empty: all.
    """

    at_most: int
    per: int
    channels: tuple[str, ...]
    topics: tuple[str, ...]
    source: Source


class SendingPolicy(Struct, frozen=True, kw_only=True):
    """What must hold before a message is sent.

    An address is left alone after a hard bounce, a complaint, or ``soft_bounces`` soft ones
    within ``soft_within`` ms. ``stop_words`` are by channel.
    """

    topics: Mapping[str, Topic] = MappingProxyType({})
    quiet: tuple[QuietHours, ...] = ()
    caps: tuple[Cap, ...] = ()
    stop_words: Mapping[str, tuple[str, ...]] = STOP_WORDS
    soft_bounces: int = 5
    soft_within: int = 30 * DAY

    @property
    def longest(self) -> int:
        """How long sends are to be remembered for the caps, in milliseconds."""
        return max((cap.per for cap in self.caps), default=0)


class Linking(Struct, frozen=True, kw_only=True):
    """Signed addresses in messages. The first of ``keys`` signs, all are believed."""

    url: str
    keys: tuple[str, ...]
    opens: bool = True
    clicks: bool = True


def channel_of(connection: str, plugin: str) -> str:
    """Return the channel of a connection: the one its plugin or its own name begins or ends with.

    >>> channel_of("campaign", "sms.aliyun"), channel_of("email", "log"), channel_of("x", "y")
    ('sms', 'email', 'y')
    """
    for name in (plugin, connection):
        for part in _PARTS.split(name):
            if part in CHANNELS:
                return part
    return plugin or connection
