"""The channel `email_events`, against SendGrid's own verifier, and Mailgun by its rules."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sendgrid.helpers.eventwebhook import EventWebhook
from starlette.testclient import TestClient

from tests.plugins.sources import (
    SECRET,
    body_of,
    events_of,
    in_base64,
    leads_of,
    listening,
    signature,
)
from tests.serving import MESSAGES, SERVER, Mailbox, form, served, wait_for, write_config

KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = base64.b64encode(
    KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
).decode()
CHANNELS = f"""
channels:
  email_events:
    sendgrid: {{public_key: {PUBLIC}, topics: {{"14": 活动}}}}
    mailgun: {{signing_key: {SECRET}, topics: {{周刊: 周刊}}}}
"""
AT = 1772413222
WANG = "wang@acme.cn"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """Serve a configuration for both services, with one lead."""
    with listening(tmp_path, CHANNELS) as client:
        before = form(email=WANG, consent={"marketing": "given"})
        client.post("/v1/events", json={**before, "at": "2026-01-05T09:00:00+08:00"})
        yield client


def sendgrid(
    client: TestClient, *said: Any, at: int | None = None, key: Any = KEY, **own: bytes
) -> httpx2.Response:
    """Send as SendGrid does: signed over time and body, which ends with a line break."""
    body = body_of(list(said)) + b"\r\n"
    stamp = str(int(time.time()) if at is None else at)
    made = key.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    headers = {
        "X-Twilio-Email-Event-Webhook-Signature": in_base64(made).encode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": stamp.encode(),
        **own,
    }
    return client.post("/channels/email_events/sendgrid", content=body, headers=headers)


def report(n: int, event: str, **more: Any) -> dict[str, Any]:
    """Return an event of SendGrid."""
    return {"sg_event_id": f"sg-{n}", "event": event, "email": WANG, "timestamp": AT + n, **more}


def mailgun(
    client: TestClient, event: str = "opened", n: int = 1, token: str = "", at: int = 0, **more: Any
) -> httpx2.Response:
    """Send as Mailgun does: the signature stands in the body, over time and token only."""
    stamp, token = str(at or int(time.time())), token or f"token-{n}"
    signed = {
        "timestamp": stamp,
        "token": token,
        "signature": signature(f"{stamp}{token}".encode(), more.pop("secret", SECRET)).hex(),
    }
    data = {"id": f"mg-{n}", "event": event, "recipient": WANG, "timestamp": AT + n + 0.5, **more}
    return client.post(
        "/channels/email_events/mailgun", content=body_of({"signature": signed, "event-data": data})
    )


def test_the_key_is_that_of_the_library(client: TestClient) -> None:
    """SendGrid's own verifier accepts what these tests sign, and the channel accepts the same."""
    stamp, body = "1772413222", "[]"
    made = in_base64(KEY.sign((stamp + body).encode(), ec.ECDSA(hashes.SHA256())))
    assert EventWebhook(PUBLIC).verify_signature(body, made, stamp)


def test_sendgrid(client: TestClient) -> None:
    """Each kind of report has its event; what is no news of a lead is dropped."""
    said = [
        report(1, "processed"),
        report(2, "delivered"),
        report(3, "open", useragent="Mozilla/5.0", ip="203.0.113.7"),
        report(4, "open", sg_machine_open=True),
        report(5, "click", url="https://www.example.com/价格"),
        report(6, "bounce", type="blocked", reason="421 try later"),
        report(7, "bounce", type="bounce", reason="550 no such user"),
        report(8, "dropped", reason="Bounced Address"),
        report(9, "group_unsubscribe", asm_group_id=14),
        report(10, "spamreport"),
        report(11, "deferred"),
        report(12, "from the future"),
    ]
    assert sendgrid(client, *said).status_code == 200
    found = {
        e["id"]: (e["type"], e.get("properties", {}))
        for e in events_of(client, WANG)
        if e["channel"] == "email_events"
    }
    assert found == {
        "sendgrid:sg-2": ("email_delivered", {}),
        "sendgrid:sg-3": ("email_opened", {}),
        "sendgrid:sg-5": ("email_clicked", {"url": "https://www.example.com/价格"}),
        "sendgrid:sg-6": ("email_bounced", {"hard": False}),
        "sendgrid:sg-7": ("email_bounced", {"hard": True}),
        "sendgrid:sg-8": ("message_failed", {"reason": "Bounced Address"}),
        "sendgrid:sg-9": ("unsubscribed", {"topic": "活动"}),
        "sendgrid:sg-10": ("email_complained", {}),
    }


