"""Do the servers that connections name answer? Asked by opening a connection; nothing is sent."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

_TIMEOUT_S: Final = 5.0
_PORTS: Final = {"http": 80, "https": 443}
_SMTPS: Final = 465


class Reached(msgspec.Struct, frozen=True):
    """Whether a connection's server answers; ``target`` is host:port, None where it names none."""

    connection: str
    target: str | None
    ok: bool
    message: str


def reach(name: str, params: Mapping[str, Any]) -> Reached:
    """Open a connection to what a connection's settings name, and close it.

    A web address by https is greeted by TLS, too, so that a certificate out of date is seen.
    """
    found = _target(params)
    if found is None:
        return Reached(name, None, True, "names no server")
    host, port, tls = found
    target = f"{host}:{port}"
    begun = time.monotonic()
    try:
        with socket.create_connection((host, port), _TIMEOUT_S) as plain:
            if tls:
                context = ssl.create_default_context(cafile=params.get("ca_file"))
                context.wrap_socket(plain, server_hostname=host).close()
    except OSError as error:
        return Reached(name, target, False, f"does not answer: {error}")
    took = (time.monotonic() - begun) * 1_000
    return Reached(name, target, True, f"answers within {took:.0f} ms")


def _target(params: Mapping[str, Any]) -> tuple[str, int, bool] | None:
    host, port = params.get("host"), params.get("port")
    if isinstance(host, str) and host:
        known = (
            port if isinstance(port, int) else (_SMTPS if params.get("tls") == "implicit" else 587)
        )
        return host, known, False
    address = web_address(params)
    if address is None:
        return None
    parts = urlsplit(address)
    return parts.hostname or "", parts.port or _PORTS[parts.scheme], parts.scheme == "https"


def web_address(params: Mapping[str, Any]) -> str | None:
    """Return the first web address in a connection's settings."""
    found = (v for v in params.values() if isinstance(v, str))
    web = (v for v in found if v.startswith(("http://", "https://")) and urlsplit(v).hostname)
    return next(web, None)
