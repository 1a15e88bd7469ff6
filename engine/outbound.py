"""Which addresses on the network an action may call: the one guard against forged requests.

A web address that somebody typed must not make this server ask its own machine, its own
network or the cloud's metadata service. A name is resolved once, every address that it has is
judged, and the connection goes to exactly the address that was judged, so that a name which
answers differently the second time gains nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from urllib.parse import urljoin, urlsplit

import msgspec

from engine.errors import LeadrulesError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
PORTS: Final = {"http": 80, "https": 443}
MAX_URL: Final = 4_000
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_LOCAL_NAT64: Final = ipaddress.ip_network("64:ff9b:1::/48")
# Alibaba's and Oracle's metadata services stand outside the ranges that count as private.
_METADATA: Final = tuple(map(ipaddress.ip_address, ("100.100.100.200", "192.0.0.192")))


class ForbiddenTarget(LeadrulesError):
    """A web address that must not be called; the message says why, without the address."""

    code = "forbidden-target"


class Target(msgspec.Struct, frozen=True):
    """A web address that may be called, pinned: connect to ``ip`` and nowhere else.

    ``url`` has the address in place of the name. Send ``host`` as the Host header, and for
    https give ``server_name`` to TLS, so that the certificate is checked against the name. For
    httpx: ``client.post(t.url, headers={"Host": t.host},
    extensions={"sni_hostname": t.server_name}, follow_redirects=False)``.
    """

    url: str
    host: str
    server_name: str
    ip: str
    port: int


async def check_target(
    url: str,
    allow_private: bool = False,
    schemes: Sequence[str] = ("https", "http"),
    resolve: Resolver | None = None,
) -> Target:
    """Return where ``url`` leads; raises ForbiddenTarget, and OSError when it has no address.

    ``allow_private`` admits private and loopback addresses, as a connection's settings may
    ask; link-local, metadata, multicast and reserved ones stay refused. Call this again for
    every redirect, with `next_target`.
    """
    parts = _split(url, schemes)
    host = (parts.hostname or "").rstrip(".")
    port = _port(parts.port, parts.scheme)
    literal = _literal(host)
    found = [str(literal)] if literal else await (resolve or _resolve)(host, port)
    if not found:
        raise OSError(f"the name {host!r} has no address")
    judged = [ipaddress.ip_address(each.partition("%")[0]) for each in found]
    for address in judged:
        reason = forbidden(address, allow_private)
        if reason is not None:
            raise ForbiddenTarget(f"the address leads to {reason}, which must not be called")
    return _pinned(parts, host, judged[0], port)


async def next_target(
    target: Target, location: str, allow_private: bool = False, resolve: Resolver | None = None
) -> Target:
    """Return where a redirect from ``target`` leads, judged anew; from https to https only."""
    named = target.url.replace(f"//{_bracketed(target.ip)}:{target.port}", f"//{target.host}", 1)
    schemes = ("https",) if target.url.startswith("https:") else ("https", "http")
    return await check_target(urljoin(named, location), allow_private, schemes, resolve)


def forbidden(address: Address, allow_private: bool = False) -> str | None:
    """Return what is wrong with calling an address, None when it may be called."""
    inner = _embedded(address)
    if inner is not None:
        return forbidden(inner, allow_private)
    # First what no setting admits.
    if address in _METADATA or address.is_link_local:
        return "a link-local or metadata address"
    if address.is_multicast or address.is_unspecified:
        return "an address of no single machine"
    if address.is_loopback:
        return None if allow_private else "this machine itself"
    if address.is_reserved:
        return "a reserved address"
    if not address.is_global:
        return None if allow_private else "a private address"
    return None


def _embedded(address: Address) -> Address | None:
    """Return the IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64 or address in _LOCAL_NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.teredo is not None:
        return address.teredo[1]
    compatible = int(address) >> 32 == 0 and int(address) > 1
    old = ipaddress.IPv4Address(int(address)) if compatible else None
    return address.ipv4_mapped or address.sixtofour or old


def _split(url: str, schemes: Sequence[str]) -> _Parts:
    try:
        parts = urlsplit(url)
        made = _Parts(parts.scheme.lower(), parts.hostname, parts.port, parts.path, parts.query)
    except ValueError:
        raise ForbiddenTarget("the address is no web address") from None
    if len(url) > MAX_URL or not url.isprintable() or " " in url or "\\" in url:
        raise ForbiddenTarget("the address is no web address")
    if made.scheme not in schemes:
        raise ForbiddenTarget(f"the address must begin with {' or '.join(schemes)}://")
    if "@" in parts.netloc:
        raise ForbiddenTarget("the address must not hold a user name or password")
    if not made.hostname:
        raise ForbiddenTarget("the address names no machine")
    return made


class _Parts(msgspec.Struct, frozen=True):
    scheme: str
    hostname: str | None
    port: int | None
    path: str
    query: str


def _port(given: int | None, scheme: str) -> int:
    if given == 0:
        raise ForbiddenTarget("the address has no usable port")
    return given or PORTS[scheme]


def _literal(host: str) -> Address | None:
    """Return the address that ``host`` is, in whatever notation a C library understands.

    2130706433, 0x7f.1 and 0177.0.0.1 all mean 127.0.0.1 to ``inet_aton``; none is a name.
    """
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    last = host.rpartition(".")[2]
    if not (last.isdecimal() or last.lower().startswith("0x")):
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        raise ForbiddenTarget("the address names no machine") from None


async def _resolve(host: str, port: int) -> list[str]:
    try:
        name = host.encode("idna").decode()
    except UnicodeError:
        raise ForbiddenTarget("the address names no machine") from None
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


def _pinned(parts: _Parts, host: str, address: Address, port: int) -> Target:
    name = host if _literal(host) else host.encode("idna").decode()
    shown = _bracketed(name)
    usual = port == PORTS[parts.scheme]
    query = f"?{parts.query}" if parts.query else ""
    return Target(
        url=f"{parts.scheme}://{_bracketed(str(address))}:{port}{parts.path or '/'}{query}",
        host=shown if usual else f"{shown}:{port}",
        server_name=name,
        ip=str(address),
        port=port,
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