def test_mailgun(client: TestClient) -> None:
    """Mailgun's reports, one a request."""
    assert mailgun(client, "accepted", 1).status_code == 200
    assert mailgun(client, "failed", 2, severity="temporary").status_code == 200
    assert mailgun(client, "failed", 3, severity="permanent").status_code == 200
    agent = {"user-agent": "Mozilla/5.0"}
    click = {"url": "https://www.example.com/", "ip": "203.0.113.7", "client-info": agent}
    assert mailgun(client, "clicked", 4, **click).status_code == 200
    assert mailgun(client, "unsubscribed", 5, tags=["新闻", "周刊"]).status_code == 200
    assert mailgun(client, "unsubscribed", 6).status_code == 200
    found = [
        (e["type"], e.get("properties", {}))
        for e in events_of(client, WANG)
        if e["channel"] == "email_events"
    ]
    assert found == [
        ("email_bounced", {"hard": False}),
        ("email_bounced", {"hard": True}),
        ("email_clicked", {"url": "https://www.example.com/"}),
        ("unsubscribed", {"topic": "周刊"}),
        ("unsubscribed", {}),
    ]
    fields = client.get(f"/v1/leads/{WANG}").json()["fields"]
    assert fields["consent.marketing"] == "withdrawn"


def test_about_the_delivery(tmp_path: Path, mailbox: Mailbox, smtp_port: int) -> None:
    """A report with the Message-ID of our e-mail is about that delivery, its step and journey."""
    server = SERVER.format(port=smtp_port, notify="log") + CHANNELS
    config = write_config(tmp_path / "config", server=server, messages=MESSAGES)
    with served(config, tmp_path / "leads.db") as client:
        client.post("/v1/events", json=form(email=WANG, consent={"marketing": "given"}))
        wait_for(lambda: mailbox.messages)
        wait_for(lambda: "delivered" in client.get("/v1/deliveries?connection=email").text)
        id = mailbox.messages[0]["Message-ID"]
        other = {"email": "an-alias@acme.cn", "smtp-id": id}
        assert sendgrid(client, {**report(1, "open"), **other}).status_code == 200
        assert (
            mailgun(
                client, "delivered", 2, message={"headers": {"message-id": id.strip("<>")}}
            ).status_code
            == 200
        )
        opened, delivered = events_of(client, WANG, "email_opened", "email_delivered")
    for event in (opened, delivered):
        assert event["properties"]["message"] == "hello"
        assert event["properties"]["journey"] == "welcome"
        assert event["properties"]["step"] == "hello"
        assert event["properties"]["delivery"]


def test_sent_again_counts_once(client: TestClient) -> None:
    """A report's own id makes it count once, in whatever batch it comes."""
    for _ in range(2):
        assert sendgrid(client, report(3, "open")).status_code == 200
        assert mailgun(client, token="same", at=int(time.time()) // 100 * 100).status_code == 200
    assert len(events_of(client, WANG, "email_opened")) == 2


def test_a_signature_of_mailgun_is_good_for_one_report(client: TestClient) -> None:
    """The signature does not cover the report: with another one its token is refused."""
    at = int(time.time())
    assert mailgun(client, "opened", 1, token="seen", at=at).status_code == 200
    assert mailgun(client, "unsubscribed", 2, token="seen", at=at).status_code == 401
    assert events_of(client, WANG, "unsubscribed") == []


def test_wrong_signatures(client: TestClient) -> None:
    """Another key, an old time, a changed body, a signature of any form: 401, nothing stored."""
    other = ec.generate_private_key(ec.SECP256R1())
    bounce = report(7, "bounce", type="bounce")
    name = "X-Twilio-Email-Event-Webhook-Signature"
    assert sendgrid(client, bounce, key=other).status_code == 401
    assert sendgrid(client, bounce, at=int(time.time()) - 26 * 3600).status_code == 401
    assert sendgrid(client, bounce, at=int(time.time()) + 600).status_code == 401
    for given in (
        b"",
        b"???",
        b"AAAA",
        b"\xff\xfe",
        b"MEUCIQ" * 500,
        in_base64(b"\x30" * 70).encode(),
    ):
        assert sendgrid(client, bounce, **{name: given}).status_code == 401
    assert mailgun(client, secret="另一个").status_code == 401
    assert mailgun(client, at=int(time.time()) - 10 * 3600).status_code == 401
    assert mailgun(client, token="x" * 300).status_code == 401
    assert client.post("/channels/email_events/mailgun", json={"signature": 7}).status_code == 401
    assert events_of(client, WANG, "email_bounced", "email_opened") == []


def test_bad_bodies(client: TestClient) -> None:
    """Signed bodies of another form are refused, odd reports within a list dropped."""
    assert sendgrid(client, None, 7, "x", [], {"event": ["open"]}, {}).status_code == 200
    assert leads_of(client) == 1
    body, stamp = b"{}", str(int(time.time()))
    made = in_base64(KEY.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256())))
    headers = {
        "X-Twilio-Email-Event-Webhook-Signature": made,
        "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
    }
    url = "/channels/email_events/sendgrid"
    assert client.post(url, content=body, headers=headers).status_code == 400


def test_each_service_by_itself(tmp_path: Path) -> None:
    """A service that settings do not name cannot report."""
    channels = f"\nchannels: {{email_events: {{mailgun: {{signing_key: {SECRET}}}}}}}\n"
    with listening(tmp_path, channels) as client:
        assert sendgrid(client, report(1, "open")).status_code == 404
        assert mailgun(client, "failed", severity="permanent").status_code == 200
