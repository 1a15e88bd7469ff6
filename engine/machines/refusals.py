"""What recipients and their servers say of further messages: leave, stop words, bounces, return."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from typing import Any, Final

from engine.machines.policy import ADDRESSES
from engine.machines.profile import take_consent
from engine.machines.work import Work

DEFAULT_TOPIC: Final = "marketing"
MOST_ADDRESSES: Final = 10
_LONGEST_PHRASE: Final = 12  # characters of a reply in which a Chinese word counts anywhere
_SURROUNDING: Final = " \t\r\n.,;!?。，；！？~～'\"“”‘’()（）[]【】"


def unsubscribed(work: Work, properties: dict[str, Any]) -> None:
    """Withdraw consent to the topic, which may be ``all``."""
    take_consent(work, work.event, properties.get("topic") or DEFAULT_TOPIC, "withdrawn")


def subscribed(work: Work, properties: dict[str, Any]) -> None:
    """Give consent to the topic, as somebody does who left it and comes back."""
    take_consent(work, work.event, properties.get("topic") or DEFAULT_TOPIC, "given")


def replied(work: Work, properties: dict[str, Any]) -> None:
    """Withdraw consent to the channel, if the reply is a stop word."""
    channel = work.event.type.partition("_")[0]
    word = stop_word(str(properties.get("text") or ""), _words(work, channel, properties))
    if word is None:
        return
    take_consent(work, work.event, channel, "withdrawn")
    work.happen("unsubscribed", topic=channel, word=word)
    work.occur("unsubscribed", topic=channel, message=properties.get("message"))


def _words(work: Work, channel: str, properties: dict[str, Any]) -> Collection[str]:
    """Return the words of the channel, of the message replied to and of the last one sent."""
    definitions = work.ruleset.definitions
    last = next((name for _, c, _, name in reversed(work.lead.sends) if c == channel), None)
    words = dict.fromkeys(definitions.sending.stop_words.get(channel, ()))
    for name in (properties.get("message"), last):
        message = definitions.messages.get(name or "")
        words.update(dict.fromkeys(message.stop_words if message else ()))
    return words


def stop_word(text: str, words: Collection[str]) -> str | None:
    """Return which stop word a reply is, None if it is none.

    Case, width and punctuation do not matter; words that are not Latin count anywhere in a
    short reply.

    >>> stop_word("ｔｄ。", ["TD"]), stop_word("请退订", ["退订"]), stop_word("Not now", ["N"])
    ('TD', '退订', None)
    """
    said = _plain(text)
    for word in words:
        wanted = _plain(word)
        if said == wanted:
            return word
        if not wanted.isascii() and wanted in said and len(said) <= _LONGEST_PHRASE:
            return word
    return None


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip(_SURROUNDING).casefold()


def bounced(work: Work, properties: dict[str, Any]) -> None:
    """Leave an address alone after a hard bounce, or after too many soft ones."""
    sending, at = work.ruleset.definitions.sending, work.event.at
    about = _about(work)
    if about is None:
        return
    if properties.get("hard"):
        about["bounced"] = "hard"
    else:
        soft = [*about.get("soft", ()), at]
        newest = max(soft)
        about["soft"] = [each for each in soft if each > newest - sending.soft_within]
        if len(about["soft"]) >= sending.soft_bounces:
            about["bounced"] = f"soft, {len(about['soft'])} times"


def complained(work: Work, properties: dict[str, Any]) -> None:
    """Send nothing more to an address that complained, but what is owed to it."""
    about = _about(work)
    if about is not None:
        about["complained"] = work.event.at


def _about(work: Work) -> dict[str, Any] | None:
    """Return what is kept about the event's address, to write in; None when nobody knows it."""
    message = work.ruleset.definitions.messages.get(work.event.properties.get("message") or "")
    channel = work.event.type.partition("_")[0]
    fact = (message.to if message else None) or ADDRESSES.get(channel, "")
    address = work.facts.get(fact)
    if not isinstance(address, str):
        return None
    addresses = work.writable("addresses")
    about = addresses[address] = {**addresses.get(address, {})}
    while len(addresses) > MOST_ADDRESSES:
        del addresses[next(iter(addresses))]
    return about


EFFECTS: Final = {
    "unsubscribed": unsubscribed,
    "subscribed": subscribed,
    "sms_replied": replied,
    "wecom_message_received": replied,
    "email_bounced": bounced,
    "email_complained": complained,
}
