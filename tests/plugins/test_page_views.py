"""What the page-view script sends: events with the browser's id, from admitted origins only."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from engine.cli.main import run
from plugins.channels.page_views import script
from tests.plugins.sources import body_of, events_of, fields_of, leads_of, listening
from tests.serving import SERVER, write_config

SITE = "https://www.example.com"
SETTINGS = f"""
origins: ["{SITE}"]
channels:
  tracking:
    pages: {{/价格: pricing, "/方案/*": solution, "/方案/阀门/*": valves}}
    events: [content_downloaded]
"""
WANG = "wang@acme.cn"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """Serve a configuration that listens to one site."""
    with listening(tmp_path, SETTINGS) as client:
        yield client


def say(
    client: TestClient, type: Any = "page_viewed", origin: str | None = SITE, **said: Any
) -> httpx2.Response:
    """Send as the script does, as plain text."""
    body = {"id": "1-2-3-4", "type": type, "anonymous_id": "a-b-c-d", **said}
    headers = {"Content-Type": "text/plain;charset=UTF-8", "User-Agent": "Mozilla/5.0"}
    if origin is not None:
        headers["Origin"] = origin
    url = "/channels/tracking/page"
    return client.post(url, content=body_of(body), headers=headers)


def test_the_script_is_small() -> None:
    """As it is served it has less than 2 KB, packed less than 1 KB, and no comments."""
    served = script()
    assert len(served) < 2_048
    assert len(gzip.compress(served)) < 1_024
    assert b"//" not in served


def test_the_script_is_for_other_sites(client: TestClient) -> None:
    """Any site may load it, browsers keep it for an hour, and it sets no cookie."""
    answer = client.get("/channels/tracking/page.js")
    assert answer.content == script()
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert "set-cookie" not in answer.headers


def test_a_page_view(client: TestClient) -> None:
    """It has the page's name, address, title and referrer, and its campaign is the source."""
    url = f"{SITE}/价格/?utm_source=zhihu&utm_campaign=白皮书&x=1"
    assert say(client, url=url, title="价格", referrer="https://www.zhihu.com/").status_code == 202
    (event,) = events_of(client, "a-b-c-d", "page_viewed")
    assert event["properties"] == {
        "url": url,
        "page": "pricing",
        "title": "价格",
        "referrer": "https://www.zhihu.com/",
    }
    assert event["channel"] == "tracking"
    fields = fields_of(client, "a-b-c-d")
    assert fields["source.utm_source"] == "zhihu"
    assert fields["source.utm_campaign"] == "白皮书"


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/价格", "pricing"),
        ("/方案/汽车", "solution"),
        ("/方案/阀门/球阀#规格", "valves"),
        ("/%E4%BB%B7%E6%A0%BC", "pricing"),
        ("/关于/", "/关于"),
        ("", "/"),
    ],
)
def test_names_of_pages(client: TestClient, path: str, page: str) -> None:
    """Settings name a page by its path, exactly or by how it begins; else it is its path."""
    say(client, url=SITE + path)
    (event,) = events_of(client, "a-b-c-d", "page_viewed")
    assert event["properties"]["page"] == page


def test_leaving_a_page(client: TestClient) -> None:
    """How long a page was looked at is an event of its own, which is no behaviour; nonsense is not."""
    say(client, url=SITE + "/价格")
    say(client, "page_left", id="2", url=SITE + "/价格", duration=75)
    for n, odd in enumerate((-1, 1e9, "75", True, None)):
        say(client, "page_left", id=f"odd-{n}", url=SITE + "/价格", duration=odd)
    durations = [e["properties"].get("duration") for e in events_of(client, "a-b-c-d", "page_left")]
    assert durations == [75, None, None, None, None, None]


def test_who_says_who_he_is(client: TestClient) -> None:
    """The browser's history joins the lead who says so; strangers say no account, tag or consent."""
    say(client, url=SITE + "/价格")
    lead = {
        "email": WANG, "name": "王芳", "employees": 200, "user_id": "root", "tags": ["vip"],
        "consent": {"marketing": "given"}, "anonymous_id": "somebody-else", "wecom_id": "x",
        "nonsense": 1, "city": ["不", "是"], "email.kind": "business",
    }  # fmt: skip
    assert say(client, "identified", id="2", lead=lead).status_code == 202
    assert leads_of(client) == 1
    fields = fields_of(client, WANG)
    assert (fields["name"], fields["employees"]) == ("王芳", 200)
    assert fields["anonymous_id"] == "a-b-c-d"
    assert not {"user_id", "tags", "wecom_id", "consent.marketing", "nonsense", "city"} & {*fields}
    assert [e["type"] for e in events_of(client, WANG)] == ["page_viewed", "identified"]


