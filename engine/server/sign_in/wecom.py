"""Sign-in by a code that people scan with WeCom (企业微信扫码登录).

The browser goes to WeCom's page and comes back with a code that is good once, for five minutes;
with the app's token it is exchanged for the person's userid.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from engine.calls import Caller, Tokens
from engine.errors import LeadrulesError
from engine.language.serving import WecomScan
from engine.server.sign_in.vouching import Claims, Flow, NotVouched

# A token may end before its time: then once more with another one.
_TOKEN_ENDED: Final = frozenset({40014, 42001})
_CODE_ENDED: Final = frozenset({40029, 42003})
_KEY: Final = "token"


class Wecom:
    """One app of one corporation."""

    def __init__(self, settings: WecomScan) -> None:
        self._settings = settings
        self._caller = Caller(allow_private=settings.allow_private)
        self._tokens = Tokens()

    async def address(self, flow: Flow) -> str:
        """Return the page with the code."""
        settings = self._settings
        query = {
            "login_type": "CorpApp",
            "appid": settings.corp_id,
            "agentid": settings.agent_id,
            "redirect_uri": f"{settings.url}/console/sign-in/wecom/back",
            "state": flow.state,
        }
        return f"{settings.login}/wwlogin/sso/login?{urlencode(query)}"

    async def claims(self, flow: Flow, answer: Mapping[str, str]) -> Claims:
        """Return the one claim ``userid``; raises NotVouched."""
        code = answer.get("code", "")
        if not code:
            raise NotVouched("not-vouched", "WeCom sent nobody back")
        data: Mapping[str, Any] = {}
        for _ in range(2):
            token = await self._tokens.get(_KEY, self._fetch)
            data = await self._ask("auth/getuserinfo", access_token=token, code=code)
            if data["errcode"] not in _TOKEN_ENDED:
                break
            self._tokens.drop(_KEY, token)
        if data["errcode"] in _CODE_ENDED:
            raise NotVouched("stale-sign-in", "WeCom's code is over or was used; scan again")
        _check(data)
        userid = data.get("userid")
        if not isinstance(userid, str) or not userid:
            raise NotVouched("not-granted", "you are not a member of this corporation in WeCom")
        return {"userid": userid}

    async def close(self) -> None:
        """Close the sockets."""
        await self._caller.close()

    async def _fetch(self) -> tuple[str, float]:
        settings = self._settings
        data = await self._ask("gettoken", corpid=settings.corp_id, corpsecret=settings.secret)
        _check(data)
        token, seconds = data.get("access_token"), data.get("expires_in")
        if not isinstance(token, str) or not token or type(seconds) is not int:
            raise NotVouched("provider-failed", "WeCom gave no token")
        return token, seconds

    async def _ask(self, interface: str, **params: str) -> Mapping[str, Any]:
        url = f"{self._settings.endpoint}/cgi-bin/{interface}"
        try:
            answer = await self._caller.call("GET", url, params=params)
        except (OSError, LeadrulesError) as error:
            raise NotVouched("provider-failed", f"WeCom cannot be reached: {error}") from error
        data = answer.data
        if not isinstance(data, dict) or type(data.get("errcode")) is not int:
            raise NotVouched("provider-failed", f"WeCom answered {answer.status} and no errcode")
        return data


def _check(data: Mapping[str, Any]) -> None:
    # By its number: the message says what it likes, and quotes addresses.
    if data["errcode"] != 0:
        raise NotVouched("provider-failed", f"WeCom refuses with errcode {data['errcode']}")
