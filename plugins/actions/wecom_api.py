"""Calls of WeCom's interface: one token for each app, fetched anew once when it is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from engine.plugin import ActionContext, Caller, Retry, Tokens, Trouble, by_status
from plugins.actions.callers import Callers
from plugins.actions.wecom_answers import TOKEN, verdict

ENDPOINT: Final = "https://qyapi.weixin.qq.com"
Answer = Mapping[str, Any]


class Api:
    """One app's way to WeCom.

    Its methods raise Trouble, and OSError where there is no answer in time.
    """

    def __init__(
        self,
        caller: Caller,
        tokens: Tokens,
        settings: Mapping[str, Any],
        timeout_s: float | None = None,
    ) -> None:
        self._caller = caller
        self._tokens = tokens
        self._timeout_s = timeout_s
        self._endpoint = str(settings.get("endpoint", ENDPOINT))
        self._corp = str(settings.get("corp_id", ""))
        self._secret = str(settings.get("secret", ""))
        # What tells tokens apart is no secret itself.
        told = "\n".join((self._endpoint, self._corp, self._secret))
        self._key = hashlib.sha256(told.encode()).hexdigest()

    async def ask(self, path: str, body: Any, attempt: int) -> Answer:
        """Return the answer, whose errcode is 0; ``attempt`` is the delivery's, from 1."""
        data: Answer = {}
        for _ in range(2):
            token = await self.token()
            data = await self._call("POST", path, {"access_token": token}, body)
            if data["errcode"] not in TOKEN:
                break
            self._tokens.drop(self._key, token)
        return _good(data, attempt)

    async def robot(self, key: str, body: Any, attempt: int) -> Answer:
        """Return the answer to what a group robot says; its key is all it needs."""
        data = await self._call("POST", "/cgi-bin/webhook/send", {"key": key}, body)
        return _good(data, attempt)

    async def token(self) -> str:
        """Return the app's token, a known one while it is good."""
        return await self._tokens.get(self._key, self._fetch)

    async def _fetch(self) -> tuple[str, float]:
        params = {"corpid": self._corp, "corpsecret": self._secret}
        data = _good(await self._call("GET", "/cgi-bin/gettoken", params), attempt=1)
        token, seconds = data.get("access_token"), data.get("expires_in")
        if not isinstance(token, str) or not token or type(seconds) is not int:
            raise Trouble(Retry("WeCom gave no token"))
        return token, seconds

    async def _call(
        self, method: str, path: str, params: Mapping[str, str], body: Any = None
    ) -> Answer:
        url = f"{self._endpoint}{path}"
        call, patience = self._caller.call, self._timeout_s
        if body is None:
            answer = await call(method, url, timeout_s=patience, params=params)
        else:
            answer = await call(method, url, timeout_s=patience, params=params, json=body)
        trouble = by_status(answer, "WeCom")
        if trouble is not None:
            raise Trouble(trouble)
        data = answer.data
        if not isinstance(data, dict) or type(data.get("errcode")) is not int:
            raise Trouble(Retry("WeCom's answer has no errcode"))
        return data


def _good(data: Answer, attempt: int) -> Answer:
    trouble = verdict(data, attempt)
    if trouble is not None:
        raise Trouble(trouble)
    return data


class Apis:
    """The sockets and tokens of all connections to WeCom, kept between deliveries."""

    def __init__(self) -> None:
        self._callers = Callers()
        self._tokens = Tokens()

    def of(self, context: ActionContext, timeout_s: float | None = None) -> Api:
        """Return a connection's way to WeCom; ``timeout_s`` in place of its own for each call."""
        caller = self._callers.of(context)
        return Api(caller, self._tokens, context.connection, timeout_s)

    async def close(self) -> None:
        """Close all sockets and forget the tokens."""
        self._tokens = Tokens()
        await self._callers.close()
