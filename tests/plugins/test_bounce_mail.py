"""What mails in the bounce mailbox say, in the forms that servers write and in any other."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.channels.bounce_mail import MOST_PARTS, Unreadable, report_of
from plugins.channels.mailbox import MAX_MAIL
from tests.plugins.bounce_samples import (
    ID,
    LETTER,
    complaint,
    exchange,
    internationalised,
    postfix,
    qmail,
    qq,
    vacation,
)

AT = 1_772_413_323_000
SAMPLES = {
    "postfix": postfix(),
    "exchange": exchange(),
    "internationalised": internationalised(),
    "qmail": qmail(),
    "qq": qq(),
}


def said(raw: bytes) -> Any:
    """Return a bounce's hardness; None for what is none, and the type of a complaint."""
    report = report_of(raw, AT)
    return report and report.properties.get("hard", report.type)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_failure_for_good(name: str) -> None:
    """Whoever wrote it, it is about our Message-ID, hard, and has an id that stays."""
    report = report_of(SAMPLES[name], AT)
    assert report is not None
    assert (report.type, report.message_id, report.at) == ("email_bounced", ID, AT)
    assert report.properties == {"hard": True}
    assert report.id
    assert report == report_of(SAMPLES[name], AT)


@pytest.mark.parametrize(
    ("status", "words", "hard"),
    [
        ("5.1.1", "550 5.1.1 no such user", True),
        ("5.0.0", "550 no such user", True),
        ("5.4.4", "X-Postfix; Host or domain name not found", True),
        ("4.4.1", "connect to mx.acme.cn[192.0.2.7]:25: Connection timed out", False),
        ("4.2.2", "452 4.2.2 mailbox full", False),
        ("5.2.2", "552 5.2.2 mailbox full", False),
        ("5.3.4", "552 5.3.4 message too big", False),
        ("5.7.1", "550 5.7.1 blocked, see http://example.net/1.2.3.4", False),
        ("5.0.0", "550 5.7.1 spam", False),
        ("5.0.0", "550 5.1.1 no such user", True),
        ("4.0.0", "450 4.1.8 your sender is unknown", False),
        ("", "550 no such user", True),
        ("", "450 try later", False),
        ("", "", False),
        ("无", "没有这个用户", False),
    ],
)
def test_hard_or_soft(status: str, words: str, hard: bool) -> None:
    """The most telling code decides; a full mailbox, size, content and policy blame no address."""
    assert said(postfix(status=status, said=words)) is hard


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded", "", "失败"])
def test_what_has_not_failed(action: str) -> None:
    """A server that still tries, or has delivered, reports no bounce."""
    assert said(postfix(action=action, status="4.4.1")) is None


def test_complaints() -> None:
    """A recipient's complaint is one; that it is no spam, or failed a check, is none."""
    report = report_of(complaint(), AT)
    assert report is not None
    assert (report.type, report.message_id, dict(report.properties)) == ("email_complained", ID, {})
    assert said(complaint(kind="Fraud")) == "email_complained"
    for kind in ("not-spam", "auth-failure", "", "滥用"):
        assert said(complaint(kind=kind)) is None


def test_automatic_answers_are_no_bounces() -> None:
    """An absence notice is none, though its sender is empty and it quotes codes and our mail."""
    assert said(vacation()) is None


def test_people_who_forward_and_quote() -> None:
    """A person's mail with ours attached is no bounce, nor is a daemon's without a server's word."""
    assert said(qq().replace(b"PostMaster@qq.com", b"li@acme.cn")) is None
    assert said(qq().replace(b"said:", b"told:")) is None
    assert said(LETTER) is None


def test_unstructured_notices() -> None:
    """Where there is no report, the server's quoted answer decides, never the returned mail."""
    assert said(qmail(said="450 4.2.1 busy")) is False
    assert said(qq(said="550 5.7.1 Mail content denied")) is False
    body = LETTER + b"\r\nhost x said: 550 5.1.1 no\r\n"
    assert said(qmail(body, said="450 4.2.1 busy")) is False
    assert said(qmail(body, said="")) is None


@pytest.mark.parametrize("charset", ["utf-8", "gb18030", "big5", "utf-16-le", "no-such-charset"])
def test_whatever_charset(charset: str) -> None:
    """A charset that is wrong or unknown changes nothing of the codes."""
    raw = qq().replace(b"charset=gbk", f"charset={charset}".encode())
    assert said(raw) is True


