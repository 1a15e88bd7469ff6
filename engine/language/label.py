"""What people read (label): one text for everybody, or one for each language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

# The languages of the console, the reports and the forms; the first is the main one.
LANGUAGES: Final = ("zh", "en")


class Label(msgspec.Struct, frozen=True):
    """A text written in several languages, by two letters each; as `str` it is the main one."""

    texts: dict[str, str]

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        main = next((each for each in LANGUAGES if each in self.texts), None)
        return next(iter(self.texts.values())) if main is None else self.texts[main]


Text = str | Label


def label_of(written: str | Mapping[str, str] | None) -> Text | None:
    """Return what YAML has under ``label``: a text, or a text for each language."""
    return Label(dict(written)) if isinstance(written, Mapping) else written


def in_language(label: Text | None, language: str) -> str | None:
    """Return a label for a reader of ``language``; the main text where that is not written."""
    return label.texts.get(language, str(label)) if isinstance(label, Label) else label


def texts_of(label: Text | None) -> tuple[str, ...]:
    """Return a label in every language that it is written in."""
    if label is None:
        return ()
    return tuple(label.texts.values()) if isinstance(label, Label) else (label,)


def localised(data: Any, language: str) -> Any:
    """Return plain data (maps, lists, texts, numbers) with each label in ``language``."""
    if isinstance(data, dict):
        return {key: localised(value, language) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [localised(value, language) for value in data]
    return in_language(data, language) if isinstance(data, Label) else data
