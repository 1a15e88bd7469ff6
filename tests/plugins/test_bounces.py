"""Bounces in a mailbox become events: read once, nothing lost, and no stranger is believed."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.cli.main import run
from engine.host.plugins import Plugins
from engine.host.polling import Polling
from engine.server.receipts import SentDeliveries
from plugins.channels import bounces, mailbox
from tests.plugins import imap_servers
from tests.plugins.bounce_samples import complaint, postfix, qq, vacation
from tests.plugins.imap_servers import Server
from tests.plugins.sources import events_of
from tests.serving import (
    MESSAGES,
    SERVER,
    Mailbox,
    form,
    mail_server,
    served,
    start_runtime,
    wait_for,
    write_config,
)

WANG = "wang@acme.cn"
ASIDE = "已处理的退信"
NOBODYS = postfix().replace(b"0123456789abcdef", b"fedcba9876543210")


@pytest.fixture(scope="module")
def imap() -> Iterator[Server]:
    """Run Dovecot, where there is none pymap."""
    kind = imap_servers.dovecot if imap_servers.DOVECOT else imap_servers.pymap
    with kind() as server:
        yield server


@pytest.fixture
def inbox(imap: Server) -> Server:
    """Return the mailbox, empty."""
    imap.clear(ASIDE)
    return imap


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """Send one e-mail to 王芳; returns the company's folder, and the mail as it arrived."""
    folder, post = tmp_path_factory.mktemp("sent"), Mailbox()
    with mail_server(post) as port:
        server = SERVER.format(port=port, notify="log")
        config = write_config(folder / "plain", server=server, messages=MESSAGES)
        with served(config, folder / "leads.db") as client:
            client.post("/v1/events", json=form(email=WANG, consent={"marketing": "given"}))
            wait_for(lambda: post.raw, 60)
            asked = "/v1/deliveries?connection=email"
            wait_for(lambda: "delivered" in client.get(asked).text, 60)
    return folder, post.raw[0]


class Company:
    """A company that has sent one e-mail to 王芳, and looks into its mailbox.

    Each look is one of a server that was just started, as after a crash.
    """

    def __init__(self, folder: Path, letter: bytes, inbox: Server) -> None:
        self.letter, self.inbox = letter, inbox
        self.database = folder / "leads.db"
        settings = {**inbox.settings(), "move_to": ASIDE}
        channel = f"\nchannels: {{email_events: {{imap: {settings!r}}}}}\n"
        server = SERVER.format(port=9, notify="log") + channel
        self.config = write_config(folder / "imap", server=server, messages=MESSAGES)

    def look(self, times: int = 1) -> tuple[bool, dict[str, Any]]:
        """Start, look some times, and stop; return whether there is more, and how it stands."""
        plugins = Plugins(entry_points=False)
        runtime = start_runtime(self.config, self.database, plugins)
        polling = Polling(runtime, plugins, SentDeliveries(runtime))
        channel = plugins.channels["email_events"]
        params = runtime.ruleset.definitions.server.channels["email_events"].params

        async def all_of_it() -> bool:
            more = False
            for _ in range(times):
                more = await polling.look(channel, params)
            await runtime.stop()
            return more

        return asyncio.run(all_of_it()), polling.status()["email_events"]

    def events(self, *types: str) -> list[dict[str, Any]]:
        """Return what the log has of these types, in its order."""
        marks = ", ".join("?" for _ in types)
        asked = f"SELECT type, channel, body FROM events WHERE type IN ({marks}) ORDER BY seq"
        with closing(sqlite3.connect(self.database)) as connection:
            found = connection.execute(asked, types).fetchall()
        return [{"type": t, "channel": c, **json.loads(body)} for t, c, body in found]

    def forget_the_place(self) -> None:
        """Leave what a crash leaves between the events and the place behind them."""
        with closing(sqlite3.connect(self.database)) as connection:
            connection.execute("DELETE FROM meta WHERE key = 'poll:email_events'")
            connection.commit()


@pytest.fixture
def company(tmp_path: Path, sent: tuple[Path, bytes], inbox: Server) -> Company:
    """Return a company that has sent its e-mail."""
    shutil.copytree(sent[0], tmp_path / "company")
    return Company(tmp_path / "company", sent[1], inbox)


def test_a_bounce_and_a_complaint(company: Company) -> None:
    """They are about the delivery, its message, journey and step."""
    company.inbox.put(postfix(company.letter), complaint(company.letter))
    more, standing = company.look(2)
    assert (more, standing["accepted"], standing["refused"]) == (False, 2, 0)
    bounced, complained = company.events("email_bounced", "email_complained")
    assert bounced["type"] == "email_bounced"
    assert bounced["properties"]["hard"] is True
    for event in (bounced, complained):
        assert event["channel"] == "email_events"
        assert event["properties"]["message"] == "hello"
        assert event["properties"]["journey"] == "welcome"
        assert event["properties"]["step"] == "hello"
        assert event["properties"]["delivery"]


