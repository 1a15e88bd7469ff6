"""durable-rules in a process of its own: its death is an error, not an outage.

It comes with the extra ``leadrules[durable]``, which needs Python before 3.13.
"""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from engine.errors import LeadrulesError
from engine.network.durable import DurableRules

WORKER: Final = Path(__file__).with_name("durable_worker.py")
TIMEOUT: Final = 10.0  # seconds for one answer; it hangs for ever when it hangs
DEADLY_MESSAGES: Final = 100_000  # a fresh process then, whatever the old one has kept

Message = dict[str, Any]


class DurableFailed(LeadrulesError):
    """The process of durable-rules died, hung or refused; the next call starts another."""

    code = "durable-failed"


def missing() -> str | None:
    """Return why durable-rules is not there, None if it is."""
    if sys.version_info >= (3, 13):
        return "durable-rules cannot be imported on Python 3.13 and later"
    if importlib.util.find_spec("durable") is None:
        return "durable-rules is not installed: pip install 'leadrules[durable]'"
    return None


class DurableProcess:
    """Evaluates the messages of one ruleset; not for use by several threads at once."""

    def __init__(self, rules: DurableRules, timeout: float = TIMEOUT) -> None:
        why = missing()
        if why is not None:
            raise DurableFailed(why)
        self.rules = rules
        self.timeout = timeout
        self._process: subprocess.Popen[str] | None = None
        self._answered = 0

    @property
    def pid(self) -> int | None:
        """The id of the process, None where there is none."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start the process now, which otherwise the first question does; raises DurableFailed."""
        self._running()

    def matches(self, messages: Sequence[Message]) -> list[frozenset[str]]:
        """Return the keys of the rules that each message of one lead matches.

        Messages are made by `engine.network.durable.message`. Raises DurableFailed.
        """
        if not messages or not self.rules.definition:
            return [frozenset() for _ in messages]
        answer = self._ask(list(messages))
        return [frozenset(self.rules.rules[name] for name in names) for names in answer]

    def close(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def __enter__(self) -> DurableProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, question: Any) -> Any:
        process = self._running()
        late = threading.Event()
        guard = threading.Timer(self.timeout, _kill, (process, late))
        guard.start()
        try:
            line = _exchange(process, question)
        finally:
            guard.cancel()
        if not line:
            self._bury(process, hung=late.is_set())
        self._answered += len(question)
        answer = json.loads(line)
        if isinstance(answer, dict):
            self.close()
            raise DurableFailed(f"durable-rules refused: {answer['error']}")
        return answer

    def _running(self) -> subprocess.Popen[str]:
        if self._answered > DEADLY_MESSAGES:
            self.close()
        if self._process is None:
            self._process = _start(self.timeout)
            self._answered = 0
            self._ask(self.rules.definition)
        return self._process

    def _bury(self, process: subprocess.Popen[str], hung: bool) -> None:
        code = process.wait()
        self.close()
        how = f"did not answer within {self.timeout:g} s" if hung else f"died with code {code}"
        raise DurableFailed(f"the process of durable-rules {how}; the next call starts another")


def _start(timeout: float) -> subprocess.Popen[str]:
    # When we are killed while it hangs, nobody else ends it: it gets an alarm of its own.
    patience = str(math.ceil(timeout) + 1)
    return subprocess.Popen(
        # -P: beside the worker stands a durable.py, which is not durable-rules.
        [sys.executable, "-P", str(WORKER), patience],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    )


def _kill(process: subprocess.Popen[str], late: threading.Event) -> None:
    late.set()
    process.kill()


def _exchange(process: subprocess.Popen[str], question: Any) -> str:
    """Return the answer's line, empty when the process is gone."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(question) + "\n")
        process.stdin.flush()
    except BrokenPipeError:
        return ""
    return process.stdout.readline()