def test_an_address_that_is_none(client: TestClient) -> None:
    """Who gives an e-mail address that is none stays an unknown browser."""
    assert say(client, "identified", lead={"email": "不是地址", "name": "王芳"}).status_code == 202
    assert fields_of(client, "a-b-c-d")["name"] == "王芳"


def test_what_pages_may_tell_of(client: TestClient) -> None:
    """Only the events that settings list, with the properties that they have."""
    given = {"kind": "白皮书", "title": 7, "amount": 5}
    assert say(client, "content_downloaded", properties=given).status_code == 202
    (event,) = events_of(client, "a-b-c-d", "content_downloaded")
    assert event["properties"]["kind"] == "白皮书"
    assert "amount" not in event["properties"]
    for type in ("payment_received", "stage_changed", "unsubscribed", "没有", "", None, []):
        assert say(client, type, properties=given).status_code == 422
    assert len(events_of(client, "a-b-c-d")) == 1


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", f"{SITE}.evil.example"])
def test_other_origins(client: TestClient, origin: str | None) -> None:
    """A page of another site is refused, hears nothing, and leaves nothing."""
    answer = say(client, origin=origin)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "wrong-origin"
    assert "access-control-allow-origin" not in answer.headers
    assert leads_of(client) == 0


def test_an_admitted_origin_may_read_the_answer(client: TestClient) -> None:
    """So that the page's console stays quiet; credentials are never admitted."""
    answer = say(client)
    assert answer.headers["access-control-allow-origin"] == SITE
    assert "access-control-allow-credentials" not in answer.headers


def test_without_origins(tmp_path: Path) -> None:
    """As long as server.yaml names no origin nobody is listened to."""
    with listening(tmp_path, "") as client:
        assert say(client).status_code == 403


def test_sent_again_it_counts_once(client: TestClient) -> None:
    """An event's id makes it count once; another browser cannot use it up."""
    for browser in ("mallory", "a-b-c-d", "a-b-c-d"):
        say(client, url=SITE, anonymous_id=browser)
    assert len(events_of(client, "a-b-c-d")) == 1


def test_how_often(tmp_path: Path) -> None:
    """What is too often for one address gets 429, as on every route for strangers."""
    rates = "\nrates: {capture: {requests: 60, per: 1m, burst: 3}}\n"
    with listening(tmp_path, SETTINGS + rates) as client:
        answers = [say(client, id=str(n)).status_code for n in range(5)]
    assert answers[:3] == [202, 202, 202]
    assert 429 in answers[3:]


SAID = st.dictionaries(
    st.sampled_from(["id", "type", "anonymous_id", "url", "title", "lead", "properties"]),
    st.none()
    | st.integers()
    | st.text(max_size=9)
    | st.sampled_from(["page_viewed", "identified", "http://["])
    | st.lists(st.text(max_size=3), max_size=2)
    | st.dictionaries(st.sampled_from(["email", "name", "kind"]), st.text(), max_size=3),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(said=SAID)
def test_anything(client: TestClient, said: dict[str, Any]) -> None:
    """Whatever a page sends, the answer is no 5xx."""
    assert say(client, **said).status_code < 500


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("events: [page_veiwed]", "page_veiwed"),
        ("events: [stage_changed]", "stage_changed"),
        ("pages: {价格: pricing}", "价格"),
        ("page: {/价格: pricing}", "page"),
    ],
)
def test_bad_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], bad: str, words: str
) -> None:
    """Events that pages cannot tell of, and paths that are none, are errors of `validate`."""
    server = SERVER.format(port=9, notify="log") + f"\nchannels: {{tracking: {{{bad}}}}}\n"
    assert run(["validate", str(write_config(tmp_path / "config", server=server))]) == 1
    out = capsys.readouterr().out
    assert "bad-channel" in out
    assert words in out
