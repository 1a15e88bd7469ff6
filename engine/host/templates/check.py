"""What is wrong with the templates of a configuration, before anybody gets a message.

Each message's templates are read, not run, in every language, with what they include.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from engine.host.rendering import plate, plates_of, shown
from engine.host.templates.sandbox import environment
from engine.host.templates.scope import TemplateScope
from engine.host.templates.typesetting import BETWEEN
from engine.host.templates.walk import Fault, Walk
from engine.language.definitions import Definitions, Wording
from engine.language.diagnostic import Diagnostic, Source, line
from engine.language.sections.wordings import gaps
from engine.network.ruleset import Ruleset

_BLOCK = re.compile(r"[|>][-+0-9]*\s*(#.*)?$")


def check_templates(
    definitions: Definitions, sources: Mapping[str, list[str]] | None = None
) -> list[Diagnostic]:
    """Return what is wrong with messages' templates and the texts of steps.

    ``sources`` has the lines of YAML files, to place what stands in them. A language that is
    missing is a warning, everything else an error.
    """
    check = _Check(definitions, sources or {})
    found = [*check.messages(), *check.steps(), *_missing_languages(definitions)]
    return list(dict.fromkeys(found))


class _Check:
    def __init__(self, definitions: Definitions, sources: Mapping[str, list[str]]) -> None:
        self.definitions = definitions
        self.sources = sources
        self.plates = plates_of(Ruleset(definitions))
        self.sandbox = environment(self.plates, html=False)
        self.scope = TemplateScope(definitions)

    def messages(self) -> Iterator[Diagnostic]:
        """Check each message's templates in all languages, and its action's texts."""
        for message in self.definitions.messages.values():
            for available in message.wordings.values():
                for wording in available.values():
                    yield from self._wording(message.id, wording)
            yield from self._params(message.params, message.id, message.source)

    def steps(self) -> Iterator[Diagnostic]:
        """Check the texts that steps hand to actions."""
        for journey in self.definitions.journeys:
            for step in journey.steps:
                if step.kind == "do":
                    yield from self._params(step.with_, journey.id, step.source)

    def _wording(self, message: str, wording: Wording) -> Iterator[Diagnostic]:
        name = plate(message, wording.name) if wording.inline else wording.name
        walk = Walk(self.sandbox, self.plates, self.scope)
        for fault in walk.template(name):
            place = self._place(fault, wording)
            yield _diagnostic(fault, place, message)

    def _params(self, value: Any, rule: str, source: Source) -> Iterator[Diagnostic]:
        if isinstance(value, Mapping):
            for each in value.values():
                yield from self._params(each, rule, source)
        elif isinstance(value, list | tuple):
            for each in value:
                yield from self._params(each, rule, source)
        elif isinstance(value, str) and "{" in value:
            for fault in Walk(self.sandbox, {**self.plates, "": value}, self.scope).template(""):
                yield _diagnostic(fault, source, rule)

    def _place(self, fault: Fault, wording: Wording) -> Source:
        if BETWEEN not in fault.template:
            file = f"{self.definitions.folder}/templates/{fault.template}"
            return Source(file, fault.line, fault.column, fault.line, fault.column + fault.length)
        return _in_yaml(wording.source, fault, self.sources.get(wording.source.file, []))


def _in_yaml(source: Source, fault: Fault, lines: list[str]) -> Source:
    """Return where a fault of a text in YAML stands, else where the text does."""
    if not 0 < source.line <= len(lines):
        return source
    head = lines[source.line - 1][source.column - 1 :]
    if _BLOCK.match(head):
        wanted = source.line + fault.line
    elif source.line == source.end_line:
        wanted = source.line
    else:
        return source
    column = lines[wanted - 1].find(fault.words) + 1 if wanted <= len(lines) else 0
    if not column:
        return source
    return Source(source.file, wanted, column, wanted, column + fault.length)


def _missing_languages(definitions: Definitions) -> Iterator[Diagnostic]:
    for message, form, language, instead in gaps(definitions.messages):
        yield Diagnostic(
            "missing-language",
            line(
                f'the message "{message.id}" has no {form} in "{language}", as others have; '
                f'its readers get "{instead}"'
            ),
            message.source,
            "warning",
            message.id,
            f"write it in {language}, too, or leave it if nobody reads that",
        )


def _diagnostic(fault: Fault, place: Source, rule: str) -> Diagnostic:
    hint = line(fault.hint)
    text = fault.message
    if fault.template and BETWEEN in fault.template:
        text = f"{shown(fault.template)}: {text}"
    return Diagnostic(fault.code, line(text), place, "error", rule, hint)
