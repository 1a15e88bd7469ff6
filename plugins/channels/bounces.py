"""Bounces and complaints that arrive as mail: what a mailbox holds becomes events.

Anybody can mail a forged bounce to it. So a report counts only when it names the Message-ID of a
delivery of ours, which besides us only those know who had the message in their hands, and that
went out lately. Events first, then the place, and at the next look what was taken is put aside:
whatever is cut off is done again, and an event's id makes it count once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, Final

import msgspec

from engine.plugin import Poll, Polled
from plugins.channels import mailbox
from plugins.channels.answers import id_of
from plugins.channels.bounce_mail import Unreadable, report_of
from plugins.channels.mail_reports import delivery_of, event_of
from plugins.channels.mailbox import Mail, Place

logger = logging.getLogger("leadrules.channel")

EVERY_S: Final = 60
LATEST_MS: Final = int(mailbox.OLDEST.total_seconds() * 1_000)
SETTLED_MS: Final = 60_000  # a delivery's Message-ID is surely written down by then
JUDGE_S: Final = 20.0  # mails that are made to be a burden are judged in several looks


class TooEarly(Exception):
    """A mail about a delivery that nobody knows, which may just not be written down yet."""


async def look(poll: Poll) -> Polled:
    """Return the events of the mails that arrived since the last look."""
    place = msgspec.json.decode(poll.cursor, type=Place) if poll.cursor else Place()
    found = await asyncio.to_thread(mailbox.look, poll.settings["imap"], place, poll.now)
    events, problems = [], []
    place, more = found.place, found.more
    until = time.monotonic() + JUDGE_S
    for mail in found.mails:
        try:
            event = await _event(mail, poll)
        except Unreadable as error:
            event = None
            problems.append(f"mail {mail.uid}: {error}")
        except TooEarly:
            place.uid, more = mail.uid - 1, False
            break
        if event is not None:
            events.append(event)
            place.taken.append(mail.uid)
        if time.monotonic() > until:
            place.uid, more = mail.uid, True
            break
    # What was taken is put aside at the next look, which need not wait.
    cursor = msgspec.json.encode(place).decode()
    return Polled(tuple(events), cursor, more or bool(place.taken), tuple(problems))


async def _event(mail: Mail, poll: Poll) -> dict[str, Any] | None:
    """Return the event of a mail, None for one that counts nothing.

    Raises Unreadable, and TooEarly for a bounce that may have been faster than the outbox.
    """
    report = await asyncio.to_thread(report_of, mail.raw, mail.at)
    if report is None:
        return None
    about = await delivery_of(report, poll.deliveries)
    if about is None and poll.now - mail.at < SETTLED_MS:
        raise TooEarly
    if about is None or mail.at - about.sent_at > LATEST_MS:
        logger.info("channel email_events: mail %s is about no e-mail of ours", mail.uid)
        return None
    return event_of(report, about, id_of("mail", report.id, about.delivery), poll.now)
