"""An address that a mail server refuses: the lead's rules hear of a bounce, and it is left alone."""

from __future__ import annotations

from pathlib import Path

from tests.plugins.sources import events_of
from tests.serving import JOURNEYS, Mailbox, form, served, wait_for, write_config

WANG, LI_NA = "w1@acme.cn", "li.na@example.com"
MAIL = (
    "{{plugin: email, host: 127.0.0.1, port: {port}, from: 市场部 <news@example.com>, tls: none}}"
)
SERVER = f"connections:\n  email: {MAIL}\n  notify: {MAIL}\n"
LATER = "  - {id: later, enter: {event: page_viewed}, steps: [{id: more, send: hello}]}\n"
SCORING = """
models:
  default:
    dimensions: {behavior: {}}
    rules:
      - {id: 空号, dimension: behavior, event: email_bounced, where: {hard: true, message: hello}, points: -30, repeat: each}
    grades: [{grade: A, from: 50}, {grade: C, from: 0}]
"""


def company(folder: Path, port: int) -> Path:
    """Write a company that mails leads and salespeople."""
    server, journeys = SERVER.format(port=port), JOURNEYS + LATER
    return write_config(folder / "config", server=server, journeys=journeys, scoring=SCORING)


def test_a_refused_lead_scores_as_a_bounce_and_is_mailed_no_more(
    tmp_path: Path, smtp_port: int, mailbox: Mailbox
) -> None:
    """One event tells of it, with the server's words; the next message is blocked for it."""
    mailbox.refuse = {WANG: "550 5.1.1 查无此人"}
    with served(company(tmp_path, smtp_port), tmp_path / "leads.db") as client:
        client.post("/v1/events", json=form(company="阀门厂"))
        (bounced,) = wait_for(lambda: events_of(client, WANG, "email_bounced"))
        visit = {"id": "visit", "type": "page_viewed", "lead": {"email": WANG}}
        client.post("/v1/events", json=visit)
        (blocked,) = client.get("/v1/deliveries?status=blocked").json()["items"]
        (failed,) = client.get("/v1/deliveries?status=failed").json()["items"]
        lead = client.get(f"/v1/leads/{WANG}").json()
        unsent = events_of(client, WANG, "message_failed")
    said = {"message": "hello", "journey": "welcome", "step": "hello", "hard": True}
    assert said.items() <= bounced["properties"].items()
    assert bounced["properties"]["reason"] == "550 5.1.1 查无此人"
    assert (failed["to"], failed["reason"]) == (WANG, "550 5.1.1 查无此人")
    assert (lead["score"], unsent) == (-30, [])
    assert (blocked["step"], blocked["reason"]) == ("more", "its address bounced: hard")


def test_a_refused_salesperson_is_no_bounce_of_the_lead(
    tmp_path: Path, smtp_port: int, mailbox: Mailbox
) -> None:
    """The note has failed, and the lead's own address stays good."""
    mailbox.refuse = {LI_NA: "550 5.1.1 no such user"}
    with served(company(tmp_path, smtp_port), tmp_path / "leads.db") as client:
        client.post("/v1/events", json=form(company="阀门厂"))
        (failed,) = wait_for(lambda: events_of(client, WANG, "message_failed"))
        wait_for(lambda: events_of(client, WANG, "email_sent"))
        bounced = events_of(client, WANG, "email_bounced")
    assert (failed["properties"]["audience"], bounced) == ("owner", [])
    assert [each["To"] for each in mailbox.messages] == [WANG]
