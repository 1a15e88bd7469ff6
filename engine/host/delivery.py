"""The outbox at work: a lane for each connection, woken by the writer.

At least once, with one idempotency key: what a process that died had taken is taken again at
once, for the lock of the database says that nobody else works on it. Attempts happen in the
real world, so they go by the system's time, also when the leads' clock is the stream's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from engine.host.attempt import PERFORM_S, Attempts
from engine.host.breaker import REST_S
from engine.host.lane import Lane, LaneStatus, Tools
from engine.host.limits import backoff
from engine.host.plugins import Plugins
from engine.host.settling import Host, Settler, now_of
from engine.store import outbox, receipts, retrying
from engine.store.database import connect_reader, may_go_later
from engine.store.receipts import Finished

logger = logging.getLogger("leadrules.delivery")

DRAIN_S: Final = 10.0
_READERS: Final = 2  # threads of our own: what plugins do with the common ones is theirs
_CLOSE_S: Final = 5.0
_AGAIN_S: Final = 1.0


class Deliverer:
    """Runs the outbox of one runtime until it is stopped."""

    def __init__(
        self,
        host: Host,
        plugins: Plugins,
        backoff: Callable[[int], int] = backoff,
        perform_s: float = PERFORM_S,
        drain_s: float = DRAIN_S,
        rest_s: float = REST_S,
    ) -> None:
        self._host = host
        self._plugins = plugins
        self._drain_s = drain_s
        self._threads = ThreadPoolExecutor(_READERS, "leadrules-outbox")
        attempts = Attempts(plugins, host.telemetry, perform_s)
        self._tools = Tools(host, attempts, Settler(host, backoff), self._threads, rest_s)
        self._lanes: dict[str, Lane] = {}
        self._beginning: asyncio.Task[None] | None = None
        self._waiting: dict[str, int | None] = {}
        self._open = False

    # --- life --------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin in the running event loop."""
        loop = asyncio.get_running_loop()

        def told(connections: Mapping[str, int | None]) -> None:
            try:
                loop.call_soon_threadsafe(self._wake, dict(connections))
            except RuntimeError:  # the loop is closed; the next start finds what is queued
                logger.warning("deliveries were queued while the outbox stopped")

        self._host.on_queued(told)
        self._beginning = asyncio.create_task(self._begin(), name="leadrules-delivery")

    async def stop(self) -> None:
        """Take nothing more; give what runs 10 s to end. The rest is given back for later."""
        self._open = False
        self._host.on_queued(None)
        if self._beginning is not None:
            self._beginning.cancel()
            await asyncio.gather(self._beginning, return_exceptions=True)
        await asyncio.gather(*(lane.stop(self._drain_s) for lane in self._lanes.values()))
        await asyncio.gather(*(self._close(name) for name in self._plugins.actions))
        await asyncio.get_running_loop().run_in_executor(None, self._tools.attempts.close)
        self._threads.shutdown(wait=False)

    async def _close(self, name: str) -> None:
        """Let an action let go; what it does wrong there must not keep the server."""
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._plugins.actions[name].close()
        except Exception:
            logger.exception("the action %s does not close", name)

    async def _begin(self) -> None:
        """Take up what the process before has left: leases, receipts, and what is queued."""
        while True:
            try:
                await self._host.write(outbox.release)
                names = await self._host.write(outbox.connections)
                break
            except Exception as error:
                if may_go_later(error):
                    logger.error("the outbox waits for the disk: %s", error)
                else:
                    logger.exception("the outbox cannot begin yet")
                await asyncio.sleep(_AGAIN_S)
        # Not before: what lanes lease must not be taken for a dead process's.
        self._open = True
        self._wake({**dict.fromkeys(names), **self._waiting})
        await self._send_missing_receipts()

    def _wake(self, connections: Mapping[str, int | None]) -> None:
        """Let the lanes look; a connection with something to do gets its lane."""
        if not self._open:
            self._waiting.update(connections)
            return
        for name, deadline in connections.items():
            if name not in self._lanes:
                self._lanes[name] = Lane(name, self._tools)
                self._lanes[name].start()
            self._lanes[name].wake(deadline)

    async def _send_missing_receipts(self) -> None:
        """Make up for receipts between which and their delivery the process died."""

        def read() -> list[Finished]:
            connection = connect_reader(self._host.reader.path)
            try:
                return receipts.missing(connection)
            finally:
                connection.close()

        missing = await asyncio.get_running_loop().run_in_executor(self._threads, read)
        attempts, ruleset = self._tools.attempts, self._host.ruleset
        await self._tools.settler.tell_all(missing, lambda c: attempts.receipt_of(ruleset, c))

    # --- people ------------------------------------------------------------------------------

    async def retry(self, key: str, by: str) -> None:
        """Try again what came to nothing, with the same key; raises NotFound or Refused."""
        now = now_of(self._host)
        name = await self._host.write(lambda c: retrying.retry(c, key, now, by))
        self._mended(name)

    async def retry_all(self, connection: str, by: str, status: str | None = None) -> int:
        """Try again everything of a connection that came to nothing; returns how many."""
        now = now_of(self._host)
        count = await self._host.write(lambda c: retrying.retry_all(c, connection, now, by, status))
        self._mended(connection)
        return count

    def _mended(self, name: str) -> None:
        self._wake({name: None})
        if name in self._lanes:
            self._lanes[name].mended()

    def status(self) -> dict[str, LaneStatus]:
        """Return how each connection stands, in the event loop's thread."""
        known = {*self._lanes, *self._host.ruleset.definitions.server.connections}
        lanes = {name: self._lanes.get(name) or Lane(name, self._tools) for name in sorted(known)}
        return {name: lane.status() for name, lane in lanes.items()}
