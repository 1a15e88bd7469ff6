"""The server under test: ``python -m engine.cli serve`` in a process of its own, on one port."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from examples.leadforge.demo import free_port, wait_until_ready

ROOT = Path(__file__).parents[2]


def leadrules(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a verb to its end and return what it printed; nothing of this shell counts."""
    command = [sys.executable, "-m", "engine.cli", *map(str, arguments)]
    environ = plain_environ()
    return subprocess.run(
        command, check=False, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=600
    )


def plain_environ() -> dict[str, str]:
    """Return this process's environment without settings of leadrules."""
    return {k: v for k, v in os.environ.items() if not k.startswith("LEADRULES_")}


class Server:
    """One server on one database, started and killed as often as wanted.

    One that is ``eager`` has a scribe from the first event on.
    """

    def __init__(self, config: Path, database: Path, *options: str, eager: bool = False) -> None:
        self.options = options  # of `leadrules serve`
        self.module = "tests.crash.eager" if eager else "engine.cli"
        self.config = config
        self.database = database
        self.log = config.parent / "server.log"
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens, in all its lives."""
        return f"http://127.0.0.1:{self.port}"

    def launch(self) -> subprocess.Popen[bytes]:
        """Start it, and don't wait."""
        command = [sys.executable, "-m", self.module, "serve", "--config", str(self.config)]
        command += ["--db", str(self.database), "--port", str(self.port), *self.options]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=plain_environ(), stdout=log, stderr=log
            )
        return self.process

    def start(self) -> None:
        """Start it and wait until it answers."""
        wait_until_ready(self.url, self.launch(), self.log)

    def kill(self) -> None:
        """Signal 9: nothing in it runs any more."""
        self._end(signal.SIGKILL)

    def freeze(self, states: str = "TD") -> None:
        """Stop every thread where it is; one that waits for the disk stops when that answers.

        With ``states`` T only: when each has its answer.
        """
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        threads = Path(f"/proc/{self.process.pid}/task")
        while any(_state(thread) not in states for thread in threads.iterdir()):
            pass

    def thaw(self) -> None:
        """Let it go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def hang_up(self) -> None:
        """SIGHUP: load the rules anew."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        assert self.process is not None
        scribes = _children(self.process.pid)
        self.process.send_signal(number)
        code = self.process.wait(60)
        while any(map(_runs, scribes)):  # what it was sent it writes as a whole, or not at all
            time.sleep(0.01)
        return code

    @contextmanager
    def running(self) -> Iterator[Server]:
        """Run it for a block, and stop it in order."""
        self.start()
        try:
            yield self
        finally:
            self.stop()

    def put_away(self) -> None:
        """Leave no process behind, whatever happened."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def status(self) -> dict[str, Any]:
        """Return ``GET /-/status``."""
        found: dict[str, Any] = httpx.get(f"{self.url}/-/status", timeout=30).json()
        return found

    def rss(self) -> int:
        """Return the bytes of memory that the process has in use."""
        assert self.process is not None
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def _state(thread: Path) -> str:
    """Return the letter that the kernel has for what a thread does."""
    return (thread / "stat").read_text().rpartition(")")[2].split()[0]


def open_deliveries(server: Server) -> int:
    """Return how many deliveries are not done."""
    found = server.status()["deliveries"]
    return int(found.get("queued", 0)) + int(found.get("leased", 0))


def rest(server: Server, seconds: float) -> bool:
    """Wait until every delivery is done and no timer is due; False after ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if open_deliveries(server) == 0:
                return True
        time.sleep(0.2)
    return False


def _children(process: int) -> list[int]:
    threads = Path(f"/proc/{process}/task").glob("*/children")
    with contextlib.suppress(OSError):  # it has ended by itself
        return [int(each) for thread in threads for each in thread.read_text().split()]
    return []


def _runs(process: int) -> bool:
    with contextlib.suppress(OSError):
        return _state(Path(f"/proc/{process}")) not in "XZ"
    return False
