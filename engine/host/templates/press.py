"""The press: templates are filled in by processes of its own, which cost nobody else anything.

A sandbox bounds neither time nor memory, and nothing in Python can: one expression may keep
the interpreter for hours. So each message is set by a process with a bound on its memory, its
processor time and its patience; when one is passed, the message has its error and the press
another process.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from engine.errors import LeadrulesError
from engine.host.templates.press_worker import LENGTH, Answer, Order
from engine.host.templates.sandbox import MARK, environment
from engine.host.templates.typesetting import BETWEEN, BadTemplate, Job

# Wall-clock seconds for one message, far beyond the processor time that it gets: a busy
# machine must not fail an innocent template.
PATIENCE_S: Final = 8.0
PROCESSES: Final = 2
# A process is replaced after so many messages, whatever it has kept.
MOST_MESSAGES: Final = 50_000
_LOOK_EVERY_S: Final = 0.1
_LAST_WORDS_S: Final = 0.5
_FRAME: Final = re.compile(rf'File "{MARK}([^"]*)", line (\d+)')


class PressBusy(LeadrulesError):
    """A message that has taken too long before waits its turn; try it again later."""

    code = "press-busy"


class Press:
    """At most ``processes`` worker processes, started when they are needed.

    For use by several threads at once. ``patience_s`` bounds one message by the clock.
    """

    def __init__(self, processes: int = PROCESSES, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._free: queue.LifoQueue[_Worker] = queue.LifoQueue()
        self._all: list[_Worker] = [_Worker() for _ in range(processes)]
        for worker in self._all:
            self._free.put(worker)
        self._over = threading.Event()
        self._watch: threading.Thread | None = None
        self._starting = threading.Lock()
        # Messages that took too long, by configuration; of these one at a time, so that they
        # never take all processes from the others.
        self._slow: set[tuple[str, str]] = set()
        self._slow_one = threading.Lock()

    def set(self, job: Job, plates: Mapping[str, str]) -> dict[str, Any]:
        """Return a message's texts; ``plates`` are the templates of its configuration.

        Blocks until a process is free and has done it. Raises BadTemplate, PressBusy, and
        OSError when no process can be started.
        """
        if (job.plates, job.name) not in self._slow:
            return self._set(job, plates)
        if not self._slow_one.acquire(blocking=False):
            raise PressBusy(f'the message "{job.name}" took too long before; it waits its turn')
        try:
            done = self._set(job, plates)
            self._slow.discard((job.plates, job.name))
        finally:
            self._slow_one.release()
        return done

    def _set(self, job: Job, plates: Mapping[str, str]) -> dict[str, Any]:
        if self._over.is_set():
            raise OSError("the press is closed")
        self._begin_watching()
        worker = self._free.get()
        try:
            try:
                answer = worker.ask(job, plates, self._patience_s)
            except _Died as death:
                if death.late:
                    raise self._late(death, job, plates) from None
                # It may have been ended from outside, which is no fault of the message.
                answer = self._once_more(worker, job, plates)
        finally:
            self._free.put(worker)
        if answer.done is None:
            if answer.spent:
                self._remember(job)
            raise BadTemplate(answer.error)
        return answer.done

    def _remember(self, job: Job) -> None:
        """Know that this message is slow; of other configurations nothing is known any more."""
        self._slow = {each for each in self._slow if each[0] == job.plates}
        self._slow.add((job.plates, job.name))

    def _late(self, death: _Died, job: Job, plates: Mapping[str, str]) -> BadTemplate:
        self._remember(job)
        place = _last_place(death.words, plates)
        said = f"it takes longer than {self._patience_s:g} s; look for a loop"
        return BadTemplate(f'message "{job.name}"{place}: {said}')

    def _once_more(self, worker: _Worker, job: Job, plates: Mapping[str, str]) -> Answer:
        if self._over.is_set():
            raise OSError("the press is closed")
        try:
            return worker.ask(job, plates, self._patience_s)
        except _Died as death:
            if death.late:
                raise self._late(death, job, plates) from None
            self._remember(job)
            place = _last_place(death.words, plates)
            raise BadTemplate(f'message "{job.name}"{place}: it ends the process') from None

    def _begin_watching(self) -> None:
        with self._starting:
            if self._watch is None:
                self._watch = threading.Thread(
                    target=self._look, name="leadrules-press", daemon=True
                )
                self._watch.start()

    def _look(self) -> None:
        """End what has had its time."""
        while not self._over.wait(_LOOK_EVERY_S):
            now = time.monotonic()
            for worker in self._all:
                worker.end_if_late(now)

    def close(self) -> None:
        """End all processes; what they are at fails."""
        self._over.set()
        for worker in self._all:
            worker.end()
        if self._watch is not None:
            self._watch.join()

    @property
    def pids(self) -> list[int]:
        """The processes that there are now."""
        return [pid for worker in self._all if (pid := worker.pid) is not None]


class _Died(Exception):
    """The process is gone; ``late``: because we ended it. ``words`` is what it said at last."""

    def __init__(self, late: bool, words: str) -> None:
        self.late = late
        self.words = words


class _Worker:
    """One process at a time, used by one thread at a time, and watched by another."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._plates = ""
        self._done = 0
        self._until: float | None = None
        self._late = False
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """The id of the process, None where there is none."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def ask(self, job: Job, plates: Mapping[str, str], patience_s: float) -> Answer:
        """Let the process set a message; raises _Died."""
        process = self._running()
        news = None if self._plates == job.plates else plates
        order = msgspec.msgpack.encode(Order(job, news))
        self._late, self._until = False, time.monotonic() + patience_s
        try:
            raw = _exchange(process, order)
        finally:
            with self._lock:
                self._until = None
        if raw is None:
            words = self._bury()
            raise _Died(self._late, words)
        self._plates = job.plates
        self._done += 1
        answer = msgspec.msgpack.decode(raw, type=Answer)
        if answer.spent or self._done >= MOST_MESSAGES:
            self._bury()
        return answer

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process, self._plates, self._done = _start(), "", 0
        return self._process

    def end_if_late(self, now: float) -> None:
        """Ask a process that is late where it is, and end it."""
        with self._lock:
            process = self._process
            if process is None or self._until is None or now < self._until:
                return
            self._late, self._until = True, None
            if sys.platform != "win32":
                process.send_signal(signal.SIGUSR1)
                # It writes at once, even in the middle of an expression that never ends.
                time.sleep(_LAST_WORDS_S)
            process.kill()

    def end(self) -> None:
        """End the process, if there is one; who waits for its answer buries it."""
        with self._lock:
            process, busy = self._process, self._until is not None
            if process is not None:
                process.kill()
        if not busy:
            self._bury()

    def _bury(self) -> str:
        """Clear up after the process; returns what it said at last."""
        process, self._process = self._process, None
        if process is None:
            return ""
        process.kill()
        if process.stdin is not None:
            with contextlib.suppress(OSError):  # what had not gone out yet goes nowhere
                process.stdin.close()
        with process:
            said = process.stderr.read() if process.stderr else b""
        return said.decode("utf-8", "replace")


def _start() -> subprocess.Popen[bytes]:
    root = str(Path(__file__).parents[3])
    paths = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH", "")) if p)
    return subprocess.Popen(
        [sys.executable, "-m", "engine.host.templates.press_worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Templates come from people: what the server knows is none of their business.
        env={"PYTHONPATH": paths, "PATH": os.environ.get("PATH", ""), "PYTHONUTF8": "1"},
    )


def _exchange(process: subprocess.Popen[bytes], order: bytes) -> bytes | None:
    """Return the answer, None when the process is gone."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(len(order).to_bytes(LENGTH, "big") + order)
        process.stdin.flush()
        head = process.stdout.read(LENGTH)
        length = int.from_bytes(head, "big")
        raw = process.stdout.read(length) if len(head) == LENGTH else b""
    except (OSError, ValueError):
        return None
    return raw if raw and len(raw) == length else None


def _last_place(words: str, plates: Mapping[str, str]) -> str:
    """Return where a process was, from what it said at last: the innermost template first."""
    found = _FRAME.search(words)
    if found is None:
        return ""
    name = next((each for each in plates if _ascii(each) == found[1]), None)
    if name is None:
        return ", with"
    # Nothing is worked out while a template is compiled, so this is safe here.
    template, line = environment(plates, html=False).get_template(name), int(found[2])
    return f", {name.rpartition(BETWEEN)[2]}, line {template.get_corresponding_lineno(line)}"


def _ascii(name: str) -> str:
    """Return a name as `faulthandler` writes it."""
    return "".join(
        c if " " <= c <= "~" else f"\\x{ord(c):02x}" if c <= "\xff" else f"\\u{ord(c):04x}"
        for c in name
    )
