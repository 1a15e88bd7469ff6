"""The channel ``sms_receipts``: what became of short messages, and what people replied.

Aliyun and Tencent Cloud sign nothing, so each has a secret in its address, and the addresses
from which they call can be listed. A receipt is matched to its delivery by the provider's id,
else to the newest delivery to the number whose id is not known; what is neither, such as a
receipt of another system's message by the same account, is dropped.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from engine.plugin import (
    About,
    Accepted,
    Channel,
    ChannelRequest,
    Names,
    Rejection,
    Reply,
    Route,
    hookimpl,
    not_set_up,
)
from plugins.channels.answers import id_of, wrong_body, wrong_signature
from plugins.channels.paths import mapped
from plugins.channels.reading import text_of
from plugins.channels.signatures import SECRETS, is_secret
from plugins.channels.times import instant_of, rfc3339

NAME: Final = "sms_receipts"
MOST: Final = 1_000  # receipts in one call
MAX_TEXT: Final = 2_000
CHINA: Final = ZoneInfo("Asia/Shanghai")  # neither writes a zone
_PROVIDER: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["secret"],
    "properties": {
        "secret": SECRETS,
        "allow": {
            "type": "array",
            "items": {"type": "string", "pattern": "^[0-9A-Fa-f.:]+(/\\d+)?$"},
        },
    },
}
SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"aliyun": _PROVIDER, "tencent": _PROVIDER},
}


class _Receipt(msgspec.Struct, frozen=True):
    """One receipt or reply; ``numbers`` are those that the provider's writing may mean.

    ``id`` is the provider's own of the message, "" for replies. ``once`` makes it count once.
    """

    once: str
    numbers: tuple[str, ...]
    at: Any
    type: str
    properties: Mapping[str, str] = {}
    id: str = ""


class SmsReceiptsChannel(Channel):
    """Makes ``sms_delivered``, ``sms_failed`` and ``sms_replied`` of receipts and replies."""

    name = NAME
    config_schema = SETTINGS

    def check(self, settings: Mapping[str, Any], names: Names) -> Iterable[str]:
        """Return the addresses that are none: nobody could send from there."""
        for provider, own in settings.items():
            for written in own.get("allow", ()):
                try:
                    ipaddress.ip_network(written, strict=False)
                except ValueError:
                    yield f'{provider}: allow: "{written}" is no address or network'

    def routes(self) -> list[Route]:
        return [
            Route("/aliyun/{secret}", ("POST",), aliyun, "Aliyun's reports and replies"),
            Route("/tencent/{secret}", ("POST",), tencent, "Tencent's reports and replies"),
        ]


async def aliyun(request: ChannelRequest) -> Accepted | Rejection:
    """Take SmsReport and SmsUp, which Aliyun sends as lists."""
    refused = _refused(request, "aliyun")
    if refused is not None:
        return refused
    found = _read(request.data, _aliyun_receipt)
    if found is None:
        return wrong_body("a list of Aliyun's receipts or replies")
    events = await _events(request, "sms_aliyun", found)
    return _done(events, {"code": 0, "msg": "成功"})


async def tencent(request: ChannelRequest) -> Accepted | Rejection:
    """Take reports, which Tencent sends as lists, and replies, which come one by one."""
    refused = _refused(request, "tencent")
    if refused is not None:
        return refused
    data = [request.data] if isinstance(request.data, Mapping) else request.data
    found = _read(data, _tencent_receipt)
    if found is None:
        return wrong_body("a list of Tencent's reports, or a reply")
    events = await _events(request, "sms_tencent", found)
    return _done(events, {"result": 0, "errmsg": "OK"})


def _done(events: Sequence[Mapping[str, Any]], said: Mapping[str, Any]) -> Accepted:
    """Answer as the provider wants it: else it would only send the same again."""
    return Accepted(tuple(events), Reply(200, said), always=True)


def _refused(request: ChannelRequest, provider: str) -> Rejection | None:
    settings = mapped(request.settings.get(provider))
    if not settings:
        return not_set_up(f"{NAME}.{provider}")
    if not is_secret(request.params["secret"], settings["secret"]):
        return wrong_signature()
    if "allow" in settings and not _is_allowed(request.client, settings["allow"]):
        return Rejection("this address may not send receipts", 403, "forbidden")
    return None


def _is_allowed(client: str | None, networks: Sequence[str]) -> bool:
    try:
        address = ipaddress.ip_address(client or "")
        return any(address in ipaddress.ip_network(each, strict=False) for each in networks)
    except ValueError:
        return False


def _read(data: Any, one: Callable[[Mapping[str, Any]], _Receipt | None]) -> list[_Receipt] | None:
    """Return what can be used of a list; None when it is none, or nothing in it can be."""
    if not isinstance(data, list) or len(data) > MOST:
        return None
    found = [made for each in data if isinstance(each, Mapping) and (made := one(each))]
    return found if found or not data else None


def _aliyun_receipt(item: Mapping[str, Any]) -> _Receipt | None:
    numbers = _aliyun_numbers(text_of(item.get("phone_number")))
    if not numbers:
        return None
    if "content" in item:
        sequence = text_of(item.get("sequence_id")) or _hash(item, "phone_number", "send_time")
        text = {"text": text_of(item.get("content"))[:MAX_TEXT]}
        once = f"aliyun:reply:{sequence}"
        return _Receipt(once, numbers, item.get("send_time"), "sms_replied", text)
    id, success = text_of(item.get("biz_id")), item.get("success")
    if not isinstance(success, bool) or not id:
        return None
    once = f"aliyun:{id}:{_hash(item, 'phone_number')}"
    at = item.get("report_time") or item.get("send_time")
    why = f"{text_of(item.get('err_code'))} {text_of(item.get('err_msg'))}"
    return _reported(_Receipt(once, numbers, at, "", {}, id), success, why)


def _tencent_receipt(item: Mapping[str, Any]) -> _Receipt | None:
    country, mobile = text_of(item.get("nationcode")), text_of(item.get("mobile"))
    digits = f"{country or '86'}{mobile}"
    if not mobile or not _is_number(digits):
        return None
    numbers = (f"+{digits}",)
    if "text" in item:
        text = {"text": text_of(item.get("text"))[:MAX_TEXT]}
        once = f"tencent:reply:{_hash(item, 'nationcode', 'mobile', 'time', 'text')}"
        return _Receipt(once, numbers, item.get("time"), "sms_replied", text)
    id, status = text_of(item.get("sid")), item.get("report_status")
    if status not in ("SUCCESS", "FAIL") or not id:
        return None
    why = f"{text_of(item.get('errmsg'))} {text_of(item.get('description'))}"
    receipt = _Receipt(f"tencent:{id}", numbers, item.get("user_receive_time"), "", {}, id)
    return _reported(receipt, status == "SUCCESS", why)


def _reported(receipt: _Receipt, success: bool, why: str) -> _Receipt:
    if success:
        return msgspec.structs.replace(receipt, type="sms_delivered")
    properties = {"reason": why.strip()[:MAX_TEXT]} if why.strip() else {}
    return msgspec.structs.replace(receipt, type="sms_failed", properties=properties)


def _aliyun_numbers(written: str) -> tuple[str, ...]:
    """Return what a number may mean: those of the mainland have no country's code.

    >>> _aliyun_numbers("13800138000"), _aliyun_numbers("85261234567")
    (('+8613800138000', '+13800138000'), ('+85261234567',))
    """
    digits = written.removeprefix("+").removeprefix("00")
    if not _is_number(digits):
        return ()
    abroad = f"+{digits}"
    is_chinese = len(digits) == 11 and digits.startswith("1")
    return (f"+86{digits}", abroad) if is_chinese else (abroad,)


def _is_number(digits: str) -> bool:
    return digits.isascii() and digits.isdecimal() and 5 <= len(digits) <= 18


def _hash(item: Mapping[str, Any], *names: str) -> str:
    """Return a name for what has none of its own; the number must not stand in an event's id."""
    said = "\n".join(text_of(item.get(name)) for name in names)
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32]


