"""Leaving, opens and clicks by the addresses in a mail that really went over SMTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from engine.links import About, Links
from tests.server.test_events import error_of
from tests.serving import Mailbox, form, mail_server, served, wait_for, write_config

BASE = "http://127.0.0.1"
OLD, NEW = "a" * 32, "b" * 32
MESSAGES = """
topics:
  marketing: {label: {zh: 活动与优惠, en: Offers}}
  news: {label: 行业资讯}
messages:
  hello: {action: email, topic: marketing, subject: 您好, template: hello.html, stale_after: 3650d}
"""
HTML = """<html><body><p>您好</p>
<a class="x" href="https://shop.example.cn/价格?a=1&amp;b=2">价格</a>
<a href="mailto:li.na@example.com">李娜</a>
<a data-no-track href='https://plain.example.cn/'>直达</a>
<a href="{{ unsubscribe_url | default('#') }}">退订</a></body></html>
"""
TARGET = "https://shop.example.cn/价格?a=1&b=2"
JOURNEYS = """
journeys:
  - id: welcome
    enter: {event: form_submitted}
    reentry: always
    steps:
      - {id: hello, send: hello}
"""
SERVER = """
connections:
  email: {{plugin: email, host: 127.0.0.1, port: {port}, from: news@example.com, tls: none}}
