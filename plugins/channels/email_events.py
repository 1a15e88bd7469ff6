"""The channel ``email_events``: what became of e-mails, by SendGrid, by Mailgun, or by a mailbox.

A service's report is about one of our deliveries when its Message-ID says so, else about whoever
has the address. A mailbox takes mail from anybody: what names no delivery of ours counts nothing.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from engine.plugin import (
    Accepted,
    Channel,
    ChannelRequest,
    Names,
    Poll,
    Polled,
    Rejection,
    Route,
    hookimpl,
    not_set_up,
)
from plugins.channels import bounces, mailbox
from plugins.channels.answers import id_of, taken, wrong_body, wrong_signature
from plugins.channels.mail_reports import (
    Report,
    delivery_of,
    event_of,
    mailgun_report,
    sendgrid_report,
)
from plugins.channels.paths import mapped
from plugins.channels.reading import text_of
from plugins.channels.signatures import (
    MINUTE,
    SECRETS,
    is_ecdsa,
    is_fresh,
    is_signed,
    key_of,
)

HOUR: Final = 60 * MINUTE
# Mailgun tries for eight hours to tell us; how long SendGrid's signature is good it does not say,
# but it tries for a day.
MAILGUN_PAST: Final = 9 * HOUR
SENDGRID_PAST: Final = 25 * HOUR
MOST_TOKENS: Final = 100_000
MAX_REPORTS: Final = 2_000
_TOPICS: Final = {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}}

SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "minProperties": 1,
    "properties": {
        "sendgrid": {
            "type": "object",
            "additionalProperties": False,
            "required": ["public_key"],
            "properties": {
                "public_key": {"type": "string", "minLength": 80},
                "topics": _TOPICS,
                "machine_opens": {"type": "boolean"},
            },
        },
        "mailgun": {
            "type": "object",
            "additionalProperties": False,
            "required": ["signing_key"],
            "properties": {"signing_key": SECRETS, "topics": _TOPICS},
        },
        "imap": mailbox.SETTINGS,
    },
}


class EmailEventsChannel(Channel):
    """Makes deliveries, bounces, complaints, opens, clicks and unsubscriptions of reports."""

    name = "email_events"
    config_schema = SETTINGS

    def __init__(self) -> None:
        self._tokens = Tokens()

    def check(self, settings: Mapping[str, Any], names: Names) -> Iterable[str]:
        """Return whether SendGrid's key is one, and can be used."""
        if "sendgrid" in settings:
            try:
                key_of(settings["sendgrid"]["public_key"])
            except ModuleNotFoundError:
                yield "sendgrid needs pip install 'leadrules[dkim]'"
            except Exception:
                # The library has exceptions of its own for keys of other kinds.
                yield "sendgrid.public_key is no public key of an elliptic curve"

    def routes(self) -> list[Route]:
        return [
            Route("/sendgrid", ("POST",), sendgrid, "SendGrid's event webhook"),
            Route("/mailgun", ("POST",), self.mailgun, "Mailgun's webhooks"),
        ]

    def every(self, settings: Mapping[str, Any]) -> int:
        """Return the milliseconds between two looks into the mailbox."""
        return int(settings.get("imap", {}).get("every_s", bounces.EVERY_S) * 1_000)

    async def poll(self, poll: Poll) -> Polled:
        """Look for bounces and complaints in the mailbox, where there is one."""
        return await bounces.look(poll) if "imap" in poll.settings else Polled()

    async def mailgun(self, request: ChannelRequest) -> Accepted | Rejection:
        """Turn one report of Mailgun into an event."""
        settings = request.settings.get("mailgun")
        if settings is None:
            return not_set_up("email_events.mailgun")
        body = mapped(request.data)
        signature, data = mapped(body.get("signature")), mapped(body.get("event-data"))
        at, token = text_of(signature.get("timestamp")), text_of(signature.get("token"))
        given, key = text_of(signature.get("signature")), settings["signing_key"]
        fresh = is_fresh(at, request.now, past=MAILGUN_PAST)
        if not (fresh and is_signed(given, key, at, token, form="hex")):
            return wrong_signature()
        if not data:
            return wrong_body("a report of Mailgun")
        # The signature does not cover the report: what was signed for one is good for no other.
        if not self._tokens.is_for(token, json.dumps(data, sort_keys=True)):
            return wrong_signature()
        report = mailgun_report(data, settings.get("topics", {}))
        return taken(*([await _event(report, "mailgun", request)] if report else []))


class Tokens:
    """What each of the latest tokens was used for; kept until the server stops, bounded."""

    def __init__(self, most: int = MOST_TOKENS) -> None:
        self._known: OrderedDict[str, int] = OrderedDict()
        self._most = most

    def is_for(self, token: str, text: str) -> bool:
        """Whether a token is new, or was used for this very text: a report that came again."""
        if not token or len(token) > 200:
            return False
        known = self._known.setdefault(token, hash(text))
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return known == hash(text)


async def sendgrid(request: ChannelRequest) -> Accepted | Rejection:
    """Turn the reports of SendGrid into events."""
    settings = request.settings.get("sendgrid")
    if settings is None:
        return not_set_up("email_events.sendgrid")
    headers = request.headers
    given = headers.get("x-twilio-email-event-webhook-signature")
    at = headers.get("x-twilio-email-event-webhook-timestamp", "")
    fresh = is_fresh(at, request.now, past=SENDGRID_PAST)
    if not (fresh and is_ecdsa(given, settings["public_key"], (at, request.body))):
        return wrong_signature()
    if not isinstance(request.data, list):
        return wrong_body("a list of reports of SendGrid")
    if len(request.data) > MAX_REPORTS:
        return Rejection(f"at most {MAX_REPORTS} reports at once", 413, "too-many-events")
    topics, machines = settings.get("topics", {}), settings.get("machine_opens", False)
    reports = [sendgrid_report(mapped(each), topics, machines) for each in request.data]
    return taken(*[await _event(each, "sendgrid", request) for each in reports if each])


async def _event(report: Report, service: str, request: ChannelRequest) -> dict[str, Any]:
    about = await delivery_of(report, request.deliveries)
    return event_of(report, about, id_of(service, report.id), request.now)


@hookimpl
def register_channels(register: Callable[[Channel], None]) -> None:
    """Register the channel."""
    register(EmailEventsChannel())
