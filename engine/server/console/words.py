"""The two languages of the pages: catalogues of words, and whose language is whose."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from starlette.requests import Request

from engine.server.console.reasons import chinese

LANGUAGES: Final = ("zh", "en")
COOKIE: Final = "leadrules_lang"
_HERE: Final = Path(__file__).parent


class Words:
    """One language. ``say`` raises KeyError for a key that its catalogue does not have."""

    def __init__(self, language: str, texts: Mapping[str, str]) -> None:
        self.language = language
        self.texts = texts

    def say(self, key: str, **values: Any) -> str:
        """Return a text with its ``{names}`` filled."""
        text = self.texts[key]
        return text.format(**values) if values else text

    def name(self, group: str, value: Any) -> str:
        """Return what people call a name of the engine's, the name itself where nobody said."""
        if value is None or value == "":
            return "–"
        plain = str(value)
        return self.texts.get(f"{group}.{plain}", plain)

    def why(self, reason: Any) -> str:
        """Return a reason of the engine's in this language."""
        text = str(reason or "")
        return chinese(text) if self.language == "zh" else text

    def label(self, name: str, given: str | None) -> str:
        """Return a configured label; in English the name, unless it says nothing by itself."""
        own = self.texts.get(f"fact.{name}")
        if own is not None:
            return own
        if self.language == "zh" or not name.isascii() or not name[:1].isalpha():
            return given or name
        plain = re.sub(r"[_.-]", " ", name)
        return self.texts.get(f"name.{name}") or plain[:1].upper() + plain[1:]


def catalogues() -> dict[str, Words]:
    """Read every language."""
    return {
        name: Words(name, msgspec.json.decode((_HERE / f"{name}.json").read_bytes(), type=dict))
        for name in LANGUAGES
    }


def language_of(request: Request) -> str:
    """Return the language chosen, else the browser's first that there is, else Chinese."""
    asked = [request.cookies.get(COOKIE, "")]
    asked += request.headers.get("accept-language", "").lower().split(",")
    return next((tag[:2] for tag in map(str.strip, asked) if tag[:2] in LANGUAGES), LANGUAGES[0])
