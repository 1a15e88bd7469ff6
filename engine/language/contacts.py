"""Telephone numbers, e-mail addresses and plain text in the one form in which they are stored.

Numbers of lists are read with it when a configuration loads, those of events when they enter.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

HOME: Final = "CN"
_LONGEST_PHONE: Final = 60
_LONGEST_EMAIL: Final = 254  # RFC 5321, with the angle brackets taken off
# What people copy along and nobody sees: zero-width spaces, byte order marks, soft hyphens,
# marks of direction, and control characters other than white space. NUL stays, to be refused:
# a text with it was cut or is no text.
_UNSEEN: Final = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
    "\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)
# Joiners belong to emoji and to some scripts; behind a Latin or Chinese letter they are dirt.
_STRAY_JOINER: Final = re.compile(
    "(?<![\u0600-\u0dff\u2190-\u2bff\ufe0f\U0001f000-\U0001faff])[\u200c\u200d]"
)
_LINES: Final = re.compile(r"[\t\r\n\u2028\u2029]+")
_EXTENSION: Final = re.compile(r"\s*(?:转接|分机号|分机|轉|转|内线)\s*[::\-]?\s*(?=[0-9]{1,6}\s*$)")
_WRAPPED: Final = re.compile(r"<([^<>\s]+)>\s*$")


def is_clean(text: str) -> bool:
    """Whether there is nothing to clean about a text but white space around it."""
    # Whatever is taken out or made a blank is not printable.
    return text.isprintable() and (text.isascii() or unicodedata.is_normalized("NFC", text))


def clean(text: str, lines: bool = False) -> str:
    """Return text in NFC, without what cannot be seen and white space around it.

    Tabs and line ends become a blank, unless ``lines`` may stay.
    """
    if is_clean(text):
        return text.strip()
    text = _STRAY_JOINER.sub("", _UNSEEN.sub("", unicodedata.normalize("NFC", text)))
    # Once more: what stood on both sides of a thing taken out may belong together.
    return unicodedata.normalize("NFC", text if lines else _LINES.sub(" ", text)).strip()


def half_width(text: str) -> str:
    """Return text with full-width digits, letters and signs as plain ones."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def phone(text: str, region: str = HOME) -> tuple[str, bool]:
    """Return (number, whether it is valid): E.164 when valid, else as written.

    Numbers without a country code are taken as of ``region``. An extension (分机, 转) stays,
    as ``+862112345678;ext=801``: behind one switchboard sit many people.
    """
    import phonenumbers

    plain = half_width(clean(text)).strip()
    if len(plain) > _LONGEST_PHONE:
        return plain, False
    try:
        number = phonenumbers.parse(_EXTENSION.sub(" ext. ", plain), region)
    except phonenumbers.NumberParseException:
        return plain, False
    if not phonenumbers.is_valid_number(number):
        return plain, False
    stored = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return (f"{stored};ext={number.extension}" if number.extension else stored), True


def email(text: str) -> tuple[str, str | None]:
    """Return (address, its domain), both in lower case; the domain is None when it is invalid.

    An international domain has its Unicode form, however it was written.
    """
    from email_validator import EmailNotValidError, validate_email

    plain = half_width(clean(text)).strip().lower()
    wrapped = _WRAPPED.search(plain)  # 王芳 <wang@acme.cn>
    address = wrapped[1] if wrapped else plain.removeprefix("mailto:")
    address = address.replace("。", ".").rstrip(".,;")
    if len(address) > _LONGEST_EMAIL:
        return plain, None
    try:
        found = validate_email(address, check_deliverability=False)
    except EmailNotValidError:
        return plain, None
    return found.normalized.lower(), found.domain.lower()


def domain(text: str) -> str | None:
    """Return a domain in the form that `email` gives, None for what is none."""
    return email(f"a@{text}")[1] if "@" not in text else None


def folded(text: str) -> str:
    """Return text in the form in which words are looked for: width and case do not matter."""
    return clean(half_width(text)).casefold()
