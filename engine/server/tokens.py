"""The file of tokens: names, roles and hashes, one JSON object a line; never a token itself."""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from engine.errors import LeadrulesError, NotFound
from engine.language.instants import format_instant, parse_instant
from engine.language.serving import ROLES, Secret, Token

PREFIX: Final = "lr_"  # by which scanners of repositories recognise a token that leaked
_BYTES: Final = 32


class BadTokens(LeadrulesError):
    """A file of tokens that can't be used."""

    code = "bad-tokens"


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One secret of one token, as the file has it; instants in RFC 3339."""

    name: str
    role: str
    sha256: str
    created_at: str
    member: str | None = None
    expires: str | None = None


def new_secret() -> str:
    """Return a random token of 256 bits, for which a plain SHA-256 is hash enough."""
    return PREFIX + secrets.token_urlsafe(_BYTES)


def digest_of(secret: str) -> str:
    """Return the SHA-256 of a token in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def read_lines(path: Path) -> list[Line]:
    """Return what a file holds, nothing where there is none; raises BadTokens."""
    try:
        text = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise BadTokens(f"the tokens in {str(path)!r} can't be read: {error.strerror}") from error
    lines: list[Line] = []
    for number, each in enumerate(text.splitlines(), 1):
        if each.strip():
            lines.append(_line(each, f"{path}:{number}"))
    return lines


def _line(text: bytes, place: str) -> Line:
    try:
        line = msgspec.json.decode(text, type=Line)
        if line.expires is not None:
            parse_instant(line.expires)
    except (msgspec.MsgspecError, LeadrulesError, ValueError) as error:
        raise BadTokens(f"{place}: this is no token: {error}") from error
    if line.role not in ROLES:
        raise BadTokens(f"{place}: {line.role!r} is no role; there are {', '.join(ROLES)}")
    if (line.role == "sales") != (line.member is not None):
        raise BadTokens(f"{place}: the role sales, and no other, has a member")
    return line


def tokens_of(lines: Iterable[Line]) -> list[Token]:
    """Return the tokens, one for each line."""
    return [
        Token(
            name=line.name,
            role=line.role,
            secrets=(
                Secret(line.sha256, None if line.expires is None else parse_instant(line.expires)),
            ),
            member=line.member,
        )
        for line in lines
    ]


def add(path: Path, name: str, role: str, member: str | None, now: int, expires: int | None) -> str:
    """Add a secret to ``path`` and return it; what the name had before counts on."""
    secret = new_secret()
    line = Line(
        name=name,
        role=role,
        sha256=digest_of(secret),
        created_at=format_instant(now),
        member=member,
        expires=None if expires is None else format_instant(expires),
    )
    lines = read_lines(path)
    clash = next((each for each in lines if each.name == name and each.role != role), None)
    if clash is not None:
        raise BadTokens(f"{name!r} has the role {clash.role} already; revoke it, or use that role")
    _line(msgspec.json.encode(line), name)
    _write(path, [*lines, line])
    return secret


def revoke(path: Path, name: str, keep_newest: bool = False) -> int:
    """Take a name's secrets out, the newest left with ``keep_newest``; returns their number."""
    lines = read_lines(path)
    own = [line for line in lines if line.name == name]
    if not own:
        raise NotFound(f"there is no token {name!r} in {str(path)!r}")
    gone = own[:-1] if keep_newest else own
    _write(path, [line for line in lines if line not in gone])
    return len(gone)


def _write(path: Path, lines: Sequence[Line]) -> None:
    """Replace the file at once, readable for its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".tokens-")
    with os.fdopen(handle, "wb") as out:
        out.writelines(msgspec.json.encode(line) + b"\n" for line in lines)
        out.flush()
        os.fsync(out.fileno())
    Path(name).replace(path)
