"""Signatures of requests to Aliyun (ACS3-HMAC-SHA256) and Tencent Cloud (TC3-HMAC-SHA256).

Both vendors' SDKs make the same ones, byte for byte, in the tests.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

ACS3: Final = "ACS3-HMAC-SHA256"
TC3: Final = "TC3-HMAC-SHA256"
_NOTHING: Final = hashlib.sha256(b"").hexdigest()
_TC3_TYPE: Final = "application/json"
_TC3_SIGNED: Final = "content-type;host"


def canonical_query(params: Mapping[str, str]) -> str:
    """Return parameters as they are signed and sent: sorted, a space as %20.

    >>> canonical_query({"b": "短 信*", "a": "~/"})
    'a=~%2F&b=%E7%9F%AD%20%E4%BF%A1%2A'
    """
    return "&".join(
        f"{quote(name, safe='~')}={quote(value, safe='~')}"
        for name, value in sorted(params.items())
    )


def aliyun_headers(
    host: str,
    operation: tuple[str, str],
    params: Mapping[str, str],
    keys: tuple[str, str],
    stamp: tuple[int, str],
) -> dict[str, str]:
    """Return the headers of a POST without a body, its parameters in the query.

    ``operation`` is (action, version), ``keys`` (id, secret), ``stamp`` (instant, nonce).
    """
    at = datetime.fromtimestamp(stamp[0] / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    headers = {
        "host": host,
        "x-acs-action": operation[0],
        "x-acs-content-sha256": _NOTHING,
        "x-acs-date": at,
        "x-acs-signature-nonce": stamp[1],
        "x-acs-version": operation[1],
    }
    return {**headers, "authorization": acs3("POST", "/", params, headers, keys)}


def acs3(
    method: str,
    path: str,
    params: Mapping[str, str],
    headers: Mapping[str, str],
    keys: tuple[str, str],
) -> str:
    """Return Authorization for these headers, names in lower case, all of them signed."""
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    body = headers["x-acs-content-sha256"]
    request = f"{method}\n{path}\n{canonical_query(params)}\n{lines}\n{names}\n{body}"
    signed = f"{ACS3}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = _mac(keys[1].encode(), signed).hex()
    return f"{ACS3} Credential={keys[0]},SignedHeaders={names},Signature={signature}"


def tencent_request(
    host: str,
    operation: tuple[str, str, str, str],
    params: Mapping[str, Any],
    keys: tuple[str, str],
    at: int,
) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a POST; ``operation`` is (service, action, version, region)."""
    body = json.dumps(params, ensure_ascii=False).encode()
    service, action, version, region = operation
    headers = {
        "content-type": _TC3_TYPE,
        "host": host,
        "x-tc-action": action,
        "x-tc-version": version,
        "x-tc-region": region,
        "x-tc-timestamp": str(at // 1000),
        "authorization": tc3((service, host), _TC3_TYPE, body, keys, at // 1000),
    }
    return headers, body


def tc3(
    target: tuple[str, str], media_type: str, body: bytes, keys: tuple[str, str], second: int
) -> str:
    """Return Authorization for a POST to ``/`` at ``second`` since 1970; its day is in UTC.

    ``target`` is (service, host).
    """
    service, host = target
    day = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d")
    scope = f"{day}/{service}/tc3_request"
    request = (
        f"POST\n/\n\ncontent-type:{media_type}\nhost:{host}\n\n{_TC3_SIGNED}\n"
        f"{hashlib.sha256(body).hexdigest()}"
    )
    signed = f"{TC3}\n{second}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = _mac(_mac(_mac(f"TC3{keys[1]}".encode(), day), service), "tc3_request")
    return (
        f"{TC3} Credential={keys[0]}/{scope}, SignedHeaders={_TC3_SIGNED}, "
        f"Signature={_mac(key, signed).hex()}"
    )


def _mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
