"""Plugins called: for so long and no longer, with no way to end the server, and what they gave."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


class Overdue(TimeoutError):
    """The time that a plugin was given is over, which is not a timeout of the plugin's own."""


class Overreach(Exception):
    """A plugin tried to end the process, or the task that asked it."""


class BadReturn(Exception):
    """A plugin returned what its caller cannot use; the text says what, without the value."""


async def bounded(call: Callable[[], Awaitable[T]], seconds: float) -> T:
    """Return what a plugin's call gives.

    Raises Overdue after ``seconds``, and Overreach for a SystemExit, as of a library that is
    meant for the command line, which would end the server with everything in it.
    """
    try:
        async with asyncio.timeout(seconds) as limit:
            return await call()
    except TimeoutError:
        if limit.expired():
            raise Overdue(f"gave no answer within {seconds:g} s") from None
        raise
    except (SystemExit, asyncio.CancelledError) as error:
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise  # it is we who cancel
        named = Overreach(f"tried to end the server by {type(error).__name__}")
        raise named.with_traceback(error.__traceback__) from None


def sound(given: T, *kinds: type[msgspec.Struct], kept: bool = False) -> T:
    """Return a plugin's answer, which must be of one of ``kinds`` with parts of their types.

    Annotations bind nobody who writes Python: what is wrong is better found here than where
    the answer is put to use. With ``kept`` it must be fit for a database. Raises BadReturn.
    """
    name = type(given).__name__
    if not isinstance(given, msgspec.Struct) or not isinstance(given, kinds):
        must = " or ".join(kind.__name__ for kind in kinds)
        raise BadReturn(f"returned {name}; it must be {must}")
    try:
        whole = msgspec.convert(msgspec.structs.asdict(given), type(given))
        if kept:
            msgspec.json.encode(whole)
    except UnicodeError:
        raise BadReturn(f"returned {name} with text that is no Unicode") from None
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError) as error:
        raise BadReturn(f"returned {name} with a wrong part: {error}") from None
    return whole


def bare(error: BaseException) -> tuple[Any, ...]:
    """Return what a log may have of an exception: its type and frames.

    Its text may hold personal data or secrets.
    """
    kind = type(type(error).__name__, (Exception,), {"__module__": type(error).__module__})
    return kind, kind().with_traceback(error.__traceback__), error.__traceback__


def told(error: BaseException) -> str:
    """Return what a plugin did, such as `raised KeyError`, without the text of its exception.

    That may hold personal data or secrets.
    """
    own = isinstance(error, Overdue | Overreach | BadReturn)
    return str(error) if own else f"raised {type(error).__name__}"


def place(error: BaseException) -> str:
    """Return where an exception was raised, as file:line."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "a place unknown"
