"""Files of ``templates/`` and the languages they are written in.

``welcome.html`` is for everybody, ``welcome.en.html`` for who reads English; ``welcome.txt``
is the plain text that goes with ``welcome.html``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

# The language of leads that have none, where a message does not say.
LANGUAGE: Final = "zh"
# What is for every language.
ANY: Final = ""
PLAIN: Final = ".txt"
MARKUP: Final = (".mjml", ".html", ".htm")
_TAG: Final = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")


def variants(name: str, templates: Iterable[str]) -> dict[str, str]:
    """Return the files that say what ``name`` says: by language, and ANY for itself."""
    stem, dot, suffix = name.rpartition(".")
    found: dict[str, str] = {}
    for each in sorted(templates):
        if each == name:
            found[ANY] = each
        elif dot and each.startswith(f"{stem}.") and each.endswith(f".{suffix}"):
            tag = each[len(stem) + 1 : -len(suffix) - 1]
            if _TAG.fullmatch(tag):
                found[normal(tag)] = each
    return found


def companion(name: str) -> str:
    """Return the name of the plain text that goes with a file of markup."""
    return name.rpartition(".")[0] + PLAIN


def is_markup(name: str) -> bool:
    """Whether a file of ``templates/`` is HTML or MJML, by its name."""
    return not name.endswith((PLAIN, ".md"))


def normal(tag: str) -> str:
    """Return a language tag in one form: ``zh_CN`` and ``zh-cn`` are the same."""
    return tag.replace("_", "-").lower()


def choose(available: Mapping[str, Any], language: Any, fallback: str | None = None) -> str:
    """Return which of the languages in ``available``, which is not empty, a reader gets.

    His own, the same without its region, what is for everybody, the fallback, the first.
    """
    chain = [*_wider(language), ANY, *_wider(fallback or LANGUAGE)]
    return next((tag for tag in chain if tag in available), min(available))


def _wider(language: Any) -> list[str]:
    """Return ``zh-hant-tw``, ``zh-hant``, ``zh``."""
    parts = normal(language).split("-") if isinstance(language, str) and language else []
    return ["-".join(parts[:count]) for count in range(len(parts), 0, -1)]


def nameable(templates: Iterable[str]) -> list[str]:
    """Return what ``template:`` may say: each file, and what stands for several languages."""
    names = dict.fromkeys(templates)
    for name in list(names):
        stem, _, suffix = name.rpartition(".")
        base, _, tag = stem.rpartition(".")
        if base and _TAG.fullmatch(tag):
            names[f"{base}.{suffix}"] = None
    return list(names)
