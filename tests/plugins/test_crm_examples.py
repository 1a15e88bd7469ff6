"""The examples of 纷享销客 and 销售易 in docs/plugins/crm.md, against services of their shape."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from engine.language.load import load_folder
from engine.plugin import ActionContext, Delivered, Misconfigured, Result, settled
from engine.testing import Peer, PeerAnswer, Seen, delivery
from plugins.actions.crm import CrmAction
from tests.docs.pages import ROOT, blocks, read, section

HOSTS = ("https://open.fxiaoke.com", "https://api.xiaoshouyi.com")
PERSON = {"name": "王芳", "company": "金泰阀门", "phone": "+8613800138000", "need": "球阀 200 台"}


def settings(heading: str, address: str, tmp_path: Path) -> dict[str, Any]:
    """Return the connection that a section of the page shows, with a service on loopback."""
    own = section(read("plugins/crm.md"), heading)
    (text,) = [
        block.text
        for block in blocks(ROOT / "docs" / "plugins" / "crm.md")
        if block.text.startswith("# file: server.yaml") and block.text in own
    ]
    folder = tmp_path / heading
    shutil.copytree(ROOT / "config", folder)
    (folder / "server.yaml").write_text(text, encoding="utf-8")
    loaded = load_folder(folder, {})
    assert loaded.diagnostics == []
    assert loaded.definitions is not None
    plain = json.dumps(dict(loaded.definitions.server.connections["crm"].params))
    for host in HOSTS:
        plain = plain.replace(host, address)
    made: dict[str, Any] = {**json.loads(plain), "allow_private": True}
    return made


def send(told: dict[str, Any], times: int = 1) -> list[Result]:
    """Return what comes of one delivery after another."""

    async def story() -> list[Result]:
        action = CrmAction()
        context = ActionContext(connection=told, now=0)
        try:
            made = delivery(to=None, params=PERSON)
            return [await settled(action.perform(made, context)) for _ in range(times)]
        finally:
            await action.close()

    return asyncio.run(story())


class Fxiaoke:
    """Behaves as the interface of 纷享销客: 200 at all times, and the truth in errorCode."""

    def __init__(self) -> None:
        self.issued = 0
        self.ended = False
        self.records: list[dict[str, Any]] = []

    def __call__(self, seen: Seen) -> PeerAnswer:
        assert seen.method == "POST"
        if seen.path == "/cgi/corpAccessToken/get/V2":
            assert seen.data == {"appId": "app", "appSecret": "secret", "permanentCode": "code"}
            self.issued += 1
            token = {"corpAccessToken": f"t{self.issued}", "corpId": "corp", "expiresIn": 7200}
            return PeerAnswer(200, {"errorCode": 0, "errorMessage": "success", **token})
        assert seen.path == "/cgi/crm/v2/data/create"
        said = seen.data
        if said.get("corpId") != "corp" or said.get("currentOpenUserId") != "user":
            return PeerAnswer(200, {"errorCode": 10001, "errorMessage": "参数错误"})
        if said["corpAccessToken"] != f"t{self.issued}" or self.ended:
            self.ended = False
            return PeerAnswer(200, {"errorCode": 20016, "errorMessage": "corpAccessToken 过期"})
        self.records.append(said["data"]["object_data"])
        return PeerAnswer(200, {"errorCode": 0, "dataId": f"5ea6{len(self.records)}"})


def test_fxiaoke(tmp_path: Path) -> None:
    """Leads arrive under their names, with one token, and a new one when it has ended."""
    service = Fxiaoke()
    with Peer() as peer:
        peer.handler = service
        told = settings("fxiaoke", peer.url, tmp_path)
        assert send(told, 2) == [Delivered("5ea61"), Delivered("5ea62")]
        assert service.issued == 1
        service.ended = True
        assert send(told) == [Delivered("5ea63")]
        assert service.issued == 3
        told["body"]["corpId"] = "other"
        (refused,) = send(told)
        assert "10001" in refused.reason  # type: ignore[union-attr]
    assert service.records[0] == {
        "dataObjectApiName": "LeadsObj",
        "name": "王芳",
        "company": "金泰阀门",
        "mobile": "+8613800138000",
        "remark": "球阀 200 台",
    }


class Neocrm:
    """Behaves as the interface of 销售易: OAuth by password, records under ``data``."""

    def __init__(self, code: int | str) -> None:
        self.code = code
        self.records: list[dict[str, Any]] = []

    def __call__(self, seen: Seen) -> PeerAnswer:
        assert seen.method == "POST"
        if seen.path == "/oauth2/token.action":
            told = {name: values[0] for name, values in parse_qs(seen.body.decode()).items()}
            if told["grant_type"] != "password" or not told["password"].endswith("ABCDEFGH"):
                return PeerAnswer(400, {"error_code": "20003", "message": "invalid grant"})
            return PeerAnswer(200, {"access_token": "a1", "token_type": "Bearer"})
        assert seen.path == "/rest/data/v2.0/xobjects/lead"
        if seen.headers.get("authorization") != "Bearer a1":
            return PeerAnswer(401, {"code": 20000004, "msg": "无效的 token"})
        if "entityType" not in seen.data["data"]:
            return PeerAnswer(200, {"code": 1020001, "msg": "缺少业务类型"})
        self.records.append(seen.data["data"])
        return PeerAnswer(200, {"code": self.code, "msg": "OK", "data": {"id": 30177}})


@pytest.mark.parametrize("code", [200, "200"])
def test_neocrm(code: int | str, tmp_path: Path) -> None:
    """A lead arrives whether the service writes its code as a number or as text."""
    service = Neocrm(code)
    with Peer() as peer:
        peer.handler = service
        assert send(settings("neocrm", peer.url, tmp_path)) == [Delivered("30177")]
    assert service.records == [
        {
            "entityType": 11010045300001,
            "name": "王芳",
            "companyName": "金泰阀门",
            "phone": "+8613800138000",
            "comment": "球阀 200 台",
        }
    ]


def test_neocrm_without_what_it_needs(tmp_path: Path) -> None:
    """A refusal within 200 is one, and a refused login stops the connection."""
    with Peer() as peer:
        peer.handler = Neocrm(200)
        told = settings("neocrm", peer.url, tmp_path)
        (refused,) = send({**told, "body": {}})
        assert "1020001" in refused.reason  # type: ignore[union-attr]
        login = {**told["token"]["body"], "password": "password"}
        (stopped,) = send({**told, "token": {**told["token"], "body": login}})
        assert type(stopped) is Misconfigured
