from __future__ import annotations

import asyncio
import http.server
import threading
from collections.abc import Iterator, Sequence

import httpx
import pytest

from engine.plugin import ForbiddenTarget, check_target, next_target

PUBLIC = "93.184.216.34"


async def public(host: str, port: int) -> Sequence[str]:
    """Resolve every name to a public address."""
    return [PUBLIC]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.9.9.9:8080/",
        "http://localhost/",
        "http://LOCALHOST./",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://0/",
        "http://0.0.0.0/",
        "http://10.1.2.3/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://100.64.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/",
        "http://[fd00::1]/",
        "http://100.100.100.200/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://240.0.0.1/",
        "http://1.2.3.4.5/",
        "http://user:pw@example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_SET",
        "http:///nobody",
        "http://exa mple.com/",
        "http://example.com\\@127.0.0.1/",
        "http://example.com:0/",
        "http://example.com:99999/",
        "http://" + "a" * 5_000,
        "//example.com",
        "",
    ],
)
def test_forbidden(url: str) -> None:
    """No notation of an address leads inside, and nothing but plain web addresses is taken."""
    with pytest.raises(ForbiddenTarget) as refused:
        asyncio.run(check_target(url))
    assert "127.0.0.1" not in str(refused.value)


@pytest.mark.parametrize(
    "answers",
    [["10.0.0.1"], [PUBLIC, "127.0.0.1"], ["::ffff:169.254.169.254"], ["fe80::1%eth0"]],
)
def test_names_that_lead_inside(answers: list[str]) -> None:
    """A name is refused when any of its addresses is inside."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return answers

    with pytest.raises(ForbiddenTarget):
        asyncio.run(check_target("https://例子.example.com/", resolve=resolve))


def test_pinned() -> None:
    """What is called is the address that was judged; name and TLS name stay the public ones."""
    target = asyncio.run(check_target("https://crm.例子.cn/hook?线索=1", resolve=public))
    assert target.url == f"https://{PUBLIC}:443/hook?线索=1"
    assert target.host == target.server_name == "crm.xn--fsqu00a.cn"
    assert target.port == 443
    other = asyncio.run(check_target("http://example.com:8080/x", resolve=public))
    assert other.host == "example.com:8080"


def test_what_settings_admit() -> None:
    """Private addresses can be allowed; metadata, link-local and multicast never are."""

    async def check(url: str) -> str:
        return (await check_target(url, allow_private=True)).ip

    assert asyncio.run(check("http://127.0.0.1:1/")) == "127.0.0.1"
    assert asyncio.run(check("http://[::1]/")) == "::1"
    assert asyncio.run(check("http://192.168.7.7/")) == "192.168.7.7"
    for url in ("http://169.254.169.254/", "http://100.100.100.200/", "http://224.0.0.1/"):
        with pytest.raises(ForbiddenTarget):
            asyncio.run(check(url))


def test_redirects_are_judged_again() -> None:
    """A redirect to the inside is refused, also a relative one that is none; https stays https."""

    async def story() -> None:
        first = await check_target("https://example.com/a/b", resolve=public)
        onward = await next_target(first, "../c", resolve=public)
        assert onward.url == f"https://{PUBLIC}:443/c"
        assert onward.host == "example.com"
        for location in (
            "http://example.com/",
            "https://127.0.0.1/",
            "//169.254.169.254/x",
            "https://[::1]/",
        ):
            with pytest.raises(ForbiddenTarget):
                await next_target(first, location, resolve=public)

    asyncio.run(story())


class _Inside(http.server.BaseHTTPRequestHandler):
    seen: list[str]

    def do_GET(self) -> None:
        type(self).seen.append(f"{self.headers['Host']} {self.path}")
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", f"http://0x7f.1:{self.server.server_address[1]}/secret")  # type: ignore[attr-defined]
        else:
            self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def inside() -> Iterator[tuple[int, list[str]]]:
    """A real web server on loopback; yields its port and what it saw."""
    handler = type("Handler", (_Inside,), {"seen": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1], handler.seen
    server.shutdown()
    thread.join()
    server.server_close()


def test_on_real_sockets(inside: tuple[int, list[str]]) -> None:
    """An allowed call arrives at the pinned address under its name; its redirect inside does not."""
    port, seen = inside

    async def here(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    async def story() -> None:
        url = f"http://crm.example.com:{port}/away"
        target = await check_target(url, allow_private=True, resolve=here)
        async with httpx.AsyncClient() as client:
            answer = await client.get(
                target.url, headers={"Host": target.host}, follow_redirects=False
            )
        assert answer.status_code == 302
        with pytest.raises(ForbiddenTarget):
            await next_target(target, answer.headers["location"])
        with pytest.raises(ForbiddenTarget):
            await check_target(f"http://localhost:{port}/secret")

    asyncio.run(story())
    assert seen == [f"crm.example.com:{port} /away"]
