"""Definitions that outlive their files: versions of journeys, rulesets, and splits' winners."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from engine.language import versions
from engine.language.handling import Journey
from engine.network.ruleset import Ruleset
from engine.store.rows import from_json, to_json

SCHEMA: Final = """
CREATE TABLE journey_versions (
    journey TEXT NOT NULL,
    version TEXT NOT NULL,
    replaced_at INTEGER,
    body TEXT NOT NULL,
    PRIMARY KEY (journey, version)
) WITHOUT ROWID;
CREATE TABLE rulesets (
    version TEXT PRIMARY KEY,
    configuration TEXT NOT NULL,
    elders TEXT NOT NULL,
    winners TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE winners (
    journey TEXT NOT NULL,
    step TEXT NOT NULL,
    variant TEXT NOT NULL,
    at INTEGER NOT NULL,
    figures TEXT NOT NULL,
    PRIMARY KEY (journey, step)
) WITHOUT ROWID;
CREATE TABLE splits (
    journey TEXT NOT NULL,
    step TEXT NOT NULL,
    lead TEXT NOT NULL,
    variant TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (journey, step, lead)
) WITHOUT ROWID;
CREATE INDEX splits_lead ON splits (lead)
"""
_RULESET: Final = """
INSERT OR IGNORE INTO rulesets (version, configuration, elders, winners) VALUES (?,?,?,?)
"""
_JOURNEY: Final = """
INSERT INTO journey_versions (journey, version, body) VALUES (?,?,?)
ON CONFLICT (journey, version) DO UPDATE SET replaced_at = NULL
"""
_REPLACED: Final = """
UPDATE journey_versions SET replaced_at = ?1 WHERE replaced_at IS NULL AND (journey, version)
NOT IN (SELECT value ->> 0, value ->> 1 FROM json_each(?2))
"""
# A lead that is still in a journey and came before a version was replaced may be in that one.
_LIVE: Final = """
SELECT v.body FROM journey_versions v WHERE EXISTS (
    SELECT 1 FROM enrolments e WHERE e.journey = v.journey AND e.left_at IS NULL
    AND (v.replaced_at IS NULL OR e.entered_at <= v.replaced_at))
ORDER BY v.journey, v.version
"""
_HAS_RECORD: Final = "SELECT 1 FROM sqlite_master WHERE name = 'rulesets'"
_EVERY: Final = "SELECT journey, version, body FROM journey_versions"


class Composed(msgspec.Struct, frozen=True):
    """What a ruleset was made of: a configuration's version, old journeys, winners."""

    version: str
    configuration: str
    elders: tuple[tuple[str, str], ...]
    winners: Mapping[tuple[str, str], str]


def record(connection: sqlite3.Connection, ruleset: Ruleset, now: int) -> None:
    """Keep what a ruleset is made of, before anything that it decides is committed."""
    present = ruleset.definitions.journeys
    winners = [[*place, variant] for place, variant in sorted(ruleset.winners.items())]
    made = ruleset.version, ruleset.definitions.version
    connection.execute(_RULESET, (*made, to_json(sorted(ruleset.elders)), to_json(winners)))
    connection.executemany(
        _JOURNEY, [(j.id, j.version, versions.encode(j).decode()) for j in present]
    )
    connection.execute(_REPLACED, (now, to_json([[j.id, j.version] for j in present])))


def live(connection: sqlite3.Connection) -> list[Journey]:
    """Return the definitions that leads may be in at present."""
    return [versions.decode(body.encode()) for (body,) in connection.execute(_LIVE)]


def every(connection: sqlite3.Connection) -> dict[tuple[str, str], Journey]:
    """Return all definitions that are kept, by (journey, version)."""
    found = connection.execute(_EVERY)
    return {(id, version): versions.decode(body.encode()) for id, version, body in found}


def composed(connection: sqlite3.Connection) -> list[Composed]:
    """Return what each ruleset was made of that ever decided anything here.

    Nothing of a database that is older than this record and that no server has opened since.
    """
    if not connection.execute(_HAS_RECORD).fetchone():
        return []
    found: Iterable[Any] = connection.execute(
        "SELECT version, configuration, elders, winners FROM rulesets"
    )
    return [
        Composed(
            version,
            configuration,
            tuple((id, of) for id, of in from_json(elders)),
            {(journey, step): name for journey, step, name in from_json(winners)},
        )
        for version, configuration, elders, winners in found
    ]
