"""Sign-in by OpenID Connect: authorization code with PKCE, state and nonce, verified ID token."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from engine.calls import Answer, Caller
from engine.errors import LeadrulesError
from engine.language.serving import Oidc
from engine.server.sign_in.vouching import Claims, Flow, NotVouched

if TYPE_CHECKING:
    from jwt import PyJWK

# By keys that only the provider has; never by a shared secret, and never unsigned.
ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
KNOWN_S: Final = 3_600.0  # how long the provider's document and keys are taken as they were
ANEW_S: Final = 10.0
LEEWAY_S: Final = 60
_FAILED: Final = "provider-failed"
_REQUIRED: Final = ("iss", "sub", "aud", "exp", "iat")


class OpenId:
    """One provider. What it says of itself is fetched when it is first asked."""

    def __init__(self, settings: Oidc, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._caller = Caller(allow_private=settings.allow_private)
        self._document: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, Sequence[Mapping[str, Any]]] | None = None
        self._looked_at = clock() - ANEW_S  # for a key that was not known

    @property
    def _redirect(self) -> str:
        return f"{self._settings.url}/console/sign-in/oidc/back"

    async def address(self, flow: Flow) -> str:
        """Return the provider's page."""
        document = await self._discovered()
        hashed = hashlib.sha256(flow.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._redirect,
            "scope": " ".join(self._settings.scopes),
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": base64.urlsafe_b64encode(hashed).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        page = document["authorization_endpoint"]
        return f"{page}{'&' if '?' in page else '?'}{urlencode(query)}"

    async def claims(self, flow: Flow, answer: Mapping[str, str]) -> Claims:
        """Return the claims of the ID token and of the userinfo endpoint; raises NotVouched."""
        if answer.get("error"):
            raise NotVouched("not-vouched", f"the provider says {answer['error'][:80]!r}")
        # RFC 9207: which provider answers, so that another one's code is not taken for this one's.
        if answer.get("iss", self._settings.issuer) != self._settings.issuer:
            raise NotVouched("not-vouched", "another provider answers than was asked")
        tokens = await self._exchanged(answer.get("code", ""), flow.verifier)
        claims = await self.verified(str(tokens.get("id_token", "")), flow.nonce)
        return await self._told_more(claims, tokens)

    async def close(self) -> None:
        """Close the sockets."""
        await self._caller.close()

    # --- what the provider says of itself ----------------------------------------------------

    async def _discovered(self) -> Mapping[str, Any]:
        if self._document is None or self._document[0] <= self._clock():
            issuer = self._settings.issuer
            url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
            document = _object(await self._call("GET", url))
            if document.get("issuer") != issuer:
                raise NotVouched(_FAILED, "the provider's document is about another issuer")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                if not _as_safe(document.get(name), issuer):
                    raise NotVouched(_FAILED, f"the provider's document has no good {name}")
            self._document = self._clock() + KNOWN_S, document
        return self._document[1]

    async def _key(self, id: str | None, algorithm: str) -> PyJWK:
        """Return the key that a token names; raises NotVouched, and PyJWTError for a bad one.

        Keys change, so one that is not known is looked for, but not for every forged token.
        """
        from jwt import PyJWK

        found = _named(await self._known_keys(KNOWN_S), id)
        if found is None and self._clock() - self._looked_at >= ANEW_S:
            self._looked_at = self._clock()
            found = _named(await self._known_keys(0.0), id)
        if found is None or found.get("alg", algorithm) != algorithm:
            raise NotVouched("not-vouched", "no key of the provider's fits the ID token")
        return PyJWK(dict(found), algorithm)

    async def _known_keys(self, age_s: float) -> Sequence[Mapping[str, Any]]:
        if self._keys is None or self._clock() - self._keys[0] >= age_s:
            document = await self._discovered()
            said = _object(await self._call("GET", document["jwks_uri"])).get("keys")
            found = [each for each in said or () if isinstance(each, dict)]
            self._keys = self._clock(), found
        return self._keys[1]

    # --- what it says of a person ------------------------------------------------------------

    async def _exchanged(self, code: str, verifier: str) -> Mapping[str, Any]:
        settings, document = self._settings, await self._discovered()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect,
            "code_verifier": verifier,
        }
        headers = {}
        methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if "client_secret_basic" in methods:
            # RFC 6749, 2.3.1: each half is form-encoded before the two are joined.
            pair = f"{quote(settings.client_id, safe='')}:{quote(settings.client_secret, safe='')}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": settings.client_id, "client_secret": settings.client_secret}
        url = document["token_endpoint"]
        return _object(await self._call("POST", url, form=form, headers=headers))

    async def verified(self, token: str, nonce: str) -> dict[str, Any]:
        """Return the claims of an ID token that this provider made for this sign-in."""
        import jwt

        try:
            head = jwt.get_unverified_header(token)
            if head.get("alg") not in ALGORITHMS:
                raise NotVouched("not-vouched", "the ID token is signed in no way that counts")
            claims: dict[str, Any] = jwt.decode(
                token,
                await self._key(head.get("kid"), head["alg"]),
                algorithms=[head["alg"]],
                audience=self._settings.client_id,
                issuer=self._settings.issuer,
                leeway=LEEWAY_S,
                options={"require": list(_REQUIRED)},
            )
        except jwt.exceptions.PyJWTError as error:
            raise NotVouched("not-vouched", f"the ID token is not good: {error}") from error
        own, audience = self._settings.client_id, claims["aud"]
        if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != own:
            raise NotVouched("not-vouched", "the ID token was made for another client")
        if claims.get("nonce") != nonce:
            raise NotVouched("not-vouched", "the ID token belongs to another sign-in")
        return claims

    async def _told_more(self, claims: dict[str, Any], tokens: Mapping[str, Any]) -> Claims:
        """Add what only the userinfo endpoint says, as many providers have it."""
        url = (await self._discovered()).get("userinfo_endpoint")
        if not _as_safe(url, self._settings.issuer) or not tokens.get("access_token"):
            return claims
        headers = {"authorization": f"Bearer {tokens['access_token']}"}
        more = _object(await self._call("GET", str(url), headers=headers))
        if more.get("sub") != claims["sub"]:
            raise NotVouched("not-vouched", "the provider tells of another person")
        return {**more, **claims}

    async def _call(self, method: str, url: str, **sent: Any) -> Answer:
        try:
            answer = await self._caller.call(method, url, **sent)
        except (OSError, LeadrulesError) as error:
            raise NotVouched(_FAILED, f"the provider cannot be reached: {error}") from error
        if answer.status != 200:
            raise NotVouched(_FAILED, f"the provider answered with status {answer.status}")
        return answer


def _object(answer: Answer) -> Mapping[str, Any]:
    data = answer.data
    if not isinstance(data, dict):
        raise NotVouched(_FAILED, "the provider's answer is no JSON object")
    return data


def _named(keys: Sequence[Mapping[str, Any]], id: str | None) -> Mapping[str, Any] | None:
    """Return the signing key of this id; without one, the only key that there is."""
    signing = [key for key in keys if key.get("use", "sig") == "sig"]
    if id is None:
        return signing[0] if len(signing) == 1 else None
    return next((key for key in signing if key.get("kid") == id), None)


def _as_safe(url: Any, issuer: str) -> bool:
    """Whether an address that the document names is as safe as the issuer's own."""
    schemes = ("https://",) if issuer.startswith("https:") else ("https://", "http://")
    return isinstance(url, str) and url.startswith(schemes)
