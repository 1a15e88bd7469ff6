"""Short messages by Aliyun and Tencent, against services that answer as theirs do."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

import pytest

from engine.plugin import (
    Action,
    ActionContext,
    Delivered,
    Failed,
    Misconfigured,
    OutgoingDelivery,
    Result,
    Retry,
    settled,
)
from engine.testing import ActionContract, Peer, PeerAnswer, Seen, delivery
from plugins.actions import sms
from plugins.actions.cloud_signing import acs3, tc3
from plugins.actions.sms_aliyun import SmsAliyunAction
from plugins.actions.sms_tencent import SmsTencentAction

KEYS = ("AKID-example", "secret-example")
ALIYUN = {"access_key_id": KEYS[0], "access_key_secret": KEYS[1], "sign_name": "阀门科技"}
TENCENT = {
    "secret_id": KEYS[0],
    "secret_key": KEYS[1],
    "sdk_app_id": 1400006666,
    "sign_name": "阀门科技",
}
BY_NAME = {"template": "SMS_154950909", "params": {"name": "王芳", "count": 3.0}}
BY_PLACE = {"template": 449739, "params": ["王芳", 3]}
TO = "+8613800138000"


def aliyun_says(code: str, **more: Any) -> PeerAnswer:
    """An answer of Aliyun; errors of its gateway have the status 400, others 200."""
    status = 200 if code == "OK" or code.startswith("is") else 400
    return PeerAnswer(status, {"Code": code, "Message": "说明", "RequestId": "R1", **more})


def tencent_says(code: str, **more: Any) -> PeerAnswer:
    """An answer of Tencent about one number."""
    one = {"Code": code, "Message": "说明", "SerialNo": "5000:1", "PhoneNumber": TO, **more}
    return PeerAnswer(200, {"Response": {"SendStatusSet": [one], "RequestId": "R1"}})


def tencent_error(code: str) -> PeerAnswer:
    """An answer of Tencent about the whole request."""
    error = {"Error": {"Code": code, "Message": "说明"}, "RequestId": "R1"}
    return PeerAnswer(200, {"Response": error})


def perform(action: Action, settings: Mapping[str, Any], outgoing: OutgoingDelivery) -> Result:
    """Return what comes of one delivery, as the engine sees it."""
    now = int(time.time() * 1000)

    async def once() -> Result:
        try:
            context = ActionContext(connection=settings, now=now)
            return await settled(action.perform(outgoing, context))
        except OSError as error:
            return Retry(f"{type(error).__name__}: {error}")
        finally:
            await action.close()

    return asyncio.run(once())


def check(action: Action, settings: Mapping[str, Any]) -> Result | None:
    """Return what `leadrules doctor` hears."""

    async def once() -> Result | None:
        try:
            return await settled(action.check(ActionContext(connection=settings, now=0)))
        finally:
            await action.close()

    return asyncio.run(once())


def at(peer: Peer, settings: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return the settings of a connection to the service on loopback."""
    return {**settings, "endpoint": peer.url, "allow_private": True, **more}


def message(params: Mapping[str, Any], **given: Any) -> OutgoingDelivery:
    """Return a delivery to a number of the mainland."""
    made = {"to": TO, "params": params, "created_at": int(time.time() * 1000), **given}
    return delivery(**made)


class TestSmsAliyun(ActionContract):
    action = SmsAliyunAction()
    params = BY_NAME
    service = True

    def settings(self, address: str) -> dict[str, Any]:
        return {**ALIYUN, "endpoint": address, "allow_private": True}

    def answer(self) -> PeerAnswer:
        return aliyun_says("OK", BizId="900619746936498440^0")


class TestSmsTencent(ActionContract):
    action = SmsTencentAction()
    params = BY_PLACE
    service = True

    def settings(self, address: str) -> dict[str, Any]:
        return {**TENCENT, "endpoint": address, "allow_private": True}

    def answer(self) -> PeerAnswer:
        return tencent_says("Ok")


