"""Calls of web services by actions and channels: pooled, bounded, guarded, with cached tokens.

One `Caller` serves one connection. It opens sockets only to addresses that `engine.outbound`
admits, keeps them for the next call, follows no redirect, believes no proxy variable, and reads
no more of an answer than it must.
"""

from __future__ import annotations

import asyncio
import json as json_
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypedDict, Unpack

import httpx
import msgspec

from engine.outbound import Target, check_target

TIMEOUT_S: Final = 10.0
MAX_ANSWER: Final = 2_000_000  # bytes, unpacked
MAX_HOSTS: Final = 32  # that a caller keeps sockets to
PINNED_S: Final = 30.0  # how long an address that was judged is used before the name is asked again
EARLY_S: Final = 300.0  # before its end a token is fetched anew


class BadAnswer(OSError):
    """An answer that is too long or cannot be unpacked: as good as none."""


class Answer(msgspec.Struct, frozen=True):
    """What a service answered; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text; what is no UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")

    @property
    def data(self) -> Any:
        """The body as JSON; None when it is none."""
        try:
            return json_.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def retry_after(self) -> int | None:
        """Milliseconds that the service asks to wait, at most a day; None when it does not say."""
        said = self.headers.get("retry-after", "").strip()
        return min(int(said), 86_400) * 1_000 if said.isdecimal() and said.isascii() else None


class Sent(TypedDict, total=False):
    """What goes with a call: a body as ``json`` (sent as UTF-8), as a ``form``, or as it is.

    ``params`` are added to the address's query, ``auth`` is a name and a password.
    """

    headers: Mapping[str, str]
    params: Mapping[str, str]
    json: Any
    form: Mapping[str, str]
    content: bytes
    auth: tuple[str, str]


class Caller:
    """Calls services for one connection; make it once, `close` it when the server stops.

    ``allow_private`` admits services in the own network; ``sockets`` is how many are kept open
    to one host.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        timeout_s: float = TIMEOUT_S,
        sockets: int = 8,
        user_agent: str = "leadrules",
    ) -> None:
        self._allow_private = allow_private
        self._timeout_s = timeout_s
        self._limits = httpx.Limits(max_connections=sockets, max_keepalive_connections=sockets)
        self._agent = user_agent
        # One client a name: sockets that were opened for one are never used for another, even
        # where both have the same address.
        self._clients: OrderedDict[str, httpx.AsyncClient] = OrderedDict()
        self._pinned: dict[tuple[str, str], tuple[float, Target]] = {}

    async def call(
        self, method: str, url: str, *, timeout_s: float | None = None, **sent: Unpack[Sent]
    ) -> Answer:
        """Return the answer, whatever its status.

        Raises ForbiddenTarget for an address that must not be called, OSError when there was
        no answer (TimeoutError when it did not come in time).
        """
        headers = {"user-agent": self._agent, **sent.get("headers", {})}
        content = sent.get("content")
        if "json" in sent:
            content = json_.dumps(sent["json"], ensure_ascii=False, separators=(",", ":")).encode()
            headers.setdefault("content-type", "application/json; charset=utf-8")
        full = str(httpx.URL(url).copy_merge_params(sent["params"])) if "params" in sent else url
        seconds = timeout_s if timeout_s is not None else self._timeout_s
        try:
            async with asyncio.timeout(seconds):
                target = await self._target(full)
                headers["host"] = target.host
                client = await self._client(target.server_name)
                return await _answered(
                    client.stream(
                        method,
                        target.url,
                        headers=headers,
                        content=content,
                        data=sent.get("form"),
                        auth=sent.get("auth"),
                        extensions={"sni_hostname": target.server_name},
                    )
                )
        except TimeoutError:
            raise TimeoutError(f"no answer within {seconds:g} s") from None
        except httpx.TransportError as error:
            raise OSError(str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """Close all sockets."""
        while self._clients:
            await self._clients.popitem()[1].aclose()

    async def _target(self, url: str) -> Target:
        """Return the pinned address; the name is asked anew every ``PINNED_S``."""
        parts = httpx.URL(url)
        key = (parts.scheme, parts.netloc.decode("ascii", "replace"))
        known = self._pinned.get(key)
        if known is not None and known[0] > time.monotonic():
            found = known[1]
            path = parts.raw_path.decode("ascii")
            origin = found.url.partition("//")[2].partition("/")[0]
            return msgspec.structs.replace(found, url=f"{parts.scheme}://{origin}{path}")
        target = await check_target(url, self._allow_private)
        if len(self._pinned) >= MAX_HOSTS:
            self._pinned.clear()
        self._pinned[key] = time.monotonic() + PINNED_S, target
        return target

    async def _client(self, name: str) -> httpx.AsyncClient:
        client = self._clients.pop(name, None)
        if client is None:
            client = httpx.AsyncClient(
                limits=self._limits, timeout=None, trust_env=False, follow_redirects=False
            )
        self._clients[name] = client
        if len(self._clients) > MAX_HOSTS:
            await self._clients.popitem(last=False)[1].aclose()
        return client


async def _answered(stream: Any) -> Answer:
    async with stream as response:
        parts, length = [], 0
        try:
            async for part in response.aiter_bytes():
                parts.append(part)
                length += len(part)
                if length > MAX_ANSWER:
                    raise BadAnswer(f"the answer is longer than {MAX_ANSWER} bytes")
        except httpx.DecodingError:
            raise BadAnswer("the answer cannot be unpacked") from None
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, b"".join(parts))


Fetch = Callable[[], Awaitable[tuple[str, float]]]  # a token, and for how many seconds it is good


class Tokens:
    """Access tokens by key, each fetched once however many want it at the same time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, tuple[str, float]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def get(self, key: str, fetch: Fetch) -> str:
        """Return the token of ``key``; it is fetched if there is none, or it soon ends.

        What ``fetch`` raises reaches whoever waited first; the next one tries again.
        """
        async with self._locks.setdefault(key, asyncio.Lock()):
            token, until = self._known.get(key, ("", 0.0))
            if not token or until <= self._clock():
                token, seconds = await fetch()
                early = min(EARLY_S, seconds / 10)
                self._known[key] = token, self._clock() + seconds - early
            return token

    def drop(self, key: str, token: str) -> None:
        """Forget a token that the service refused, unless there is a newer one already."""
        if self._known.get(key, ("", 0.0))[0] == token:
            del self._known[key]
