"""The process in which templates are filled in: bounded in memory and time, and expendable.

It reads jobs from its standard input and answers on its standard output, each with its length
before it, until the input ends. What a template can do to it ends with it:
`engine.host.templates.press` starts another.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from engine.host.templates.typesetting import MAX_SECONDS, BadTemplate, Job, TooMuchWork, Typesetter

# What a message may take beside what the process itself needs.
MEMORY: Final = 256 * 1024 * 1024
LENGTH: Final = 4
# An alarm beyond the press's own patience: nobody else ends this process when the press is dead.
_LAST_RESORT_S: Final = 15.0


class Order(msgspec.Struct, frozen=True):
    """What the press sends: a job, before the first one of a configuration its plates."""

    job: Job
    plates: Mapping[str, str] | None = None


class Answer(msgspec.Struct, frozen=True):
    """What comes back: the texts, or why not; ``spent``: use another process from now on."""

    done: dict[str, Any] | None = None
    error: str = ""
    spent: bool = False


def work(orders: BinaryIO, answers: BinaryIO) -> None:
    """Answer orders until there are no more."""
    decoder, encoder = msgspec.msgpack.Decoder(Order), msgspec.msgpack.Encoder()
    typesetter = Typesetter({})
    while True:
        head = orders.read(LENGTH)
        if len(head) < LENGTH:
            return
        order = decoder.decode(orders.read(int.from_bytes(head, "big")))
        if order.plates is not None:
            typesetter = Typesetter(order.plates)
        answer = encoder.encode(_answer(typesetter, order.job))
        answers.write(len(answer).to_bytes(LENGTH, "big") + answer)
        answers.flush()


def _answer(typesetter: Typesetter, job: Job) -> Answer:
    try:
        try:
            _set_alarms(MAX_SECONDS, _LAST_RESORT_S)
            return Answer(typesetter.set(job))
        finally:
            _set_alarms(0, 0)
    except BadTemplate as error:
        # What has taken much may leave much behind.
        spent = isinstance(error.__cause__, MemoryError | RecursionError | TooMuchWork)
        return Answer(error=str(error), spent=spent)
    except Exception as error:
        return Answer(error=f'message "{job.name}": {type(error).__name__}', spent=True)


def _set_alarms(processor_s: float, wall_s: float) -> None:
    if sys.platform != "win32":
        # Again and again, should something in between swallow the first one.
        signal.setitimer(signal.ITIMER_PROF, processor_s, processor_s and 0.1)
        signal.setitimer(signal.ITIMER_REAL, wall_s)


def _too_long(_signal: int, _frame: Any) -> None:
    raise TooMuchWork


def bound() -> None:
    """Give this process its bounds; on Windows it has those of the press only."""
    faulthandler.enable()
    if sys.platform == "win32":
        return
    import resource

    signal.signal(signal.SIGPROF, _too_long)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    # The press asks where we are before it ends us; a template may hold Python up for ever.
    faulthandler.register(signal.SIGUSR1, all_threads=False)
    own = Path("/proc/self/statm")
    if own.exists():
        pages = int(own.read_text().split()[0])
        most = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Work for the process that started this one."""
    # An interrupt in the terminal is for the server, which ends us in its own time.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    bound()
    work(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
