"""The server's log: one line an entry, text or JSON, with the request's id and no personal data.

What leadrules itself logs names no lead's details. The rest is caught here: an exception is
written by type and place, without its text, and what looks like an address or a telephone
number is blotted out, whoever logged it.
"""

from __future__ import annotations

import logging
import logging.config
import re
import sqlite3
import traceback
from types import TracebackType
from typing import Final, TextIO

import msgspec

from engine.language.instants import format_instant
from engine.server.requests import REQUEST_ID

_MAIL: Final = re.compile(r"[^\s<>\"'(),;:=]+@[^\s<>\"'(),;:=]+\.[^\s<>\"'(),;:=]+")
_PHONE: Final = re.compile(r"(?<![\w.-])\+?\d(?:[ -]?\d){9,14}(?![\w.-])")
# Their texts name tables and disks, never values.
_HARMLESS: Final = (sqlite3.Error, ConnectionError, TimeoutError)
_OTHERS: Final = ("uvicorn", "asyncio", "httpx", "opentelemetry")
Exc = tuple[type[BaseException], BaseException, TracebackType | None]


def redacted(text: str) -> str:
    """Return text without what looks like an e-mail address or a telephone number."""
    return _PHONE.sub("[number]", _MAIL.sub("[address]", text))


class Lines(logging.Formatter):
    """One entry as a line of text; an exception's frames follow."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the entry's own line."""
        id = REQUEST_ID.get()
        record.request = f" [{id}]" if id else ""
        record.message = redacted(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:  # noqa: N802 - logging's name
        """Return types and places."""
        return described(ei)


class JsonLines(Lines):
    """One entry as a JSON object: at, level, logger, message, request, and error with its trace."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object on one line."""
        entry = {
            "at": format_instant(int(record.created * 1_000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(record.getMessage()),
        }
        id = REQUEST_ID.get()
        if id:
            entry["request"] = id
        if record.exc_info and record.exc_info[0] is not None:
            entry["error"] = record.exc_info[0].__name__
            entry["trace"] = described(record.exc_info)
        return msgspec.json.encode(entry).decode()


def described(exc_info: object) -> str:
    """Return an exception's type and frames, and those of what caused it, without their texts."""
    error = exc_info[1] if isinstance(exc_info, tuple) else None
    parts: list[str] = []
    while isinstance(error, BaseException) and len(parts) < 5:
        said = f": {redacted(str(error))}" if isinstance(error, _HARMLESS) else ""
        frames = "".join(traceback.format_tb(error.__traceback__))
        parts.append(f"{frames}{type(error).__name__}{said}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\nafter:\n".join(parts)


def log_to(stream: TextIO, form: str) -> None:
    """Log to ``stream`` in the ``form`` text or json: our lines, and the HTTP server's troubles."""
    line: dict[str, object] = {
        "()": JsonLines if form == "json" else Lines,
        "format": "%(asctime)s %(levelname)s %(name)s%(request)s: %(message)s",
    }
    handler = {"class": "logging.StreamHandler", "stream": stream, "formatter": "line"}
    own = {"handlers": ["notes"], "level": "INFO", "propagate": False}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": line},
            "handlers": {"notes": handler},
            "loggers": {
                "leadrules": own,
                **{name: {**own, "level": "WARNING"} for name in _OTHERS},
            },
        }
    )
