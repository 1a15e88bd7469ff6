"""A disk that is full, read-only or without power: refused is refused, acknowledged is there."""

from __future__ import annotations

import contextlib
import resource
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.crash import _checks as checks
from tests.crash._company import company
from tests.crash._disk import Disk, NoDisk, small_disk
from tests.crash._load import Clients
from tests.crash._provider import Provider
from tests.crash._server import Server, rest
from tests.crash.kills import Killing
from tests.serving import form, mail_server, wait_for

MEGABYTES = 120  # the write-ahead log alone may take 64


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A small disk; without the right to mount there is none."""
    try:
        with small_disk(tmp_path, MEGABYTES) as disk:
            yield disk
    except NoDisk as error:
        pytest.skip(str(error))


class Company:
    """A company at work: its server, clients and mail server."""

    def __init__(self, folder: Path, database: Path, port: int, box: Provider) -> None:
        self.box = box
        self.lost: Counter[str] = Counter()
        self.server = Server(company(folder / "config", port), database)
        self.clients = Clients(self.server.url, "disk", count=3)

    def begin(self) -> None:
        """Take some events in."""
        self.server.start()
        self.clients.start()
        wait_for(lambda: len(self.clients.acknowledged()) > 20)

    def refused(self) -> int:
        """Return how many requests were told that the disk refuses."""
        return self.clients.answers()["507"]

    def die(self) -> None:
        """Signal 9; what was with the provider then it may get once more."""
        self.server.kill()
        time.sleep(0.1)
        with checks.remains(self.server.database) as connection:
            self.lost.update(checks.under_way(connection) & set(self.box.reached))

    def end(self) -> None:
        """Have everything done, then look whether all of it is as it should be."""
        self.clients.end()
        time.sleep(2.5)
        assert rest(self.server, 60)
        assert self.server.stop() == 0
        sent, given_up = self.clients.sent(), self.clients.given_up()
        acknowledged = self.clients.acknowledged()
        with contextlib.closing(sqlite3.connect(self.server.database)) as connection:
            checks.nothing_missing(connection, acknowledged)
            assert acknowledged | given_up == set(sent)
            checks.every_event_is_whole(connection, sent)
            checks.every_mail_arrived(connection, self.box.reached, self.lost)
        checks.the_tools_agree(self.server.config, self.server.database)
        checks.no_traceback(self.server.log)


def said(found: Company) -> str:
    """Return the last line of the server's log."""
    return found.server.log.read_text("utf-8").rstrip().rpartition("\n")[2]


@contextlib.contextmanager
def at_work(folder: Path, database: Path) -> Iterator[Company]:
    """Run a company; its mail server always answers."""
    box = Provider("disk", silent=0)
    with mail_server(box) as port:
        found = Company(folder, database, port, box)
        try:
            found.begin()
            yield found
        finally:
            found.server.put_away()


def refuses(found: Company, why: str) -> None:
    """The server says no to every kind of writing, in the one shape, and still reads."""
    before = found.refused()
    wait_for(lambda: found.refused() > before + 5)
    url = found.server.url
    for _ in range(3):
        refusal = refused_in_the_end(f"{url}/v1/events", form(1))
        assert why in refusal["message"]
    assert httpx.get(f"{url}/-/healthy").status_code == 200
    page = httpx.get(f"{url}/v1/leads", timeout=30).json()["items"]
    assert page
    refused_in_the_end(f"{url}/v1/leads/{page[0]['id']}/note", {"text": "电话"})


def refused_in_the_end(url: str, body: dict[str, Any]) -> dict[str, Any]:
    """Post until the disk refuses, and return the refusal.

    A page that the database freed has room for a small thing or two: these are taken, properly.
    """
    for _ in range(200):
        answer = httpx.post(url, json=body, timeout=30)
        if answer.status_code == 507:
            refusal: dict[str, Any] = answer.json()["error"]
            assert refusal["code"] == "storage"
            assert answer.headers["Retry-After"]
            return refusal
        assert answer.is_success, answer.text
    raise AssertionError("a full disk took 200 requests")


def test_full_in_between(tmp_path: Path, disk: Disk) -> None:
    """On a full disk events are refused with 507 and nothing else ends; with room all go in."""
    with at_work(tmp_path, disk.place / "leads.db") as found:
        for _ in range(2):
            disk.fill()
            refuses(found, "full")
            disk.make_room()
            before = len(found.clients.acknowledged())
            wait_for(lambda before=before: len(found.clients.acknowledged()) > before + 20, 30)
        found.end()


def test_killed_on_a_full_disk(tmp_path: Path, disk: Disk) -> None:
    """A server that dies on a full disk says so when started there, and goes on with room."""
    with at_work(tmp_path, disk.place / "leads.db") as found:
        disk.fill()
        wait_for(lambda: found.refused() > 3)
        found.die()
        assert refused_to_start(found, disk)
        disk.make_room()
        found.server.start()
        found.end()


def refused_to_start(found: Company, disk: Disk) -> bool:
    """Start until the disk refuses that; a server that finds room in its own pages is killed."""
    for _ in range(10):
        disk.fill()
        ended = found.server.launch()
        with contextlib.suppress(subprocess.TimeoutExpired):
            assert ended.wait(8) == 2
            assert "the database cannot be used: database or disk is full" in said(found)
            return True
        found.die()
    return False


def test_read_only_in_between(tmp_path: Path, disk: Disk) -> None:
    """Where the file system turns read-only the server refuses to write, and to start; then on."""
    with at_work(tmp_path, disk.place / "leads.db") as found:
        # Not in the middle of an fdatasync: ext4 may answer that one as done though it was not.
        found.server.freeze("T")
        disk.go_read_only()
        found.server.thaw()
        refuses(found, "")
        found.die()
        ended = found.server.launch()
        assert ended.wait(30) == 2
        assert "Read-only file system" in said(found)
        disk.restart()
        found.server.start()
        found.end()


@pytest.mark.parametrize("eager", [False, True])
def test_power_cuts(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch, eager: bool
) -> None:
    """What was acknowledged was synchronised: it outlives a disk without power."""
    monkeypatch.setattr("tests.crash.kills.CUTS", 1.0)
    killing = Killing(tmp_path, 3, "power", print, disk, eager)
    killing.run()
    assert killing.cuts == 3


def limited(process: int, size: int) -> None:
    """Let a process write no file beyond ``size`` bytes; RLIM_INFINITY: as far as it likes."""
    hard = resource.prlimit(process, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(process, resource.RLIMIT_FSIZE, (size, hard))


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
def test_files_that_may_not_grow(tmp_path: Path) -> None:
    """Where the kernel lets no file grow (a quota) it is as on a full disk; no rights needed."""
    with at_work(tmp_path, tmp_path / "leads.db") as found:
        assert found.server.process is not None
        limited(found.server.process.pid, 1_024)
        refuses(found, "")
        limited(found.server.process.pid, resource.RLIM_INFINITY)
        found.end()
