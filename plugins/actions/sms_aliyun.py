"""The action ``sms_aliyun``: short messages by Aliyun (阿里云短信服务, dysmsapi 2017-05-25)."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
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
from plugins.actions.cloud_signing import aliyun_headers, canonical_query

ENDPOINT: Final = "https://dysmsapi.aliyuncs.com"
VERSION: Final = "2017-05-25"
SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["access_key_id", "access_key_secret", "sign_name"],
    "properties": {
        "access_key_id": {"type": "string", "minLength": 1},
        "access_key_secret": {"type": "string", "minLength": 1},
        "sign_name": sms.SIGN_NAME,
        **callers.SETTINGS,
    },
}
_DAY_MS: Final = 86_400_000
_CHINA_MS: Final = 8 * 3_600_000
_MOST_DAYS: Final = 3
# What nobody's message gets past until a person has done something.
_CONFIGURATION: Final = frozenset(
    "isv.OUT_OF_SERVICE isv.AMOUNT_NOT_ENOUGH isv.BILLING_DEDUCTION_ERROR "
    "isv.PRODUCT_UN_SUBSCRIPT isv.PRODUCT_UNSUBSCRIBE isv.ACCOUNT_NOT_EXISTS "
    "isv.ACCOUNT_ABNORMAL isp.RAM_PERMISSION_DENY isv.RAM_CHECK_FAILED".split()
)
_SIGNATURE_NAME: Final = frozenset({"isv.SMS_SIGNATURE_ILLEGAL", "isv.SMS_SIGN_NAME_ILLEGAL"})
_NOT_PERMITTED: Final = frozenset({"isp.RAM_PERMISSION_DENY", "isv.RAM_CHECK_FAILED"})
# The gateway's own, before the service sees the request.
_KEYS: Final = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "IncompleteSignature", "Forbidden")
_BUSY: Final = ("Throttling", "ServiceUnavailable", "InternalError", "isp.")
_NUMBER_LIMIT: Final = ("isv.BUSINESS_LIMIT", "BUSINESS_LIMIT_CONTROL")


class SmsAliyunAction(ServiceAction):
    """Sends one template message to one number; read from the answer's body what became of it.

    Aliyun takes the same message twice, so before a repeated attempt it is asked whether the
    one before, whose answer was lost, had arrived.
    """

    name = "sms_aliyun"
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
        return _outcome(answer, own_sign, lambda data: Delivered(str(data.get("BizId") or "")))

    async def _sent_before(
        self, delivery: OutgoingDelivery, params: Mapping[str, str], context: ActionContext
    ) -> Result | None:
        """Return Delivered if an earlier attempt got through, None if not or not to be known."""
        for day in _days(delivery.created_at):
            asked = {"PhoneNumber": params["PhoneNumbers"], "SendDate": day, "PageSize": "50"}
            answer = await self._call("QuerySendDetails", {**asked, "CurrentPage": "1"}, context)
            found = _outcome(answer, False, lambda data: Delivered(_details(data, params["OutId"])))
            if isinstance(found, Delivered) and found.provider_id:
                return Delivered()  # the details do not tell the BizId
            if isinstance(found, Retry) and not isinstance(found, Misconfigured):
                return found
        return None

    async def check(self, context: ActionContext) -> Result | None:
        """List the signatures: is the key accepted, and is ours among those approved?"""
        params = {"PageIndex": "1", "PageSize": "50"}
        answer = await self._call("QuerySmsSignList", params, context)
        if _code(answer) in _NOT_PERMITTED:
            return Delivered()  # a key for sending only is a good thing to have
        sign = context.connection["sign_name"]
        return _outcome(answer, False, lambda data: _approved(data, sign))

    async def _call(
        self, operation: str, params: Mapping[str, str], context: ActionContext
    ) -> Answer:
        settings = context.connection
        endpoint = settings.get("endpoint", ENDPOINT)
        keys = settings["access_key_id"], settings["access_key_secret"]
        # The wall's time: the provider compares it with its own.
        stamp = int(time.time() * 1000), secrets.token_hex(16)
        host = urlsplit(endpoint).netloc
        headers = aliyun_headers(host, (operation, VERSION), params, keys, stamp)
        url = f"{endpoint}/?{canonical_query(params)}"
        return await self.callers.of(context).call("POST", url, headers=headers, content=b"")


def _message(delivery: OutgoingDelivery, settings: Mapping[str, Any]) -> dict[str, str]:
    to = sms.recipient(delivery)
    given = delivery.params.get("params") or {}
    if not isinstance(given, Mapping):
        raise sms.BadMessage("Aliyun's parameters have names: with: {params: {name: ...}}")
    params = {str(name): sms.as_text(value) for name, value in given.items()}
    return {
        # Numbers of the mainland without the country's code, others with it; never a plus.
        "PhoneNumbers": to.removeprefix(sms.CHINA).removeprefix("+"),
        "SignName": str(delivery.params.get("sign") or settings["sign_name"]),
        "TemplateCode": sms.template_of(delivery),
        "TemplateParam": json.dumps(params, ensure_ascii=False, separators=(",", ":")),
        "OutId": sms.reference(delivery),
    }


def _days(since: int) -> Iterator[str]:
    """Yield the days in China on which it may have been sent, today first, as yyyyMMdd."""
    today, first = (int(instant + _CHINA_MS) // _DAY_MS for instant in (time.time() * 1000, since))
    for day in range(today, max(min(first, today), today - _MOST_DAYS + 1) - 1, -1):
        yield datetime.fromtimestamp(day * _DAY_MS / 1000, UTC).strftime("%Y%m%d")


def _details(data: Mapping[str, Any], out_id: str) -> str:
    """Return ``out_id`` if it is among the messages that were sent."""
    listed = data.get("SmsSendDetailDTOs")
    items = listed.get("SmsSendDetailDTO") if isinstance(listed, Mapping) else None
    sent = [each for each in items or () if isinstance(each, Mapping)]
    return out_id if any(each.get("OutId") == out_id for each in sent) else ""


def _approved(data: Mapping[str, Any], sign: str) -> Result:
    listed = data.get("SmsSignList")
    signs = [each for each in listed or () if isinstance(each, Mapping)]
    status = {str(each.get("SignName")): str(each.get("AuditStatus")) for each in signs}
    found = status.get(sign)
    if found not in (None, "AUDIT_STATE_PASS"):
        return Misconfigured(f"the signature 【{sign}】 is not approved: {found}")
    return Delivered()  # one beyond the first 50 is not looked for


def _code(answer: Answer) -> str:
    data = answer.data
    return str(data.get("Code") or "") if isinstance(data, Mapping) else ""


def _outcome(answer: Answer, own_sign: bool, good: Callable[[Mapping[str, Any]], Result]) -> Result:
    """Return what an answer means: its body decides, whatever its status."""
    code, data = _code(answer), answer.data
    if not code:
        nothing = Retry("Aliyun's answer cannot be read; it may have been sent")
        return by_status(answer, "Aliyun") or nothing
    if code == "OK":
        return good(data)
    reason = f"Aliyun: {code}: {data.get('Message') or 'no message'}"
    if code.startswith(_NUMBER_LIMIT):
        return Retry(reason, sms.NUMBER_WAIT_MS, about="recipient")
    if code == "isv.DAY_LIMIT_CONTROL":
        return Retry(reason, sms.ACCOUNT_WAIT_MS)
    if code in _CONFIGURATION or code.startswith(_KEYS):
        return Misconfigured(reason)
    if code in _SIGNATURE_NAME:  # of this message only, or of all
        return Failed(reason) if own_sign else Misconfigured(reason)
    if code.startswith(_BUSY):
        return Retry(reason, answer.retry_after)
    return Failed(reason)


@hookimpl
def register_actions(register: Callable[[Action], None]) -> None:
    """Register the action."""
    register(SmsAliyunAction())
