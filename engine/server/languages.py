"""The language of whoever asks: of pages, and of labels in answers."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from engine.language.label import LANGUAGES

COOKIE: Final = "leadrules_lang"


def language_of(request: Request) -> str:
    """Return ``lang`` of the query, else what was chosen, else the browser's first, else Chinese.

    Languages that there are not count as none.
    """
    asked = [request.query_params.get("lang", ""), request.cookies.get(COOKIE, "")]
    asked += request.headers.get("accept-language", "").lower().split(",")
    return next((tag[:2] for tag in map(str.strip, asked) if tag[:2] in LANGUAGES), LANGUAGES[0])
