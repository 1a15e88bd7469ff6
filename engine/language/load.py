"""Load a configuration folder: definitions, or every reason why not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from engine.language.calendars import Calendar
from engine.language.catalogue import Catalogue
from engine.language.conditions import ConditionParser
from engine.language.cycles import check_cycles
from engine.language.data import shipped
from engine.language.declared import bands, joined, keys, members, names, strangers, written
from engine.language.definitions import Definitions
from engine.language.diagnostic import Diagnostic, Diagnostics, Source
from engine.language.intake import Intake
from engine.language.lists import lines, read_text
from engine.language.nearest import nearest
from engine.language.reader import Document, read_document
from engine.language.reader import Path as YamlPath
from engine.language.schema import check_structure
from engine.language.schemas.vocabulary import Vocabulary, vocabulary_of
from engine.language.scope import Scope
from engine.language.sections import catalog
from engine.language.sections.calendars import CalendarsBuilder
from engine.language.sections.extensions import read_extensions
from engine.language.sections.intake import IntakeBuilder, list_names
from engine.language.sections.journeys import JourneysBuilder
from engine.language.sections.lifecycle import LifecycleBuilder
from engine.language.sections.messages import MessagesBuilder, ServerBuilder
from engine.language.sections.part import Part, refuse_twice
from engine.language.sections.reports import ReportsBuilder
from engine.language.sections.routing import RoutingBuilder
from engine.language.sections.scoring import ScoringBuilder
from engine.language.sections.sending import SendingBuilder
from engine.language.strategies import Strategy
from engine.language.templates import nameable

KINDS: Final = (
    *(
        "catalog",
        "intake",
        "calendars",
        "scoring",
        "lifecycle",
        "routing",
        "journeys",
        "messages",
        "reports",
        "server",
    ),
)
REQUIRED: Final = ("scoring", "journeys", "routing")
# What must stand in one file of a kind at least, where there is one.
_HEART: Final = {
    "scoring": "models",
    "lifecycle": "stages",
    "routing": "rules",
    "journeys": "journeys",
}
# What has a name of its own in its kind of file, and what we call it.
_NAMED: Final = (
    ("catalog", "fields", "field"),
    ("intake", "lists", "list"),
    ("routing", "teams", "team"),
    ("routing", "pools", "pool"),
    ("messages", "messages", "message"),
    ("messages", "topics", "topic"),
)
# Files that stand beside the rules and are no part of them.
_ASIDE: Final = ("tests", "templates", "files")


class Loaded(msgspec.Struct, frozen=True):
    """What loading gave. ``definitions`` is None when there are errors.

    ``files`` are those with rules and settings; ``sources`` holds the lines of every file, of
    lists too, to show the place of a finding; ``rules`` counts scoring rules, routes, SLAs and
    journeys; ``vocabulary`` is None when nothing was read.
    """

    definitions: Definitions | None
    diagnostics: list[Diagnostic]
    files: tuple[str, ...]
    rules: int
    sources: dict[str, list[str]]
    vocabulary: Vocabulary | None = None


def load_folder(
    folder: Path,
    environ: Mapping[str, str] | None = None,
    extensions: Mapping[str, Mapping[str, Any]] | None = None,
    strategies: Mapping[str, Strategy] | None = None,
) -> Loaded:
    """Read, check and type the configuration in ``folder``; never raises for its content.

    ``extensions`` maps a plugin's name to the fields and events that it adds to the catalogue,
    ``strategies`` are ways to choose among salespeople that plugins bring, by name.
    """
    return _Loader(folder, environ or {}, extensions or {}, strategies or {}).load()


class _Loader:
    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        extensions: Mapping[str, Mapping[str, Any]],
        strategies: Mapping[str, Strategy],
    ) -> None:
        self.folder = folder
        self.strategies = dict(strategies)
        self.environ = environ
        self.found = Diagnostics()
        self.added = read_extensions(extensions, self.found)
        self.vocabulary: Vocabulary | None = None
        self.parts: dict[str, list[Part]] = {kind: [] for kind in KINDS}
        self.documents: list[Document] = []
        self.texts: list[Document] = []  # of lists
        self.templates: dict[str, str] = {}
        self.unread: set[str] = set()
        self.lists: dict[str, list[str]] = {}

    def load(self) -> Loaded:
        if not self.folder.is_dir():
            place = Source(str(self.folder), 1, 1, 1, 1)
            hint = "name the folder that holds scoring.yaml"
            self.found.error("no-folder", f"{self.folder} is not a folder", place, hint=hint)
            return self._result(None)
        self._refuse_strangers()
        for kind in KINDS:
            for file in self._files(kind):
                self._read(kind, file)
        self._read_templates()
        self._require()
        return self._result(self._build())

    def _result(self, definitions: Definitions | None) -> Loaded:
        items = self.found.sorted()
        return Loaded(
            None if self.found.has_errors else definitions,
            items,
            tuple(d.file for d in self.documents),
            _count(definitions) if definitions else 0,
            {d.file: d.lines for d in (*self.documents, *self.texts, *self._extending())},
            self.vocabulary,
        )

    def _extending(self) -> Iterator[Document]:
        yield from (part.document for part in self.added.values())

    def _files(self, kind: str) -> Iterator[Path]:
        """Yield NAME.yaml, or the files of the folder NAME; the default where it is optional."""
        single, many = self.folder / f"{kind}.yaml", self.folder / kind
        if single.is_file():
            yield single
        if many.is_dir():
            yield from sorted(many.glob("*.yaml"))
        if kind == "lifecycle" and not single.is_file() and not many.is_dir():
            yield shipped("config") / "lifecycle.yaml"

    def _refuse_strangers(self) -> None:
        """A misspelt file name must not be a file that is silently not read."""
        for path, hint in strangers(self.folder, KINDS, _ASIDE):
            place = Source(str(path), 1, 1, 1, 1)
            name = path.relative_to(self.folder).as_posix()
            text = f'"{name}" is not read by leadrules; {hint}'
            self.found.error("unknown-file", text, place, hint=hint)

    def _read(self, kind: str, file: Path) -> None:
        try:
            raw = file.read_bytes()
        except OSError as error:
            self.unread.add(kind)
            place = Source(str(file), 1, 1, 1, 1)
            hint = "let the user who runs leadrules read it"
            self.found.error("unreadable", f"cannot read it: {error.strerror}", place, hint=hint)
            return
        document = read_document(raw, str(file), self.found)
        if document is None:
            self.unread.add(kind)
            text = raw.decode("utf-8", "replace")
            self.documents.append(Document(str(file), text))
            return
        self.documents.append(document)
        if document.data is None:
            document.data = {}
        bad = check_structure(document, kind, self.found)
        if any(len(path) < 2 for path in bad):
            self.unread.add(kind)
        self.parts[kind].append(Part(document, document.data, (), bad))

    def _read_templates(self) -> None:
        base = self.folder / "templates"
        for file in sorted(base.rglob("*")) if base.is_dir() else ():
            if file.is_file():
                try:
                    self.templates[file.relative_to(base).as_posix()] = file.read_text("utf-8")
                except (OSError, UnicodeDecodeError) as error:
                    place = Source(str(file), 1, 1, 1, 1)
                    self.found.error("unreadable", f"cannot read it: {error}", place, hint="UTF-8")

    def _require(self) -> None:
        read = {Path(d.file).stem for d in self.documents}
        for kind in REQUIRED:
            if not self.parts[kind] and kind not in read:
                place = Source(str(self.folder / f"{kind}.yaml"), 1, 1, 1, 1)
                hint = f"add {kind}.yaml; the default configuration shows one"
                self.found.error("missing-file", f"{kind}.yaml must exist", place, hint=hint)
                self.unread.add(kind)

        for kind, key in _HEART.items():
            parts = self.parts[kind]
            if parts and kind not in self.unread and not any(key in p.data for p in parts):
                self.found.error(
                    "missing-key", f"{key}: is missing here", parts[0].source, hint=f"add {key}:"
                )
                self.unread.add(kind)

    def _build(self) -> Definitions | None:
        calendars = CalendarsBuilder(self.found).build(self.parts["calendars"])
        catalogue = catalog.build(self.parts["catalog"], self.found, self.added)
        scope = self._scope(catalogue, calendars)
        self.vocabulary = vocabulary_of(scope, self.parts, nameable(self.templates))
        self._check_named(scope)
        self._refuse_twice()
        server = ServerBuilder(self.found, self.environ, self.folder).build(self.parts["server"])
        # Names, not what was found sound: one broken thing is not also an unknown one.
        messages_named = [n for p in self.parts["messages"] for n in keys(p.get("messages"))]
        connections = [n for p in self.parts["server"] for n in keys(p.get("connections"))]
        messages = MessagesBuilder(scope, self.found, self.folder).build(
            self.parts["messages"], server.connections, connections, self.templates
        )
        sending = SendingBuilder(scope, self.found).build(self.parts["messages"], messages.values())
        models = ScoringBuilder(scope, self.found).build(self.parts["scoring"])
        lifecycle = LifecycleBuilder(scope, self.found).build(self.parts["lifecycle"])
        router = RoutingBuilder(scope, self.found)
        router.strategies = self.strategies
        routing = router.build(self.parts["routing"])
        journeys = JourneysBuilder(scope, self.found).build(
            self.parts["journeys"], messages_named, connections
        )
        intake = self._intake(scope)
        reporting = ReportsBuilder(
            self.found, scope.stages, catalogue.sources, self._read_beside
        ).build(self.parts["reports"])
        check_cycles(models, scope.default_model, lifecycle.stages, self.found)
        if not (models and lifecycle.stages and routing.rules):
            return None
        return Definitions(
            version=self._version(),
            catalogue=catalogue,
            calendars=calendars,
            models=models,
            lifecycle=lifecycle,
            routing=routing,
            journeys=journeys,
            messages=messages,
            server=server,
            identities=intake.identities,
            intake=intake,
            sending=sending,
            reporting=reporting,
            files=tuple(d.file for d in self.documents),
            folder=self.folder.as_posix(),
            templates=self.templates,
            strategies=self.strategies,
        )

    def _scope(self, catalogue: Catalogue, calendars: Mapping[str, Calendar]) -> Scope:
        declared = (n for p in self.parts["calendars"] for n in keys(p.get("calendars")))
        models = written(p.get("models") for p in self.parts["scoring"])
        return Scope(
            catalogue=catalogue,
            models={name: keys(joined(each, "dimensions")) for name, each in models.items()},
            grades={name: bands(joined(each, "grades")) for name, each in models.items()},
            stages=tuple(s for p in self.parts["lifecycle"] for s in names(p.get("stages"), "id")),
            journeys=frozenset(
                j for p in self.parts["journeys"] for j in names(p.get("journeys"), "id")
            ),
            named=dict(self._named()),
            calendars=frozenset((*calendars, *declared)),
            broken=frozenset(self._broken()),
            unread=frozenset(self.unread),
        )

    def _broken(self) -> Iterator[tuple[str, str]]:
        """Yield what is declared in a wrong form: (sort, name)."""
        catalog = self.parts["catalog"]
        sorts = {"field": ("fields", catalog), "event": ("events", catalog)}
        sorts["condition"] = ("conditions", [p for parts in self.parts.values() for p in parts])
        for sort, (key, parts) in sorts.items():
            for part in parts:
                for name in keys(part.get(key)):
                    if not part.child(key).child(name).sound:
                        yield sort, name

    def _named(self) -> Iterator[tuple[str, tuple[Document, YamlPath]]]:
        for part in (p for parts in self.parts.values() for p in parts):
            for name, member in part.entries("conditions"):
                yield name, (member.document, member.path)

    def _refuse_twice(self) -> None:
        """A name that stands in two files is no more meant than one that stands twice in one.

        Settings of server.yaml aside, of which a later file may say others.
        """
        every = [part for parts in self.parts.values() for part in parts]
        refuse_twice(self.found, members(every, "conditions"), "condition")
        for kind, key, what in _NAMED:
            refuse_twice(self.found, members(self.parts[kind], key), what)

    def _check_named(self, scope: Scope) -> None:
        """Named conditions are checked where they stand, also those that nobody uses yet."""
        every = tuple(scope.catalogue.events)
        for name, (document, path) in scope.named.items():
            parser = ConditionParser(scope, document, self.found, name, every, (name,))
            parser.parse(document.value(path), path)

    def _intake(self, scope: Scope) -> Intake:
        parts = self.parts["intake"]
        known = msgspec.structs.replace(scope, lists=list_names(parts))
        return IntakeBuilder(known, self.found).build(parts, self._read_list)

    def _read_list(self, part: Part, file: str) -> tuple[str, str] | None:
        """Return (the path to show, the text) of a list, which is part of the rules."""
        read = self._read_beside(part, file)
        if read is not None:
            self.lists[file] = [entry.text for entry in lines(read[1])]
        return read

    def _read_beside(self, part: Part, file: str) -> tuple[str, str] | None:
        """Return (the path to show, the text) of a file that stands in the folder."""
        path = Path(self.folder, file)
        if ".." in Path(file).parts or Path(file).is_absolute():
            text = f'"{file}" leads out of the configuration'
            hint = "name it from the folder on, such as lists/words.txt"
            self.found.error("list-outside", text, part.source, hint=hint)
            return None
        if not path.is_file():
            beside = self.folder.glob("*/*")
            near = nearest(file, (p.relative_to(self.folder).as_posix() for p in beside))
            meant = f'; did you mean "{near}"?' if near else ""
            text = f'there is no file "{file}" in the configuration{meant}'
            self.found.error("missing-list", text, part.source, hint="add it, or correct the name")
            return None
        text_of = read_text(path, str(path), self.found)
        if text_of is None:
            return None
        self.texts.append(Document(str(path), text_of))
        return str(path), text_of

    def _version(self) -> str:
        """Hash what the rules say, not how it is laid out; server and reports are no rules."""
        said = [
            [kind, [p.data for p in parts]]
            for kind, parts in self.parts.items()
            if kind not in ("server", "reports")
        ]
        said += [[plugin, part.data] for plugin, part in self.added.items()]
        text = json.dumps(
            [said, self.templates, *([self.lists] if self.lists else [])],
            ensure_ascii=False,
            sort_keys=False,
        )
        return hashlib.sha256(text.encode()).hexdigest()


def _count(definitions: Definitions) -> int:
    routing = definitions.routing
    scoring = sum(len(m.rules) for m in definitions.models)
    return scoring + len(routing.rules) + len(routing.slas) + len(definitions.journeys)
