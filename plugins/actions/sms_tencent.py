"""The action ``sms_tencent``: short messages by Tencent Cloud (腾讯云短信, sms 2021-01-11)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from engine.plugin import (
    Action,
    ActionContext,
    Answer,
    Delivered,
    Failed,
    Misconfigured,
    OutgoingDelivery,
    Result,
    Retry,
    by_status,
    hookimpl,
)
from plugins.actions import callers, sms
from plugins.actions.callers import ServiceAction
from plugins.actions.cloud_signing import tencent_request

ENDPOINT: Final = "https://sms.tencentcloudapi.com"
VERSION: Final = "2021-01-11"
REGION: Final = "ap-guangzhou"
SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["secret_id", "secret_key", "sdk_app_id", "sign_name"],
    "properties": {
        "secret_id": {"type": "string", "minLength": 1},
        "secret_key": {"type": "string", "minLength": 1},
        # Numbers, too: a variable that is all digits becomes one.
        "sdk_app_id": {"type": ["string", "integer"]},
        "sign_name": sms.SIGN_NAME,
        "region": {"type": "string", "pattern": "^[a-z]+-[a-z0-9-]+$"},
        **callers.SETTINGS,
    },
}
_LONGEST_LOOK_S: Final = 7 * 86_400 - 60  # Tencent tells of the last seven days
_CHINA_S: Final = 8 * 3_600
_CONFIGURATION: Final = (
    "AuthFailure",
    "UnauthorizedOperation",
    "FailedOperation.InsufficientBalanceInSmsPackage",
    "FailedOperation.ProhibitSubAccountUse",
    "FailedOperation.NotEnterpriseCertification",
    "InvalidParameterValue.SdkAppIdNotExist",
    "UnsupportedOperation.UnsupportedRegion",
)
_SIGNATURE_NAME: Final = (
    "FailedOperation.SignatureIncorrectOrUnapproved",
    "FailedOperation.MissingSignature",
)
_NUMBER_LIMIT: Final = ("LimitExceeded.PhoneNumber", "LimitExceeded.DeliveryFrequencyLimit")
_NOT_A_LIMIT: Final = (
    "LimitExceeded.PhoneNumberCountLimit",
    "LimitExceeded.AppCountryOrRegionInBlacklist",
)
_NIGHT: Final = "FailedOperation.MarketingSendTimeConstraint"
_BUSY: Final = ("RequestLimitExceeded", "InternalError", "ServiceUnavailable", "ResourceU")


class SmsTencentAction(ServiceAction):
    """Sends one template message to one number; the answer has a code for each number.

    Tencent tells afterwards what it sent to a number. Where its sessions are switched on for
    the account, a message whose answer was lost is found there and not sent again.
    """

    name = "sms_tencent"
    address = "lead.phone"
    receipt = "sms_sent"
    params_schema = sms.PARAMS
    connection_schema = SETTINGS

    async def perform(self, delivery: OutgoingDelivery, context: ActionContext) -> Result:
        try:
            params = _message(delivery, context.connection)
            if delivery.attempt > 1:
                before = await self._sent_before(delivery, params, context)
                if before is not None:
                    return before
            answer = await self._call("SendSms", params, context)
        except sms.BadMessage as error:
            return Failed(str(error))
        own_sign = "sign" in delivery.params
        return _outcome(answer, own_sign, lambda told: _of_number(told, own_sign))

    async def _sent_before(
        self, delivery: OutgoingDelivery, params: Mapping[str, Any], context: ActionContext
    ) -> Result | None:
        """Return Delivered if an earlier attempt got through, None if not or not to be known."""
        now = int(time.time())
        begin = max(delivery.created_at // 1000 - 60, now - _LONGEST_LOOK_S)
        asked = {
            "PhoneNumber": params["PhoneNumberSet"][0],
            "SmsSdkAppId": params["SmsSdkAppId"],
            "BeginTime": min(begin, now - 60),
            "EndTime": now,
            "Offset": 0,
            "Limit": 100,
        }
        answer = await self._call("PullSmsSendStatusByPhoneNumber", asked, context)
        mine = params["SessionContext"]
        found = _outcome(answer, False, lambda told: Delivered(_serial_of(told, mine)))
        if isinstance(found, Delivered):
            return found if found.provider_id else None
        passing = isinstance(found, Retry) and not isinstance(found, Misconfigured)
        return found if passing else None

    async def check(self, context: ActionContext) -> Result | None:
        """Ask for this hour's counts: are the key and the application accepted?"""
        hour = datetime.fromtimestamp(time.time() + _CHINA_S, UTC).strftime("%Y%m%d%H")
        asked = {
            "SmsSdkAppId": str(context.connection["sdk_app_id"]),
            "BeginTime": hour,
            "EndTime": hour,
            "Limit": 0,
            "Offset": 0,
        }
        answer = await self._call("SendStatusStatistics", asked, context)
        if _error(answer)[0] == "UnauthorizedOperation.RequestPermissionDeny":
            return Delivered()  # a key for sending only is a good thing to have
        return _outcome(answer, False, lambda _: Delivered())

    async def _call(self, action: str, params: Mapping[str, Any], context: ActionContext) -> Answer:
        settings = context.connection
        endpoint = settings.get("endpoint", ENDPOINT)
        operation = "sms", action, VERSION, settings.get("region", REGION)
        keys = settings["secret_id"], settings["secret_key"]
        host = urlsplit(endpoint).netloc
        # The wall's time: the provider compares it with its own.
        now = int(time.time() * 1000)
        headers, body = tencent_request(host, operation, params, keys, now)
        url = f"{endpoint}/"
        return await self.callers.of(context).call("POST", url, headers=headers, content=body)