def test_aliyun_gets_what_its_template_needs() -> None:
    """Number, signature, template and parameters arrive as Aliyun wants them, signed."""
    with Peer(aliyun_says("OK", BizId="900^0")) as peer:
        result = perform(SmsAliyunAction(), at(peer, ALIYUN), message(BY_NAME))
    assert result == Delivered("900^0")
    (seen,) = peer.seen
    assert seen.query["PhoneNumbers"] == "13800138000"
    assert seen.query["SignName"] == "阀门科技"
    assert seen.query["TemplateCode"] == "SMS_154950909"
    # Aliyun refuses numbers in JSON: {"code": 123456}.
    assert json.loads(seen.query["TemplateParam"]) == {"name": "王芳", "count": "3"}
    assert seen.query["OutId"] == sms.reference(message(BY_NAME))
    assert seen.headers["x-acs-action"] == "SendSms"
    assert seen.headers["x-acs-version"] == "2017-05-25"
    assert seen.body == b""
    names = seen.headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    signed = {name: seen.headers[name] for name in names}
    assert seen.headers["authorization"] == acs3("POST", "/", seen.query, signed, KEYS)


def test_tencent_gets_what_its_template_needs() -> None:
    """Number, signature, template and parameters arrive as Tencent wants them, signed."""
    with Peer(tencent_says("Ok", SerialNo="2019:538884")) as peer:
        result = perform(SmsTencentAction(), at(peer, TENCENT), message(BY_PLACE))
    assert result == Delivered("2019:538884")
    (seen,) = peer.seen
    assert seen.data == {
        "PhoneNumberSet": [TO],
        "SmsSdkAppId": "1400006666",
        "SignName": "阀门科技",
        "TemplateId": "449739",
        "TemplateParamSet": ["王芳", "3"],
        "SessionContext": sms.reference(message(BY_PLACE)),
    }
    assert seen.headers["x-tc-action"] == "SendSms"
    second = int(seen.headers["x-tc-timestamp"])
    assert abs(second - time.time()) < 60
    host = peer.url.removeprefix("http://")
    wanted = tc3(("sms", host), seen.headers["content-type"], seen.body, KEYS, second)
    assert seen.headers["authorization"] == wanted


def test_a_number_abroad_has_its_country_for_aliyun() -> None:
    """Numbers of other countries go out with the country's code and without a plus."""
    with Peer(aliyun_says("OK", BizId="1")) as peer:
        perform(SmsAliyunAction(), at(peer, ALIYUN), message(BY_NAME, to="+85261234567"))
    assert peer.seen[0].query["PhoneNumbers"] == "85261234567"


ALIYUN_CODES = [
    ("isv.MOBILE_NUMBER_ILLEGAL", Failed, None),
    ("isv.TEMPLATE_MISSING_PARAMETERS", Failed, None),
    ("isv.SMS_TEMPLATE_ILLEGAL", Failed, None),
    ("isv.BLACK_KEY_CONTROL_LIMIT", Failed, None),
    ("isv.BUSINESS_LIMIT_CONTROL", Retry, "recipient"),
    ("isv.DAY_LIMIT_CONTROL", Retry, "connection"),
    ("isp.SYSTEM_ERROR", Retry, "connection"),
    ("Throttling.User", Retry, "connection"),
    ("ServiceUnavailable", Retry, "connection"),
    ("isv.AMOUNT_NOT_ENOUGH", Misconfigured, None),
    ("isv.OUT_OF_SERVICE", Misconfigured, None),
    ("isp.RAM_PERMISSION_DENY", Misconfigured, None),
    ("isv.SMS_SIGNATURE_ILLEGAL", Misconfigured, None),
    ("SignatureDoesNotMatch", Misconfigured, None),
    ("InvalidAccessKeyId.NotFound", Misconfigured, None),
]


