from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult

from engine.plugin import (
    ActionContext,
    Delivered,
    Failed,
    Misconfigured,
    OutgoingDelivery,
    Result,
    Retry,
)
from plugins.actions.email import EmailAction
from plugins.actions.letter import message_id
from tests.serving import Mailbox, mail_server

SENT_AT = 1_772_413_200_000  # 2026-03-02T01:00:00Z


def send(port: int, connection: dict[str, Any] | None = None, **delivery: Any) -> Result:
    """Let the action send one message, the usual one where not told otherwise."""
    settings = {"host": "127.0.0.1", "port": port, "from": "市场部 <news@acme.cn>", "tls": "none"}
    outgoing = OutgoingDelivery(
        **{
            "key": "lead-1:welcome:hello:e1",
            "lead": "lead-1",
            "connection": "email",
            "audience": "lead",
            "attempt": 1,
            "created_at": SENT_AT,
            "to": "wang@acme.cn",
            "subject": "您好 王芳",
            "text": "欢迎 👋",
            **delivery,
        }
    )
    context = ActionContext(connection={**settings, **(connection or {})}, now=SENT_AT)

    async def run() -> Result:
        action = EmailAction()
        result = await action.perform(outgoing, context)
        await action.close()
        await asyncio.sleep(0.05)  # lets connections close that were given up
        return result

    return asyncio.run(run())


def test_message_arrives(smtp_port: int, mailbox: Mailbox) -> None:
    """Sender, recipient, subject and both bodies arrive as written, in Chinese too."""
    result = send(smtp_port, html="<p>欢迎</p>", connection={"reply_to": "li.na@acme.cn"})

    (message,) = mailbox.messages
    assert isinstance(result, Delivered)
    assert message["From"] == "市场部 <news@acme.cn>"
    assert message["To"] == "wang@acme.cn"
    assert message["Reply-To"] == "li.na@acme.cn"
    assert message["Subject"] == "您好 王芳"
    assert message["Date"].datetime.timestamp() * 1000 == SENT_AT
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().strip() == "欢迎 👋"
    assert html.get_content().strip() == "<p>欢迎</p>"
    assert result.provider_id == message["Message-ID"]


def test_html_alone_is_one_part(smtp_port: int, mailbox: Mailbox) -> None:
    """A message written in HTML only is not sent with an empty text beside it."""
    send(smtp_port, text=None, html="<p>欢迎</p>")
    assert [p.get_content_type() for p in mailbox.messages[0].walk()] == ["text/html"]


def test_message_id_derives_from_the_key(smtp_port: int, mailbox: Mailbox) -> None:
    """The same key gives the same Message-ID at every attempt, another key another one."""
    for key in ("a", "a", "b"):
        send(smtp_port, key=key)
    first, again, other = mailbox.seen
    assert first == again == message_id("a", "news@acme.cn")
    assert first != other
    assert first.endswith("@acme.cn>")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [("451 try later", Retry), ("421 busy", Retry), ("554 spam", Failed), ("552 full", Failed)],
)
def test_answers_to_data(
    smtp_port: int, mailbox: Mailbox, answer: str, kind: type[Retry | Failed]
) -> None:
    """4xx may pass and is tried again; 5xx is final. The server's words are the reason."""
    mailbox.answers = [answer]
    result = send(smtp_port)
    assert isinstance(result, kind)
    assert result.reason == answer


@pytest.mark.parametrize(
    ("answer", "kind"), [("450 greylisted", Retry), ("550 no such user", Failed)]
)
def test_refused_recipient(
    smtp_port: int, mailbox: Mailbox, answer: str, kind: type[Retry | Failed]
) -> None:
    """A refusal of the recipient counts as its own code says."""
    mailbox.refuse = {"wang@acme.cn": answer}
    result = send(smtp_port)
    assert isinstance(result, kind)
    assert result.reason == answer
    assert getattr(result, "about", "recipient") == "recipient"
    assert not mailbox.messages


@pytest.mark.parametrize(
    ("answer", "event", "said"),
    [
        ("550 5.1.1 查无此人 no such user", "email_bounced", {"hard": True}),
        ("551 user not local", "email_bounced", {"hard": True}),
        ("552 5.2.2 mailbox full", "email_bounced", {"hard": False}),
        ("554 5.7.1 blocked by policy", "email_bounced", {"hard": False}),
        ("554 5.7.1 Relay access denied", "message_failed", {}),
    ],
)
def test_a_recipient_refused_for_good_is_a_bounce(
    smtp_port: int, mailbox: Mailbox, answer: str, event: str, said: dict[str, bool]
) -> None:
    """Hard where the address is no good; a server that does not relay for us is our trouble."""
    mailbox.refuse = {"wang@acme.cn": answer}
    result = send(smtp_port)
    assert isinstance(result, Failed)
    assert (result.event, result.properties) == (event, said)