def test_without_an_original() -> None:
    """A report that returns nothing, or a mail without a Message-ID, is about nobody."""
    assert said(postfix(letter=b"From: a@example.com\r\n\r\n")) is None
    whole = postfix()
    assert said(whole[: whole.index(b"Content-Description: Undelivered")]) is None


def test_cut_off_anywhere() -> None:
    """A report that is cut off behind the original's headers says the same."""
    whole = postfix(LETTER + b"x" * 2 * MAX_MAIL)
    assert said(whole[:MAX_MAIL]) is True


def test_two_recipients() -> None:
    """A list of which one address is good for nothing is not itself good for nothing."""
    both = b"Final-Recipient: rfc822; li@acme.cn\r\nAction: failed\r\nStatus: 4.2.2\r\n\r\n--1A2B"
    at = postfix().index(b"--1A2B", postfix().index(b"Diagnostic-Code"))
    raw = postfix()
    assert said(raw[:at] + both + raw[at + len(b"--1A2B") :]) is False


def bombs() -> dict[str, bytes]:
    """Return mails that are made to be a burden, each as large as is read at most."""
    nested = "".join(
        f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(9_000)
    )
    rfc822 = "Content-Type: message/rfc822\n\n" * 9_000
    inner = "".join(
        f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(MOST_PARTS - 1)
    )
    return {
        "nested parts": nested.encode(),
        "nested mails": rfc822.encode(),
        "nested as deep as is allowed": (inner + "x\n" * 120_000).encode(),
        "parts": b"Content-Type: multipart/report; boundary=b\n\n" + b"--b\nContent-Type: a/b\n\n" * 9_000,
        "empty parts": b"Content-Type: multipart/report; boundary=b\n\n" + b"--b\n\n" * 50_000,
        "headers": b"A: b\n" * 50_000,
        "one header": b"From: " + b"(" * 250_000,
        "a header's lines": b"From: a\n" + b" b\n" * 80_000,
        "parameters": b"Content-Type: multipart/report" + b"; a*0*=''x" * 25_000 + b"\n\n",
        "encoded words": b"Message-ID: " + b"=?utf-8?b?5biC?= " * 15_000 + b"\n\n",
        "codes": b"From: mailer-daemon@x\n\nsaid: 550 " + b"5.1." * 60_000,
        "spaces": b"From: mailer-daemon@x\n\nsaid:" + b" " * 250_000,
        "ids": b"From: mailer-daemon@x\n\n" + b"Message-ID: <" * 20_000,
        "fields": postfix(status="5." * 100_000),
        "blocks": b"Content-Type: message/delivery-status\n\n" + b"Action: failed\n\n" * 15_000,
    }  # fmt: skip


@pytest.mark.parametrize("name", bombs())
def test_bombs(name: str) -> None:
    """A mail that is made to be a burden costs a little work and nothing else."""
    raw = bombs()[name][:MAX_MAIL]
    before = time.process_time()
    with contextlib.suppress(Unreadable):
        assert said(raw) is (True if name == "fields" else None)
    assert time.process_time() - before < 10  # this process's own work, a hundred times the usual


def test_too_many_parts() -> None:
    """A mail with more parts than any report has is not taken apart."""
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    raw += b"--b\r\nContent-Type: text/plain\r\n\r\n\r\n" * MOST_PARTS
    with pytest.raises(Unreadable, match="parts"):
        report_of(raw, AT)


LINES = sorted({line for raw in SAMPLES.values() for line in raw.split(b"\r\n")} | {b""})
SHUFFLED = st.lists(
    st.sampled_from(LINES) | st.binary(max_size=60) | st.sampled_from([b"--b", b"--b--", b""]),
    max_size=80,
).map(b"\r\n".join)


@settings(max_examples=150, deadline=None)
@given(raw=st.binary(max_size=400) | SHUFFLED)
def test_anything(raw: bytes) -> None:
    """Bytes of any kind, and the lines of real bounces in any order, raise Unreadable at most."""
    try:
        report_of(raw, AT)
    except Unreadable:
        return


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(sorted(SAMPLES)),
    at=st.floats(0, 1),
    cut=st.integers(0, 40),
    noise=st.binary(max_size=40),
)
def test_bent_bounces(name: str, at: float, cut: int, noise: bytes) -> None:
    """A real bounce with something broken inside is still a bounce, or none, or Unreadable."""
    raw = SAMPLES[name]
    place = int(at * len(raw))
    try:
        report = report_of(raw[:place] + noise + raw[place + cut :], AT)
    except Unreadable:
        return
    assert report is None or report.type == "email_bounced"
