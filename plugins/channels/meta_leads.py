"""The channel ``meta_leads``: leads of Facebook's and Instagram's lead ads.

Meta says which lead there is; its answers are fetched from the Graph API with the page's token.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from engine.plugin import (
    Accepted,
    Answer,
    Channel,
    ChannelRequest,
    Failed,
    Misconfigured,
    Rejection,
    Reply,
    Result,
    Retry,
    Route,
    hookimpl,
)
from plugins.channels.answers import (
    Answers,
    event_of,
    form_settings,
    how_of,
    id_of,
    with_id,
    wrong_body,
    wrong_signature,
)
from plugins.channels.fetching import FETCHING, Fetcher
from plugins.channels.mapping_check import MappingChannel
from plugins.channels.paths import listed, mapped
from plugins.channels.reading import text_of
from plugins.channels.signatures import SECRET, SECRETS, is_secret, is_signed, mac, secrets_of
from plugins.channels.times import not_later

GRAPH: Final = "https://graph.facebook.com/v24.0"
MAX_CHANGES: Final = 1_000
_ASKED: Final = "id,created_time,form_id,ad_name,campaign_name,platform,field_data"
# https://developers.facebook.com/docs/graph-api/guides/error-handling
_BUSY: Final = frozenset({1, 2, 4, 17, 32, 341, 368, 613, 80005})
_NOT_LET_IN: Final = frozenset({10, 102, 104, 190, *range(200, 300)})

SETTINGS: Final = form_settings(
    ["app_secret", "verify_token", "access_token"],
    app_secret=SECRETS,
    verify_token=SECRETS,
    access_token=SECRET,
    pages={"type": "object", "additionalProperties": SECRET},
    **FETCHING,
)


class MetaLeadsChannel(MappingChannel):
    """Fetches each lead that Meta reports."""

    name = "meta_leads"
    config_schema = SETTINGS

    def __init__(self) -> None:
        self._fetcher = Fetcher(self.name, "Meta")

    def routes(self) -> list[Route]:
        return [
            Route("", ("GET",), subscribed, "Meta asks whether this address is ours"),
            Route("", ("POST",), self.reported, "Meta reports leads"),
        ]

    async def reported(self, request: ChannelRequest) -> Accepted | Rejection:
        """Fetch the leads that are reported."""
        given = request.headers.get("x-hub-signature-256")
        secret = request.settings["app_secret"]
        if not is_signed(given, secret, request.body, form="hex", prefix="sha256="):
            return wrong_signature()
        body = mapped(request.data)
        if not isinstance(body.get("entry"), list):
            return wrong_body("a report of Meta")
        changes = {each["leadgen_id"]: each for each in _changes(body)}
        jobs = [self._event(id, change, request) for id, change in changes.items()]
        return await self._fetcher.events(jobs[:MAX_CHANGES])

    def _event(
        self, id: str, change: Mapping[str, Any], request: ChannelRequest
    ) -> Awaitable[dict[str, Any] | Result | None]:
        return _fetched(id, change, request, partial(self._fetcher.get, judge=_judged))

    async def close(self) -> None:
        """Close the sockets to Meta."""
        await self._fetcher.close()


async def subscribed(request: ChannelRequest) -> Accepted | Rejection:
    """Answer the challenge with which Meta checks a new address."""
    asked = dict(request.query)
    known = is_secret(asked.get("hub.verify_token", ""), request.settings["verify_token"])
    if asked.get("hub.mode") != "subscribe" or not known:
        return Rejection("this is not the verify token", 403, "wrong-signature")
    challenge = asked.get("hub.challenge", "")[:500]
    return Accepted((), Reply(200, challenge, media_type="text/plain; charset=utf-8"))


async def _fetched(
    id: str, change: Mapping[str, Any], request: ChannelRequest, get: Callable[..., Awaitable[Any]]
) -> dict[str, Any] | Result | None:
    settings = request.settings
    page = text_of(change.get("page_id"))
    token = str(settings.get("pages", {}).get(page, settings["access_token"]))
    proof = mac(secrets_of(settings["app_secret"])[0], token).hex()
    lead = await get(
        f"{settings.get('api', GRAPH)}/{id}",
        settings,
        headers={"Authorization": f"Bearer {token}"},
        params={"fields": _ASKED, "appsecret_proof": proof},
    )
    if not isinstance(lead, dict):
        result: Result = lead
        return result
    form = text_of(lead.get("form_id") or change.get("form_id"))
    answers = Answers()
    for each in map(mapped, listed(lead.get("field_data"))):
        values = listed(each.get("values"))
        answers.add(values[0] if len(values) == 1 else values, each.get("name"))
    answers.add(lead.get("campaign_name"), "utm_campaign")
    answers.add(lead.get("ad_name"), "utm_content")
    how = how_of(settings, form, "Meta")
    event = event_of(answers, how, request.names, "meta_leads")
    at = lead.get("created_time") or change.get("created_time")
    return with_id(event, id_of("meta", id), not_later(at, request.now))


def _changes(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what concerns leads; a subscription may bring other news of a page."""
    for entry in map(mapped, listed(body.get("entry"))):
        for change in map(mapped, listed(entry.get("changes"))):
            value = mapped(change.get("value"))
            id = text_of(value.get("leadgen_id"))
            if change.get("field") == "leadgen" and id.isascii() and id.isdecimal():
                yield {"page_id": entry.get("id"), **value, "leadgen_id": id}


def _judged(answer: Answer) -> Result | None:
    """Return what Meta's own error code says, whatever the status; None when it gives none."""
    error = mapped(mapped(answer.data).get("error"))
    code = error.get("code")
    if not isinstance(code, int):
        return None
    reason = f"Meta answered with error {code}"
    if code in _NOT_LET_IN:
        return Misconfigured(reason)
    if code in _BUSY or error.get("is_transient") is True:
        return Retry(reason, answer.retry_after)
    return Failed(reason)


@hookimpl
def register_channels(register: Callable[[Channel], None]) -> None:
    """Register the channel."""
    register(MetaLeadsChannel())
