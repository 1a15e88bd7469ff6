"""What a check looks at: the definitions, and where in the files each thing was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import PurePath
from typing import Any

from engine.language.data import shipped
from engine.language.definitions import Definitions
from engine.language.diagnostic import Source
from engine.language.lint.ignores import Ignore
from engine.language.lint.logic import Logic
from engine.language.lint.sites import Site, sites
from engine.language.reader import Document, Path


class Context:
    """One configuration under inspection.

    ``templates`` maps a file of ``templates/`` to its path, and ``texts`` are what they say;
    ``now`` (an instant) is for what goes out of date; ``codes`` are those of all checks;
    ``used`` holds the codes of ignores that have hidden a finding.
    """

    def __init__(
        self,
        definitions: Definitions,
        documents: Mapping[str, Document],
        templates: Mapping[str, str],
        ignores: tuple[Ignore, ...],
        now: int,
        texts: Sequence[str] = (),
        codes: frozenset[str] = frozenset(),
    ) -> None:
        self.definitions = definitions
        self.documents = documents
        self.templates = templates
        self.ignores = ignores
        self.now = now
        self.texts = texts
        self.codes = codes
        self.used: frozenset[tuple[Ignore, str]] = frozenset()

    def is_ours(self, source: Source) -> bool:
        """Whether who is told can change it: a lifecycle that nobody wrote is the shipped one."""
        default = f"{shipped('config')}/"
        return not source.file.startswith(default) or f"{self.definitions.folder}/" == default

    @cached_property
    def logic(self) -> Logic:
        """What follows from conditions."""
        return Logic(self.definitions)

    @cached_property
    def routed(self) -> frozenset[str | None]:
        """The teams that routing gives leads to."""
        return frozenset(rule.team for rule in self.definitions.routing.rules)

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        """Every condition of the configuration."""
        return tuple(sites(self.definitions))

    @cached_property
    def _paths(self) -> dict[Source, list[tuple[Document, Path]]]:
        found: dict[Source, list[tuple[Document, Path]]] = {}
        for document in self.documents.values():
            for spans in (document.values, document.keys):
                for path, span in spans.items():
                    found.setdefault(span, []).append((document, path))
        return found

    def written(self, source: Source) -> tuple[Document, Path] | None:
        """Return the document and path at ``source``; None if it is not one place.

        What an alias repeats stands in one place and means several.
        """
        found = self._paths.get(source, [])
        return found[0] if len(found) == 1 else None

    def value(self, source: Source) -> Any:
        """Return the plain data at ``source``, None if it is not one place."""
        place = self.written(source)
        return None if place is None else place[0].value(place[1])

    def below(self, source: Source, *keys: str | int) -> Source:
        """Return where the value at ``keys`` under ``source`` stands, else ``source``."""
        for document, path in self._paths.get(source, []):
            found = document.values.get((*path, *keys))
            if found is not None:
                return found
        return source

    def of_kind(self, kind: str) -> Iterator[Document]:
        """Yield the files of a kind: ``kind.yaml`` and those of the folder ``kind``."""
        for document in self.documents.values():
            file = PurePath(document.file)
            if kind in (file.stem, file.parent.name) and isinstance(document.data, dict):
                yield document
