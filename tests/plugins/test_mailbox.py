"""A mailbox over IMAP with TLS, at Dovecot and at pymap."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from plugins.channels import mailbox
from plugins.channels.mailbox import MAX_MAIL, Place
from tests.plugins import imap_servers
from tests.plugins.imap_servers import Server

ASIDE = "已处理"
MAIL = b"Subject: %s\r\n\r\n\r\n"


@pytest.fixture(scope="module", params=["pymap", "dovecot"])
def imap(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Run an IMAP server, one of each kind."""
    if request.param == "dovecot" and imap_servers.DOVECOT is None:
        pytest.skip("Dovecot is not installed (Debian: dovecot-imapd); pymap is tested")
    with getattr(imap_servers, request.param)() as server:
        yield server


@pytest.fixture
def inbox(imap: Server) -> Server:
    """Return the mailbox, empty."""
    imap.clear(ASIDE)
    return imap


def test_what_arrived_since_the_last_look(inbox: Server) -> None:
    """Each mail is found once, in order, with its time, and stays unread where it is."""
    before = _now()
    inbox.put(MAIL % b"a", MAIL % b"b", age_s=3_600)
    first = mailbox.look(inbox.settings(), Place(), _now())
    assert [mail.raw for mail in first.mails] == [MAIL % b"a", MAIL % b"b"]
    assert all(abs(before - 3_600_000 - mail.at) < 600_000 for mail in first.mails)
    inbox.put(MAIL % b"c")
    second = mailbox.look(inbox.settings(), first.place, _now())
    assert [mail.raw for mail in second.mails] == [MAIL % b"c"]
    assert mailbox.look(inbox.settings(), second.place, _now()).mails == ()
    assert inbox.unread() == 3


@pytest.mark.parametrize("moves", [True, False])
def test_what_was_taken_is_put_aside(
    inbox: Server, moves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read, and moved where settings say so, by servers that cannot move, too; twice is once."""
    if not moves:
        able = mailbox.IMAPClient.has_capability
        monkeypatch.setattr(
            mailbox.IMAPClient, "has_capability", lambda c, n: n != "MOVE" and able(c, n)
        )
    inbox.put(MAIL % b"a", MAIL % b"b")
    found = mailbox.look(inbox.settings(), Place(), _now())
    found.place.taken.append(found.mails[0].uid)
    mailbox.look(inbox.settings(), found.place, _now())
    assert (inbox.count(), inbox.unread()) == (2, 1)
    settings = {**inbox.settings(), "move_to": ASIDE}
    mailbox.look(settings, found.place, _now())
    assert (inbox.count(), inbox.unread()) == (1, 1)
    assert (inbox.count(ASIDE), inbox.unread(ASIDE)) == (1, 0)
    if moves:
        mailbox.look(settings, found.place, _now())
        assert (inbox.count(), inbox.count(ASIDE)) == (1, 1)


def test_sizes_are_bounded(inbox: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large mail the first part is read, of many mails the first ones."""
    monkeypatch.setattr(mailbox, "MOST", 2)
    inbox.put(MAIL % b"a" + b"x" * 1_000_000, MAIL % b"b", MAIL % b"c")
    found = mailbox.look(inbox.settings(), Place(), _now())
    assert [len(mail.raw) for mail in found.mails] == [MAX_MAIL, len(MAIL % b"b")]
    assert found.more
    rest = mailbox.look(inbox.settings(), found.place, _now())
    assert ([mail.raw for mail in rest.mails], rest.more) == ([MAIL % b"c"], False)


def test_a_slow_server(inbox: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the time of a look is up it ends with what it has, and the next one goes on."""
    monkeypatch.setattr(mailbox, "READ_S", -1.0)
    inbox.put(MAIL % b"a", MAIL % b"b")
    first = mailbox.look(inbox.settings(), Place(), _now())
    assert ([mail.raw for mail in first.mails], first.more) == ([MAIL % b"a"], True)
    second = mailbox.look(inbox.settings(), first.place, _now())
    assert ([mail.raw for mail in second.mails], second.more) == ([MAIL % b"b"], False)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"password": "a-wrong-one"}, "refused the login"),
        ({"folder": "没有"}, 'refused to open or read "没有"'),
        ({"port": 9}, "refused"),
    ],
)
def test_what_goes_wrong_is_said(inbox: Server, wrong: dict[str, Any], words: str) -> None:
    """A login, folder or server that is no good is an OSError that says which, and no secret."""
    with pytest.raises(OSError, match=words) as raised:
        mailbox.look({**inbox.settings(), **wrong}, Place(), 0)
    assert "a-wrong-one" not in str(raised.value)


def test_a_certificate_of_nobody(inbox: Server) -> None:
    """A server whose certificate is not trusted hears no password."""
    settings = {name: value for name, value in inbox.settings().items() if name != "ca_file"}
    with pytest.raises(OSError, match="certificate"):
        mailbox.look(settings, Place(), 0)


def test_a_mailbox_that_was_made_anew(inbox: Server) -> None:
    """When the server gives its numbers anew, all is read again from the first one."""
    inbox.put(b"Subject: a\r\n\r\n\r\n", b"Subject: b\r\n\r\n\r\n")
    now = _now()
    first = mailbox.look(inbox.settings(), Place(), now)
    assert len(first.mails) == 2
    assert mailbox.look(inbox.settings(), first.place, now).mails == ()
    other = Place(first.place.validity + 1, 10_000, [1, 2])
    again = mailbox.look(inbox.settings(), other, now)
    assert again.mails == first.mails
    assert inbox.unread() == 2


def test_old_mail_is_left_alone(inbox: Server) -> None:
    """What arrived more than thirty days ago is not read at the first look."""
    inbox.put(b"Subject: a\r\n\r\n\r\n", age_s=40 * 86_400)
    inbox.put(b"Subject: b\r\n\r\n\r\n")
    found = mailbox.look(inbox.settings(), Place(), _now())
    assert [mail.raw[:10] for mail in found.mails] == [b"Subject: b"]


def _now() -> int:
    return time.time_ns() // 1_000_000
