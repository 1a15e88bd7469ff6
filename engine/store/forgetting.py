"""Forgetting a person: what says who it was goes, what only counts stays under another name.

The log keeps its lines, without bodies, so that figures by day, channel and rule are as
before. Nothing leads from them to the person: the lead gets a random name, and so do ids
that somebody outside may have made from an address.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from engine.machines.directory import Identity
from engine.machines.state import Lead
from engine.store import digests, merges, meta, rows

PREFIX: Final = "forgotten:"
_KEY: Final = "tombstone_key"
# Of a happening only these stay: names of rules and stages, never what people wrote.
_PLAIN: Final = frozenset(
    {"from", "to", "model", "score", "rule", "journey", "step", "does", "sla", "rung", "message"}
)
_GONE: Final = (
    *("leads", "searched", "timers", "snapshots", "enrichments", "enrolments", "journey_steps"),
    *("clocks", "companies", "tags", "splits"),
)
_KEPT: Final = (
    "UPDATE events SET id = ?1 || ':' || seq, lead = ?1, body = CASE"
    " WHEN type IN ('opportunity_won', 'order_placed', 'contract_signed', 'payment_received')"
    " THEN json_object('properties', json_object('amount', body -> '$.properties.amount'))"
    " WHEN body ->> '$.properties.message' IS NOT NULL THEN json_object('properties', json_object("
    "'message', body ->> '$.properties.message', 'journey', body ->> '$.properties.journey',"
    " 'step', body ->> '$.properties.step'))"
    " ELSE '{}' END WHERE lead = ?2",
    "UPDATE ledger SET lead = ?1, event = NULL WHERE lead = ?2",
    "UPDATE deliveries SET key = ?1 || ':' || rowid, lead = ?1, to_address = NULL, params = '{}',"
    " reason = '', provider_id = NULL, subject = NULL, body = NULL, person = NULL, digest = NULL,"
    " status = CASE WHEN status IN ('queued', 'leased') THEN 'blocked' ELSE status END"
    " WHERE lead = ?2",
    "UPDATE tasks SET id = ?1 || ':' || rowid, lead = ?1, title = '', outcome = NULL,"
    " status = 'done' WHERE lead = ?2",
    "UPDATE transitions SET lead = ?1, event = ?1, reason = NULL, stayed = NULL WHERE lead = ?2",
    "UPDATE grade_changes SET lead = ?1, event = ?1, reason = NULL WHERE lead = ?2",
    "UPDATE removed_events SET id = ?1 || ':' || hex(randomblob(8)), lead = ?1 WHERE lead = ?2",
    "UPDATE audit SET lead = ?1 WHERE lead = ?2",
    "UPDATE arrivals SET lead = ?1 WHERE lead = ?2",
    "UPDATE entries SET lead = ?1 WHERE lead = ?2",
)
_TURNS: Final = """
UPDATE assignments SET lead = ?1, event = ?1, tried = '[]', considered = '[]', reason = ''
WHERE lead = ?2
"""


class Erased(msgspec.Struct, frozen=True):
    """What was done: the name that the counts have now, and how many events and identities."""

    name: str
    events: int
    identities: int


def erase(connection: sqlite3.Connection, lead: Lead, now: int) -> Erased:
    """Forget a lead within the caller's transaction.

    Deleted bytes are overwritten in the file (``secure_delete``), and the search index is
    rewritten, which takes seconds for a million leads; what the write-ahead log still has goes
    with the next `checkpoint`.
    """
    connection.execute("PRAGMA secure_delete = ON")
    name = PREFIX + secrets.token_hex(12)
    identities = connection.execute(
        "SELECT kind, value FROM identities WHERE lead = ?", (lead.id,)
    ).fetchall()
    _bury(connection, [(kind, value) for kind, value in identities], now)
    _erase_held(connection, lead.id, [value for _, value in identities])
    connection.execute("DELETE FROM identities WHERE lead = ?", (lead.id,))
    _keep_count(connection, lead, name, now)
    _strip_happenings(connection, lead.id, name)
    whole = merges.subtree(connection, lead.id)
    # Each of those that were one has a name, by which who had it is told from who had the others.
    aliases = {id: f"{name}:{n}" if n else name for n, id in enumerate(whole)}
    events = sum(_strip(connection, name, id, aliases[id]) for id in whole)
    merges.forget(connection, aliases, name)
    # A full-text index keeps what was deleted until its segments are merged.
    connection.execute("INSERT INTO search (search) VALUES ('optimize')")
    return Erased(name, events, len(identities))


def _strip(connection: sqlite3.Connection, name: str, lead: str, alias: str) -> int:
    """Take from the rows of a lead what says who it was; returns how many events there were.

    All that was one gets the ``name``, only whose turn it was goes by the ``alias``.
    """
    digests.forget(connection, lead)
    events = connection.execute(_KEPT[0], (name, lead)).rowcount
    for statement in _KEPT[1:]:
        connection.execute(statement, (name, lead))
    connection.execute(_TURNS, (alias, lead))
    for table in _GONE:
        column = "id" if table == "leads" else "lead"
        connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (lead,))
    return events


def checkpoint(connection: sqlite3.Connection) -> None:
    """Move the write-ahead log into the file and empty it; outside of any transaction."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def buried(connection: sqlite3.Connection, identities: Iterable[Identity]) -> set[Identity]:
    """Return those of ``identities`` that somebody had who was forgotten."""
    if connection.execute("SELECT 1 FROM tombstones LIMIT 1").fetchone() is None:
        return set()
    key = _key(connection)
    hashes = {_hash(key, identity): identity for identity in identities}
    found = connection.execute(
        "SELECT hash FROM tombstones WHERE hash IN (SELECT value FROM json_each(?))",
        (rows.to_json(list(hashes)),),
    )
    return {hashes[row[0]] for row in found}


