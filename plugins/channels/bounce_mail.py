"""What a mail in the bounce mailbox says: a delivery failed (RFC 3464), or a recipient complains.

All of it is a stranger's word, of any size and form. What is returned names the Message-ID that
the mail is about; whether that is one of ours is for others to find out.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from email.utils import parseaddr
from typing import Any, Final, TypeAlias

from plugins.channels.mail_reports import Report
from plugins.mail_codes import is_hard

MOST_PARTS: Final = 50
MAX_TEXT: Final = 50_000  # characters of a notice that are searched
_STATUSES: Final = frozenset({"message/delivery-status", "message/global-delivery-status"})
_RETURNED: Final = frozenset(
    {"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"}
)
_COMPLAINTS: Final = frozenset({"abuse", "fraud"})
_DAEMONS: Final = frozenset({"mailer-daemon", "postmaster"})
_ID: Final = re.compile(r"<[^<>\s]{3,250}>")
_QUOTED_ID: Final = re.compile(r"^[> \t]*Message-ID:\s*(<[^<>\s]{3,250}>)", re.I | re.M)
# What a server said, as qmail, Postfix and QQ quote it: "host mx.acme.cn[...] said: 550 5.1.1 ...".
_SAID: Final = re.compile(r"said:\s{0,9}([45]\d\d[ \-#][^\r\n]{0,200})", re.I)
Block: TypeAlias = "Message[str, str]"


class Unreadable(Exception):
    """A mail that is made to be a burden, or one that the library cannot take apart."""


def report_of(raw: bytes, at: int) -> Report | None:
    """Return what a mail says that arrived ``at``, None when it is neither bounce nor complaint.

    A delay is none, for the server still tries, nor is an automatic answer (RFC 3834). Raises
    Unreadable, and nothing else.
    """
    if raw.lower().count(b"content-type:") > MOST_PARTS:
        raise Unreadable(f"it has more than {MOST_PARTS} parts")
    try:
        return _report(message_from_bytes(raw), raw, at)
    except Exception as error:
        # The library raises almost anything on what breaks the rules of mail.
        raise Unreadable(type(error).__name__) from None


def _report(mail: Block, raw: bytes, at: int) -> Report | None:
    parts = list(_parts(mail))
    status = next((p for p in parts if p.get_content_type() in _STATUSES), None)
    feedback = next((p for p in parts if p.get_content_type() == "message/feedback-report"), None)
    returned = next((p for p in parts if p.get_content_type() in _RETURNED), None)
    about = _id_in(returned)
    hard: bool | None = None
    if feedback is not None:
        kind = next((_said(b, "Feedback-Type") for b in _blocks(feedback)), "")
        if kind.strip().lower() not in _COMPLAINTS:
            return None
    elif status is not None:
        hard = _judged(status)
    else:
        hard, about = _by_its_text(mail, parts, about)
    if not about or (feedback is None and hard is None):
        return None
    return Report(
        type="email_complained" if feedback is not None else "email_bounced",
        address="",
        id=_said(mail, "Message-ID").strip() or hashlib.sha256(raw).hexdigest(),
        at=at,
        message_id=about,
        properties={} if hard is None else {"hard": hard},
    )


def _parts(mail: Block) -> Iterator[Block]:
    """Yield the parts of a mail, and not those of the mail that it returns."""
    yield mail
    inside: Any = mail.get_payload()
    if mail.get_content_maintype() == "multipart" and isinstance(inside, list):
        for part in inside:
            yield from _parts(part)


def _blocks(part: Block) -> list[Block]:
    """Return the groups of fields of a report; RFC 6533's kind is one mail to the library."""
    inside: Any = part.get_payload()
    blocks: list[Block] = inside if isinstance(inside, list) else []
    if part.get_content_type() == "message/global-delivery-status" and blocks:
        rest = str(blocks[0].get_payload()).encode("utf-8", "surrogateescape")
        blocks = [blocks[0], *(message_from_bytes(b) for b in re.split(rb"\r?\n\r?\n", rest))]
    return blocks


def _judged(status: Block) -> bool | None:
    """Return whether the failures are for good, None when nothing has failed."""
    failed = [b for b in _blocks(status) if _said(b, "Action").strip().lower() == "failed"]
    if not failed:
        return None
    return all(is_hard(_said(b, "Status"), _said(b, "Diagnostic-Code")) for b in failed)


def _by_its_text(mail: Block, parts: list[Block], about: str) -> tuple[bool | None, str]:
    """Return what a server's own words say, from a mail system that writes no report."""
    sender = parseaddr(_said(mail, "From"))[1].partition("@")[0].lower()
    if sender not in _DAEMONS:
        return None, ""
    text = "\n".join(_text(p) for p in parts if p.get_content_maintype() == "text")[:MAX_TEXT]
    quoted = _QUOTED_ID.search(text)
    said = _SAID.search(text, 0, quoted.start() if quoted else len(text))
    if said is None:
        return None, ""
    return is_hard(said[1]), about or (quoted[1] if quoted else "")


def _id_in(returned: Block | None) -> str:
    """Return the Message-ID in what came back of a mail."""
    if returned is None:
        return ""
    inside: Any = returned.get_payload()
    if isinstance(inside, list):
        original = inside[0] if inside else None
    else:
        original = message_from_bytes(_bytes(returned))
    found = _ID.search(_said(original, "Message-ID")) if original is not None else None
    return found[0] if found else ""


def _said(block: Block, name: str) -> str:
    return str(block.get(name) or "")


def _bytes(part: Block) -> bytes:
    inside = part.get_payload(decode=True)
    return inside if isinstance(inside, bytes) else b""


def _text(part: Block) -> str:
    """Return a text; what is looked for in it is ASCII, whatever the charset is said to be."""
    return "" if part.get_content_type() in _RETURNED else _bytes(part).decode("latin-1")
