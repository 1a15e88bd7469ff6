"""Compiled rules, kept by their version: what has been compiled once is not compiled again."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from engine.language.definitions import Definitions, Journey
from engine.network.ruleset import Ruleset
from engine.store.reading import Reader
from engine.store.versions import Composed

KEPT: Final = 4  # going back and forth between two branches of the rules costs nothing


class Inherited(msgspec.Struct, frozen=True):
    """What a ruleset takes over from the past: journeys that leads may still be in, winners."""

    elders: tuple[Journey, ...] = ()
    winners: Mapping[tuple[str, str], str] = {}


NOTHING: Final = Inherited()


def inherited(reader: Reader, definitions: Definitions, present: Ruleset | None) -> Inherited:
    """Return what ``definitions`` take over from a database and from the ``present`` rules."""
    running = present.running if present is not None else ()
    before = [rule.definition for rule in running]
    known = {(j.id, j.version): j for j in (*reader.journeys_in_use(), *before)}
    new = {(j.id, j.version) for j in definitions.journeys}
    elders = tuple(j for key, j in sorted(known.items()) if key not in new)
    asked = {
        (j.id, s.id) for j in definitions.journeys for s in j.steps if s.split and s.split.auto
    }
    won = {place: name for place, name in reader.winners().items() if place in asked}
    return Inherited(elders, won)


def recorded(reader: Reader, definitions: Iterable[Definitions]) -> dict[str, Ruleset]:
    """Return the rulesets, by version, that a database has a record of and whose files are here.

    These are what the log names where old journeys or winners had a say.
    """
    at_hand = {each.version: each for each in definitions}
    composed = reader.rulesets()
    journeys = reader.journey_versions() if composed else {}
    found: dict[str, Ruleset] = {}
    for made in composed:
        files = at_hand.get(made.configuration)
        if files is not None and made.version != made.configuration:
            found[made.version] = _again(made, files, journeys)
    return found


def _again(
    made: Composed, files: Definitions, journeys: Mapping[tuple[str, str], Journey]
) -> Ruleset:
    return Ruleset(files, [journeys[key] for key in made.elders], made.winners)


class Compiler:
    """Compiles definitions, and keeps the latest few rulesets to give them again.

    A version says what the rules mean; the same rules may stand on other lines, and beside
    other settings of the server. So the text of the files counts too.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, ...], Ruleset] = OrderedDict()

    def ruleset(
        self,
        definitions: Definitions,
        sources: Mapping[str, Sequence[str]],
        past: Inherited = NOTHING,
    ) -> Ruleset:
        """Return the ruleset of these definitions, read from these files: name -> lines."""
        key = definitions.version, _fingerprint(sources), _past(past)
        found = self._kept.pop(key, None)
        if found is None or found.definitions.server != definitions.server:  # ${ENV} may differ
            found = Ruleset(definitions, past.elders, past.winners)
        self._kept[key] = found
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return found


def _past(past: Inherited) -> str:
    return repr(([(j.id, j.version) for j in past.elders], sorted(past.winners.items())))


def _fingerprint(sources: Mapping[str, Sequence[str]]) -> str:
    digest = hashlib.sha256()
    for name in sorted(sources):
        digest.update(f"{name}\0".encode())
        digest.update("\n".join([*sources[name], "\0"]).encode())
    return digest.hexdigest()