def test_a_server_looks_by_itself(company: Company) -> None:
    """A server that runs finds the bounce and the delivery that it is about, and says how it is."""
    company.inbox.put(postfix(company.letter))
    with served(company.config, company.database) as client:
        wait_for(lambda: events_of(client, WANG, "email_bounced"), 60)
        standing = client.get("/-/status").json()["polled"]["email_events"]
    assert (standing["ok"], standing["refused"]) == (True, 0)


def test_read_once_and_put_aside(company: Company) -> None:
    """What was taken is moved, read; what else lies there stays where it is, unread."""
    company.inbox.put(vacation(company.letter), postfix(company.letter), b"Subject: hi\r\n\r\n\r\n")
    more, standing = company.look()
    assert more, "what was taken is put aside soon"
    assert standing["accepted"] == 1
    assert company.inbox.count() == 3, "only when it is surely stored"
    more, standing = company.look()
    assert (more, standing["accepted"], standing["error"]) == (False, 0, None)
    assert (company.inbox.count(), company.inbox.unread()) == (2, 2)
    assert (company.inbox.count(ASIDE), company.inbox.unread(ASIDE)) == (1, 0)
    assert company.look()[1]["accepted"] == 0
    assert len(company.events("email_bounced")) == 1


def test_cut_off_before_the_place_is_kept(company: Company) -> None:
    """A server that ends behind the events reads again: counted once, put aside all the same."""
    company.inbox.put(postfix(company.letter))
    company.look()
    company.forget_the_place()
    company.look(2)
    assert len(company.events("email_bounced")) == 1
    assert (company.inbox.count(), company.inbox.count(ASIDE)) == (0, 1)


def test_strangers_are_not_believed(company: Company) -> None:
    """A forged bounce that names the address, and no message of ours, changes nothing."""
    nameless = qq(b"From: news@example.com\r\nTo: wang@acme.cn\r\n\r\n")
    company.inbox.put(NOBODYS, nameless, complaint())
    more, standing = company.look()
    assert (more, standing["ok"], standing["accepted"]) == (False, True, 0)
    assert company.events("email_bounced", "email_complained") == []
    assert (company.inbox.count(), company.inbox.unread()) == (3, 3)


def test_faster_than_the_outbox(company: Company) -> None:
    """A bounce that came back before its delivery is known waits, and what is behind it too."""
    company.inbox.put(NOBODYS, age_s=0)
    company.inbox.put(postfix(company.letter), age_s=0)
    assert company.look()[1]["accepted"] == 0
    company.inbox.put(postfix(company.letter, id="<2@example.com>"))
    company.inbox.lose(company.inbox.visited().search()[:1])
    assert company.look()[1]["accepted"] == 2


def test_many_mails(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """More mail than one look takes is read in several, each once."""
    monkeypatch.setattr(mailbox, "MOST", 3)
    company.inbox.put(*(postfix(company.letter, id=f"<{n}@example.com>") for n in range(7)))
    assert company.look()[0]
    more, standing = company.look(3)
    assert (more, standing["accepted"]) == (False, 4)
    assert len(company.events("email_bounced")) == 7
    assert company.inbox.count(ASIDE) == 7


def test_mails_that_are_a_burden(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the time of a look is up the next one goes on behind the mail that took it."""
    monkeypatch.setattr(bounces, "JUDGE_S", -1.0)
    company.inbox.put(*(postfix(company.letter, id=f"<{n}@example.com>") for n in range(3)))
    assert company.look()[1]["accepted"] == 1
    more, standing = company.look(4)
    assert (more, standing["accepted"]) == (False, 2)


def test_the_same_bounce_twice(company: Company) -> None:
    """A bounce that lies there twice counts once, by its own Message-ID."""
    company.inbox.put(postfix(company.letter), postfix(company.letter))
    company.look()
    assert len(company.events("email_bounced")) == 1


def test_bombs_cost_only_themselves(company: Company) -> None:
    """A mail that nobody can read is told by its number, and the next one is read; size is bounded."""
    bomb = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        + b"--b\r\nContent-Type: a/b\r\n\r\n" * 999
    )
    large = postfix(company.letter + b"x" * 2_000_000, status="4.2.2", id="<large@example.com>")
    company.inbox.put(bomb, large, postfix(company.letter))
    _, standing = company.look()
    assert standing["accepted"] == 2
    (problem,) = standing["problems"]
    assert "parts" in problem
    assert [e["properties"]["hard"] for e in company.events("email_bounced")] == [False, True]


def test_bad_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mailbox without a password, and TLS that is none, are errors of `validate`."""
    for imap in ("{host: h, username: u}", "{host: h, username: u, password: p, tls: none}"):
        server = SERVER.format(port=9, notify="log")
        server += f"\nchannels: {{email_events: {{imap: {imap}}}}}\n"
        assert run(["validate", str(write_config(tmp_path / "config", server=server))]) == 1
        assert "bad-channel" in capsys.readouterr().out
