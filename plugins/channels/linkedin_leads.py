"""The channel ``linkedin_leads``: answers to LinkedIn's lead forms.

LinkedIn checks the address every two hours, says which response there is, and has it fetched
with the application's token.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from engine.plugin import (
    Accepted,
    Channel,
    ChannelRequest,
    Rejection,
    Reply,
    Result,
    Route,
    hookimpl,
)
from plugins.channels.answers import (
    Answers,
    event_of,
    form_settings,
    how_of,
    id_of,
    taken,
    with_id,
    wrong_body,
    wrong_signature,
)
from plugins.channels.fetching import FETCHING, Fetcher
from plugins.channels.mapping_check import MappingChannel
from plugins.channels.paths import Tree, listed, mapped
from plugins.channels.reading import text_of
from plugins.channels.signatures import SECRET, SECRETS, is_signed, mac, secrets_of
from plugins.channels.times import not_later

API: Final = "https://api.linkedin.com"
VERSION: Final = "202606"
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_ASKED: Final = (
    "leadType,leadMetadataInfo,versionedLeadGenFormUrn,id,submittedAt,testLead,formResponse,"
    "form:(hiddenFields,name,id,content)"
)

SETTINGS: Final = form_settings(
    ["client_secret", "access_token"],
    client_secret=SECRETS,
    access_token=SECRET,
    version={"type": ["string", "integer"]},
    test_leads={"type": "boolean"},
    **FETCHING,
)


class LinkedinLeadsChannel(MappingChannel):
    """Fetches each response that LinkedIn reports."""

    name = "linkedin_leads"
    config_schema = SETTINGS

    def __init__(self) -> None:
        self._fetcher = Fetcher(self.name, "LinkedIn")

    def routes(self) -> list[Route]:
        return [
            Route("", ("GET",), challenged, "LinkedIn asks whether this address is ours"),
            Route("", ("POST",), self.reported, "LinkedIn reports a response"),
        ]

    async def reported(self, request: ChannelRequest) -> Accepted | Rejection:
        """Fetch the response that is reported."""
        given, secret = request.headers.get("x-li-signature"), request.settings["client_secret"]
        if not is_signed(given, secret, "hmacsha256=", request.body, form="hex"):
            return wrong_signature()
        body = mapped(request.data)
        if not body:
            return wrong_body("a notice of LinkedIn")
        id = text_of(body.get("leadGenFormResponse")).rpartition(":")[2]
        is_new = body.get("type") == "LEAD_ACTION" and body.get("leadAction") != "DELETED"
        if not (is_new and _ID.fullmatch(id)):
            return taken()
        return await self._fetcher.events([_fetched(id, body, request, self._fetcher.get)])

    async def close(self) -> None:
        """Close the sockets to LinkedIn."""
        await self._fetcher.close()


async def challenged(request: ChannelRequest) -> Accepted | Rejection:
    """Answer the challenge as only the holder of the secret can."""
    code = dict(request.query).get("challengeCode", "")
    if not 0 < len(code) <= 200:
        return wrong_body("a challenge of LinkedIn: challengeCode is missing")
    response = mac(secrets_of(request.settings["client_secret"])[0], code).hex()
    return Accepted((), Reply(200, {"challengeCode": code, "challengeResponse": response}))


async def _fetched(
    id: str, notice: Mapping[str, Any], request: ChannelRequest, get: Callable[..., Awaitable[Any]]
) -> dict[str, Any] | Result | None:
    settings = request.settings
    found = await get(
        f"{settings.get('api', API)}/rest/leadFormResponses/{id}",
        settings,
        headers={
            "Authorization": f"Bearer {settings['access_token']}",
            "LinkedIn-Version": str(settings.get("version", VERSION)),
            "X-Restli-Protocol-Version": "2.0.0",
        },
        params={"fields": _ASKED},
    )
    if not isinstance(found, dict):
        result: Result = found
        return result
    if found.get("testLead") is True and not settings.get("test_leads"):
        return None
    urn = text_of(notice.get("leadGenForm")).rpartition(":")[2]
    form = text_of(mapped(found.get("form")).get("id")) or urn
    how = how_of(settings, form, "LinkedIn")
    event = event_of(_answers(found), how, request.names, "linkedin_leads")
    at = found.get("submittedAt") or notice.get("occurredAt")
    return with_id(event, id_of("linkedin", id), not_later(at, request.now))


def _answers(found: Mapping[str, Any]) -> Answers:
    """Gather the answers under each name of a question: its field, its name, its id."""
    form = mapped(found.get("form"))
    asked = {
        text_of(question.get("questionId")): question
        for question in map(mapped, listed(Tree(form).get("content.questions")))
    }
    answers = Answers()
    for each in map(mapped, listed(Tree(found).get("formResponse.answers"))):
        id = text_of(each.get("questionId"))
        question = asked.get(id, {})
        names = (question.get("predefinedField"), id, question.get("name"))
        answers.add(_value(mapped(each.get("answerDetails")), question), *names)
    for hidden in map(mapped, listed(form.get("hiddenFields"))):
        answers.add(hidden.get("value"), hidden.get("name"))
    return answers


def _value(details: Mapping[str, Any], question: Mapping[str, Any]) -> Any:
    text = Tree(details).get("textQuestionAnswer.answer")
    if text is not None:
        return text
    path = "questionDetails.multipleChoiceQuestionDetails.options"
    options = {text_of(o.get("id")): o for o in map(mapped, listed(Tree(question).get(path)))}
    chosen = listed(Tree(details).get("multipleChoiceAnswer.options"))
    named = [_label(options.get(text_of(each), {})) or each for each in chosen]
    return named[0] if len(named) == 1 else named


def _label(option: Mapping[str, Any]) -> str:
    localized = mapped(mapped(option.get("text")).get("localized"))
    return next((text_of(each) for each in localized.values()), "")


@hookimpl
def register_channels(register: Callable[[Channel], None]) -> None:
    """Register the channel."""
    register(LinkedinLeadsChannel())
