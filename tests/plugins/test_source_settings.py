"""What is wrong with the settings of form, lead and webhook channels is said before anything runs."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest

from engine.host.plugins import PluginError, Plugins
from engine.host.runtime import Runtime
from engine.plugin import Accepted, Channel, ChannelRequest, Rejection, Reply, Route, hookimpl
from engine.server.app import create_app
from engine.server.auth import Access
from plugins.channels.answers import id_of, usual_field
from plugins.channels.reading import read_as
from plugins.channels.times import instant_of, not_later
from tests.plugins.sources import config_with, leads_of, listening
from tests.serving import served, start_runtime


def said(folder: Path, channels: str) -> list[str]:
    """Return what loading says of settings."""
    config = config_with(folder, f"\nchannels: {{{channels}}}\n")
    runtime = Runtime(config, folder / "leads.db", plugins=Plugins(entry_points=False), environ={})
    return [d.message for d in runtime.load()]


@pytest.mark.parametrize(
    ("channels", "part"),
    [
        ("typeform: {fields: {a: email}}", "secret"),
        ("typeform: {secret: x, feilds: {}}", "feilds"),
        ("typeform: {secret: x, fields: {a: emial}}", 'no field "emial"'),
        (
            "typeform: {secret: x, forms: {f1: {properties: {a: nowhere}}}}",
            'f1: properties: form_submitted has no property "nowhere"',
        ),
        ("tally: {secret: x, event: form_submited}", '"form_submited" is no event type'),
        ("jotform: {secret: ''}", "secret"),
        ("segment: {}", "write_keys"),
        ("segment: {write_keys: k, traits: {a: emial}}", 'no field "emial"'),
        (
            "segment: {write_keys: k, events: {A: {type: order_placed, properties: {a: amuont}}}}",
            'no property "amuont"',
        ),
        ("webhook: {sources: {a: {}}}", "verify"),
        ("webhook: {sources: {a: {verify: {}}}}", "verify"),
        ("webhook: {sources: {a: {verify: {standard: x, query: {name: a, secret: b}}}}}", "verify"),
        (
            "webhook: {sources: {a: {verify: {standard: x}, event: {at: t, values: {a: oder}}}}}",
            '"oder" is no event type',
        ),
        (
            "webhook: {sources: {a: {verify: {standard: [whsec_b2s=, 不是密钥]}}}}",
            "a: verify.standard is no secret",
        ),
        ("sms_receipts: {aliyun: {secret: x, allow: [1.2.3.4, 300.1.1.1]}}", '"300.1.1.1" is no'),
        ("sms_receipts: {tencent: {secret: x, allow: [10.0.0.0/33]}}", '"10.0.0.0/33" is no'),
        ("meta_leads: {app_secret: a, verify_token: b}", "access_token"),
        ("linkedin_leads: {client_secret: a, access_token: b, fields: {x: y}}", 'no field "y"'),
        ("hubspot: {client_secret: a, access_token: b}", "url"),
        (
            "hubspot: {client_secret: a, access_token: b, url: https://x.cn, events: {a: b}}",
            '"b" is no event type',
        ),
        ("email_events: {}", "email_events"),
        (f"email_events: {{sendgrid: {{public_key: {'A' * 124}}}}}", "no public key"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, channels: str, part: str) -> None:
    """Each mistake is an error with what is wrong in its message."""
    messages = said(tmp_path, channels)
    assert any(part in message for message in messages), messages


def test_secrets_are_not_quoted(tmp_path: Path) -> None:
    """A message about a secret does not have it."""
    for channels in (
        "email_events: {sendgrid: {public_key: 密钥密钥}}",
        "webhook: {sources: {a: {verify: {standard: 密钥密钥}}}}",
    ):
        (message,) = said(tmp_path, channels)
        assert "密钥密钥" not in message


class Phone(Channel):
    """A channel with a path of its own choice."""

    name = "phone"

    def __init__(self, *also: str) -> None:
        self.also = also
        self.closed = False

    def routes(self) -> list[Route]:
        return [Route("", ("POST",), self.call, also=self.also)]

    async def call(self, request: ChannelRequest) -> Accepted | Rejection:
        events = tuple(
            {"id": f"p-{n}", "type": "rep_consulted", "lead": lead, "channel": "phone"}
            for n, lead in enumerate(request.data)
        )
        return Accepted(events, Reply(200, {"ok": True}), lenient=True)

    async def close(self) -> None:
        self.closed = True

    @hookimpl
    def register_channels(self, register: Any) -> None:
        register(self)


def test_a_path_elsewhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A route is reached at its other path without a token; refused events are logged by code."""
    phone = Phone("/v1/call")
    plugins = Plugins(extra={"phone": phone}, entry_points=False)
    config = config_with(tmp_path, "")
    access = Access.token("secret")
    with served(config, tmp_path / "leads.db", access, plugins=plugins) as client:
        sent = [{"phone": "13800138000"}, {"phone": "王芳"}, {}]
        with caplog.at_level(logging.WARNING):
            answer = client.post("/v1/call", json=sent)
        assert (answer.status_code, answer.json()) == (200, {"ok": True})
        assert client.get("/v1/leads").status_code == 401
        client.headers["authorization"] = "Bearer secret"
        assert leads_of(client) == 1
    assert "of 3 events refused: no-identity (2)" in caplog.text
    assert "王芳" not in caplog.text
    assert phone.closed


