"""Forms with a page: shown, filled in without JavaScript, checked, counted, reached by QR code."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zxingcpp
from starlette.testclient import TestClient

from engine.cli.main import run
from engine.plugin import Accepted, ChannelRequest, Names
from plugins.channels import form as module
from plugins.channels.form import FormChannel
from tests.serving import SERVER, served, write_config

URL = "/channels/form/whitepaper"
FORMS = """
channels:
  form:
    url: https://leads.example.cn
    forms:
      whitepaper:
        title: {zh: 行业解决方案下载, en: Industry solutions}
        intro: {zh: "填写后即可<下载>", en: Fill in to download}
        fields:
          - {name: name, label: {zh: 姓名, en: Name}, required: true}
          - {name: phone, required: true}
          - {name: email}
          - {name: industry, options: [制造业, 金融业]}
          - {name: need, long: true}
          - {name: interests}
          - {name: message}
        consent:
          - {topic: marketing, label: {zh: 我同意接收产品资讯, en: Send me news}}
        source: {name: XX展会, category: 展会}
        thanks: {zh: 谢谢，资料已发送, en: Thank you}
        rate: {requests: 3, per: 1m}
        embed: ["https://www.example.com"]
      plain:
        title: 联系我们
        fields: [{name: email, required: true}]
        next: https://www.example.com/thanks
"""
CATALOG = """
fields:
  interests: {type: list, of: string, label: 关注}
events:
  form_submitted: {properties: {message: text}}