def _message(delivery: OutgoingDelivery, settings: Mapping[str, Any]) -> dict[str, Any]:
    given = delivery.params.get("params") or []
    if not isinstance(given, list | tuple):
        raise sms.BadMessage("Tencent's parameters stand in order: with: {params: [first, second]}")
    return {
        "PhoneNumberSet": [sms.recipient(delivery)],
        "SmsSdkAppId": str(settings["sdk_app_id"]),
        "SignName": str(delivery.params.get("sign") or settings["sign_name"]),
        "TemplateId": sms.template_of(delivery),
        "TemplateParamSet": [sms.as_text(value) for value in given],
        "SessionContext": sms.reference(delivery),
    }


def _serial_of(told: Mapping[str, Any], session: str) -> str:
    """Return the serial number of the message with our session, "" when there is none."""
    listed = told.get("PullSmsSendStatusSet")
    sent = [each for each in listed or () if isinstance(each, Mapping)]
    mine = (each for each in sent if each.get("SessionContext") == session)
    return next((str(each.get("SerialNo") or session) for each in mine), "")


def _of_number(told: Mapping[str, Any], own_sign: bool) -> Result:
    """Return what became of our one number."""
    listed = told.get("SendStatusSet")
    first = listed[0] if isinstance(listed, list) and listed else None
    if not isinstance(first, Mapping):
        return Retry("Tencent's answer tells of no number; it may have been sent")
    code = str(first.get("Code") or "")
    if code == "Ok":
        return Delivered(str(first.get("SerialNo") or ""))
    return _refused(code, str(first.get("Message") or ""), own_sign)


def _response(answer: Answer) -> Mapping[str, Any] | None:
    data = answer.data
    told = data.get("Response") if isinstance(data, Mapping) else None
    return told if isinstance(told, Mapping) else None


def _error(answer: Answer) -> tuple[str, str]:
    """Return the code and message of an error of the whole request; ("", "") without one."""
    error = (_response(answer) or {}).get("Error")
    if not isinstance(error, Mapping):
        return "", ""
    return str(error.get("Code") or ""), str(error.get("Message") or "")


def _outcome(answer: Answer, own_sign: bool, good: Callable[[Mapping[str, Any]], Result]) -> Result:
    """Return what an answer means: the status is 200 for errors, too."""
    told = _response(answer)
    if told is None:
        nothing = Retry("Tencent's answer cannot be read; it may have been sent")
        return by_status(answer, "Tencent") or nothing
    code, message = _error(answer)
    return _refused(code, message, own_sign) if code else good(told)


def _refused(code: str, message: str, own_sign: bool) -> Result:
    reason = f"Tencent: {code}: {message}"
    if code.startswith(_CONFIGURATION):
        return Misconfigured(reason)
    if code in _SIGNATURE_NAME:  # of this message only, or of all
        return Failed(reason) if own_sign else Misconfigured(reason)
    if code in _NOT_A_LIMIT:
        return Failed(reason)
    if code.startswith(_NUMBER_LIMIT) or code == _NIGHT:
        return Retry(reason, sms.NUMBER_WAIT_MS, about="recipient")
    if code.startswith("LimitExceeded"):
        return Retry(reason, sms.ACCOUNT_WAIT_MS)
    if code.startswith(_BUSY):
        return Retry(reason)
    return Failed(reason)


@hookimpl
def register_actions(register: Callable[[Action], None]) -> None:
    """Register the action."""
    register(SmsTencentAction())
