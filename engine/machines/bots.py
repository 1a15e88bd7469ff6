"""Suspected scanners among opens and clicks: so soon after the delivery nobody reads.

What is needed for it stays with the lead: its latest deliveries and clicks, a few of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from engine.language.instants import SECOND
from engine.language.intake import Bots
from engine.machines.state import Event, Lead

Mail = dict[str, list[list[Any]]]

SENT: Final = frozenset({"email_sent", "email_delivered", "message_sent"})
CLICKED: Final = "email_clicked"
REMEMBERED: Final = SENT | {CLICKED}
CLICKS: Final = "clicks"  # the links of the latest clicks, in a lead's mail
WITHDRAWS: Final = "withdraws"  # a key of the verdict: the ids of clicks that are taken back
GIVEN: Final = "given"  # what the latest clicks gave, in a lead's mail
MOST: Final = 20
MOST_URL: Final = 200


def remembered(mail: Mail, event: Event) -> Mail:
    """Return a lead's mail with the instant of one more delivery, or the link that was clicked."""
    if event.type in SENT:
        name, entry = "sent", [event.at, *about(event)]
    else:
        name, entry = CLICKS, [event.at, *about(event), _link(event)]
    known = mail.get(name)
    return {**mail, name: [*known[1 - MOST :], entry] if known else [entry]}


def about(event: Event) -> tuple[str, str]:
    """Return the delivery and the message that an event is about; "" when it does not say."""
    get = event.properties.get
    delivery, message = get("delivery"), get("message")
    return str(delivery) if delivery else "", str(message) if message else ""


def _link(event: Event) -> str:
    url = event.properties.get("url")
    return str(url)[:MOST_URL] if url else ""


def _same(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether two may be about the same message: what both say is equal."""
    return all(a == b for a, b in zip(one, other, strict=True) if a and b)


def _linked(sent: Sequence[str], opened: Sequence[str]) -> bool:
    """Whether an open is of a delivery. One that names no message may be of any, and is not held
    against a message just delivered, unless deliveries name none either.
    """
    return _same(sent, opened) and (any(opened) or not any(sent))


def suspicion(bots: Bots, lead: Lead | None, event: Event) -> str | None:
    """Return why an event is taken for a scanner's, None when it is not."""
    if event.type not in bots.events or event.history:
        return None
    mail = lead.mail if lead is not None else {}
    which = about(event)
    for at, *sent in mail.get("sent", ()):
        if 0 <= event.at - at < bots.within and _linked(sent, which):
            return f"{(event.at - at) / SECOND:g} s after the delivery"
    links = _links(bots, mail, event)
    if links >= bots.links:
        return f"{links} links of one message within {bots.span / SECOND:g} s"
    return None


def burst(bots: Bots, lead: Lead | None, event: Event) -> list[str]:
    """Return the ids of the clicks that counted and that an event shows to be a scanner's."""
    mail = lead.mail if lead is not None else {}
    if event.type not in bots.events or event.history or _links(bots, mail, event) < bots.links:
        return []
    which = about(event)
    return [
        id
        for at, delivery, message, id, *_ in mail.get(GIVEN, ())
        if near(bots, at, event) and _same((delivery, message), which)
    ]


def _links(bots: Bots, mail: Mail, event: Event) -> int:
    """Return how many links of its message were clicked about when a click came; 0 for an open."""
    if event.type != CLICKED:
        return 0
    links = {
        link
        for at, *which, link in mail.get(CLICKS, ())
        if near(bots, at, event) and _same(which, about(event))
    }
    return len((links | {_link(event)}) - {""})


def near(bots: Bots, at: int, event: Event) -> bool:
    """Whether an instant and an event may be of one burst of clicks."""
    return abs(event.at - at) < bots.span


def marked(event: Event, reason: str, withdraws: list[str]) -> Event:
    """Return the event as a suspected scanner's; with it go the clicks that it ``withdraws``."""
    screened = {**event.screened, "bot": reason}
    if withdraws:
        screened[WITHDRAWS] = withdraws
    return msgspec.structs.replace(event, bot=True, screened=screened)
