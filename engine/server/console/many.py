"""The same done to all leads that are ticked, each by the route of the API that does it for one."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from engine.errors import LeadrulesError, NotFound
from engine.server.console import deeds
from engine.server.console.forms import ask, back_of, data_of, form_of, part_of
from engine.server.console.leads import LIST, MANY
from engine.server.console.pages import post
from engine.server.console.room import page, room_of, words_of
from engine.server.problems import Problem, as_problem

MOST: Final = 200
# What is done with the tags that are typed.
_TAGS: Final = {"tag": "add", "untag": "remove"}
_COMMA: Final = re.compile("[,，、;；]")


class Outcome(msgspec.Struct, frozen=True):
    """What came of one lead; ``why`` it was refused, None where it is done."""

    lead: str
    title: str
    why: str | None


async def many(request: Request) -> Response:
    """Do what was chosen to each ticked lead, and say of each what came of it."""
    fields = await form_of(request)
    ticked = list(dict.fromkeys(value for name, value in fields if name == "lead"))
    if len(ticked) > MOST:
        raise Problem(422, "bad-value", f"{MOST} leads at most are done at once")
    said = data_of([each for each in fields if each[0] != "lead"])
    verb = said.get("verb", "")
    if verb not in MANY:
        raise NotFound(f"nothing is called {str(verb)[:80]!r} here")
    route, data = _meant(request, verb, part_of(said, verb))
    outcomes = [await _done(request, id, route, data) for id in ticked]
    room_of(request).figures.forget()
    return page(
        request,
        "many.html",
        "leads",
        verb=verb,
        outcomes=sorted(outcomes, key=lambda each: each.why is None),
        done=sum(each.why is None for each in outcomes),
        back=back_of(fields, LIST),
    )


def _meant(request: Request, verb: str, said: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the route of the API and what it takes."""
    if verb in _TAGS:
        typed = (each.strip() for each in _COMMA.split(said.get("tags", "")))
        return "tags", {_TAGS[verb]: [each for each in typed if each]}
    return verb, deeds.dated(request, said)


async def _done(request: Request, id: str, route: str, data: dict[str, Any]) -> Outcome:
    """Do it to one lead. It is named as it was seen before: it may be somebody else's now."""
    title = id
    try:
        found = await ask(request, "GET", "/v1/leads/{id}", {"id": id}, {})
        title = found["fields"].get("name") or found["fields"].get("company") or id
        await deeds.do(request, id, route, data)
    except LeadrulesError as error:
        return Outcome(id, title, words_of(request).why(as_problem(error)))
    return Outcome(id, title, None)


ENDPOINTS: Final = (post("/console/leads/many", many, "Do the same to many leads", scope="work"),)
