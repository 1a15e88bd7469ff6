"""What one report of an e-mail service says, in our words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from engine.plugin import About, Deliveries
from plugins.channels.answers import with_id
from plugins.channels.paths import Tree, listed, mapped
from plugins.channels.reading import text_of
from plugins.channels.times import not_later

MAX_AGENT: Final = 1_000
_SENDGRID: Final[Mapping[str, str]] = {
    "delivered": "email_delivered",
    "open": "email_opened",
    "click": "email_clicked",
    "bounce": "email_bounced",
    "spamreport": "email_complained",
    "unsubscribe": "unsubscribed",
    "group_unsubscribe": "unsubscribed",
    "group_resubscribe": "subscribed",
    "dropped": "message_failed",
}
_MAILGUN: Final[Mapping[str, str]] = {
    "delivered": "email_delivered",
    "opened": "email_opened",
    "clicked": "email_clicked",
    "failed": "email_bounced",
    "complained": "email_complained",
    "unsubscribed": "unsubscribed",
}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One report: ``type`` is ours, ``message_id`` that of the e-mail's header."""

    type: str
    address: str
    id: str
    at: Any
    message_id: str = ""
    properties: Mapping[str, Any] = {}
    client: Mapping[str, str] = {}


def event_of(report: Report, about: About | None, id: str | None, now: int) -> dict[str, Any]:
    """Return the event of a report: about a delivery of ours, else about who has the address."""
    told = {
        "delivery": about.delivery if about else None,
        "message": about.message if about else None,
        "journey": about.journey if about else None,
        "step": about.step if about else None,
        **report.properties,
    }
    event = {
        "type": report.type,
        "lead": {"id": about.lead} if about else {"email": report.address},
        "properties": {name: value for name, value in told.items() if value is not None},
        "channel": "email_events",
        **({"client": report.client} if report.client else {}),
    }
    return with_id(event, id, not_later(report.at, now))


async def delivery_of(report: Report, deliveries: Deliveries | None) -> About | None:
    """Return which delivery of ours a report is about, by its Message-ID; None when none is."""
    if deliveries is None or not report.message_id:
        return None
    bare = report.message_id.strip("<> ")
    return await deliveries.by_provider_id("email", f"<{bare}>")


def sendgrid_report(
    said: Mapping[str, Any], topics: Mapping[str, str], machine_opens: bool = False
) -> Report | None:
    """Return what an event of SendGrid says; None for what is no news of a lead.

    An open that a mail program made by itself (Apple's privacy) is none, unless asked for.
    """
    kind = text_of(said.get("event"))
    type = _SENDGRID.get(kind)
    if type is None or (said.get("sg_machine_open") is True and not machine_opens):
        return None
    properties: dict[str, Any] = {}
    if type == "email_bounced":
        # "blocked" is the receiving server's mood; the address itself is good.
        properties["hard"] = said.get("type") != "blocked"
    if type == "message_failed":
        properties["reason"] = text_of(said.get("reason"))[:1_000] or None
    group = text_of(said.get("asm_group_id"))
    return Report(
        type=type,
        address=text_of(said.get("email")),
        id=text_of(said.get("sg_event_id")),
        at=said.get("timestamp"),
        message_id=text_of(said.get("smtp-id")),
        properties={**properties, **_about_links(type, said.get("url"), topics.get(group))},
        client=_client(said.get("ip"), said.get("useragent")),
    )


def mailgun_report(said: Mapping[str, Any], topics: Mapping[str, str]) -> Report | None:
    """Return what an event of Mailgun says; None for what is no news of a lead."""
    type = _MAILGUN.get(text_of(said.get("event")))
    tree = Tree(said)
    if type is None:
        return None
    properties: dict[str, Any] = {}
    if type == "email_bounced":
        properties["hard"] = said.get("severity") == "permanent"
    tags = [text_of(tag) for tag in listed(said.get("tags"))]
    topic = next((topics[tag] for tag in tags if tag in topics), None)
    return Report(
        type=type,
        address=text_of(said.get("recipient")),
        id=text_of(said.get("id")),
        at=said.get("timestamp"),
        message_id=text_of(mapped(tree.get("message.headers")).get("message-id")),
        properties={**properties, **_about_links(type, said.get("url"), topic)},
        client=_client(said.get("ip"), tree.get("client-info.user-agent")),
    )


def _about_links(type: str, url: Any, topic: str | None) -> dict[str, Any]:
    if type == "email_clicked":
        return {"url": text_of(url)[:1_000] or None}
    return {"topic": topic} if type in {"unsubscribed", "subscribed"} else {}


def _client(ip: Any, agent: Any) -> dict[str, str]:
    """Return who opened or clicked: mail gateways do so by themselves, and are recognised by it."""
    given = {"ip": text_of(ip)[:100], "agent": text_of(agent)[:MAX_AGENT]}
    return {name: text for name, text in given.items() if text} if given["agent"] else {}