def test_no_server_is_tried_again() -> None:
    """An unreachable server is no fault of the message."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    result = send(port)
    assert isinstance(result, Retry)
    assert f"127.0.0.1:{port}" in result.reason


def test_slow_server_is_tried_again(smtp_port: int, mailbox: Mailbox) -> None:
    """A server that does not answer in time is given up for now."""
    mailbox.delay_s = 1.0
    assert isinstance(send(smtp_port, connection={"timeout_s": 0.2}), Retry)


@pytest.mark.parametrize(
    "delivery",
    [
        {"to": "wang@acme.cn\r\nBcc: all@acme.cn"},
        {"to": "no address"},
        {"to": ""},
        {"to": "a b@acme.cn"},
        {"subject": "hello\r\nBcc: all@acme.cn"},
        {"params": {"reply_to": "x\n@y"}},
    ],
)
def test_headers_cannot_be_injected(
    smtp_port: int, mailbox: Mailbox, delivery: dict[str, Any]
) -> None:
    """What would break a header or name nobody is refused before anything is sent."""
    assert isinstance(send(smtp_port, **delivery), Failed)
    assert not mailbox.seen


def test_international_domain(smtp_port: int, mailbox: Mailbox) -> None:
    """An address in a Chinese domain is sent in the form that every server takes."""
    assert isinstance(send(smtp_port, to="wang@例子.公司"), Delivered)
    assert mailbox.messages[0]["To"] == "wang@xn--fsqu00a.xn--55qx5d"


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Make a key and a certificate for 127.0.0.1."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
        f"-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout {key} -out {cert}"
    )
    subprocess.run(command.split(), check=True, capture_output=True)
    return key, cert


def tls_context(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    """Return the server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1], certificate[0])
    return context


def login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    """Let news in with the password secret."""
    good = data.login == b"news" and data.password == b"secret"
    return AuthResult(success=good, handled=False)


@pytest.mark.parametrize(
    ("password", "ca", "kind"),
    [("secret", True, Delivered), ("wrong", True, Misconfigured), ("secret", False, Misconfigured)],
)
def test_starttls_and_login(
    mailbox: Mailbox,
    certificate: tuple[Path, Path],
    password: str,
    ca: bool,
    kind: type[Result],
) -> None:
    """A login goes over TLS with a certificate we trust; else the connection is to be put right."""
    options = {"tls_context": tls_context(certificate), "require_starttls": True}
    with mail_server(mailbox, authenticator=login, auth_required=True, **options) as port:
        settings = {"tls": "starttls", "username": "news", "password": password}
        trust = {"ca_file": str(certificate[1])} if ca else {}
        result = send(port, connection={**settings, **trust})
    assert isinstance(result, kind), result
    assert len(mailbox.messages) == (kind is Delivered)
    assert ("refused the login" in repr(result)) == (password == "wrong")


@pytest.mark.parametrize(("password", "kind"), [("secret", Delivered), ("wrong", Misconfigured)])
def test_the_check_logs_in_and_sends_nothing(
    mailbox: Mailbox, certificate: tuple[Path, Path], password: str, kind: type[Result]
) -> None:
    """What `doctor` asks: the server takes our certificate and login, and gets no message."""
    options = {"tls_context": tls_context(certificate), "require_starttls": True}
    with mail_server(mailbox, authenticator=login, auth_required=True, **options) as port:
        settings = {"tls": "starttls", "username": "news", "password": password}
        result = checked(port, {**settings, "ca_file": str(certificate[1])})
    assert type(result) is kind, result
    assert not mailbox.messages
    assert not mailbox.seen


def test_the_check_of_a_server_that_is_away() -> None:
    """Nobody listens: that may pass."""
    assert type(checked(9, {})) is Retry


def checked(port: int, settings: dict[str, Any]) -> Result | None:
    """Return what the check of a connection to this port says."""

    async def once() -> Result | None:
        action = EmailAction()
        told = {"host": "127.0.0.1", "port": port, "from": "news@acme.cn", **settings}
        try:
            return await action.check(ActionContext(connection=told, now=0))
        finally:
            await action.close()

    return asyncio.run(once())


@pytest.mark.parametrize(("ca", "kind"), [(True, Delivered), (False, Misconfigured)])
def test_tls_from_the_first_byte(
    mailbox: Mailbox, certificate: tuple[Path, Path], ca: bool, kind: type[Result]
) -> None:
    """A server that speaks nothing but TLS gets the message, if we trust its certificate."""
    with mail_server(mailbox, ssl_context=tls_context(certificate)) as port:
        trust = {"ca_file": str(certificate[1])} if ca else {}
        result = send(port, connection={"tls": "implicit", **trust})
    assert isinstance(result, kind), result
    assert len(mailbox.messages) == (kind is Delivered)


def test_required_starttls_is_never_given_up(smtp_port: int, mailbox: Mailbox) -> None:
    """A server without STARTTLS gets no message that must be encrypted."""
    assert isinstance(send(smtp_port, connection={"tls": "starttls"}), Misconfigured)
    assert not mailbox.seen