links: {{url: http://127.0.0.1, keys: [{keys}]}}
"""


@pytest.fixture
def mailbox() -> Mailbox:
    """Return what the mail server keeps."""
    return Mailbox()


@pytest.fixture
def client(tmp_path: Path, mailbox: Mailbox) -> Iterator[TestClient]:
    """Serve a company whose mail has links; its newest key is NEW."""
    with mail_server(mailbox) as port:
        config = tmp_path / "config"
        server = SERVER.format(port=port, keys=f"{NEW}, {OLD}")
        write_config(config, journeys=JOURNEYS, messages=MESSAGES, server=server)
        (config / "templates").mkdir()
        (config / "templates" / "hello.html").write_text(HTML, encoding="utf-8")
        with served(config, tmp_path / "leads.db") as found:
            yield found


def mailed(client: TestClient, mailbox: Mailbox) -> tuple[str, str]:
    """Send a form; return the lead's id and the HTML that arrived."""
    (result,) = client.post("/v1/events", json=[form()]).json()["results"]
    message = wait_for(lambda: mailbox.messages and mailbox.messages[0])
    wait_for(lambda: client.get("/v1/deliveries?status=delivered").json()["items"])
    body = message.get_body(("html",))
    assert body is not None
    return result["lead"], body.get_content()


def addresses(html: str) -> dict[str, str]:
    """Return the paths of the addresses in a mail: click, open, unsubscribe."""
    found = re.findall(rf'{BASE}(/(?:channels/tracking/)?(click|open|unsubscribe)/[^"]+)"', html)
    return {kind: path for path, kind in found}


def events(client: TestClient, lead: str, *types: str) -> list[dict[str, Any]]:
    """Return a lead's events of these types."""
    items = client.get(f"/v1/leads/{lead}/timeline?limit=200").json()["items"]
    return [item for item in items if item["type"] in types]


def consent(client: TestClient, lead: str, topic: str) -> Any:
    """Return a lead's word on a topic."""
    return client.get(f"/v1/leads/{lead}").json()["consents"].get(topic, {}).get("status")


def test_links_of_a_mail_lead_through_us_and_others_stay(
    client: TestClient, mailbox: Mailbox
) -> None:
    """Web addresses are rewritten; mailto, data-no-track and the way out are not."""
    _, html = mailed(client, mailbox)
    assert addresses(html).keys() == {"click", "open", "unsubscribe"}
    assert html.count("/click/") == 1
    assert "mailto:li.na@example.com" in html
    assert "https://plain.example.cn/" in html
    assert html.rstrip().endswith('height="1" alt=""></body></html>')


def test_a_click_leads_on_and_implies_one_open(client: TestClient, mailbox: Mailbox) -> None:
    """The picture and two clicks are two clicks and one open, with the message named."""
    lead, html = mailed(client, mailbox)
    where = addresses(html)
    picture = client.get(where["open"])
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/gif")
    assert picture.content.startswith(b"GIF89a")
    assert picture.headers["cross-origin-resource-policy"] == "cross-origin"
    for _ in range(2):
        answer = client.get(where["click"])
        assert answer.status_code == 302
        assert answer.next_request is not None
        assert answer.next_request.url == TARGET
    told = events(client, lead, "email_opened", "email_clicked")
    assert sorted(e["type"] for e in told) == ["email_clicked", "email_clicked", "email_opened"]
    for each in told:
        assert each["properties"]["message"] == "hello"
        assert each["properties"]["step"] == "hello"
        assert each["bot"], "so soon after the delivery nobody reads"


def test_a_scanners_look_does_not_use_up_the_readers_open() -> None:
    """An open within seconds of the delivery has an id of its own."""
    from plugins.channels import tracking

    about = About("lead-1", "lead-1:welcome:hello:e1", sent_at=1_000)
    request: Any = type("R", (), {"method": "GET", "headers": {}, "client": None, "now": 2_000})()
    (early,) = tracking._events(request, about)
    request.now = 3_600_000
    (later,) = tracking._events(request, about)
    assert early["id"] != later["id"]
    request.method = "HEAD"
    assert tracking._events(request, about) == ()


@pytest.mark.parametrize("kind", ["open", "click", "unsubscribe"])
def test_an_address_that_was_not_made_here_leads_nowhere(
    client: TestClient, mailbox: Mailbox, kind: str
) -> None:
    """A changed letter, another key, another purpose: 404, and nothing is noted."""
    lead, html = mailed(client, mailbox)
    where = addresses(html)
    before, _, token = where[kind].rpartition("/")
    other = Links(BASE, ["c" * 32]).clicked(About(lead, "d"), "https://evil.example")
    stolen = where["unsubscribe" if kind != "unsubscribe" else "open"].rpartition("/")[2]
    middle = len(token) // 3
    changed = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
    for bad in (changed, other.rpartition("/")[2], stolen.removesuffix(".gif"), "x", "x" * 5_000):
        error_of(client.get(f"{before}/{bad}"), 404)
    assert events(client, lead, "email_opened", "email_clicked", "unsubscribed") == []


def test_keys_are_changed_without_losing_old_mail(client: TestClient) -> None:
    """What the old key signed is still read, and what nobody signed is not."""
    (result,) = client.post("/v1/events", json=[form()]).json()["results"]
    about = About(result["lead"], "old", topic="news")
    assert client.get(Links(BASE, [OLD]).unsubscribe(about)).status_code == 200
    assert client.get(Links(BASE, ["c" * 32]).unsubscribe(about)).status_code == 404


def test_opening_the_page_changes_nothing_and_one_click_leaves(
    client: TestClient, mailbox: Mailbox
) -> None:
    """RFC 8058: GET and HEAD only show, a POST without cookies or questions leaves the topic."""
    lead, html = mailed(client, mailbox)
    path = addresses(html)["unsubscribe"]
    page = client.get(path)
    assert page.status_code == 200
    assert "活动与优惠" in page.text
    assert "行业资讯" in page.text
    assert "<button" in page.text
    assert client.head(path).status_code in (200, 405)
    assert "Offers" in client.get(path, headers={"accept-language": "en-GB,en"}).text
    assert consent(client, lead, "marketing") is None
    gone = client.post(path, data={"List-Unsubscribe": "One-Click"})
    assert gone.status_code == 200
    assert consent(client, lead, "marketing") == "withdrawn"
    assert consent(client, lead, "news") is None
    client.post("/v1/events", json=[{**form(), "id": "form-again"}])
    (kept,) = wait_for(lambda: client.get("/v1/deliveries?status=blocked").json()["items"])
    assert kept["reason"] == "consent to marketing is withdrawn"
    assert len(mailbox.messages) == 1


def test_the_page_leaves_and_joins_topics_one_by_one(client: TestClient, mailbox: Mailbox) -> None:
    """Each topic has its button, all have one together, and who left may come back."""
    lead, html = mailed(client, mailbox)
    path = addresses(html)["unsubscribe"]
    client.post(path, data={"leave": "news"})
    assert (consent(client, lead, "news"), consent(client, lead, "marketing")) == (
        "withdrawn",
        None,
    )
    page = client.post(path, data={"join": "news"})
    assert consent(client, lead, "news") == "given"
    assert "已重新订阅" in page.text
    page = client.post(path, data={"leave": "all"})
    assert consent(client, lead, "all") == "withdrawn"
    assert page.text.count("重新订阅") == 2
    error_of(client.post(path, data={"leave": "没有"}), 422)


def test_explain_says_when_a_postponed_message_goes_out(tmp_path: Path) -> None:
    """A send that waits for the end of quiet hours is a deadline with the message's name."""
    config = tmp_path / "config"
    write_config(
        config,
        journeys=JOURNEYS,
        messages=MESSAGES.replace("template: hello.html", "text: 您好")
        + 'quiet_hours: [{between: ["00:00", "12:00"]}, {between: ["12:00", "24:00"]}]',
    )
    with served(config, tmp_path / "leads.db") as client:
        (result,) = client.post("/v1/events", json=[form()]).json()["results"]
        (due,) = client.get(f"/v1/leads/{result['lead']}/explain").json()["deadlines"]
        assert due["timer"] == "journey:welcome"
        assert due["what"].startswith("quiet hours end: message hello of journey welcome is sent")
        (told,) = events(client, result["lead"], "message_postponed")
        assert told["data"]["until"] == due["at"]