@pytest.mark.parametrize(("code", "kind", "about"), ALIYUN_CODES, ids=[c[0] for c in ALIYUN_CODES])
def test_a_code_of_aliyun_says_what_to_do(code: str, kind: type, about: str | None) -> None:
    """The code in the body decides, whatever the status says."""
    with Peer(aliyun_says(code)) as peer:
        result = perform(SmsAliyunAction(), at(peer, ALIYUN), message(BY_NAME))
    assert type(result) is kind
    assert isinstance(result, Retry | Failed)
    assert code in result.reason
    assert about is None or (isinstance(result, Retry) and result.about == about)


TENCENT_CODES = [
    ("InvalidParameterValue.IncorrectPhoneNumber", Failed, None),
    ("FailedOperation.TemplateParamSetNotMatchApprovedTemplate", Failed, None),
    ("FailedOperation.ContainSensitiveWord", Failed, None),
    ("FailedOperation.PhoneNumberInBlacklist", Failed, None),
    ("LimitExceeded.PhoneNumberDailyLimit", Retry, "recipient"),
    ("LimitExceeded.PhoneNumberThirtySecondLimit", Retry, "recipient"),
    ("LimitExceeded.DeliveryFrequencyLimit", Retry, "recipient"),
    ("FailedOperation.MarketingSendTimeConstraint", Retry, "recipient"),
    ("LimitExceeded.PhoneNumberCountLimit", Failed, None),
    ("LimitExceeded.AppDailyLimit", Retry, "connection"),
    ("FailedOperation.InsufficientBalanceInSmsPackage", Misconfigured, None),
    ("FailedOperation.SignatureIncorrectOrUnapproved", Misconfigured, None),
    ("UnauthorizedOperation.SmsSdkAppIdVerifyFail", Misconfigured, None),
]


@pytest.mark.parametrize(
    ("code", "kind", "about"), TENCENT_CODES, ids=[c[0] for c in TENCENT_CODES]
)
def test_a_code_of_tencent_says_what_to_do(code: str, kind: type, about: str | None) -> None:
    """Every answer has the status 200; the number's own code decides."""
    with Peer(tencent_says(code)) as peer:
        result = perform(SmsTencentAction(), at(peer, TENCENT), message(BY_PLACE))
    assert type(result) is kind
    assert isinstance(result, Retry | Failed)
    assert about is None or (isinstance(result, Retry) and result.about == about)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AuthFailure.SignatureFailure", Misconfigured),
        ("AuthFailure.SecretIdNotFound", Misconfigured),
        ("RequestLimitExceeded", Retry),
        ("InternalError.Timeout", Retry),
        ("InvalidParameter", Failed),
    ],
)
def test_an_error_of_the_whole_request(code: str, kind: type) -> None:
    """Tencent's errors of the request, which have the status 200 too, are told apart."""
    with Peer(tencent_error(code)) as peer:
        result = perform(SmsTencentAction(), at(peer, TENCENT), message(BY_PLACE))
    assert type(result) is kind


def test_a_signature_of_the_message_alone_stops_nothing_else() -> None:
    """A signature that only this message names may be wrong without stopping the connection."""
    own = {**BY_NAME, "sign": "别的签名"}
    with Peer(aliyun_says("isv.SMS_SIGNATURE_ILLEGAL")) as peer:
        result = perform(SmsAliyunAction(), at(peer, ALIYUN), message(own))
    assert type(result) is Failed
    assert peer.seen[0].query["SignName"] == "别的签名"


def test_silence_is_tried_again() -> None:
    """A service that says nothing in time is tried again, as is one that hangs up."""
    for action, settings, params in (
        (SmsAliyunAction(), ALIYUN, BY_NAME),
        (SmsTencentAction(), TENCENT, BY_PLACE),
    ):
        for answer in (PeerAnswer(delay_s=3.0), PeerAnswer(hang_up=True)):
            with Peer(answer) as peer:
                result = perform(action, at(peer, settings, timeout_s=0.3), message(params))
            assert type(result) is Retry


