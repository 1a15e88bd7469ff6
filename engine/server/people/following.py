"""What a salesperson writes down about a lead: contacts, deals, tags, their own grade of it."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request

from engine.language.nearest import did_you_mean
from engine.server.endpoint import TEXT, Schema, object_of, services
from engine.server.leads import act, body, lead_id, verb
from engine.server.problems import Json, Problem

# The events that people log by themselves, and of which a lead may have any number.
KINDS: Final = (
    *("call_logged", "visit_logged", "note_added", "quote_sent"),
    *("opportunity_opened", "opportunity_changed", "opportunity_won", "opportunity_lost"),
)
_MOST_TAGS: Final = 50
_LONGEST_TAG: Final = 100
_TAGS: Final[Schema] = {"type": "array", "items": TEXT, "minItems": 1, "maxItems": _MOST_TAGS}
_OBJECT: Final = {"type": "object", "description": "As the catalogue has them for this event"}


async def follow_up(request: Request) -> Json:
    """Log a contact or what became of a deal; ``next_at`` makes the to-do of the next contact."""
    data = await object_of(request, "id", "by", "type", "properties")
    kind, properties = data.get("type"), data.get("properties") or {}
    if kind not in KINDS:
        hint = did_you_mean(str(kind)[:80], KINDS)
        raise Problem(422, "unknown-type", f'"type" is what was done; {hint}')
    if not isinstance(properties, dict):
        raise Problem(422, "bad-value", '"properties" is an object')
    if kind == "opportunity_lost" and not properties.get("reason"):
        raise Problem(422, "bad-value", "a lost deal needs a reason: properties.reason")
    return Json(await act(request, kind, data, properties, await lead_id(request)))


async def grade(request: Request) -> Json:
    """Set a grade by hand, with a reason; the computed one stays visible."""
    data = await object_of(request, "id", "by", "grade", "reason")
    model = services(request).runtime.ruleset.definitions.default_model
    known = [each.grade for each in model.grades]
    given, reason = data.get("grade"), data.get("reason")
    if given not in known:
        hint = did_you_mean(str(given)[:80], known)
        raise Problem(422, "unknown-grade", f'"grade" must be one of scoring.yaml; {hint}')
    if not isinstance(reason, str) or not reason.strip():
        raise Problem(422, "bad-value", 'say why: "reason" is a text that others will read')
    properties: dict[str, Any] = {"grade": given, "reason": reason.strip()}
    return Json(await act(request, "grade_overridden", data, properties, await lead_id(request)))


async def tags(request: Request) -> Json:
    """Add tags to the lead, and take some away; what it has, or has not, stays so."""
    data = await object_of(request, "id", "by", "add", "remove")
    properties: dict[str, Any] = {
        name: _tags(name, data[name]) for name in ("add", "remove") if name in data
    }
    if not properties:
        raise Problem(422, "bad-value", 'say which tags to "add" or to "remove"')
    return Json(await act(request, "tags_changed", data, properties, await lead_id(request)))


def _tags(name: str, given: Any) -> list[str]:
    """Return tags without the space around them; raises Problem."""
    listed = given if isinstance(given, list) else []
    found = [each.strip() for each in listed if isinstance(each, str)]
    fit = all(1 <= len(each) <= _LONGEST_TAG for each in found)
    if not fit or len(found) < len(listed) or not 1 <= len(found) <= _MOST_TAGS:
        text = f'"{name}" lists 1 to {_MOST_TAGS} tags of 1 to {_LONGEST_TAG} characters'
        raise Problem(422, "bad-value", text)
    return found


ENDPOINTS: Final = (
    verb(
        "follow-up",
        follow_up,
        "Log a contact or what became of a deal",
        body("type", type={"enum": list(KINDS)}, properties=_OBJECT),
    ),
    verb(
        "grade",
        grade,
        "Set the grade by hand",
        body("grade", "reason", grade=TEXT, reason=TEXT),
    ),
    verb("tags", tags, "Add and remove tags", body(add=_TAGS, remove=_TAGS)),
)
