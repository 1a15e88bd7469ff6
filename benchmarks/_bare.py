"""The least that a server can do: parse the JSON, and with ``--db`` store one row an event.

What it stores is durable when it answers: as in leadrules a thread writes what waits in one
transaction. It checks nothing, decides nothing and knows no leads.

    python benchmarks/_bare.py [--db FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import queue
import socket
import sqlite3
import threading
from pathlib import Path
from typing import Any

import _root  # noqa: F401 - before the engine
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from engine.host.process import settle
from engine.store.bulk import Insert, Row

MOST = 1_000  # requests a transaction
Future = asyncio.Future[None]


class Log:
    """A table of events, and the thread that writes it."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(
            "CREATE TABLE events (id TEXT PRIMARY KEY, lead TEXT, type TEXT, body TEXT)"
        )
        self._connection.execute("CREATE INDEX events_lead ON events (lead)")
        self._insert = Insert("events (id, lead, type, body)", 4, "ON CONFLICT (id) DO NOTHING")
        self._waiting: queue.SimpleQueue[tuple[list[Row], Future]] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    async def store(self, events: list[dict[str, Any]]) -> None:
        """Return when these events are durable."""
        rows: list[Row] = [
            (each["id"], each["lead"]["user_id"], each["type"], json.dumps(each)) for each in events
        ]
        future: Future = asyncio.get_running_loop().create_future()
        self._waiting.put((rows, future))
        await future

    def _run(self) -> None:
        while True:
            taken = [self._waiting.get()]
            while len(taken) < MOST and not self._waiting.empty():
                taken.append(self._waiting.get())
            self._connection.execute("BEGIN IMMEDIATE")
            self._insert.write(self._connection, [row for rows, _ in taken for row in rows])
            self._connection.execute("COMMIT")
            futures = [future for _, future in taken]
            futures[0].get_loop().call_soon_threadsafe(_answer, futures)


def _answer(futures: list[Future]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


def app(log: Log | None) -> Starlette:
    """Return the route; without a log it forgets what it parsed."""

    async def events(request: Request) -> JSONResponse:
        data = await request.json()
        given = data if isinstance(data, list) else [data]
        if log is not None:
            await log.store(given)
        return JSONResponse({"accepted": len(given)})

    return Starlette(routes=[Route("/v1/events", events, methods=["POST"])])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", type=Path)
    options = parser.parse_args()
    settle()  # as leadrules does
    bare = app(Log(options.db) if options.db else None)
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(f"listens at http://127.0.0.1:{listening.getsockname()[1]}/", flush=True)
    server = uvicorn.Server(uvicorn.Config(bare, log_level="warning", access_log=False))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve(sockets=[listening]))


if __name__ == "__main__":
    main()
