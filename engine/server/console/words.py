"""The two languages of the pages: catalogues of words, and whose language is whose."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from engine.language.label import LANGUAGES, Label, Text, in_language
from engine.server.console.reasons import chinese

_CHINESE: Final = re.compile(r"[\u3400-\u9fff]")
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

    def label(self, name: str, given: Text | None) -> str:
        """Return a configured label; where it is Chinese only, English has the name if it tells."""
        told = in_language(given, self.language) or name
        foreign = self.language == "en" and (told == name or _CHINESE.search(told))
        if isinstance(given, Label) or not foreign or not name.isascii() or not name[:1].isalpha():
            return told
        plain = re.sub(r"[_.-]", " ", name)
        return self.texts.get(f"name.{name}") or plain[:1].upper() + plain[1:]


def catalogues() -> dict[str, Words]:
    """Read every language."""
    return {
        name: Words(name, msgspec.json.decode((_HERE / f"{name}.json").read_bytes(), type=dict))
        for name in LANGUAGES
    }
