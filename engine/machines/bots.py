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
MOST: Final = 20
MOST_URL: Final = 200


def remembered(mail: Mail, event: Event) -> Mail:
    """Return a lead's mail with the instant of one more delivery, or the link that was clicked."""
    about = [event.at, *_about(event)]
    name, entry = ("sent", about) if event.type in SENT else ("clicks", [*about, _link(event)])
    return {**mail, name: [*mail.get(name, ()), entry][-MOST:]}


def _about(event: Event) -> tuple[str, str]:
    """Return the delivery and the message that an event is about; "" when it does not say."""
    get = event.properties.get
    return str(get("delivery") or ""), str(get("message") or "")


def _link(event: Event) -> str:
    return str(event.properties.get("url") or "")[:MOST_URL]


def _same(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether two may be about the same message: what both say is equal."""
    return all(a == b for a, b in zip(one, other, strict=True) if a and b)


def _linked(sent: Sequence[str], opened: Sequence[str]) -> bool:
    """Whether an open is of a delivery. One that names no message may be of any, and is not held
    against a message just delivered, unless deliveries name none either.
    """
    return _same(sent, opened) and (any(opened) or not any(sent))


def suspicion(bots: Bots, lead: Lead | None, event: Event, others: Iterable[Event]) -> str | None:
    """Return why an event is taken for a scanner's, None when it is not.

    ``others`` are further events of the same lead that came at the same time.
    """
    if event.type not in bots.events or event.history:
        return None
    mail = lead.mail if lead is not None else {}
    about = _about(event)
    for at, *which in mail.get("sent", ()):
        if 0 <= event.at - at < bots.within and _linked(which, about):
            return f"{(event.at - at) / SECOND:g} s after the delivery"
    if event.type != CLICKED:
        return None
    links = {link for at, *which, link in mail.get("clicks", ()) if _near(bots, at, event)
             and _same(which, about)}  # fmt: skip
    links |= {
        _link(other)
        for other in others
        if other.type == CLICKED and _near(bots, other.at, event) and _same(_about(other), about)
    }
    links = (links | {_link(event)}) - {""}
    if len(links) >= bots.links:
        return f"{len(links)} links of one message within {bots.span / SECOND:g} s"
    return None


def _near(bots: Bots, at: int, event: Event) -> bool:
    return abs(event.at - at) < bots.span


def marked(event: Event, reason: str) -> Event:
    """Return the event as a suspected scanner's."""
    screened = {**event.screened, "bot": reason}
    return msgspec.structs.replace(event, bot=True, screened=screened)
