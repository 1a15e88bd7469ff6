from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from engine.server.auth import Access
from engine.server.sign_in.sessions import COOKIE
from engine.testing import Peer
from tests.server.console.visiting import HTML, look
from tests.server.sign_in.house import ADMIN, deeds, is_in
from tests.server.sign_in.providers import AGENT, APP_SECRET, CORP, Wecom
from tests.serving import SERVER, served, write_config

SETTINGS = """
sign_in:
  wecom:
    url: https://leads.example.cn
    corp_id: "{corp}"
    agent_id: "{agent}"
    secret: "${{WECOM_SECRET:-{secret}}}"
    endpoint: "{endpoint}"
    allow_private: true
    grants:
      - {{when: {{userid: [WangFang]}}, role: ops}}
      - {{when: {{userid: [LiNa]}}, role: sales, member: li.na}}
      - {{role: sales, member_claim: userid}}
"""


def settings(endpoint: str, corp: str = CORP) -> str:
    """Return server.yaml with sign-in by WeCom."""
    text = SETTINGS.format(corp=corp, agent=AGENT, secret=APP_SECRET, endpoint=endpoint)
    return SERVER.format(port=9, notify="log") + text


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Wecom]]:
    """Serve beside a WeCom that behaves as documented."""
    folder, wecom = tmp_path_factory.mktemp("wecom"), Wecom()
    with Peer() as peer:
        peer.handler = wecom.answer
        config = write_config(folder / "config", server=settings(peer.url))
        with served(config, folder / "leads.db", Access.token(ADMIN)) as client:
            yield client, wecom


@pytest.fixture
def pair(house: tuple[TestClient, Wecom]) -> tuple[TestClient, Wecom]:
    """Visit with a new browser."""
    house[0].cookies.clear()
    house[1].errcode = None
    return house


def scan(client: TestClient, code: str = "CODE") -> Response:
    """Open the page with the code, scan it, and come back."""
    sent = client.get("/console/sign-in/wecom?back=/console/leads", headers=HTML)
    assert sent.status_code == 303
    state = dict(parse_qsl(urlsplit(sent.headers["location"]).query))["state"]
    query = {"code": code, "state": state, "appid": CORP}
    return client.get("/console/sign-in/wecom/back", params=query, headers=HTML)


def refused(client: TestClient, answer: Response, says: str) -> None:
    """Nobody was signed in, and the page says why."""
    assert answer.status_code == 422
    assert says in answer.text
    assert COOKIE not in client.cookies
    assert not is_in(client)


def test_the_address_is_the_documented_one(pair: tuple[TestClient, Wecom]) -> None:
    """The browser goes to WeCom's own page for apps of a corporation, with this server's address."""
    client, _ = pair
    assert "用企业微信扫码登录" in look(client, "/console/sign-in").text
    location = client.get("/console/sign-in/wecom", headers=HTML).headers["location"]
    parts = urlsplit(location)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == (
        "https://login.work.weixin.qq.com/wwlogin/sso/login"
    )
    query = dict(parse_qsl(parts.query))
    assert len(query.pop("state")) == 64
    assert query == {
        "login_type": "CorpApp",
        "appid": CORP,
        "agentid": AGENT,
        "redirect_uri": "https://leads.example.cn/console/sign-in/wecom/back",
    }


@pytest.mark.parametrize(
    ("userid", "role"), [("LiNa", "销售"), ("WangFang", "运营"), ("Li.Na", "销售")]
)
def test_a_person_scans(pair: tuple[TestClient, Wecom], userid: str, role: str) -> None:
    """By their userid people have the role of the first grant that fits, sales as their member."""
    client, wecom = pair
    wecom.codes["CODE"] = {"userid": userid, "user_ticket": "x"}
    answer = scan(client)
    assert answer.status_code == 200, answer.text
    assert 'content="0; url=/console/leads"' in answer.text
    assert role in look(client, "/console/account").text
    assert deeds(client, 1)[0] == (f"wecom:{userid}", "GET /console/sign-in/{how}/back", 200)


def test_a_code_counts_once(pair: tuple[TestClient, Wecom]) -> None:
    """A code that was used or is too old (40029) signs nobody in, and neither does none."""
    client, wecom = pair
    wecom.codes["CODE"] = {"userid": "LiNa"}
    assert scan(client).status_code == 200
    client.cookies.clear()
    refused(client, scan(client), "已过期")
    refused(client, scan(client, ""), "没有通过身份验证")


def test_a_token_that_ends_early_costs_nothing(pair: tuple[TestClient, Wecom]) -> None:
    """When WeCom ends the app's token before its time, another one is fetched, once."""
    client, wecom = pair
    wecom.codes["CODE"] = {"userid": "LiNa"}
    wecom.expire()
    before = wecom.tokens
    assert scan(client).status_code == 200
    assert wecom.tokens <= before + 1
    client.cookies.clear()
    wecom.codes["CODE"] = {"userid": "LiNa"}
    assert scan(client).status_code == 200
    assert wecom.tokens <= before + 1


@pytest.mark.parametrize("errcode", [42001, 40014, -1, 45009, 60020, 48002])
def test_a_wecom_that_refuses(pair: tuple[TestClient, Wecom], errcode: int) -> None:
    """Whatever WeCom refuses signs nobody in, and is not asked for ever."""
    client, wecom = pair
    wecom.errcode, before = errcode, len(wecom.asked)
    refused(client, scan(client), "登录服务暂时不可用")
    assert len(wecom.asked) - before <= 4


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"openid": "o-stranger", "external_userid": "wm1"}, "没有使用权限"),
        ({"userid": ""}, "没有使用权限"),
        ({"userid": "Fremd"}, "没有使用权限"),
    ],
)
def test_strangers_stay_outside(
    pair: tuple[TestClient, Wecom], said: dict[str, str], says: str
) -> None:
    """Customers who scan, and staff without a grant, are known and may not enter."""
    client, wecom = pair
    wecom.codes["CODE"] = said
    refused(client, scan(client), says)


def test_another_corporation(tmp_path_factory: pytest.TempPathFactory) -> None:
    """With a corp_id that WeCom does not know (40013) nobody is signed in."""
    folder, wecom = tmp_path_factory.mktemp("other"), Wecom()
    with Peer() as peer:
        peer.handler = wecom.answer
        config = write_config(folder / "config", server=settings(peer.url, "ww-other"))
        with served(config, folder / "leads.db", Access.token(ADMIN)) as client:
            wecom.codes["CODE"] = {"userid": "LiNa"}
            refused(client, scan(client), "登录服务暂时不可用")
            unknown = client.get("/console/sign-in/oidc", headers=HTML)
            refused(client, unknown, "没有通过身份验证")
