"""A server in a process of its own, and bodies of events for it: for what measures over HTTP."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from _client import Body

HERE = Path(__file__).parent
PAGES = ("pricing", "solution", "home", "cases", "blog")


class Server(NamedTuple):
    """A running server: where it listens, and which process it is."""

    port: int
    pid: int

    def processor_ms(self) -> float:
        """Return how long its threads have been at work until now."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(each.read_text().split()[0]) for each in tasks) / 1e6


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[int]:
    """Run a server until the end of the block; yields its port."""
    with serving(command, folder) as server:
        yield server.port


@contextmanager
def serving(command: list[str], folder: Path) -> Iterator[Server]:
    """Run a server until the end of the block."""
    log = folder / f"server.{time.monotonic_ns()}.log"
    environ = {**os.environ, "LEADRULES_TOKEN": "", "PYTHONUNBUFFERED": "1"}
    with log.open("w") as out:
        server = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, env=environ, cwd=HERE.parent
        )
        try:
            yield Server(_port(server, log), server.pid)
        finally:
            server.terminate()
            server.wait(30)


def _port(server: subprocess.Popen[bytes], log: Path) -> int:
    for _ in range(600):
        found = re.search(r"listens at http://127\.0\.0\.1:(\d+)/", log.read_text("utf-8"))
        if found:
            return int(found[1])
        if server.poll() is not None:
            break
        time.sleep(0.05)
    raise SystemExit(f"the server does not start:\n{log.read_text('utf-8')}")


def bodies(leads: int, size: int) -> Body:
    """Return a maker of request bodies of ``size`` events; a lone one is about 300 bytes."""
    chance = random.Random(7)
    numbers = itertools.count()
    run = f"{time.time_ns():x}"

    def event() -> dict[str, object]:
        lead = chance.randrange(leads)
        return {
            "id": f"{run}-{next(numbers)}",
            "type": "page_viewed",
            "lead": {"user_id": f"u{lead}", "company": "金泰阀门有限公司", "city": "苏州"},
            "properties": {
                "page": chance.choice(PAGES),
                "url": "https://www.example.com/products/valves?utm_source=zhihu",
                "title": "工业阀门解决方案与选型指南",
                "duration": chance.randrange(5, 300),
            },
        }

    def body() -> bytes:
        events = [event() for _ in range(size)]
        return json.dumps(events if size > 1 else events[0], ensure_ascii=False).encode()

    return body