def _bury(connection: sqlite3.Connection, identities: Iterable[Identity], now: int) -> None:
    key = _key(connection)
    connection.executemany(
        "INSERT OR REPLACE INTO tombstones (hash, at) VALUES (?,?)",
        [(_hash(key, identity), now) for identity in identities],
    )


def _key(connection: sqlite3.Connection) -> bytes:
    """Return this database's own key: a bare hash of a telephone number is soon guessed."""
    kept = meta.get(connection, _KEY)
    if kept is None:
        kept = secrets.token_hex(32)
        meta.put(connection, _KEY, kept)
    return bytes.fromhex(kept)


def _hash(key: bytes, identity: Identity) -> str:
    return hmac.new(key, "\0".join(identity).encode(), hashlib.sha256).hexdigest()


def _keep_count(connection: sqlite3.Connection, lead: Lead, name: str, now: int) -> None:
    facts = lead.facts
    connection.execute(
        "INSERT INTO forgotten (lead, at, created_at, source, stage, stages) VALUES (?,?,?,?,?,?)",
        (
            *(name, now, lead.created_at, facts.get("lead.source.name"), facts.get("stage")),
            rows.to_json(list(lead.stages)),
        ),
    )


def _strip_happenings(connection: sqlite3.Connection, lead: str, name: str) -> None:
    found = connection.execute(
        "SELECT rowid, data FROM happenings WHERE lead = ?", (lead,)
    ).fetchall()
    connection.executemany(
        "UPDATE happenings SET lead = ?, event = NULL, data = ? WHERE rowid = ?",
        [(name, rows.to_json(_plain(rows.from_json(data))), line) for line, data in found],
    )


def _plain(data: Any) -> dict[str, Any]:
    return {k: v for k, v in data.items() if k in _PLAIN and not isinstance(v, dict | list)}


def _erase_held(connection: sqlite3.Connection, lead: str, values: list[str]) -> None:
    """Erase what intake holds or turned away of the same person: ids, and all it brought."""
    given = (rows.to_json(values),)
    held = connection.execute(
        "SELECT DISTINCT id FROM quarantine_identities"
        " WHERE value IN (SELECT value FROM json_each(?))",
        given,
    ).fetchall()
    for (id,) in held:
        connection.execute("DELETE FROM quarantine WHERE id = ?1 OR behind = ?1", (id,))
        connection.execute("DELETE FROM quarantine_identities WHERE id = ?", (id,))
    for table, column in (("rejected", "body"), ("quarantine", "arrival")):
        connection.execute(
            f"DELETE FROM {table} WHERE seq IN (SELECT t.seq FROM {table} t, json_each(?) j"
            f" WHERE instr(t.{column}, j.value) > 0)",
            given,
        )
