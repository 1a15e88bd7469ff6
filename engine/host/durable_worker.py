"""The process in which durable-rules runs: a ruleset on the first line, then a lead a line.

Each line in is answered by one line out. A lead's messages share one session, which is gone
after them. Nothing of the engine is imported here, so that a fresh process is quick.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

from durable import engine

NAME = "rules"
SESSION = "lead"
BEGIN = "begin"


class Host(engine.Host):  # type: ignore[misc]
    """Without the threads that run actions and timers behind our back."""

    def _run(self) -> None: ...


class Rules:
    """The ruleset, and which of its rules the present message fired."""

    def __init__(self, definition: dict[str, Any]) -> None:
        self.fired: list[str] = []
        definition = {**definition, BEGIN: {"all": [{"m": {BEGIN: 1}}]}}
        for name, rule in definition.items():
            rule["run"] = self._note(name)
        self.host = Host()
        self.host.register_rulesets({NAME: definition})
        self.number = 0

    def _note(self, name: str) -> Callable[[Any], None]:
        # Exactly one parameter: with two, durable-rules takes it for an asynchronous action.
        def run(_: Any) -> None:
            self.fired.append(name)

        return run

    def lead(self, messages: list[dict[str, Any]]) -> list[list[str]]:
        """Return the names of the rules that each message fired."""
        # It dies when a session is deleted in which nothing has matched.
        self._message({BEGIN: 1})
        answer = [self._message(each) for each in messages]
        self.host.delete_state(NAME, SESSION)
        return answer

    def _message(self, message: dict[str, Any]) -> list[str]:
        self.number += 1
        self.fired.clear()
        # A fact fires every rule that matches it; of an event, all but one would be lost.
        fact = {**message, "id": str(self.number), "sid": SESSION}
        # Raised where nothing matched.
        with contextlib.suppress(engine.MessageNotHandledException):
            self.host.assert_fact(NAME, fact)
        self.host.retract_fact(NAME, fact)
        return sorted(set(self.fired))


def answers(lines: Iterator[str]) -> Iterator[Any]:
    """Yield the answer to each line, the last one an error if there is one."""
    try:
        rules = Rules(json.loads(next(lines)))
        yield []
        for line in lines:
            yield rules.lead(json.loads(line))
    except Exception as error:
        yield {"error": f"{type(error).__name__}: {error}"}


def limited(lines: Iterator[str], patience: int) -> Iterator[str]:
    """Yield each line; this process is killed when the next is not asked for in time.

    By the system: durable-rules hangs in C, where no thread of ours runs. Seconds; not on Windows.
    """
    for line in lines:
        if hasattr(signal, "alarm"):
            signal.alarm(patience)
        yield line
        if hasattr(signal, "alarm"):
            signal.alarm(0)


def main() -> None:
    """Answer until the input ends; the argument is the patience with one answer, in seconds."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the server finishes first what it has begun
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what durable-rules prints is no answer
    for answer in answers(limited(iter(sys.stdin), int(sys.argv[1]))):
        out.write(json.dumps(answer) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
