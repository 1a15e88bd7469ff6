"""Our signatures are those of the vendors' own SDKs, and theirs pass our computation."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from engine.testing import Peer, PeerAnswer, Seen
from plugins.actions.cloud_signing import acs3, aliyun_headers, tc3, tencent_request

KEYS = ("LTAI5tExampleKeyId", "secret+of/the=key")
TEXTS = ["短信 测试*~/+&=", '{"name":"王芳","n":"1 2"}', "plain"]
# The SDKs are generated code; what they warn of is theirs.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.mark.parametrize("text", TEXTS)
def test_the_sdk_of_aliyun_signs_as_we_do(text: str) -> None:
    """What Aliyun's SDK sends over the wire bears the signature that we compute for it."""
    from alibabacloud_dysmsapi20170525 import models
    from alibabacloud_dysmsapi20170525.client import Client
    from alibabacloud_tea_openapi.utils_models import Config

    with Peer(PeerAnswer(200, {"Code": "OK", "BizId": "900^0"})) as peer:
        config = Config(access_key_id=KEYS[0], access_key_secret=KEYS[1], protocol="http")
        config.endpoint = peer.url.removeprefix("http://")
        asked = models.SendSmsRequest(
            phone_numbers="13800138000", sign_name="阀门科技", template_code="SMS_1",
            template_param=text, out_id=text,
        )  # fmt: skip
        answer = Client(config).send_sms(asked)
    assert answer.body.biz_id == "900^0"
    (seen,) = peer.seen
    assert seen.query["TemplateParam"] == text
    assert seen.headers["authorization"] == acs3("POST", "/", seen.query, signed_of(seen), KEYS)


def signed_of(seen: Seen) -> dict[str, str]:
    """Return the headers that a request says are signed."""
    found = re.search("SignedHeaders=([^,]+)", seen.headers["authorization"])
    assert found
    return {name: seen.headers[name] for name in found[1].split(";")}


@pytest.mark.parametrize("text", TEXTS)
def test_we_sign_as_the_sdk_of_aliyun_does(text: str) -> None:
    """Aliyun's own function computes the Authorization that we send."""
    from alibabacloud_tea_openapi.utils import Utils

    params = {"TemplateParam": text, "SignName": "阀门科技", "b": "", "A": "1"}
    stamp = 1_795_000_000_000, "0f5ade"
    ours = aliyun_headers("127.0.0.1:80", ("SendSms", "2017-05-25"), params, KEYS, stamp)
    given = {name: value for name, value in ours.items() if name != "authorization"}
    request = SimpleNamespace(method="POST", pathname="/", query=params, headers=given)
    theirs = Utils.get_authorization(
        request, "ACS3-HMAC-SHA256", given["x-acs-content-sha256"], *KEYS
    )
    assert ours["authorization"] == theirs
    assert ours["x-acs-date"] == "2026-11-18T11:06:40Z"


@pytest.mark.parametrize("text", TEXTS)
def test_the_sdk_of_tencent_signs_as_we_do(text: str) -> None:
    """What Tencent's SDK sends over the wire bears the signature that we compute for it."""
    from tencentcloud.common.credential import Credential
    from tencentcloud.common.profile.client_profile import ClientProfile
    from tencentcloud.common.profile.http_profile import HttpProfile
    from tencentcloud.sms.v20210111 import models
    from tencentcloud.sms.v20210111.sms_client import SmsClient

    said = {"Response": {"SendStatusSet": [{"Code": "Ok", "SerialNo": "5:1"}], "RequestId": "r"}}
    with Peer(PeerAnswer(200, said)) as peer:
        host = peer.url.removeprefix("http://")
        http = HttpProfile(protocol="http", endpoint=host)
        client = SmsClient(Credential(*KEYS), "ap-guangzhou", ClientProfile(httpProfile=http))
        asked = models.SendSmsRequest()
        asked.PhoneNumberSet, asked.SignName = ["+8613800138000"], "阀门科技"
        asked.SmsSdkAppId, asked.TemplateId, asked.TemplateParamSet = "1400", "7", [text]
        answer = client.SendSms(asked)
    assert answer.SendStatusSet[0].SerialNo == "5:1"
    (seen,) = peer.seen
    second = int(seen.headers["x-tc-timestamp"])
    ours = tc3(("sms", host), seen.headers["content-type"], seen.body, KEYS, second)
    assert seen.headers["authorization"] == ours


@pytest.mark.parametrize("text", TEXTS)
def test_we_sign_as_the_sdk_of_tencent_does(text: str) -> None:
    """Tencent's own function computes the signature that we send."""
    from tencentcloud.common.sign import Sign

    at = 1_795_000_000_000
    operation = "sms", "SendSms", "2021-01-11", "ap-guangzhou"
    headers, body = tencent_request(
        "sms.example", operation, {"TemplateParamSet": [text]}, KEYS, at
    )
    import hashlib

    request = (
        "POST\n/\n\ncontent-type:application/json\nhost:sms.example\n\ncontent-type;host\n"
        + hashlib.sha256(body).hexdigest()
    )
    digest = hashlib.sha256(request.encode()).hexdigest()
    signed = f"TC3-HMAC-SHA256\n{at // 1000}\n2026-11-18/sms/tc3_request\n{digest}"
    theirs = Sign.sign_tc3(KEYS[1], "2026-11-18", "sms", signed)
    assert headers["authorization"].endswith(f"Signature={theirs}")
    assert headers["x-tc-action"] == "SendSms"
