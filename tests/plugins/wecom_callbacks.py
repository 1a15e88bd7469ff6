"""Callbacks as WeCom and WeChat send them: written by wechatpy, not by our own code."""

from __future__ import annotations

import re
from collections.abc import Mapping

from wechatpy.enterprise.crypto import WeChatCrypto

from engine.testing import FakeClock, Sent, request

CORP = "wx5823bf96d3bd56c7"
TOKEN = "QDG6eK"
KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
NOW = FakeClock().now() // 1_000
_PARTS = re.compile(r"<Encrypt><!\[CDATA\[(.*?)\]\]>.*<MsgSignature><!\[CDATA\[(.*?)\]\]>", re.S)


def xml(fields: Mapping[str, object]) -> str:
    """Return a message as Tencent writes it: text as CDATA, numbers bare."""
    parts = [
        f"<{name}>{value}</{name}>"
        if isinstance(value, int)
        else f"<{name}><![CDATA[{value}]]></{name}>"
        for name, value in fields.items()
    ]
    return f"<xml>{''.join(parts)}</xml>"


def callback(
    path: str,
    message: Mapping[str, object] | str,
    *,
    at: int = NOW,
    token: str = TOKEN,
    key: str = KEY,
    receiver: str = CORP,
) -> Sent:
    """Return the encrypted and signed POST of a message at ``at`` (seconds)."""
    text = message if isinstance(message, str) else xml(message)
    whole = WeChatCrypto(token, key, receiver).encrypt_message(text, "1372623149", str(at))
    found = _PARTS.search(whole)
    assert found is not None
    sealed, mark = found.groups()
    query = {"msg_signature": mark, "timestamp": str(at), "nonce": "1372623149"}
    body = xml({"ToUserName": receiver, "Encrypt": sealed, "AgentID": "218"})
    return request(path, body=body.encode(), headers={"content-type": "text/xml"}, query=query)


def contact(change: str, at: int = NOW, **more: object) -> dict[str, object]:
    """Return WeCom's event of a customer won or lost."""
    return {
        "ToUserName": CORP,
        "FromUserName": "sys",
        "CreateTime": at,
        "MsgType": "event",
        "Event": "change_external_contact",
        "ChangeType": change,
        "UserID": "LiNa",
        "ExternalUserID": "wmAAAA王芳",
        **more,
    }


def said(text: str = "请问怎么报价？", **more: object) -> dict[str, object]:
    """Return a text message to an app."""
    return {
        "ToUserName": CORP,
        "FromUserName": "wmAAAA王芳",
        "CreateTime": NOW,
        "MsgType": "text",
        "Content": text,
        "MsgId": "4561255354251345929",
        "AgentID": "218",
        **more,
    }
