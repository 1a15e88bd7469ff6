"""The program of `make crash`, short; and that its checks see what they are to see."""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash import _checks as checks
from tests.crash._company import company
from tests.crash._load import Clients, Event
from tests.crash._provider import Provider
from tests.crash._server import Server, leadrules, rest
from tests.crash.kills import Killing
from tests.serving import mail_server

SEED = "LEADRULES_CRASH_SEED"


@pytest.mark.parametrize("eager", [False, True])
def test_killed_three_times_under_load(tmp_path: Path, eager: bool) -> None:
    """After signal 9 at random instants all that was acknowledged is there, once and whole."""
    seed = os.environ.get(SEED) or secrets.token_hex(4)
    print(f"{SEED}={seed} kills at the same instants again")
    figures = Killing(tmp_path, 3, seed, print, eager=eager).run()
    print(figures)
    assert figures["kills"] >= 3
    assert figures["events_acknowledged"] > 50
    assert figures["answers"]["ConnectError"] > 0


class Quiet:
    """A company after a quiet day: its database, what was sent, and what reached the provider."""

    def __init__(self, folder: Path) -> None:
        self.box = Provider("quiet", silent=0)
        with mail_server(self.box) as port:
            self.config = company(folder / "config", port)
            server = Server(self.config, folder / "leads.db")
            with server.running():
                clients = Clients(server.url, "quiet", count=1)
                clients.start()
                time.sleep(2)
                clients.end()
                time.sleep(2.5)
                assert rest(server, 30)
        self.database = server.database
        self.sent: dict[str, Event] = clients.sent()


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Quiet:
    """Run that day."""
    return Quiet(tmp_path_factory.mktemp("quiet"))


@contextlib.contextmanager
def tampered(quiet: Quiet, statement: str) -> Iterator[sqlite3.Connection]:
    """Open a copy in which something is wrong."""
    with checks.remains(quiet.database) as connection:
        assert connection.execute(statement).rowcount == 1
        yield connection


def test_a_quiet_day_passes(quiet: Quiet) -> None:
    """Where nothing happened every check agrees."""
    with checks.remains(quiet.database) as connection:
        checks.nothing_missing(connection, quiet.sent)
        checks.every_event_is_whole(connection, quiet.sent)
        checks.every_mail_arrived(connection, quiet.box.reached, {})
    checks.the_tools_agree(quiet.config, quiet.database)


ONE = "WHERE rowid = (SELECT max(rowid) FROM {} WHERE {})"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM ledger " + ONE.format("ledger", "rule = 'looked'"),
        "INSERT INTO ledger SELECT * FROM ledger " + ONE.format("ledger", "rule = 'asked'"),
        "UPDATE ledger SET event = 'form-z-1' " + ONE.format("ledger", "rule = 'has-company'"),
        "DELETE FROM tasks " + ONE.format("tasks", "1"),
        "DELETE FROM deliveries " + ONE.format("deliveries", "message = 'again'"),
        "DELETE FROM events " + ONE.format("events", "type = 'form_submitted'"),
        "UPDATE events SET id = 'form-z-1' " + ONE.format("events", "channel = 'api'"),
    ],
)
def test_half_an_event_is_seen(quiet: Quiet, statement: str) -> None:
    """Whatever of an event is missing, doubled or nobody's, the check says so."""
    with tampered(quiet, statement) as connection, pytest.raises(AssertionError):
        checks.every_event_is_whole(connection, quiet.sent)


def test_a_lost_event_is_seen(quiet: Quiet) -> None:
    """An acknowledged event that is not in the log is named."""
    statement = "DELETE FROM events " + ONE.format("events", "channel = 'api'")
    with tampered(quiet, statement) as connection, pytest.raises(AssertionError, match="lost"):
        checks.nothing_missing(connection, quiet.sent)


def test_a_doubled_mail_is_seen(quiet: Quiet) -> None:
    """A message that came twice though its answer was clear is named; with a lost answer not."""
    id = next(iter(quiet.box.reached))
    twice: dict[str, Any] = {**quiet.box.reached, id: 2}
    with checks.remains(quiet.database) as connection:
        checks.every_mail_arrived(connection, twice, {id: 1})
        with pytest.raises(AssertionError, match="too often"):
            checks.every_mail_arrived(connection, twice, {})


def test_a_changed_score_is_seen(quiet: Quiet, tmp_path: Path) -> None:
    """`replay --verify` and `doctor --deep` each find a lead whose state is not its log's."""
    statement = (
        "UPDATE leads SET score = score + 1,"
        " state = CAST(replace(CAST(state AS TEXT), '王芳', '王方') AS BLOB) "
    )
    copy = tmp_path / "copy.db"
    where = ONE.format("leads", "name = '王芳'")
    with tampered(quiet, statement + where) as connection:
        connection.commit()
        connection.execute("VACUUM INTO ?", (str(copy),))
    for verb in (("replay", "--verify"), ("doctor", "--deep", "--offline")):
        assert leadrules(*verb, "--config", quiet.config, "--db", copy).returncode == 1
