"""Those who vouch for people, on loopback: an OpenID provider that errs as told, and WeCom."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from engine.testing import PeerAnswer, Seen

CLIENT, SECRET = "leadrules", "geheim/mit+zeichen"
CORP, APP_SECRET, AGENT = "ww5823bf96d3bd56c7", "secret-of-the-app", "1000002"


class OpenIdProvider:
    """Answers as OpenID Connect Core 1.0 says; ``claims``, ``head`` and ``document`` change it.

    A code is good once, for the client, redirect and PKCE challenge that it was given for.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.document: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {"sub": "7", "groups": ["sales"]}
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        self.token: str | None = None
        self.rotate("one")

    def rotate(self, id: str, curve: bool = False) -> None:
        """Sign with another key from now on; the one before is forgotten."""
        self.id, self.algorithm = id, "ES256" if curve else "RS256"
        self.key: Any = (
            ec.generate_private_key(ec.SECP256R1())
            if curve
            else rsa.generate_private_key(public_exponent=65537, key_size=2048)
        )

    def allow(self, address: str) -> dict[str, str]:
        """Be the person who says yes at the page that the browser was sent to."""
        asked = dict(parse_qsl(urlsplit(address).query))
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def signed(self, nonce: str) -> str:
        """Return an ID token."""
        now = int(time.time())
        claims = {"iss": self.url, "sub": "7", "aud": CLIENT, "iat": now, "exp": now + 300}
        claims |= {"nonce": nonce, "email": "Li.Na@example.com", **self.claims}
        claims = {k: v for k, v in claims.items() if v is not None}
        return jwt.encode(claims, self.key, self.algorithm, headers={"kid": self.id})

    def answer(self, seen: Seen) -> PeerAnswer:
        """Answer one request."""
        self.asked.append(seen.path)
        if seen.path == "/.well-known/openid-configuration":
            return PeerAnswer(body={**self._described(), **self.document})
        if seen.path == "/jwks":
            return PeerAnswer(body={"keys": [{"kty": "odd", "kid": "x"}, self._public()]})
        if seen.path == "/userinfo":
            good = seen.headers.get("authorization") == "Bearer access"
            return PeerAnswer(200 if good else 401, self.userinfo)
        return self._exchange(seen)

    def _described(self) -> dict[str, Any]:
        ends = {"authorization_endpoint": "auth?theme=x", "token_endpoint": "token"}
        ends |= {"jwks_uri": "jwks", "userinfo_endpoint": "userinfo"}
        return {"issuer": self.url, **{k: f"{self.url}/{v}" for k, v in ends.items()}}

    def _public(self) -> dict[str, Any]:
        make = ECAlgorithm if self.algorithm.startswith("ES") else RSAAlgorithm
        return {**json.loads(make.to_jwk(self.key.public_key())), "kid": self.id, "use": "sig"}

    def _exchange(self, seen: Seen) -> PeerAnswer:
        form = dict(parse_qsl(seen.body.decode()))
        asked = self.codes.pop(form.get("code", ""), None)
        proof = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        basic = base64.b64encode(b"leadrules:geheim%2Fmit%2Bzeichen").decode()
        good = (
            asked is not None
            and seen.headers.get("authorization") == f"Basic {basic}"
            and form["redirect_uri"] == asked["redirect_uri"]
            and base64.urlsafe_b64encode(proof).decode().rstrip("=") == asked["code_challenge"]
        )
        if not good or asked is None:
            return PeerAnswer(400, {"error": "invalid_grant"})
        token = self.token or self.signed(asked["nonce"])
        return PeerAnswer(
            body={"access_token": "access", "token_type": "Bearer", "id_token": token}
        )


class Wecom:
    """Answers as WeCom's pages on 扫码登录 say: status 200 whatever happened, errcode inside.

    ``codes`` are good once; ``expire`` ends the token before its time.
    """

    def __init__(self) -> None:
        self.codes: dict[str, dict[str, Any]] = {}
        self.tokens = 0
        self.good: set[str] = set()
        self.asked: list[str] = []
        self.errcode: int | None = None

    def expire(self) -> None:
        """End all tokens, as WeCom may at any time."""
        self.good.clear()

    def answer(self, seen: Seen) -> PeerAnswer:
        """Answer one request."""
        self.asked.append(seen.path)
        return PeerAnswer(body=self._answer(seen))

    def _answer(self, seen: Seen) -> dict[str, Any]:
        if self.errcode is not None:
            return {"errcode": self.errcode, "errmsg": "as the test wants it"}
        if seen.path == "/cgi-bin/gettoken":
            if seen.query.get("corpid") != CORP:
                return {"errcode": 40013, "errmsg": "invalid corpid"}
            if seen.query.get("corpsecret") != APP_SECRET:
                return {"errcode": 40001, "errmsg": "invalid credential"}
            self.tokens += 1
            self.good.add(f"token-{self.tokens}")
            token = {"access_token": f"token-{self.tokens}", "expires_in": 7200}
            return {"errcode": 0, "errmsg": "ok", **token}
        assert seen.path == "/cgi-bin/auth/getuserinfo"
        if seen.query.get("access_token") not in self.good:
            return {"errcode": 42001, "errmsg": "access_token expired"}
        found = self.codes.pop(seen.query.get("code", ""), None)
        if found is None:
            return {"errcode": 40029, "errmsg": "invalid code"}
        return {"errcode": 0, "errmsg": "ok", **found}
