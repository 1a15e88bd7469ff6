"""A server under load, killed with signal 9 again and again: nothing lost, nothing doubled.

    python -m tests.crash.kills [--kills 50] [--seed N] [--folder DIR] [--eager]

The server is ``leadrules serve`` in its own process, the clients speak HTTP to it, the provider is
a real mail server that sometimes gives no answer. Signal 9 kills the process and not the machine:
what the kernel has taken is kept. Where this process may mount a file system, the database lies on
a small one of its own, and before some of the kills that loses its power: only what was
synchronised is there afterwards.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import secrets
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.crash import _checks as checks
from tests.crash._company import company
from tests.crash._disk import Disk, NoDisk, small_disk
from tests.crash._load import Clients
from tests.crash._provider import Provider
from tests.crash._server import Server, rest
from tests.serving import mail_server

EARLY = 0.5  # of the kills, so many hit a server that is still starting
CUTS = 0.3  # of the kills, so many come with a power cut
DISK_MB = 300
Told = Callable[[str], None]


class Killing:
    """One run: ``kills`` deaths at instants that ``seed`` decides; ``disk`` can lose its power.

    With ``eager`` a scribe writes from the first event on.
    """

    def __init__(
        self,
        folder: Path,
        kills: int,
        seed: str,
        told: Told,
        disk: Disk | None = None,
        eager: bool = False,
    ) -> None:
        self._eager = eager
        self.kills = kills
        self.early = 0
        self.cuts = 0
        self._folder = folder
        self._disk = disk
        self._chance = random.Random(seed)
        self._told = told
        self._box = Provider(seed)
        self._lost: Counter[str] = Counter()
        self._seed = seed

    def run(self) -> dict[str, Any]:
        """Kill, check, and return the figures; raises AssertionError for what does not hold."""
        began = time.monotonic()
        with mail_server(self._box) as port:
            config = company(self._folder / "config", port)
            place = self._disk.place if self._disk else self._folder
            server = Server(config, place / "leads.db", eager=self._eager)
            clients = Clients(server.url, self._seed)
            try:
                server.start()
                clients.start()
                for number in range(self.kills):
                    self._kill(server, clients)
                    self._told(f"{number + 1} kills, {len(clients.acknowledged())} acknowledged")
                clients.end()
                self._drain(server)
            finally:
                server.put_away()
        self._check(server, clients)
        return self._figures(clients, server, time.monotonic() - began)

    def _kill(self, server: Server, clients: Clients) -> None:
        """Let it live for a moment, kill it, look at what it left, and start the next one."""
        before = self._box.reached.copy()
        time.sleep(self._chance.uniform(0.1, 1.2))
        self._end(server)
        self._look(server.database, clients, before)
        if self._chance.random() < EARLY:
            server.launch()
            time.sleep(self._chance.uniform(0.2, 1.2))
            server.kill()
            self.early += 1
            self._look(server.database, clients, before)
        server.start()

    def _end(self, server: Server) -> None:
        """Kill it, now and then together with the power of its disk."""
        if self._disk is None or self._chance.random() >= CUTS:
            server.kill()
            return
        self.cuts += 1
        # A computer without power answers nobody, so the process must not go on without its disk:
        # it would hear from an fdatasync under way that all is well (seen on ext4, Linux 6.18).
        server.freeze()
        self._disk.cut_power()
        server.kill()
        self._disk.restart()

    def _look(self, database: Path, clients: Clients, before: Counter[str]) -> None:
        acknowledged = clients.acknowledged()
        while self._box.now:  # what was on the wire when its sender died still arrives
            time.sleep(0.02)
        time.sleep(0.1)
        with checks.remains(database) as connection:
            checks.nothing_missing(connection, acknowledged)
            for id in checks.under_way(connection):
                self._lost[id] += self._box.reached[id] > before[id]
        before.update(self._box.reached - before)

    def _drain(self, server: Server) -> None:
        """Have every mail delivered; those that back off are told that their time has come."""
        time.sleep(2.5)  # the last timers
        while not rest(server, 3):
            server.stop()
            with contextlib.closing(sqlite3.connect(server.database)) as connection:
                connection.execute("UPDATE deliveries SET due = 1 WHERE status = 'queued'")
                connection.commit()
            server.start()
        assert server.stop() == 0

    def _check(self, server: Server, clients: Clients) -> None:
        with contextlib.closing(sqlite3.connect(server.database)) as connection:
            checks.nothing_missing(connection, clients.acknowledged())
            assert clients.acknowledged() | clients.given_up() == set(clients.sent())
            checks.every_event_is_whole(connection, clients.sent())
            checks.every_mail_arrived(connection, self._box.reached, self._lost + self._box.unclear)
        checks.the_tools_agree(server.config, server.database)
        checks.no_traceback(server.log)

    def _figures(self, clients: Clients, server: Server, seconds: float) -> dict[str, Any]:
        with contextlib.closing(sqlite3.connect(server.database)) as connection:
            stored = checks.ids_in(connection)
        return {
            "kills": self.kills + self.early,
            "of_them_while_starting": self.early,
            "of_them_with_a_power_cut": self.cuts,
            "seed": self._seed,
            "events_acknowledged": len(clients.acknowledged()),
            "events_given_up": len(clients.given_up()),
            "of_them_stored": len(stored & clients.given_up()),
            "answers": dict(clients.answers()),
            "mails": len(self._box.reached),
            "mails_reached_twice_or_more": sum(n > 1 for n in self._box.reached.values()),
            "mails_unanswered": sum(self._box.unclear.values()),
            "mails_cut_off_by_a_kill": sum(self._lost.values()),
            "seconds": round(seconds),
        }


def _say(text: str) -> None:
    print(text, flush=True)


@contextlib.contextmanager
def _disk(folder: Path) -> Iterator[Disk | None]:
    try:
        with small_disk(folder, DISK_MB) as disk:
            yield disk
    except NoDisk as error:
        _say(f"without power cuts: {error}")
        yield None


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--eager", action="store_true", help="a scribe from the first event on")
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--folder", type=Path, help="keeps the database and the log there")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with contextlib.ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory())
        folder = options.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        disk = stack.enter_context(_disk(folder))
        killing = Killing(folder, options.kills, options.seed, _say, disk, options.eager)
        print(json.dumps(killing.run()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