"""
WHO = {"name": "王芳", "phone": "13800138000"}
PAGE = {"accept": "text/html,*/*"}


def settings(**files: str) -> dict[str, str]:
    """Return the files of a company with forms."""
    return {"server": SERVER.format(port=9, notify="log") + FORMS, "catalog": CATALOG, **files}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """Serve the company with its forms."""
    config = write_config(tmp_path / "config", **settings())
    with served(config, tmp_path / "leads.db") as client:
        yield client


class Page(HTMLParser):
    """A browser without JavaScript: what a page shows, and what it would send."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.inputs: dict[str, dict[str, str | None]] = {}
        self.hidden: dict[str, str] = {}
        self.options: dict[str, list[str]] = {}
        self.form: dict[str, str | None] = {}
        self.tags: list[str] = []
        self.text = ""
        self._select = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        name = found.get("name") or ""
        if tag == "form":
            self.form = found
        elif tag == "input" and found.get("type") == "hidden":
            self.hidden[name] = found.get("value") or ""
        elif tag in ("input", "select", "textarea"):
            self.inputs[name] = found
            self._select = name if tag == "select" else self._select
        elif tag == "option":
            self.options.setdefault(self._select, []).append(found.get("value") or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def opened(client: TestClient, query: str = "", **headers: str) -> Page:
    """Open the page."""
    answer = client.get(URL + query, headers={**PAGE, **headers})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    return Page(answer.text)


def sent(client: TestClient, page: Page, **filled: Any) -> Any:
    """Send the page's form as a browser does."""
    return client.post(str(page.form["action"]), data={**page.hidden, **filled}, headers=PAGE)


def lead(client: TestClient, id: str) -> dict[str, Any]:
    """Return a lead that must exist."""
    answer = client.get(f"/v1/leads/{id}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_form_without_javascript(client: TestClient) -> None:
    """The page alone, with no script in it, makes a lead with source, UTM and consent."""
    page = opened(client, "?utm_source=zhihu_crm_whitepaper&utm_content=booth-7&evil=1")
    assert "script" not in page.tags
    assert page.form["method"] == "post"
    assert page.options["industry"] == ["", "制造业", "金融业"]
    assert (page.inputs["phone"]["type"], page.inputs["email"]["type"]) == ("tel", "email")
    assert "填写后即可<下载>" in page.text
    filled = {
        "industry": "制造业",
        "interests": "CRM",
        "message": "请联系",
        "consent.marketing": "on",
    }
    answer = sent(client, page, **WHO, **filled)
    assert answer.status_code == 303, answer.text
    thanks = client.get(answer.headers["location"], headers=PAGE)
    assert "谢谢，资料已发送" in thanks.text
    found = lead(client, "13800138000")
    fields = found["fields"]
    assert fields["source.name"] == "XX展会"
    assert fields["source.category"] == "展会"
    assert fields["source.utm_source"] == "zhihu_crm_whitepaper"
    assert fields["source.utm_content"] == "booth-7"
    assert fields["industry"] == "制造业"
    assert fields["interests"] == ["CRM"]
    assert "evil" not in page.hidden
    items = client.get("/v1/leads/13800138000/timeline").json()["items"]
    (event,) = [i for i in items if i["type"] == "form_submitted"]
    assert event["properties"]["message"] == "请联系"
    assert event["properties"]["form"] == "whitepaper"


def test_a_double_click_counts_once(client: TestClient) -> None:
    """A page that is sent twice is one event; opened again, it is another."""
    page = opened(client)
    assert [sent(client, page, **WHO).status_code for _ in range(2)] == [303, 303]
    sent(client, opened(client), **WHO)
    items = client.get("/v1/leads/13800138000/timeline").json()["items"]
    assert [i["type"] for i in items].count("form_submitted") == 2


@pytest.mark.parametrize(
    ("query", "accept", "words"),
    [
        ("", "", ("行业解决方案下载", "姓名", "提交")),
        ("?lang=en", "", ("Industry solutions", "Name", "Submit", "Send me news")),
        ("", "en-GB,en;q=0.9", ("Industry solutions",)),
        ("?lang=xx", "fr", ("行业解决方案下载",)),
    ],
)
def test_languages(client: TestClient, query: str, accept: str, words: tuple[str, ...]) -> None:
    """A page speaks the language that is asked for, else the browser's, else its own."""
    page = opened(client, query, **{"accept-language": accept})
    assert all(word in page.text for word in words)
    english = words[0].startswith("Industry")
    answer = sent(client, page, **WHO)
    assert answer.headers["location"].endswith("lang=en" if english else "lang=zh")


def test_what_is_missing_is_shown_in_the_page(client: TestClient) -> None:
    """A mistake shows the page again, with what was filled in, in its place; nothing is stored."""
    page = opened(client, "?utm_source=baidu")
    answer = sent(client, page, phone="13800138000", industry="农业", message="<script>x")
    assert answer.status_code == 422
    again = Page(answer.text)
    assert again.inputs["phone"]["value"] == "13800138000"
    assert "请填写此项" in again.text
    assert "格式不对，请检查" in again.text
    assert "script" not in again.tags
    assert again.hidden["utm_source"] == "baidu"
    assert again.hidden["_id"] == page.hidden["_id"]
    assert client.get("/v1/leads/13800138000").status_code == 404
    assert sent(client, again, **WHO).status_code == 303


@pytest.mark.parametrize("phone", ["123", "not a number", "138001380001380013800013800"])
def test_a_number_that_is_none(client: TestClient, phone: str) -> None:
    """Whatever is put in for a telephone number, the visitor sees a page and never JSON."""
    answer = sent(client, opened(client), name="王芳", phone=phone)
    assert answer.status_code in (303, 422)
    assert not answer.text.startswith("{")


def test_programs_hear_what_is_missing(client: TestClient) -> None:
    """A JSON post to a form with a page is checked too, and told by name."""
    answer = client.post(URL, json={"phone": "13800138000"})
    assert answer.status_code == 422
    assert answer.json()["error"] == {
        "code": "bad-form",
        "message": '"name" is missing',
        "details": [],
    }
    assert client.post(URL, json=WHO).status_code == 202


def test_too_many_from_one_address(client: TestClient) -> None:
    """After three posts in a minute the fourth is asked to wait, in a page or in JSON."""
    for _ in range(3):
        assert client.post(URL, json=WHO).status_code == 202
    refused = client.post(URL, json=WHO)
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "60"
    assert sent(client, opened(client), **WHO).status_code == 429
    assert client.post("/channels/form/plain", json={"email": "a@acme.cn"}).status_code == 202


def test_a_program_is_dropped(client: TestClient) -> None:
    """The input that people cannot see is in the page; who fills it in learns nothing."""
    page = opened(client)
    assert page.inputs["_gotcha"]["tabindex"] == "-1"
    assert sent(client, page, **WHO, _gotcha="http://spam").status_code == 303
    assert client.get("/v1/leads/13800138000").status_code == 404


def test_only_named_sites_may_frame_it(client: TestClient) -> None:
    """The policy names the sites that embed the form; a form without them cannot be framed."""
    policy = client.get(URL).headers["content-security-policy"]
    assert "frame-ancestors https://www.example.com" in policy
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    plain = client.get("/channels/form/plain").headers["content-security-policy"]
    assert "frame-ancestors 'none'" in plain
    assert "form-action 'self' https://www.example.com;" in plain


def test_the_styles_are_those_of_the_policy(client: TestClient) -> None:
    """The page's one style sheet has the hash that its policy admits."""
    answer = client.get(URL)
    style = re.search(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["content-security-policy"]


def test_where_to_go_afterwards(client: TestClient) -> None:
    """A form leads to the address that server.yaml names, another site's too."""
    answer = client.post("/channels/form/plain", data={"email": "a@acme.cn"}, headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "https://www.example.com/thanks",
    )


@pytest.mark.parametrize("path", ["/nobody", "/nobody/thanks", "/nobody/code.svg"])
def test_no_page(client: TestClient, path: str) -> None:
    """A form that server.yaml does not describe has no page; posts to it still arrive."""
    assert client.get(f"/channels/form{path}").status_code == 404
    assert client.post("/channels/form/nobody", json=WHO).status_code == 202


# --- QR codes --------------------------------------------------------------------------------


def read_png(raw: bytes) -> Any:
    """Return a PNG of one bit a pixel as grey values."""
    assert raw[:8] == b"\x89PNG\r\n\x1a\n"
    width, height, depth = *np.frombuffer(raw[16:24], ">u4"), raw[24]
    assert depth == 1
    packed = b"".join(
        raw[m.end() : m.end() + int.from_bytes(raw[m.start() - 4 : m.start()], "big")]
        for m in re.finditer(b"IDAT", raw)
    )
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(int(height), -1)
    lines = rows[:, 1:].copy()
    for y, kind in enumerate(rows[:, 0]):
        assert kind in (0, 2)  # none, or the difference to the line above
        if kind == 2:
            lines[y] += lines[y - 1]
    return np.unpackbits(lines, axis=1)[:, : int(width)] * np.uint8(255)


def read_svg(raw: bytes) -> Any:
    """Return an SVG whose one path is of horizontal strokes as grey values."""
    root = ET.fromstring(raw)
    (path,) = [each for each in root.iter() if each.tag.endswith("path")]
    size = 200
    picture = np.full((size, size), 255, np.uint8)
    x = y = 0.0
    for verb, numbers in re.findall(r"([Mmh])([-\d. ]+)", path.attrib["d"]):
        given = [float(n) for n in numbers.split()]
        if verb == "h":
            picture[int(y), int(x) : int(x + given[0])] = 0
            x += given[0]
        else:
            x, y = (given[0], given[1]) if verb == "M" else (x + given[0], y + given[1])
    return picture.repeat(4, axis=0).repeat(4, axis=1)


@pytest.mark.parametrize(("kind", "media"), [("png", "image/png"), ("svg", "image/svg+xml")])
def test_a_code_leads_to_the_form(client: TestClient, kind: str, media: str) -> None:
    """What a reader of QR codes sees in the picture is the page's address, with the booth."""
    query = {"utm_source": "expo", "utm_content": "展位7", "evil": "1"}
    answer = client.get(f"{URL}/code.{kind}", params=query)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(media)
    picture = read_png(answer.content) if kind == "png" else read_svg(answer.content)
    (found,) = zxingcpp.read_barcodes(picture)
    target = "https://leads.example.cn/channels/form/whitepaper?"
    assert found.text == f"{target}utm_source=expo&utm_content=%E5%B1%95%E4%BD%8D7"


def test_a_code_has_an_end(client: TestClient) -> None:
    """An address longer than a code should be is refused, not drawn."""
    query = {f"utm_{n}": "展" * 200 for n in ("source", "medium", "content")}
    assert client.get(f"{URL}/code.png", params=query).status_code == 400


def test_a_code_needs_an_address(tmp_path: Path) -> None:
    """Without the address at which people reach the server there is no code, and it says why."""
    text = settings()["server"].replace("    url: https://leads.example.cn\n", "")
    config = write_config(tmp_path / "config", **settings(server=text))
    with served(config, tmp_path / "leads.db") as client:
        answer = client.get(f"{URL}/code.png")
    assert answer.status_code == 404
    assert "`url`" in answer.json()["error"]["message"]


# --- settings --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ("{name: need, long: true}", "{name: neeed}", 'field "neeed": neither a lead field'),
        ("{name: need, long: true}", "{name: user_id}", 'field "user_id": a stranger'),
        ("{name: need, long: true}", "{name: employees, options: [many]}", 'option "many"'),
        ("requests: 3", "requests: 0", "minimum"),
        ("per: 1m", "per: 1 minute", "pattern"),
        ("thanks: {zh", "thank: {zh", "thank"),
        ("https://www.example.com/thanks", "javascript:alert(1)", "pattern"),
        ('"https://www.example.com"', '"https://a; script-src *"', "pattern"),
    ],
)
def test_bad_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], good: str, bad: str, words: str
) -> None:
    """A form that could not work is an error of `validate`, with the place that is wrong."""
    text = settings()["server"]
    assert good in text
    config = write_config(tmp_path / "config", **settings(server=text.replace(good, bad, 1)))
    assert run(["validate", str(config)]) == 1
    out = capsys.readouterr().out
    assert "bad-channel" in out
    assert words in out


def test_the_counts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many addresses post, a bounded number is remembered; a window ends."""
    monkeypatch.setattr(module, "MAX_KNOWN", 5)
    channel = FormChannel()
    rate = {"requests": 1, "per": "1h"}
    told = {"forms": {"f": {"title": "表", "fields": [{"name": "email"}], "rate": rate}}}

    def post(client: str, now: int = 0) -> int:
        request = ChannelRequest(
            method="POST", path="/channels/form/f", params={"form": "f"}, query=(), headers={},
            body=b"", form=None, data={"email": "a@acme.cn"}, client=client, settings=told,
            names=Names({"email": "email"}, {}), now=now,
        )  # fmt: skip
        result = asyncio.run(channel.submit(request))
        assert isinstance(result, Accepted)
        assert result.reply is not None
        return result.reply.status

    assert [post("10.0.0.1"), post("10.0.0.1")] == [202, 429]
    assert post("10.0.0.1", 3_600_000) == 202
    for n in range(20):
        assert post(f"10.0.1.{n}") == 202
    assert len(channel._posts) == 5
