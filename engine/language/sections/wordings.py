"""What a message says: its texts and templates by form and language, and what goes with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from engine.language.diagnostic import Diagnostics, Source
from engine.language.handling import Attached, Message, Wording
from engine.language.nearest import did_you_mean
from engine.language.sections.part import Part
from engine.language.templates import (
    ANY,
    LANGUAGE,
    choose,
    companion,
    is_markup,
    normal,
    variants,
)

FORMS: Final = ("subject", "text", "html", "markdown")
# Written in the message itself.
_INLINE: Final = ("subject", "text", "markdown")
FILES: Final = "files"
# What mail servers take, all files of a message together, before they grow by a third on the way.
MAX_ATTACHED: Final = 10 * 1024 * 1024

Wordings = Mapping[str, Mapping[str, Wording]]


def wordings(part: Part, folder: str, templates: Mapping[str, str]) -> Wordings:
    """Return the message's templates: by form, then by language."""
    found: dict[str, dict[str, Wording]] = {}
    for form in _INLINE:
        inline = dict(_inline(part.child(form), form))
        if inline:
            found[form] = inline
    template = part.get("template")
    if template is None:
        return found
    form = "html" if is_markup(template) else "text"
    files = _files(template, folder, templates)
    if files:
        found.setdefault(form, {}).update(files)
    if form == "html" and "text" not in found:
        plain = _files(companion(template), folder, templates)
        if plain:
            found["text"] = plain
    return found


def _inline(part: Part, form: str) -> Iterator[tuple[str, Wording]]:
    if isinstance(part.data, str):
        yield ANY, Wording(form, part.data, part.source, inline=True)
    elif isinstance(part.data, dict):
        for tag, text in part.data.items():
            place = part.child(tag).source
            yield normal(tag), Wording(f"{form}.{tag}", text, place, inline=True)


def _files(name: str, folder: str, templates: Mapping[str, str]) -> dict[str, Wording]:
    return {
        tag: Wording(file, templates[file], Source(f"{folder}/templates/{file}", 1, 1))
        for tag, file in variants(name, templates).items()
    }


def first(forms: Wordings, form: str, language: str | None) -> str | None:
    """Return what most readers get, None where the message has no such form."""
    available = forms.get(form)
    if not available:
        return None
    return available[choose(available, None, language)].text


def gaps(messages: Mapping[str, Message]) -> Iterator[tuple[Message, str, str, str]]:
    """Yield where a language is missing that others of the configuration have.

    As (message, form, language, what its readers get instead). Only what is written in some
    languages can lack one; what is written once is for everybody.
    """
    languages = {tag for m in messages.values() for form in m.wordings.values() for tag in form}
    for message in messages.values():
        for form, available in message.wordings.items():
            if set(available) == {ANY}:
                continue
            reached = {tag.partition("-")[0] for tag in available}
            # What is for everybody is in the language of those who have none.
            own = (message.language or LANGUAGE) if ANY in available else ""
            for tag in sorted(languages - {ANY, own}):
                if tag.partition("-")[0] not in reached:
                    instead = available[choose(available, tag, message.language)].name
                    yield message, form, tag, instead


class Attachments:
    """Finds the files that messages name, in ``files/`` of the configuration."""

    def __init__(self, folder: Path, found: Diagnostics) -> None:
        self.folder = folder / FILES
        self.found = found

    def of(self, part: Part, rule: str) -> tuple[Attached, ...]:
        """Return the files under ``attachments``; what is not there goes to the findings."""
        items = part.child("attachments")
        names = [items.child(i) for i in range(len(items.data or ()))]
        attached = [self._one(each, rule) for each in names]
        whole = tuple(each for each in attached if each is not None)
        size = sum(Path(each.path).stat().st_size for each in whole)
        if size > MAX_ATTACHED:
            self.found.error(
                "attachments-too-large",
                f"the files of this message have {size:,} bytes; "
                f"mail servers refuse more than {MAX_ATTACHED:,}",
                items.source,
                rule=rule,
                hint="send a link to the larger ones",
            )
        return whole

    def _one(self, part: Part, rule: str) -> Attached | None:
        path = self.folder / part.data
        if ".." not in Path(part.data).parts and path.is_file():
            return Attached(path.name, str(path))
        known = [p.relative_to(self.folder).as_posix() for p in self.folder.rglob("*")]
        hint = did_you_mean(part.data, known)
        text = f'there is no file "{part.data}" in {FILES}/; {hint}'
        self.found.error("unknown-attachment", text, part.source, rule=rule, hint=hint)
        return None
