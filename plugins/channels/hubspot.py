"""The channel ``hubspot``: contacts that HubSpot says were made or changed.

Its notices are signed (v3) over the address as HubSpot knows it, so settings must name it; they
hold a contact's number only, so the contact is fetched with a token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import unquote

from engine.plugin import (
    Accepted,
    Channel,
    ChannelRequest,
    Names,
    Rejection,
    Result,
    Route,
    hookimpl,
)
from plugins.channels.answers import (
    MAPPING,
    Answers,
    event_of,
    how_of,
    id_of,
    with_id,
    wrong_body,
    wrong_signature,
)
from plugins.channels.fetching import API, FETCHING, Fetcher
from plugins.channels.mapping_check import unknown_events, wrong_names
from plugins.channels.paths import mapped
from plugins.channels.reading import text_of
from plugins.channels.signatures import SECRET, SECRETS, is_fresh, is_signed
from plugins.channels.times import not_later

HUBSPOT: Final = "https://api.hubapi.com"
CONTACT: Final = "0-1"  # HubSpot's number for contacts, in notices of the generic kind
MAX_NOTICES: Final = 100
_ASKED: Final = (
    *("email", "phone", "mobilephone", "firstname", "lastname", "company", "jobtitle"),
    *("industry", "city", "state", "address", "numemployees", "message"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term"),
)
_DEFAULT: Final = {"creation": "identified", "propertyChange": "identified"}

SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["client_secret", "url", "access_token"],
    "properties": {
        "client_secret": SECRETS,
        "url": API,
        "access_token": SECRET,
        "events": {
            "type": "object",
            "additionalProperties": {"type": "string", "minLength": 1},
        },
        **{name: each for name, each in MAPPING.items() if name != "event"},
        **FETCHING,
    },
}


class HubspotChannel(Channel):
    """Fetches each contact that HubSpot reports."""

    name = "hubspot"
    config_schema = SETTINGS

    def __init__(self) -> None:
        self._fetcher = Fetcher(self.name, "HubSpot")

    def routes(self) -> list[Route]:
        return [Route("", ("POST",), self.reported, "HubSpot reports contacts")]

    def check(self, settings: Mapping[str, Any], names: Names) -> Iterable[str]:
        """Return the fields and events that there are not."""
        events = set(settings.get("events", {}).values()) | {"identified"}
        yield from unknown_events(sorted(events), names)
        for event in sorted(events & names.events.keys()):
            yield from wrong_names({**settings, "event": event}, names)

    async def reported(self, request: ChannelRequest) -> Accepted | Rejection:
        """Fetch the contacts that are reported."""
        if not _is_theirs(request):
            return wrong_signature()
        if not isinstance(request.data, list):
            return wrong_body("a list of notices of HubSpot")
        wanted = [each for each in map(mapped, request.data) if _event_type(each, request.settings)]
        contacts: dict[str, Contact] = {}
        jobs = [
            _told(each, request, contacts.setdefault(id, Contact(id, self._fetcher, request)))
            for each in wanted[:MAX_NOTICES]
            if (id := text_of(each.get("objectId"))).isdecimal() and id.isascii()
        ]
        return await self._fetcher.events(jobs)

    async def close(self) -> None:
        """Close the sockets to HubSpot."""
        await self._fetcher.close()


class Contact:
    """A contact, fetched once however many notices are about it."""

    def __init__(self, id: str, fetcher: Fetcher, request: ChannelRequest) -> None:
        self._id = id
        self._fetcher = fetcher
        self._request = request
        self._coming: asyncio.Future[dict[str, Any] | Result] | None = None

    async def get(self) -> dict[str, Any] | Result:
        """Return the contact, or why it could not be had."""
        if self._coming is None:
            self._coming = asyncio.ensure_future(self._fetch())
        return await self._coming

    async def _fetch(self) -> dict[str, Any] | Result:
        settings = self._request.settings
        asked = dict.fromkeys([*_ASKED, *settings.get("fields", {})])
        return await self._fetcher.get(
            f"{settings.get('api', HUBSPOT)}/crm/v3/objects/contacts/{self._id}",
            settings,
            headers={"Authorization": f"Bearer {settings['access_token']}"},
            params={"properties": ",".join(asked)},
        )


def _is_theirs(request: ChannelRequest) -> bool:
    """Whether HubSpot signed this, in the last five minutes.

    It signs the address with some of its characters decoded, so both forms are tried.
    """
    at = request.headers.get("x-hubspot-request-timestamp", "")
    if not is_fresh(at, request.now, unit_ms=1):
        return False
    given, secret = request.headers.get("x-hubspot-signature-v3"), request.settings["client_secret"]
    url = request.settings["url"]
    found = [
        is_signed(given, secret, request.method, form, request.body, at.strip())
        for form in (url, unquote(url))
    ]
    return any(found)


def _event_type(notice: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    """Return what a notice becomes: as settings say, and only contacts by themselves."""
    kind = text_of(notice.get("subscriptionType"))
    written: str | None = settings.get("events", {}).get(kind)
    if written:
        return written
    what, _, happened = kind.partition(".")
    is_contact = what == "contact" or (what == "object" and notice.get("objectTypeId") == CONTACT)
    return _DEFAULT.get(happened) if is_contact else None


async def _told(
    notice: Mapping[str, Any], request: ChannelRequest, contact: Contact
) -> dict[str, Any] | Result | None:
    found = await contact.get()
    if not isinstance(found, dict):
        return found
    answers = Answers()
    for name, value in mapped(found.get("properties")).items():
        answers.add(value, name)
    settings = {**request.settings, "event": _event_type(notice, request.settings)}
    event = event_of(answers, how_of(settings, "", None), request.names, "hubspot")
    # HubSpot's own eventId alone need not be unique.
    parts = ("subscriptionId", "eventId", "objectId", "occurredAt")
    id = id_of("hubspot", *(notice.get(part) for part in parts))
    return with_id(event, id, not_later(notice.get("occurredAt"), request.now))


@hookimpl
def register_channels(register: Callable[[Channel], None]) -> None:
    """Register the channel."""
    register(HubspotChannel())
