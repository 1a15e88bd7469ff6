"""Same log, same leads: every lead built again from its log and compared with its state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec.structs import replace

from engine.machines.replay import rebuild
from engine.machines.state import Lead
from engine.network.ruleset import Ruleset
from engine.store import rows
from engine.store.merges import entries_of
from engine.store.snapshots import Story, stories

Verdict = Literal["same", "comparable", "differs", "no-log"]
_MISSING: Final = "(missing)"
_OWNERSHIP: Final = ("owner", "team", "pool")


class Checked(msgspec.Struct, frozen=True):
    """What came of one lead.

    ``same`` to the last byte; ``comparable``: some events were decided by rules that are not
    at hand (``unknown``), and what does not hang on rules is the same; ``differs`` at ``path``;
    ``no-log``: there is nothing to build it from. ``since`` is the instant of the snapshot that
    replay began from, None for the lead's first event.
    """

    lead: str
    verdict: Verdict
    events: int
    versions: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    since: int | None = None
    path: str | None = None
    stored: Any = None
    replayed: Any = None


def verify(
    database: Path, rulesets: Mapping[str, Ruleset], present: Ruleset, only: str | None = None
) -> Iterator[Checked]:
    """Yield what came of every lead, or of ``only`` one.

    ``rulesets`` maps versions to rules; the ``present`` ones stand in for those not among them.
    """
    for story in stories(database, only):
        yield _check(story, {**rulesets, present.version: present}, present)


def play(
    database: Path, ruleset: Ruleset, only: str | None = None
) -> Iterator[tuple[str, int, dict[str, tuple[Any, Any]]]]:
    """Yield (lead, events, changes) of every lead, all its log decided by one ruleset.

    ``changes`` maps score, grade, stage and owner to (as stored, as played), where they differ.
    """
    for story in stories(database, only):
        entries = entries_of(story.id, story.log, story.starts)
        log = (replace(each, ruleset=ruleset.version) for each in entries)
        lead = rebuild({ruleset.version: ruleset}, story.id, log, _leads(story))
        before = _standing(rows.lead_state(story.state), ruleset)
        after = _standing(lead, ruleset) if lead else {}
        yield (
            story.id,
            len(entries),
            {k: (v, after.get(k)) for k, v in before.items() if after.get(k) != v},
        )


def _leads(story: Story) -> dict[str, Lead]:
    return {id: snapshot.lead for id, snapshot in story.starts.items()}


def _standing(lead: Lead, ruleset: Ruleset) -> dict[str, Any]:
    get = lead.facts.get
    score = get(f"score.{ruleset.default_model}.total", 0)
    return {
        "score": score,
        "grade": get("grade"),
        "stage": get("stage"),
        "owner": get("owner"),
    }


def _check(story: Story, rulesets: Mapping[str, Ruleset], present: Ruleset) -> Checked:
    log = entries_of(story.id, story.log, story.starts)
    versions = tuple(dict.fromkeys(each.ruleset for each in log))
    unknown = tuple(version for version in versions if version not in rulesets)
    start = story.starts.get(story.id)
    checked = Checked(
        story.id,
        "same",
        len(log),
        versions,
        unknown,
        start.at if start else None,
    )
    known = {**rulesets, **dict.fromkeys(unknown, present)}
    lead = rebuild(known, story.id, log, _leads(story))
    if lead is None:
        return replace(checked, verdict="no-log")
    if not unknown:
        return _compared(checked, story.state, lead)
    stored = _comparable(rows.lead_state(story.state), present)
    found = first_difference(stored, _comparable(lead, present))
    return _judged(checked, "comparable", found)


def _compared(checked: Checked, state: bytes, lead: Lead) -> Checked:
    again = rows.encoded(lead)
    if again == state:
        return checked
    found = first_difference(rows.from_json(state), rows.from_json(again))
    return _judged(checked, "differs", found or ("(order of keys)", None, None))


def _judged(checked: Checked, otherwise: Verdict, found: tuple[str, Any, Any] | None) -> Checked:
    if found is None:
        return replace(checked, verdict=otherwise)
    path, stored, replayed = found
    return replace(checked, verdict="differs", path=path, stored=stored, replayed=replayed)


def _comparable(lead: Lead, ruleset: Ruleset) -> dict[str, Any]:
    """Return what events say and rules do not: fields, and who has the lead.

    Fields and tags that a journey may set are left out.
    """
    written = {
        name if name.startswith("lead.") else f"lead.{name}"
        for journey in ruleset.definitions.journeys
        for step in journey.steps
        for name in step.with_.get("fields", {})
    }
    facts = {
        name: value
        for name, value in sorted(lead.facts.items())
        if name in _OWNERSHIP or (name.startswith("lead.") and name not in ("lead.tags", *written))
    }
    return {"id": lead.id, "created_at": lead.created_at, "facts": facts}


def first_difference(one: Any, other: Any, path: str = "") -> tuple[str, Any, Any] | None:
    """Return (path, one's value, the other's) of the first thing that differs, None: nothing does.

    A path names keys and positions: ``facts.lead.name``, ``grants[2][0]``.
    """
    if isinstance(one, dict) and isinstance(other, dict):
        for key in (*one, *(key for key in other if key not in one)):
            below = f"{path}.{key}" if path else str(key)
            found = first_difference(one.get(key, _MISSING), other.get(key, _MISSING), below)
            if found is not None:
                return found
        return None
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        found_in = (first_difference(a, b, f"{path}[{at}]") for at, (a, b) in pairs)
        return next((found for found in found_in if found is not None), None)
    same = one == other and type(one) is type(other)
    return None if same else (path, one, other)