def test_a_path_that_is_taken(tmp_path: Path) -> None:
    """A channel cannot take a path of the server's own."""
    plugins = Plugins(extra={"phone": Phone("/v1/events")}, entry_points=False)
    runtime = start_runtime(config_with(tmp_path, ""), tmp_path / "leads.db", plugins)
    with pytest.raises(PluginError, match="/v1/events"):
        create_app(runtime, Access.open(), plugins)


def test_what_must_come_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the server has no room a source hears 429, even when some of its events were taken."""
    channels = "\nchannels: {segment: {write_keys: k}}\n"
    with listening(tmp_path, channels) as client:
        runtime = client.app.state.services.runtime  # type: ignore[attr-defined]
        monkeypatch.setattr(runtime._queue, "put", lambda items: False)
        calls = [{"type": "page", "userId": "u", "messageId": "m", "name": "x"}]
        answer = client.post("/v1/batch", json={"batch": calls, "writeKey": "k"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "overloaded")
        assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("kind", "answer", "found"),
    [
        ("integer", "６００人", 600),
        ("integer", "1,200", 1200),
        ("integer", "1.5", None),
        ("integer", "约500", None),
        ("money", "¥50万", 500_000),
        ("money", "1.5亿元", 150_000_000),
        ("money", True, None),
        ("number", float("inf"), None),
        ("boolean", "是", True),
        ("boolean", "否", False),
        ("boolean", "也许", None),
        ("date", "2026年3月2日", "2026-03-02"),
        ("date", "tomorrow", None),
        ("string", ["球阀", "蝶阀"], "球阀、蝶阀"),
        ("string", "a\x00b", "ab"),
        ("string", "漢" * 2_000, "漢" * 1_000),
        ("list", "阀", ["阀"]),
        ("datetime", 1772413222, "2026-03-02T01:00:22.000Z"),
    ],
)
def test_answers_are_read_as_their_type(kind: str, answer: Any, found: Any) -> None:
    """What people write is read as the field's type; what is none gives nothing."""
    assert read_as(kind, answer) == found


def test_times_of_all_kinds() -> None:
    """Seconds, milliseconds and ISO texts mean the same instant; none lies ahead of now."""
    same = [
        1772413222,
        1772413222000,
        "1772413222",
        "2026-03-02T09:00:22+08:00",
        "2026-03-02T01:00:22Z",
    ]
    assert {instant_of(each) for each in same} == {1772413222000}
    assert instant_of("soon") is None
    assert instant_of(10**40) is None
    assert instant_of(True) is None
    assert not_later("2999-01-01T00:00:00Z", 1772413222000) == "2026-03-02T01:00:22.000Z"


def test_usual_names() -> None:
    """Questions are known by their usual names, and never as what a stranger may not say."""
    fields = dict.fromkeys(
        ["email", "phone", "company", "user_id", "tags", "source.utm_source"], "string"
    )
    assert usual_field("* 手机号码：", fields) == "phone"
    assert usual_field("E-mail address", fields) == "email"
    assert usual_field("UTM Source", fields) == "source.utm_source"
    assert [usual_field(each, fields) for each in ("user_id", "tags", "想喝什么", "")] == [None] * 4


def test_ids() -> None:
    """An id has its channel before it, is short and printable, and is the same each time."""
    assert id_of("typeform", "abc") == "typeform:abc"
    assert id_of("typeform", None, "") is None
    long = id_of("typeform", "漢" * 500)
    assert long is not None
    assert len(long) <= 200
    assert long == id_of("typeform", "漢" * 500)
    assert id_of("typeform", "a\n") == "typeform:a"


def test_no_settings_no_channel(tmp_path: Path) -> None:
    """A channel that needs settings takes nothing at any of its addresses while there are none."""
    needy = {
        name: channel
        for name, channel in Plugins(entry_points=False).channels.items()
        if channel.config_schema.get("required") and channel.routes()
    }
    assert {"typeform", "tally", "jotform", "segment", "hubspot", "meta_leads"} <= needy.keys()
    with listening(tmp_path, "") as client:
        for name, channel in needy.items():
            for route in channel.routes():
                for path in (f"/channels/{name}{route.path}", *route.also):
                    for method in route.methods:
                        answer = client.request(method, re.sub(r"\{.*?\}", "track", path))
                        told = (answer.status_code, answer.json()["error"]["code"])
                        assert told == (404, "not-set-up"), (method, path)
        assert leads_of(client) == 0