def details(*out_ids: str) -> PeerAnswer:
    """Aliyun's list of what it sent to a number on a day."""
    items = [{"OutId": each, "PhoneNum": "13800138000", "SendStatus": 3} for each in out_ids]
    return aliyun_says("OK", TotalCount=len(items), SmsSendDetailDTOs={"SmsSendDetailDTO": items})


def test_aliyun_is_asked_before_it_sends_again() -> None:
    """After a lost answer the same message is not sent twice: Aliyun itself would send it."""
    again = message(BY_NAME, attempt=2)
    with Peer(details("somebody-else", sms.reference(again))) as peer:
        result = perform(SmsAliyunAction(), at(peer, ALIYUN), again)
    assert result == Delivered()
    assert [seen.headers["x-acs-action"] for seen in peer.seen] == ["QuerySendDetails"]
    assert peer.seen[0].query["PhoneNumber"] == "13800138000"


def test_aliyun_sends_again_what_it_never_got() -> None:
    """A message that Aliyun does not list, on any day since it was due, is sent."""
    day = 86_400_000
    again = message(BY_NAME, attempt=2, created_at=int(time.time() * 1000) - day)
    with Peer(details(), details("else"), aliyun_says("OK", BizId="7^0")) as peer:
        result = perform(SmsAliyunAction(), at(peer, ALIYUN), again)
    assert result == Delivered("7^0")
    names = [seen.headers["x-acs-action"] for seen in peer.seen]
    assert names == ["QuerySendDetails", "QuerySendDetails", "SendSms"]
    assert peer.seen[0].query["SendDate"] > peer.seen[1].query["SendDate"]


def test_aliyun_cannot_be_asked_without_permission() -> None:
    """A key that may only send sends again: at least once comes before at most once."""
    answers = aliyun_says("isp.RAM_PERMISSION_DENY"), aliyun_says("OK", BizId="7^0")
    with Peer(*answers) as peer:
        result = perform(SmsAliyunAction(), at(peer, ALIYUN), message(BY_NAME, attempt=2))
    assert result == Delivered("7^0")


def test_tencent_is_asked_before_it_sends_again() -> None:
    """A message with our session among those that went to the number is not sent again."""
    again = message(BY_PLACE, attempt=3)
    sent = [{"SessionContext": sms.reference(again), "SerialNo": "9:1", "ReportStatus": "SUCCESS"}]
    said = {"Response": {"PullSmsSendStatusSet": sent, "RequestId": "R"}}
    with Peer(PeerAnswer(200, said)) as peer:
        result = perform(SmsTencentAction(), at(peer, TENCENT), again)
    assert result == Delivered("9:1")
    (seen,) = peer.seen
    assert seen.headers["x-tc-action"] == "PullSmsSendStatusByPhoneNumber"
    assert seen.data["BeginTime"] < seen.data["EndTime"]


def test_tencent_sends_again_what_it_does_not_tell_of() -> None:
    """Without our session among them it is sent; a service that is busy is waited for."""
    nothing = PeerAnswer(200, {"Response": {"PullSmsSendStatusSet": [], "RequestId": "R"}})
    with Peer(nothing, tencent_says("Ok")) as peer:
        result = perform(SmsTencentAction(), at(peer, TENCENT), message(BY_PLACE, attempt=2))
    assert result == Delivered("5000:1")
    with Peer(tencent_error("InternalError.Timeout")) as peer:
        result = perform(SmsTencentAction(), at(peer, TENCENT), message(BY_PLACE, attempt=2))
    assert type(result) is Retry
    assert len(peer.seen) == 1


@pytest.mark.parametrize(
    ("params", "to"),
    [
        ({}, TO),
        ({"template": "SMS_1", "params": ["王芳"]}, TO),
        ({"template": "SMS_1"}, "not a number"),
        ({"template": "SMS_1"}, "+86 138"),
    ],
)
def test_what_aliyun_could_not_send_is_not_sent(params: Mapping[str, Any], to: str) -> None:
    """Without a template or a number, or with nameless parameters, nothing goes out."""
    with Peer() as peer:
        result = perform(SmsAliyunAction(), at(peer, ALIYUN), message(params, to=to))
    assert type(result) is Failed
    assert peer.seen == []


