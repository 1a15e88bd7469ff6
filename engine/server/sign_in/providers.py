"""Who vouches for people, by the settings of server.yaml."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from engine.language.serving import Oidc, SignIn, WecomScan
from engine.server.sign_in.vouching import NotVouched, Provider

_LIBRARIES: Final = ("jwt", "cryptography")


def provider_of(settings: Oidc | WecomScan) -> Provider:
    """Return the one who vouches; raises NotVouched where a library is not installed."""
    if isinstance(settings, WecomScan):
        from engine.server.sign_in.wecom import Wecom

        return Wecom(settings)
    lacks = lacking(SignIn(oidc=settings))
    if lacks is not None:
        raise NotVouched("provider-failed", lacks)
    from engine.server.sign_in.oidc import OpenId

    return OpenId(settings)


def lacking(settings: SignIn) -> str | None:
    """Return what has to be installed for the ways to sign in that are set, None if nothing."""
    if settings.oidc is None or all(map(find_spec, _LIBRARIES)):
        return None
    return "sign-in by OpenID Connect needs: pip install 'leadrules[oidc]'"
