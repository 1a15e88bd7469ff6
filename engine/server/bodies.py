"""Request bodies: bounded in size and depth before anything looks at them."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import Receive

from engine.server.problems import Problem
from engine.server.unpacking import unpacked

MAX_BODY: Final = 1_000_000
MAX_DEPTH: Final = 32
MAX_FORM_FIELDS: Final = 500
_POSITION: Final = re.compile(r" \(byte (\d+)\)$")
_NESTED: Final = (dict, list)
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"{}[]"))
_FLAT: Final = 5
_BOM: Final = b"\xef\xbb\xbf"
_BYTES: Final = "latin-1"  # in which a text has one character for each byte
_CHARSET: Final = "_charset_"  # an input that browsers fill in with the encoding of the page
_GB: Final = re.compile(r"gb(k|[-_]?2312|[-_]?18030)$")
_REFERENCE: Final = re.compile(r"&#[0-9]{2,7};")

_Raw = list[tuple[str, str]]


async def read_body(request: Request, limit: int = MAX_BODY) -> bytes:
    """Return the body of a request; see `received`."""
    return await received(request.receive, dict(request.scope["headers"]), limit)


async def received(receive: Receive, headers: Mapping[bytes, bytes], limit: int) -> bytes:
    """Return a body, unpacked; raises Problem.

    413 when it is announced or comes larger than ``limit``, before or after unpacking, and 415
    for an encoding that nobody here knows.
    """
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Problem(400, "cut-off", "the connection ended before the body did")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
        more = message.get("more_body", False)
    body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    encoding = headers.get(b"content-encoding")
    return unpacked(body, encoding.decode("latin-1"), limit) if encoding else body


def _too_large(limit: int) -> Problem:
    # What the client still sends would be taken for its next request.
    headers = {"Connection": "close"}
    message = f"the body is larger than {limit} bytes; send fewer events at once"
    return Problem(413, "too-large", message, headers=headers)


def decode_json(body: bytes) -> Any:
    """Return the JSON in ``body``.

    Raises Problem 400: ``bad-json`` with line and column, ``bad-encoding`` or ``too-deep``.
    """
    body = body.removeprefix(_BOM)
    try:
        data = msgspec.json.decode(body)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _malformed(body, error) from None
    # Counting brackets costs nothing and clears nearly every body at once.
    many = body.count(b"{") + body.count(b"[") > MAX_DEPTH
    if many and not _is_flat(body) and is_deeper(data, MAX_DEPTH):
        raise _too_deep()
    return data


def _is_flat(body: bytes) -> bool:
    """Whether a body is certainly not deep: most long ones are lists of events.

    Its brackets without all else, of which the innermost pairs are taken out again and again; one
    in a text leaves something over, and others have to look.
    """
    brackets = body.translate(None, _NO_BRACKETS)
    for _ in range(_FLAT):
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
    return not brackets


def is_deeper(data: Any, limit: int) -> bool:
    """Whether lists and objects in ``data`` are nested more than ``limit`` deep."""
    level = [data] if isinstance(data, _NESTED) else []
    depth = 0
    while level:
        depth += 1
        if depth > limit:
            return True
        level = [
            item
            for each in level
            for item in (each.values() if isinstance(each, dict) else each)
            if isinstance(item, _NESTED)
        ]
    return False


def _too_deep() -> Problem:
    return Problem(400, "too-deep", f"the JSON is nested more than {MAX_DEPTH} levels deep")


def _malformed(body: bytes, error: Exception) -> Problem:
    try:
        body.decode()
    except UnicodeDecodeError as bad:
        line, column = _place(body, bad.start)
        message = f"the body is not UTF-8 at line {line}, column {column}; send UTF-8"
        return Problem(400, "bad-encoding", message, [{"line": line, "column": column}])
    text = str(error)
    found = _POSITION.search(text)
    # Without a position the end came too early.
    position = int(found[1]) if found else len(body)
    if "trailing characters" in text:  # msgspec names the one behind the first of them
        position -= 1
    line, column = _place(body, position)
    said = _POSITION.sub("", text).removeprefix("JSON is malformed: ")
    message = f"the body is not JSON: {said} at line {line}, column {column}"
    return Problem(400, "bad-json", message, [{"line": line, "column": column}])


def _place(body: bytes, position: int) -> tuple[int, int]:
    """Return line and column, both from 1; columns count characters."""
    before = body[:position]
    start = before.rfind(b"\n") + 1
    return before.count(b"\n") + 1, len(before[start:].decode("utf-8", "replace")) + 1


async def decode_form(body: bytes, headers: Headers) -> tuple[tuple[str, str], ...]:
    """Return a form post's fields in order, without files, in whichever encoding its page was.

    Raises Problem 400: ``bad-form``, or ``bad-encoding`` for what is neither UTF-8 nor GB 18030.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "multipart/form-data":
            raw = await _multipart(body, headers)
        else:
            raw = _urlencoded(body)
    except MultiPartException as error:
        raise Problem(400, "bad-form", f"the form can't be read: {error.message}") from None
    except (KeyError, ValueError) as error:
        raise Problem(400, "bad-form", f"the form can't be read: {error}") from None
    if len(raw) > MAX_FORM_FIELDS:
        raise _too_many_fields()
    return _in_unicode(raw, headers)


def _too_many_fields() -> Problem:
    return Problem(400, "bad-form", f"a form has at most {MAX_FORM_FIELDS} fields")


def _urlencoded(body: bytes) -> _Raw:
    if body.count(b"&") >= MAX_FORM_FIELDS:
        raise _too_many_fields()
    return parse_qsl(body.decode(_BYTES), keep_blank_values=True, encoding=_BYTES)


async def _multipart(body: bytes, headers: Headers) -> _Raw:
    async def stream() -> Any:
        yield body

    # The last charset is the one that counts.
    told = Headers({"content-type": f"{headers['content-type']}; charset={_BYTES}"})
    parser = MultiPartParser(told, stream(), max_files=20, max_fields=MAX_FORM_FIELDS)
    form = await parser.parse()
    fields = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    await form.close()
    return fields


def _in_unicode(raw: _Raw, headers: Headers) -> tuple[tuple[str, str], ...]:
    """Return the fields as text: browsers send them as their page is written, most without a word.

    A page in GBK says it in ``_charset_``, or nowhere; what is not UTF-8 is taken to be GB 18030.
    """
    said = [value for name, value in raw if name == _CHARSET]
    said.append(headers.get("content-type", "").lower().partition("charset=")[2])
    chinese = any(_GB.match(each.strip(' "').lower()) for each in said)
    fields = [field for field in raw if field[0] != _CHARSET]
    for encoding in ("gb18030", "utf-8") if chinese else ("utf-8", "gb18030"):
        try:
            found = tuple((_text(n, encoding), _text(v, encoding)) for n, v in fields)
        except UnicodeDecodeError:
            continue
        # What GBK has no place for, such as 😀, browsers write as a reference.
        return found if encoding == "utf-8" else tuple((n, _whole(v)) for n, v in found)
    raise Problem(400, "bad-encoding", "the form is neither UTF-8 nor GB 18030; send UTF-8")


def _text(raw: str, encoding: str) -> str:
    return raw.encode(_BYTES).decode(encoding)


def _whole(text: str) -> str:
    return _REFERENCE.sub(lambda found: html.unescape(found[0]), text)
