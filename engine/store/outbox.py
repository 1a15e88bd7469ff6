"""The outbox: deliveries leased, finished and tried again. Run these with `Runtime.write`.

Attempts happen in the real world: ``now`` here is the system's time, also when the
leads' clock is the stream's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from typing import Any, Final

import msgspec

from engine.language.instants import format_instant
from engine.store import rows
from engine.store.receipts import Finished

FINISHED: Final = ("delivered", "failed", "dead", "expired")
# What one transaction gives up at most, of things too old: the rest follows in the next.
_MOST_GIVEN_UP: Final = 200

_LEASED: Final = (
    *("key", "lead", "connection", "message", "audience", "to_address", "journey", "step"),
    *("params", "attempts", "created_at", "queued_at", "deadline_at", "reason", "retries"),
    *("person", "kind"),
)
_CLOSED: Final = (
    *("key", "lead", "connection", "message", "audience", "journey", "step"),
    *("status", "reason", "retries"),
)


class Leased(msgspec.Struct, frozen=True):
    """A delivery taken for one attempt; ``attempt`` counts from 1.

    ``queued_at`` is when it was committed, ``deadline_at`` when it is too late. ``reason`` is
    why the attempt before did not succeed. ``person`` is the salesperson whom it tells of
    something of ``kind``.
    """

    key: str
    lead: str
    connection: str
    message: str | None
    audience: str
    to: str | None
    journey: str | None
    step: str | None
    params: dict[str, Any]
    attempt: int
    created_at: int
    queued_at: int
    deadline_at: int | None = None
    reason: str = ""
    retries: int = 0
    person: str | None = None
    kind: str = ""


class Order(msgspec.Struct, frozen=True):
    """What a connection asks of the outbox.

    ``room`` is how many it can begin; of those at most ``patient`` without a deadline.
    ``running`` are its keys under way, ``until`` is when the leases end, and what was queued
    at ``oldest`` or before is given up.
    """

    connection: str
    now: int
    until: int
    room: int
    patient: int
    running: Collection[str] = ()
    oldest: int = 0


class Taken(msgspec.Struct, frozen=True):
    """What a connection got: what to do, and what came to nothing.

    ``next_at`` is when there is more, None: when something new is queued; ``deadline_at`` is
    the next one of what waits.
    """

    leased: list[Leased]
    closed: list[Finished]
    next_at: int | None
    deadline_at: int | None


def take(connection: sqlite3.Connection, order: Order) -> Taken:
    """Lease what is due, what has a deadline first; close what is too late or too old.

    Leases that ran out are taken again, but for those whose keys are ``running``.
    """
    connection.execute(
        "UPDATE deliveries SET status = 'queued', leased_until = NULL"
        " WHERE status = 'leased' AND connection = ? AND leased_until <= ?"
        " AND key NOT IN (SELECT value FROM json_each(?))",
        (order.connection, order.now, rows.to_json(list(order.running))),
    )
    closed = [*_expire(connection, order), *_give_up(connection, order)]
    leased = _lease(connection, order, order.room, "deadline_at IS NOT NULL", "deadline_at")
    patient = min(order.patient, order.room - len(leased))
    leased += _lease(connection, order, patient, "deadline_at IS NULL", "due")
    return Taken(leased, closed, *_ahead(connection, order))


def _lease(
    connection: sqlite3.Connection, order: Order, limit: int, which: str, by: str
) -> list[Leased]:
    if limit <= 0:
        return []
    found = connection.execute(
        "UPDATE deliveries SET status = 'leased', attempts = attempts + 1, leased_until = ?"
        " WHERE rowid IN (SELECT rowid FROM deliveries WHERE status = 'queued'"
        f" AND connection = ? AND due <= ? AND {which} ORDER BY {by}, rowid LIMIT ?)"
        f" RETURNING {by}, rowid, {', '.join(_LEASED)}",
        (order.until, order.connection, order.now, limit),
    ).fetchall()
    return [_leased(row[2:]) for row in sorted(found, key=lambda row: row[:2])]


def _leased(row: tuple[Any, ...]) -> Leased:
    values = dict(zip(Leased.__struct_fields__, row, strict=True))
    return Leased(**values | {"params": rows.from_json(values["params"])})


def _expire(connection: sqlite3.Connection, order: Order) -> list[Finished]:
    return _close(
        connection,
        "expired",
        order.now,
        "status = 'queued' AND connection = ? AND deadline_at IS NOT NULL AND deadline_at <= ?"
        " ORDER BY deadline_at",
        (order.connection, order.now),
    )


def _give_up(connection: sqlite3.Connection, order: Order) -> list[Finished]:
    return _close(
        connection,
        "dead",
        order.now,
        "status = 'queued' AND connection = ? AND due <= ? AND queued_at <= ? ORDER BY due",
        (order.connection, order.oldest, order.oldest),
    )


def _close(
    connection: sqlite3.Connection, status: str, now: int, which: str, values: tuple[Any, ...]
) -> list[Finished]:
    """Close what waits with the reason of its last attempt, if there was one."""
    found = connection.execute(
        f"SELECT {', '.join(_CLOSED)}, queued_at, deadline_at FROM deliveries"
        f" WHERE {which} LIMIT {_MOST_GIVEN_UP}",
        values,
    ).fetchall()
    closed = []
    for row in found:
        finished = Finished(*row[: len(_CLOSED)])
        why = late(row[-1]) if status == "expired" else old(row[-2])
        reason = f"{why}; before: {finished.reason}" if finished.reason else why
        closed.append(msgspec.structs.replace(finished, status=status, reason=reason))
    for each in closed:
        finish(connection, each.key, status, now, reason=each.reason)
    return closed


def late(deadline_at: int) -> str:
    """Return the reason of what was not sent because it would come too late."""
    return f"its deadline {format_instant(deadline_at)} has passed"


def old(queued_at: int) -> str:
    """Return the reason of what was given up for its age."""
    return f"too old: it has waited since {format_instant(queued_at)}"


def _ahead(connection: sqlite3.Connection, order: Order) -> tuple[int | None, int | None]:
    """Return when something of this connection is due, and its next deadline."""
    due, deadline, leased = connection.execute(
        "SELECT (SELECT min(due) FROM deliveries WHERE status = 'queued' AND connection = ?1),"
        " (SELECT min(deadline_at) FROM deliveries WHERE status = 'queued' AND connection = ?1"
        " AND deadline_at IS NOT NULL),"
        " (SELECT min(leased_until) FROM deliveries WHERE status = 'leased' AND connection = ?1"
        " AND leased_until < ?2 AND key NOT IN (SELECT value FROM json_each(?3)))",
        (order.connection, order.until, rows.to_json(list(order.running))),
    ).fetchone()
    ahead = [at for at in (due, leased, deadline) if at is not None]
    return min(ahead, default=None), deadline


def connections(connection: sqlite3.Connection) -> list[str]:
    """Return the connections that have something to do, now or later."""
    found = connection.execute(
        "SELECT DISTINCT connection FROM deliveries WHERE status = 'queued'"
        " UNION SELECT DISTINCT connection FROM deliveries WHERE status = 'leased'"
    )
    return [name for (name,) in found]


def release(connection: sqlite3.Connection, keys: Collection[str] | None = None) -> int:
    """Give leases back: those of ``keys``, or all, which a process that died has left behind.

    Who calls it must know that nobody works on them any more. Returns how many there were.
    """
    statement = "UPDATE deliveries SET status = 'queued', leased_until = NULL WHERE"
    if keys is None:
        return connection.execute(f"{statement} status = 'leased'").rowcount
    return connection.execute(
        f"{statement} status = 'leased' AND key IN (SELECT value FROM json_each(?))",
        (rows.to_json(list(keys)),),
    ).rowcount


def put_back(connection: sqlite3.Connection, keys: Collection[str]) -> None:
    """Give leases back that nobody has begun with: their attempts do not count."""
    connection.execute(
        "UPDATE deliveries SET status = 'queued', leased_until = NULL, attempts = attempts - 1"
        " WHERE status = 'leased' AND key IN (SELECT value FROM json_each(?))",
        (rows.to_json(list(keys)),),
    )


def finish(
    connection: sqlite3.Connection,
    key: str,
    status: str,
    now: int,
    **details: str | None,
) -> None:
    """Close a delivery as delivered, failed, dead, expired or blocked.

    ``details`` may hold reason, provider_id, subject, body and to_address (as sent).
    """
    change(connection, key, status=status, finished_at=now, leased_until=None, **details)


def postpone(
    connection: sqlite3.Connection, key: str, due: int, reason: str, counts: bool = True
) -> None:
    """Try again at ``due``; an attempt that does not count is taken back."""
    change(connection, key, status="queued", due=due, leased_until=None, reason=reason)
    if not counts:
        connection.execute(
            "UPDATE deliveries SET attempts = max(attempts - 1, 0) WHERE key = ?", (key,)
        )


def change(connection: sqlite3.Connection, key: str, **values: Any) -> None:
    """Set columns of a delivery."""
    names = ", ".join(f"{name} = ?" for name in values)
    connection.execute(f"UPDATE deliveries SET {names} WHERE key = ?", (*values.values(), key))
