"""What keeps a delivery from ever arriving, and what somebody may do about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.host.rendering import find_member
from engine.machines.state import Lead
from engine.network.ruleset import Ruleset
from engine.store.retrying import AGAIN

# The engine's own reasons: nobody to send to. To try again helps once there is somebody.
_MEMBER: Final = re.compile(r"the salesperson '(.+)' has no e-mail address in routing\.yaml")
_FIELD: Final = re.compile(r"the lead has no (\S+)")
_OWNER: Final = "the lead has no owner to tell"

Hindrance = tuple[str, Mapping[str, str]]


def hindrance(ruleset: Ruleset, lead: Lead | None, reason: str) -> Hindrance | None:
    """Return the key of a text and what fills it, None where another try may help."""
    facts = lead.facts if lead is not None else {}
    if reason == _OWNER:
        return None if facts.get("owner") else ("deliveries.no_owner", {})
    if found := _MEMBER.fullmatch(reason):
        member = find_member(ruleset, found[1])
        return None if member and member.email else ("deliveries.no_mail", {"who": found[1]})
    if found := _FIELD.fullmatch(reason):
        name = found[1] if found[1].startswith("lead.") else f"lead.{found[1]}"
        field = {"field": name.removeprefix("lead.")}
        return None if facts.get(name) else ("deliveries.no_field", field)
    return None


def hindrances(
    ruleset: Ruleset,
    read: Callable[[list[str]], Mapping[str, Lead]],
    items: list[dict[str, Any]],
) -> dict[str, Hindrance]:
    """Return what keeps each of some deliveries from arriving, by its id; ``read`` gives leads."""
    told = [each for each in items if each["reason"] and each["status"] in AGAIN]
    leads = read([each["lead"] for each in told]) if told else {}
    found = ((e["id"], hindrance(ruleset, leads.get(e["lead"]), e["reason"])) for e in told)
    return {id: why for id, why in found if why is not None}
