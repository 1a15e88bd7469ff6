"""The channel ``forms_cn``: entries of 金数据, 问卷星 and 简道云.

What each of them proves about the sender differs: 简道云 signs the whole entry, 问卷星 only its
number, 金数据 nothing. So the first signs, and the other two have a secret in their address.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.plugin import Accepted, Channel, ChannelRequest, Rejection, Route, hookimpl, not_set_up
from plugins.channels.answers import (
    event_of,
    form_settings,
    how_of,
    id_of,
    taken,
    with_id,
    wrong_body,
    wrong_signature,
)
from plugins.channels.paths import Tree, mapped
from plugins.channels.reading import text_of
from plugins.channels.signatures import SECRETS, is_fresh, is_secret, same, secrets_of
from plugins.channels.times import not_later

NAME: Final = "forms_cn"
CHINA: Final = ZoneInfo("Asia/Shanghai")  # none of the three writes a zone
_SIGNED: Final = "x-jdy-signature"
_CREATED: Final = "data_create"
# What 问卷星 says of the sheet beside its answers; `name` is the questionnaire's.
_NO_ANSWERS: Final = frozenset("activity name index timetaken submittime totalvalue sign".split())
SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "jinshuju": form_settings(["secret"], secret=SECRETS),
        "wjx": form_settings(["secret"], secret=SECRETS, key=SECRETS),
        "jiandaoyun": form_settings(["secret"], secret=SECRETS),
    },
}


class FormsCnChannel(Channel):
    """Makes each entry an event."""

    name = NAME
    config_schema = SETTINGS

    def routes(self) -> list[Route]:
        return [
            Route("/jinshuju/{secret}", ("POST",), jinshuju, "An entry of 金数据"),
            Route("/wjx/{secret}", ("POST",), wjx, "An answer sheet of 问卷星"),
            Route("/jiandaoyun", ("POST",), jiandaoyun, "An entry of 简道云"),
        ]


async def jinshuju(request: ChannelRequest) -> Accepted | Rejection:
    """Turn an entry of 金数据 into an event; a corrected entry is the same one."""
    settings = mapped(request.settings.get("jinshuju"))
    if not settings:
        return not_set_up(f"{NAME}.jinshuju")
    if not is_secret(request.params["secret"], settings["secret"]):
        return wrong_signature()
    body = mapped(request.data)
    entry, form = mapped(body.get("entry")), text_of(body.get("form"))
    if not entry or not form:
        return wrong_body("an entry of 金数据")
    number = entry.get("serial_number") or entry.get("token")
    id = id_of(f"{NAME}:jinshuju", form, number) if number else None
    return _taken(request, settings, ("金数据", form), entry, (id, entry.get("created_at")))


async def wjx(request: ChannelRequest) -> Accepted | Rejection:
    """Turn an answer sheet of 问卷星 into an event.

    Its signature covers the form and the number of the sheet, not the answers.
    """
    settings = mapped(request.settings.get("wjx"))
    if not settings:
        return not_set_up(f"{NAME}.wjx")
    if not is_secret(request.params["secret"], settings["secret"]):
        return wrong_signature()
    body = mapped(request.data)
    if "key" in settings and not _is_wjx_signed(body, settings["key"]):
        return wrong_signature()
    form, number = text_of(body.get("activity")), text_of(body.get("index"))
    joined = text_of(body.get("joinid"))
    if not form or not (number or joined):
        return wrong_body("an answer sheet of 问卷星")
    # What is signed, where there is a key: joinid alone could be made up to count again.
    once = number if "key" in settings else joined or number
    id = id_of(f"{NAME}:wjx", form, once)
    said = {name: answer for name, answer in body.items() if name not in _NO_ANSWERS}
    return _taken(request, settings, ("问卷星", form), said, (id, body.get("submittime")))


def _is_wjx_signed(body: Mapping[str, Any], key: Any) -> bool:
    said = f"{text_of(body.get('activity'))}{text_of(body.get('index'))}".encode()
    given = text_of(body.get("sign")).lower()
    found = [same(given, _sha1(said, secret)) for secret in secrets_of(key)]
    return any(found)


async def jiandaoyun(request: ChannelRequest) -> Accepted | Rejection:
    """Turn a new entry of 简道云 into an event; changed and deleted ones bring none."""
    settings = mapped(request.settings.get("jiandaoyun"))
    if not settings:
        return not_set_up(f"{NAME}.jiandaoyun")
    if not _is_jiandaoyun_signed(request, settings["secret"]):
        return wrong_signature()
    body = mapped(request.data)
    entry, kind = mapped(body.get("data")), body.get("op")
    if not isinstance(kind, str) or not isinstance(body.get("data"), Mapping):
        return wrong_body("an entry of 简道云")
    if kind != _CREATED:
        return taken()
    form = text_of(entry.get("entryId"))
    # The entry's own id is signed; the header that names the delivery is not.
    own = text_of(entry.get("_id"))
    id = id_of(f"{NAME}:jiandaoyun", own or request.headers.get("x-jdy-deliverid"))
    return _taken(request, settings, ("简道云", form), entry, (id, entry.get("createTime")))


def _is_jiandaoyun_signed(request: ChannelRequest, secret: Any) -> bool:
    query = dict(request.query)
    nonce, at = query.get("nonce", ""), query.get("timestamp", "")
    if not is_fresh(at, request.now):
        return False
    given = request.headers.get(_SIGNED, "").removeprefix("sha1=").lower()
    start, end = _utf8(f"{nonce}:"), _utf8(f":{at}")
    found = [
        same(given, _sha1(start, request.body, b":", each, end)) for each in secrets_of(secret)
    ]
    return any(found)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _sha1(*parts: bytes) -> str:
    return hashlib.sha1(b"".join(parts), usedforsecurity=False).hexdigest()


def _taken(
    request: ChannelRequest,
    settings: Mapping[str, Any],
    where: tuple[str, str],
    said: Mapping[str, Any],
    about: tuple[str | None, Any],
) -> Accepted:
    """Answer with one event; ``where`` is (source, form), ``about`` (id, time)."""
    source, form = where
    event = event_of(Tree(said), how_of(settings, form, source), request.names, NAME)
    id, at = about
    return taken(with_id(event, id, not_later(at, request.now, CHINA)))


@hookimpl
def register_channels(register: Callable[[Channel], None]) -> None:
    """Register the channel."""
    register(FormsCnChannel())
