"""A WeCom on loopback that behaves as documented: status 200 whatever happened, errcode inside."""

from __future__ import annotations

import itertools
import json
from typing import Any

from engine.testing import Peer, PeerAnswer, Seen

CORP = "wx5823bf96d3bd56c7"
SECRET = "secret-of-the-app"
AGENT = 1000002
ROBOT = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"
CONTACT = ("LiNa", "wmAAAA")
HOURS_2 = 7_200


class Wecom:
    """What WeCom knows and what it was asked; `answer` is a handler for `Peer`.

    ``forced`` are errcodes that the next calls get, whatever they ask. Tokens are good until
    `expire`. A welcome code counts once.
    """

    def __init__(self) -> None:
        self.members = {"LiNa", "ZhangWei"}
        self.unlicensed: set[str] = set()
        self.codes = {"CODE"}
        self.forced: list[int] = []
        self.delay_s = 0.0
        self.tokens = 0
        self.expired: set[str] = set()
        self.calls: list[tuple[str, Any]] = []
        self.robot_limit = 20
        self._robot = 0
        self._numbers = itertools.count(1)

    def expire(self) -> None:
        """Let all tokens end early, as WeCom may at any time."""
        self.expired |= {f"token-{n}" for n in range(1, self.tokens + 1)}

    def sent(self, path: str) -> list[Any]:
        """Return the bodies of the calls of one interface that got past the token."""
        return [body for name, body in self.calls if name == path]

    def answer(self, seen: Seen) -> PeerAnswer:
        """Answer one request."""
        return PeerAnswer(body=self._answer(seen), delay_s=self.delay_s)

    def _answer(self, seen: Seen) -> dict[str, Any]:
        path = seen.path.removeprefix("/cgi-bin/")
        if path == "gettoken":
            return self._gettoken(seen)
        body = json.loads(seen.body)
        if path == "webhook/send":
            return self._webhook(seen.query.get("key"), body)
        token = seen.query.get("access_token")
        if not token:
            return _error(41001, "access_token missing")
        if token in self.expired:
            return _error(42001, "access_token expired")
        if token not in {f"token-{n}" for n in range(1, self.tokens + 1)}:
            return _error(40014, "invalid access_token")
        self.calls.append((path, body))
        if self.forced:
            return _error(self.forced.pop(0), "as the test wants it")
        interfaces = {
            "message/send": self._message,
            "externalcontact/send_welcome_msg": self._welcome,
            "externalcontact/add_contact_way": self._contact_way,
            "externalcontact/mark_tag": self._mark,
        }
        return interfaces[path](body)

    def _gettoken(self, seen: Seen) -> dict[str, Any]:
        if seen.query.get("corpid") != CORP:
            return _error(40013, "invalid corpid")
        if seen.query.get("corpsecret") != SECRET:
            return _error(40001, "invalid credential")
        self.tokens += 1
        return {**_error(0, "ok"), "access_token": f"token-{self.tokens}", "expires_in": HOURS_2}

    def _message(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["agentid"] != AGENT:
            return _error(40056, "invalid agentid")
        named = [u for u in str(body.get("touser", "")).split("|") if u]
        bad = [u for u in named if u not in self.members and u != "@all"]
        poor = [u for u in named if u in self.unlicensed]
        groups = body.get("toparty") or body.get("totag")
        if len(bad) == len(named) and not groups:
            return _error(81013, "user & party & tag all invalid")
        made = {**_error(0, "ok"), "msgid": f"msg-{next(self._numbers)}"}
        if bad:
            made["invaliduser"] = "|".join(bad).lower()
        if poor:
            made["unlicenseduser"] = "|".join(poor).lower()
        if body.get("toparty") == "99":
            made["invalidparty"] = "99"
        return made

    def _welcome(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["welcome_code"] not in self.codes:
            return _error(41051, "externaluser has started chatting")
        self.codes.discard(body["welcome_code"])
        return _error(0, "ok")

    def _contact_way(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["scene"] == 2 and "style" in body:
            return _error(41040, "invalid contact way style")
        if not set(body["user"]) <= self.members or (body["type"] == 1 and len(body["user"]) != 1):
            return _error(40003, "invalid userid")
        if len(body.get("state", "")) > 30 or len(body.get("remark", "")) > 30:
            return _error(40058, "invalid argument")
        code = {"config_id": "42b34949e138eb6e", "qr_code": "https://wework.qpic.cn/x/0"}
        return {**_error(0, "ok"), **code}

    def _mark(self, body: dict[str, Any]) -> dict[str, Any]:
        if (body["userid"], body["external_userid"]) != CONTACT:
            return _error(84061, "not external contact")
        return _error(0, "ok")

    def _webhook(self, key: str | None, body: Any) -> dict[str, Any]:
        if key != ROBOT:
            return _error(93000, "invalid webhook url")
        self._robot += 1
        if self._robot > self.robot_limit:
            return _error(45009, "api freq out of limit")
        self.calls.append(("webhook/send", body))
        return _error(0, "ok")


def _error(code: int, text: str) -> dict[str, Any]:
    return {"errcode": code, "errmsg": text}


def peer(wecom: Wecom) -> Peer:
    """Return the server, to be entered."""
    made = Peer()
    made.handler = wecom.answer
    return made