async def _events(
    request: ChannelRequest, plugin: str, receipts: Sequence[_Receipt]
) -> list[Mapping[str, Any]]:
    found = []
    for receipt in receipts:
        about = await _about(request, plugin, receipt)
        if about is not None:
            found.append(_event(request, receipt, about))
    return found


async def _about(request: ChannelRequest, plugin: str, receipt: _Receipt) -> About | None:
    """Return the delivery that a receipt is about, None when it is none of ours."""
    sent = request.deliveries
    if sent is None:
        return None
    is_report = bool(receipt.id)
    about = await sent.by_provider_id(plugin, receipt.id) if is_report else None
    for number in receipt.numbers if about is None else ():
        about = await sent.newest(plugin, "phone", number, unnamed=is_report)
        if about is not None and (about.delivery or not is_report):
            return about
        about = None
    return about


def _event(request: ChannelRequest, receipt: _Receipt, about: About) -> Mapping[str, Any]:
    told = {
        "delivery": about.delivery,
        "message": about.message,
        "journey": about.journey,
        "step": about.step,
    }
    return {
        "id": id_of(NAME, receipt.once),
        "type": receipt.type,
        "at": _time(receipt.at, about.sent_at, request.now),
        "lead": {"id": about.lead},
        "properties": {**receipt.properties, **{n: v for n, v in told.items() if v}},
        "channel": NAME,
    }


def _time(written: Any, sent_at: int, now: int) -> str:
    """Return when it happened: to the second, so that it may seem to lie before the sending."""
    said = instant_of(written, CHINA)
    return rfc3339(now if said is None else min(max(said, sent_at), now))


@hookimpl
def register_channels(register: Callable[[Channel], None]) -> None:
    """Register the channel."""
    register(SmsReceiptsChannel())


@hookimpl
def extend_catalogue() -> Mapping[str, Any]:
    """Let a failure say why."""
    return {"events": {"sms_failed": {"properties": {"reason": "string"}}}}
