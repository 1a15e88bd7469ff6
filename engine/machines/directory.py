"""The directory machine: which lead do these identities mean, and which leads are one?"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from engine.language.intake import OLDEST, Merge

Identity = tuple[str, str]  # kind, value


class Resolution(msgspec.Struct, frozen=True):
    """The lead that identities mean.

    ``links`` are identities to be linked to it; ``conflicts`` are other leads to which
    some of the identities belong. `unite` says which of those are the same person.
    """

    lead: str
    created: bool
    links: tuple[Identity, ...]
    conflicts: tuple[str, ...]


def resolve(
    known: Mapping[Identity, str], identities: Sequence[Identity], new_id: str
) -> Resolution:
    """Return the lead of the strongest known identity, or ``new_id`` when none is known.

    ``identities`` come strongest first.
    """
    owners = [known[i] for i in identities if i in known]
    lead = owners[0] if owners else new_id
    return Resolution(
        lead,
        not owners,
        tuple(i for i in identities if i not in known),
        tuple(dict.fromkeys(o for o in owners if o != lead)),
    )


class Named(msgspec.Struct, frozen=True):
    """A lead that an event names.

    ``by`` are the kinds of identities with which it does (``id`` for the lead's own id),
    ``kinds`` those of all identities that the lead has; ``since`` is when it came to be.
    """

    id: str
    by: frozenset[str]
    kinds: frozenset[str]
    since: int


class Conflict(msgspec.Struct, frozen=True):
    """A lead that stays another one, and why."""

    lead: str
    reason: str


class Union(msgspec.Struct, frozen=True):
    """What becomes of the leads that one event names.

    ``merges`` are pairs (survivor, absorbed) in order; ``lead`` is whose the event is then.
    """

    lead: str
    merges: tuple[tuple[str, str], ...] = ()
    conflicts: tuple[Conflict, ...] = ()


def unite(rule: Merge, named: Sequence[Named], apart: Collection[frozenset[str]] = ()) -> Union:
    """Return which of the leads that one event names are one, and which are not and why.

    ``named`` come strongest first; ``apart`` holds pairs that a person has separated. Leads that
    each have a value of the same kind of ``rule.when`` are two people. A lead without any of
    these kinds is a browser's history: it goes into the other one. Two that have some are one
    only if the event names both by them: a family shares a computer.
    """
    present, *others = named
    members = {present.id}
    merges: list[tuple[str, str]] = []
    conflicts: list[Conflict] = []
    for other in others:
        separated = any(frozenset((id, other.id)) in apart for id in members)
        reason = "a person has separated them" if separated else _why_not(rule, present, other)
        if reason is not None:
            conflicts.append(Conflict(other.id, reason))
            continue
        keeps, goes = _in_order(rule, present, other)
        merges.append((keeps, goes))
        members.add(other.id)
        since = min(present.since, other.since)
        present = Named(keeps, present.by | other.by, present.kinds | other.kinds, since)
    return Union(present.id, tuple(merges), tuple(conflicts))


def _why_not(rule: Merge, one: Named, other: Named) -> str | None:
    """Return why two leads stay two, None when they are one."""
    if not rule.when:
        return "nobody is merged: merge.when is empty"
    both = [kind for kind in rule.when if kind in one.kinds and kind in other.kinds]
    if both:
        return f"each has a {both[0]} of its own"
    if not (_is_proven(rule, one) and _is_proven(rule, other)):
        return None
    proving = {*rule.when, "id"}
    if proving & one.by and proving & other.by:
        return None
    shared = ", ".join(sorted((one.by | other.by) - proving))
    return f"{shared} alone does not prove that they are one"


def _is_proven(rule: Merge, lead: Named) -> bool:
    return not lead.kinds.isdisjoint(rule.when)


def _in_order(rule: Merge, one: Named, other: Named) -> tuple[str, str]:
    """Return whose id stays and whose goes; a browser's history never gives the name."""
    if _is_proven(rule, one) != _is_proven(rule, other):
        stays = one if _is_proven(rule, one) else other
    elif rule.keep == OLDEST:
        stays = min(one, other, key=lambda lead: (lead.since, lead.id))
    else:
        stays = one
    return (one.id, other.id) if stays is one else (other.id, one.id)
