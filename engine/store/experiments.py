"""Splits as figures: who got which variant, with whom it reached its metric, and who won."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from engine.language.handling import AutoWinner
from engine.machines.sequential import Arm
from engine.store.rows import to_json

# Only leads whose time is over: the young ones have not had the chance to reach anything.
_ARMS: Final = """
SELECT s.variant, count(*), coalesce(sum(EXISTS (
    SELECT 1 FROM events e WHERE e.lead = s.lead AND e.bot = 0
    AND e.type IN (SELECT value FROM json_each(?4)) AND e.at >= s.at AND e.at < s.at + ?3
    AND (NOT ?5 OR e.body ->> '$.properties.journey' = s.journey))), 0)
FROM splits s WHERE s.journey = ?1 AND s.step = ?2 AND s.at + ?3 <= ?6 GROUP BY s.variant
"""
_WON: Final = """
INSERT INTO winners (journey, step, variant, at, figures) VALUES (?,?,?,?,?)
ON CONFLICT (journey, step) DO UPDATE SET variant = excluded.variant, at = excluded.at,
    figures = excluded.figures
"""


def arms(
    connection: sqlite3.Connection, journey: str, step: str, auto: AutoWinner, now: int
) -> dict[str, Arm]:
    """Return the figures of each variant that any lead has got, the holdout among them."""
    asked = journey, step, auto.within, to_json(auto.events), auto.own, now
    return {name: Arm(leads, hits) for name, leads, hits in connection.execute(_ARMS, asked)}


def winners(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """Return what has been decided, by (journey, step)."""
    found = connection.execute("SELECT journey, step, variant FROM winners")
    return {(journey, step): variant for journey, step, variant in found}


def decide(
    connection: sqlite3.Connection,
    place: tuple[str, str],
    variant: str,
    now: int,
    figures: Mapping[str, Any],
) -> None:
    """Write down who won at ``place`` (journey, step), and by which figures."""
    connection.execute(_WON, (*place, variant, now, to_json(figures)))
