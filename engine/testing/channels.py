"""The contract of channels, and requests to give to them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from engine.host.door import Door
from engine.host.plugins import names_of
from engine.host.visit import Arrival, Visit
from engine.plugin import Accepted, Channel, ChannelRequest, Names, Rejection, Route
from engine.testing.clock import FakeClock
from engine.testing.sound import check_schema, company, registered

_HOSTILE: Final = (
    b"",
    b"{",
    b"\xff\xfe\x00\x01",
    b"null",
    b"[]",
    b"{}",
    b'""',
    b"1e999",
    b"[[[[[[[[]]]]]]]]",
    b'{"id": null, "data": [], "lead": 0, "event": {}}',
    b'{"id": {"id": 1}, "data": {"fields": 7}, "form": [1]}',
    b"a=1&a=2&%ff=%fe",
    b"<xml><ToUserName/></xml>",
)
_PARAMETER: Final = re.compile(r"\{(\w+)(?::\w+)?\}")


class Sent(msgspec.Struct, frozen=True):
    """A request to a channel: its method and path below ``/channels/NAME``, and what it carries."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = {}
    body: bytes = b""


def request(
    path: str,
    *,
    method: str = "POST",
    data: Any = None,
    form: Mapping[str, str] | None = None,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> Sent:
    """Return a request with JSON ``data``, a ``form``, or a ``body`` as it is."""
    kind = {}
    if data is not None:
        body, kind = (
            json.dumps(data, ensure_ascii=False).encode(),
            {"content-type": "application/json"},
        )
    elif form is not None:
        kind = {"content-type": "application/x-www-form-urlencoded"}
        body = urlencode(form).encode()
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    return Sent(method, path, tuple((query or {}).items()), {**kind, **lower}, body or b"")


async def handled(
    channel: Channel,
    sent: Sent,
    settings: Mapping[str, Any] | None = None,
    names: Names | None = None,
    clock: FakeClock | None = None,
) -> Accepted | Rejection:
    """Hand a request to the route that it is for; raises LookupError where there is none."""
    for route in channel.routes():
        found = _pattern(route.path).fullmatch(sent.path)
        if found and sent.method in {method.upper() for method in route.methods}:
            arrived = _arrived(channel, sent, found.groupdict())
            return await route.handler(
                msgspec.structs.replace(
                    arrived,
                    settings=settings or {},
                    names=names or names_of(company({}).catalogue),
                    now=(clock or FakeClock()).now(),
                )
            )
    raise LookupError(f"no route of {channel.name!r} takes {sent.method} {sent.path}")


def _pattern(path: str) -> re.Pattern[str]:
    """Return a pattern for Starlette's form of paths."""
    text, end = "", 0
    for found in _PARAMETER.finditer(path):
        some = ".*" if found[0].endswith(":path}") else "[^/]+"
        text += re.escape(path[end : found.start()]) + f"(?P<{found[1]}>{some})"
        end = found.end()
    return re.compile(text + re.escape(path[end:]))


def _arrived(channel: Channel, sent: Sent, params: Mapping[str, str]) -> ChannelRequest:
    form, data = _read(sent)
    return ChannelRequest(
        method=sent.method,
        path=f"/channels/{channel.name}{sent.path}",
        params=params,
        query=sent.query,
        headers=sent.headers,
        body=sent.body,
        form=form,
        data=data,
        client="203.0.113.7",
        settings={},
        names=Names({}, {}),
    )


def _read(sent: Sent) -> tuple[tuple[tuple[str, str], ...] | None, Any]:
    """Return (form, data) as the server reads them."""
    from urllib.parse import parse_qsl

    looks_like_json = sent.body.lstrip()[:1] in (b"{", b"[")
    if sent.headers.get("content-type", "").startswith("application/x-www") and not looks_like_json:
        text = sent.body.decode("utf-8", "replace")
        return tuple(parse_qsl(text, keep_blank_values=True)), None
    try:
        return None, json.loads(sent.body)
    except (ValueError, RecursionError):
        return None, None


class ChannelContract:
    """What every channel keeps to. Set ``channel`` and ``good``: requests that bring events.

    ``bad`` are requests that it must refuse, such as those with a wrong signature; ``once``
    says that a request sent again counts once; ``catalogue`` is what the plugin adds to it.
    """

    channel: Channel
    settings: Mapping[str, Any] = {}
    good: Sequence[Sent] = ()
    bad: Sequence[Sent] = ()
    once: bool = True
    catalogue: Mapping[str, Any] = {}

    def handle(self, sent: Sent) -> Accepted | Rejection:
        """Return what the channel makes of a request."""
        names = names_of(company(self.catalogue).catalogue)
        return asyncio.run(handled(self.channel, sent, self.settings, names))

    def arrivals(self, result: Accepted | Rejection) -> list[Arrival]:
        """Return the events of a result as the engine reads them; fails where it refuses one."""
        assert isinstance(result, Accepted), result
        definitions = company(self.catalogue)
        door = Door(definitions.catalogue, definitions.identities)
        now = FakeClock().now()
        read = [
            door.read(dict(event), Visit(now, now, self.channel.name)) for event in result.events
        ]
        refused = [outcome for outcome in read if not isinstance(outcome, Arrival)]
        assert not refused, f"the engine refuses what the channel makes: {refused}"
        return [each for each in read if isinstance(each, Arrival)]

    def test_it_registers(self) -> None:
        """The engine takes it."""
        assert self.channel.name in registered("register_channels", self.channel).channels

    def test_its_settings_are_checked(self) -> None:
        """Good settings pass, a misspelt one is an error before anything runs."""
        check_schema(self.channel.config_schema, "config_schema", self.settings)

    def test_its_routes_are_sound(self) -> None:
        """Each route has a path, a method, a summary, and no twin."""
        pairs = []
        for route in self.channel.routes():
            assert isinstance(route, Route), route
            assert route.path.startswith("/"), route.path
            assert route.summary, f"{route.path} says nothing of what it is for"
            pairs += [(method.upper(), route.path) for method in route.methods]
        assert len(set(pairs)) == len(pairs), pairs

    def test_what_is_good_becomes_events(self) -> None:
        """Each good request brings events, and the engine takes all of them."""
        for sent in self.good:
            assert self.arrivals(self.handle(sent)), f"{sent.method} {sent.path} brings no event"

    def test_sent_again_it_counts_once(self) -> None:
        """A request that is sent twice brings the same ids, which the source itself gave."""
        for sent in self.good if self.once else ():
            first, second = self.handle(sent), self.handle(sent)
            assert isinstance(first, Accepted)
            assert isinstance(second, Accepted)
            ids = [event.get("id") for event in first.events]
            assert None not in ids, "an event without an id counts again when it is sent again"
            assert ids == [event.get("id") for event in second.events]
            assert len(set(ids)) == len(ids), ids

    def test_what_is_bad_is_refused(self) -> None:
        """Each bad request is rejected as the sender's fault: 4xx."""
        for sent in self.bad:
            result = self.handle(sent)
            assert isinstance(result, Rejection), (sent, result)
            assert 400 <= result.status < 500, result

    def test_strangers_break_nothing(self) -> None:
        """Cut off, mangled or nonsense: there is an answer, and it is no fault of ours."""
        for sent in self._hostile():
            result = self.handle(sent)
            assert isinstance(result, Accepted | Rejection), (sent, result)
            if isinstance(result, Rejection):
                assert 400 <= result.status < 500, (sent, result)

    def _hostile(self) -> Iterator[Sent]:
        for route in self.channel.routes():
            path = _PARAMETER.sub("x", route.path)
            for method in route.methods:
                for body in _HOSTILE:
                    yield Sent(method.upper(), path, body=body)
        for sent in (*self.good, *self.bad):
            for cut in range(0, len(sent.body), max(1, len(sent.body) // 25)):
                yield msgspec.structs.replace(sent, body=sent.body[:cut])
            yield msgspec.structs.replace(sent, headers={}, query=())
            yield msgspec.structs.replace(sent, headers=dict.fromkeys(sent.headers, "\x00é"))
