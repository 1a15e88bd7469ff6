"""A report's page as PDF, by WeasyPrint, which the extra ``pdf`` brings."""

from __future__ import annotations

from typing import Any

from engine.errors import Refused

_INSTALL = "install leadrules[pdf], and Pango where the system has none: apt install libpango-1.0-0"


class NoPaper(Refused):
    """PDF was asked for where nothing can make it."""

    code = "no-pdf"


def to_pdf(page: str) -> bytes:
    """Return a page of `printing` as PDF; it fetches nothing. Raises NoPaper."""
    try:
        from weasyprint import HTML
    except (ImportError, OSError) as error:  # OSError: its libraries, such as Pango, are missing
        raise NoPaper(f"no PDF can be made here: {error}; {_INSTALL}") from error
    made: bytes = HTML(string=page, url_fetcher=nothing).write_pdf()
    return made


def nothing(url: str, *_: Any, **__: Any) -> Any:
    """Refuse what a page would fetch."""
    raise ValueError(f"a report fetches nothing: {url[:80]}")