def test_parameters_with_names_are_not_tencents() -> None:
    """Tencent's parameters stand in order; names would be lost."""
    with Peer() as peer:
        result = perform(SmsTencentAction(), at(peer, TENCENT), message(BY_NAME))
    assert type(result) is Failed
    assert peer.seen == []


def test_a_private_address_needs_leave() -> None:
    """An endpoint in the own network is a fault of the configuration, unless allowed."""
    for action, settings, params in (
        (SmsAliyunAction(), ALIYUN, BY_NAME),
        (SmsTencentAction(), TENCENT, BY_PLACE),
    ):
        with Peer() as peer:
            result = perform(action, {**settings, "endpoint": peer.url}, message(params))
        assert type(result) is Misconfigured
        assert peer.seen == []


def test_our_name_for_a_delivery_is_no_secret() -> None:
    """The provider sees the same name at each attempt, and no id of a lead or an event."""
    first = sms.reference(message(BY_NAME, key="lead-1:welcome:sms:a@acme.cn"))
    assert first == sms.reference(message(BY_NAME, key="lead-1:welcome:sms:a@acme.cn", attempt=2))
    assert "acme" not in first
    assert len(first) < 256


SIGNS = [{"SignName": "阀门科技", "AuditStatus": "AUDIT_STATE_PASS"}]
REFUSED = [{"SignName": "阀门科技", "AuditStatus": "AUDIT_STATE_NOT_PASS"}]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (aliyun_says("OK", SmsSignList=SIGNS), Delivered),
        (aliyun_says("OK", SmsSignList=REFUSED), Misconfigured),
        (aliyun_says("isp.RAM_PERMISSION_DENY"), Delivered),
        (aliyun_says("SignatureDoesNotMatch"), Misconfigured),
        (PeerAnswer(503), Retry),
    ],
)
def test_the_check_of_aliyun_sends_nothing(answer: PeerAnswer, kind: type) -> None:
    """The key is tried by listing signatures, and ours must be approved."""
    with Peer(answer) as peer:
        result = check(SmsAliyunAction(), at(peer, ALIYUN))
    assert type(result) is kind
    assert [seen.headers["x-acs-action"] for seen in peer.seen] == ["QuerySmsSignList"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (PeerAnswer(200, {"Response": {"SendStatusStatistics": {}, "RequestId": "R"}}), Delivered),
        (tencent_error("UnauthorizedOperation.RequestPermissionDeny"), Delivered),
        (tencent_error("UnauthorizedOperation.SmsSdkAppIdVerifyFail"), Misconfigured),
        (tencent_error("AuthFailure.SecretIdNotFound"), Misconfigured),
    ],
)
def test_the_check_of_tencent_sends_nothing(answer: PeerAnswer, kind: type) -> None:
    """The key and the application are tried by asking for counts."""
    with Peer(answer) as peer:
        result = check(SmsTencentAction(), at(peer, TENCENT))
    assert type(result) is kind
    assert [seen.headers["x-tc-action"] for seen in peer.seen] == ["SendStatusStatistics"]


def test_a_connection_keeps_its_caller() -> None:
    """Two messages of one connection share a caller, and so its sockets; new settings do not."""
    addresses = set()

    def answer(seen: Seen) -> PeerAnswer:
        return aliyun_says("OK", BizId="1")

    action = SmsAliyunAction()
    with Peer() as peer:
        peer.handler = answer
        context = ActionContext(connection=at(peer, ALIYUN), now=0)

        async def twice() -> None:
            for _ in range(2):
                await action.perform(message(BY_NAME), context)
                addresses.add(id(action.callers.of(context)))
            other = ActionContext(connection=at(peer, ALIYUN, timeout_s=5), now=0)
            addresses.add(id(action.callers.of(other)))
            await action.close()

        asyncio.run(twice())
    assert len(addresses) == 2
