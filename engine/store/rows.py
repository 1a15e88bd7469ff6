"""Structs to rows and back. Encoders are made once; their bytes are the same each time."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import msgspec

from engine.machines.state import (
    Delivery,
    Event,
    Happening,
    Lead,
    LedgerLine,
    Task,
    TeamBook,
)
from engine.store.logged import Body, Logged

Row = tuple[Any, ...]


_encode: Final = msgspec.json.Encoder().encode
_decode_lead: Final = msgspec.json.Decoder(Lead).decode
_decode_leads: Final = msgspec.json.Decoder(list[Lead]).decode
_decode_book: Final = msgspec.json.Decoder(TeamBook).decode
_decode_body: Final = msgspec.json.Decoder(Body).decode
_decode_any: Final = msgspec.json.Decoder().decode

EVENT_COLUMNS: Final = 'id, lead, type, at, decided_at, channel, history, "by", bot, body, ruleset'
LOG_COLUMNS: Final = f"seq, {EVENT_COLUMNS}, first"

# The columns of a lead that most events leave as they are.
LISTED: Final = (
    *("name", "company", "score", "grade", "stage", "owner", "team", "pool", "source", "wake_at"),
)


def to_json(value: Any) -> str:
    """Return ``value`` as compact JSON text."""
    return _encode(value).decode()


def from_json(text: str | bytes) -> Any:
    """Return what `to_json` was given."""
    return _decode_any(text)


def event_row(event: Event, lead: str, decided_at: int, ruleset: str) -> Row:
    """Return an event as `EVENT_COLUMNS` has it."""
    body = Body(event.lead, event.properties, event.client, event.raw, event.screened)
    return (
        event.id,
        lead,
        event.type,
        event.at,
        decided_at,
        event.channel,
        event.history,
        event.by,
        event.bot,
        _encode(body).decode(),
        ruleset,
    )


def logged(row: sqlite3.Row) -> Logged:
    """Return the event of a row with `LOG_COLUMNS`."""
    body = _decode_body(row["body"])
    event = Event(
        id=row["id"],
        type=row["type"],
        at=row["at"],
        lead=body.lead,
        properties=body.properties,
        channel=row["channel"],
        history=bool(row["history"]),
        by=row["by"],
        bot=bool(row["bot"]),
        client=body.client,
        raw=body.raw,
        screened=body.screened,
    )
    return Logged(row["seq"], row["lead"], row["decided_at"], row["ruleset"], event, row["first"])


def lead_row(lead: Lead, model: str) -> Row:
    """Return a lead as the columns of its table; ``model`` is the default scoring model."""
    return lead.id, lead.created_at, lead.updated_at, *listed(lead, model), _encode(lead)


@cache
def listed_facts(model: str) -> tuple[str, ...]:
    """Return the facts that `LISTED` is made of, but for ``wake_at``, which is none."""
    return (
        *("lead.name", "lead.company", f"score.{model}.total", "grade"),
        *("stage", "owner", "team", "pool", "lead.source.name"),
    )


def listed(lead: Lead, model: str) -> Row:
    """Return a lead as the columns of `LISTED`; ``model`` is the default scoring model."""
    return (*map(lead.facts.get, listed_facts(model)), lead.wake_at)


def same_facts(one: Lead, other: Lead, names: Sequence[str]) -> bool:
    """Whether two states of a lead have the same in these facts."""
    if one.facts is other.facts:
        return True
    return [*map(one.facts.get, names)] == [*map(other.facts.get, names)]


def encoded(lead: Lead) -> bytes:
    """Return the state column of a lead."""
    return _encode(lead)


def lead_states(states: str) -> list[Lead]:
    """Return the leads whose state columns these are, with commas between them."""
    return _decode_leads(f"[{states}]")


def lead_state(state: bytes | str) -> Lead:
    """Return the lead whose state column this is."""
    return _decode_lead(state)


def book_row(team: str, book: TeamBook) -> Row:
    """Return one team's running state as a row."""
    return team, _encode(book).decode()


def team_book(state: str) -> TeamBook:
    """Return the running state whose column this is."""
    return _decode_book(state)


def ledger_row(lead: str, line: LedgerLine) -> Row:
    """Return a ledger line as a row."""
    return (
        *(lead, line.at, line.model, line.dimension, line.rule, line.points),
        *(line.event, line.source, line.ruleset, line.reason),
    )


def happening_row(lead: str, event: str, happening: Happening) -> Row:
    """Return a happening, with the event that it came from, as a row."""
    return lead, happening.at, happening.kind, event, _encode(happening.data).decode()


def delivery_row(delivery: Delivery, queued_at: int, deadline_at: int | None) -> Row:
    """Return a delivery as a row; a blocked one is finished at once.

    ``queued_at`` and ``deadline_at`` are instants of the computer's time.
    """
    finished = None if delivery.status == "queued" else delivery.at
    due = delivery.at if delivery.due is None else delivery.due
    person = delivery.to if delivery.audience == "owner" else None
    return (
        *(delivery.key, delivery.lead, delivery.connection, delivery.message),
        *(delivery.audience, delivery.to, delivery.journey, delivery.step),
        *(_encode(delivery.params).decode(), delivery.status, delivery.reason),
        *(due, delivery.at, finished, queued_at, deadline_at, person, delivery.kind),
    )


def task_row(task: Task) -> Row:
    """Return a to-do as a row."""
    return (
        *(task.id, task.lead, task.title, task.owner, task.due, task.priority),
        *(task.created_at, task.journey, task.step),
    )
