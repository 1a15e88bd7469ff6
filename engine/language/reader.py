"""Read YAML 1.2 core, keeping the position of every key and value.

PyYAML's own resolver speaks YAML 1.1 (``NO`` is False, ``18:00`` is 1080), so only
its event parser is used here; plain scalars are resolved by the core schema of
YAML 1.2.2 (section 10.3.2), less octal numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import yaml

from engine.language.diagnostic import Diagnostics, Source
from engine.language.syntax import NO_COLON, explained

Path = tuple[str | int, ...]

MAX_BYTES: Final = 2 * 1024 * 1024
MAX_DEPTH: Final = 64
MAX_NODES: Final = 200_000  # after alias expansion: a billion laughs stops here

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL: Final = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT: Final = re.compile(r"[-+]?[0-9]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Document:
    """One YAML file: its plain data, and the span of every key and value in it.

    A path is a tuple of keys and list indexes, ``()`` for the whole.
    """

    def __init__(self, file: str, text: str = "") -> None:
        self.file = file
        self.lines = text.splitlines()
        self.data: Any = None
        self.values: dict[Path, Source] = {}
        self.keys: dict[Path, Source] = {}

    def value(self, path: Path) -> Any:
        """Return the plain data at ``path``, which exists."""
        found = self.data
        for part in path:
            found = found[part]
        return found

    def at(self, path: Path) -> Source:
        """Return the span of the value at ``path``, or of its nearest existing ancestor."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Source(self.file, 1, 1, 1, 1))

    def key(self, path: Path) -> Source:
        """Return the span of the key that leads to ``path``; of the value for list items."""
        return self.keys.get(path) or self.at(path)


class _Stop(Exception):
    """Reading cannot go on; the diagnostic is already written."""


def read_document(raw: bytes, file: str, found: Diagnostics) -> Document | None:
    """Return the document in ``raw``, or None after writing to ``found`` why not."""
    if len(raw) > MAX_BYTES:
        found.error(
            "too-large",
            f"the file has {len(raw)} bytes; at most {MAX_BYTES} are read",
            Source(file, 1, 1, 1, 1),
            hint="split it: any file may be a folder of files of the same kind",
        )
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        found.error(
            "encoding",
            f"byte {raw[error.start]:#04x} is not UTF-8",
            Source(file, line, column, line, column + 1),
            hint="save the file as UTF-8",
        )
        return None
    document = Document(file, text)
    try:
        _Builder(document, found).build(text)
    except _Stop:
        return None
    return document


class _Builder:
    def __init__(self, document: Document, found: Diagnostics) -> None:
        self.document = document
        self.found = found
        self.anchors: dict[str | None, Sequence[yaml.Event]] = {}
        self.nodes = 0

    def build(self, text: str) -> None:
        try:
            events = list(yaml.parse(text, Loader=_LOADER))
        except yaml.YAMLError as error:
            self._syntax(error)
        documents = [e for e in events if isinstance(e, yaml.DocumentStartEvent)]
        if len(documents) > 1:
            raise self._failure(
                "many-documents",
                "one file holds one document",
                self._span(documents[1]),
                "split the file",
            )
        body = [e for e in events if isinstance(e, yaml.NodeEvent | yaml.CollectionEndEvent)]
        if not body:
            self.document.data = {}
            self.document.values[()] = Source(self.document.file, 1, 1, 1, 1)
            return
        self._collect_anchors(body)
        stream = iter(body)
        self.document.data = self._value(next(stream), stream, (), 0)

    def _collect_anchors(self, events: Sequence[yaml.Event]) -> None:
        """Remember the events of each anchored node, to play them again at its aliases."""
        for index, event in enumerate(events):
            anchor = getattr(event, "anchor", None)
            if anchor and not isinstance(event, yaml.AliasEvent):
                self.anchors[anchor] = events[index : _end_of_node(events, index)]

    def _value(
        self, event: yaml.Event, stream: Iterator[yaml.Event], path: Path, depth: int
    ) -> Any:
        self.nodes += 1
        span = self._span(event)
        if self.nodes > MAX_NODES:
            raise self._failure(
                "too-many-nodes",
                f"more than {MAX_NODES} values after aliases",
                span,
                "use fewer aliases",
            )
        if depth > MAX_DEPTH:
            raise self._failure(
                "too-deep", f"nested deeper than {MAX_DEPTH} levels", span, "flatten it"
            )
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, span, path, depth)
        tag = getattr(event, "tag", None)
        if tag:
            self.found.error("tag", f'the tag "{tag}" is refused', span, hint="write plain YAML")
        self.document.values[path] = span
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, span)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(stream, path, depth)
        return self._mapping(stream, path, depth)

    def _alias(self, event: yaml.AliasEvent, span: Source, path: Path, depth: int) -> Any:
        played = self.anchors.get(event.anchor)
        if played is None:
            raise self._failure(
                "unknown-anchor",
                f'there is no anchor "&{event.anchor}"',
                span,
                f"write &{event.anchor} first",
            )
        stream = iter(played)
        return self._value(next(stream), stream, path, depth + 1)

    def _sequence(self, stream: Iterator[yaml.Event], path: Path, depth: int) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(stream), yaml.SequenceEndEvent):
            items.append(self._value(event, stream, (*path, len(items)), depth + 1))
        self._extend(path, event)
        return items

    def _mapping(self, stream: Iterator[yaml.Event], path: Path, depth: int) -> dict[str, Any]:
        data: dict[str, Any] = {}
        while not isinstance(event := next(stream), yaml.MappingEndEvent):
            span = self._span(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise self._failure(
                    "key-type", "a key must be plain text", span, "write KEY: value"
                )
            key = str(event.value)
            inner = (*path, key)
            if key in data:
                first = self.document.keys[inner]
                self.found.error(
                    "duplicate-key",
                    f'the key "{key}" stands here twice; first on line {first.line}',
                    span,
                    hint="remove one of the two, or give it another name",
                )
                self._value(next(stream), stream, (*path, key, "<duplicate>"), depth + 1)
                continue
            data[key] = None
            self.document.keys[inner] = span
            data[key] = self._value(next(stream), stream, inner, depth + 1)
        self._extend(path, event)
        return data

    def _extend(self, path: Path, end: yaml.Event) -> None:
        """Give a collection's span its end, which is known only now."""
        start = self.document.values[path]
        last = self._span(end)
        self.document.values[path] = Source(
            start.file, start.line, start.column, last.end_line, last.end_column
        )

    def _scalar(self, event: yaml.ScalarEvent, span: Source) -> Any:
        text = str(event.value)
        if event.style:
            return text
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if _INT.fullmatch(text):
            return self._integer(text, span)
        if _FLOAT.fullmatch(text):
            return self._finite(float(text), text, span)
        if _SPECIAL.fullmatch(text):
            return self._finite(math.inf, text, span)
        return text

    def _integer(self, text: str, span: Source) -> int:
        if len(text) > 18:
            self.found.error(
                "number",
                f"{text} is too large for a number",
                span,
                hint="quote it if it is an id or a phone number",
            )
            return 0
        return int(text, 16 if text.startswith("0x") else 10)

    def _finite(self, value: float, text: str, span: Source) -> float:
        if math.isfinite(value):
            return value
        self.found.error("number", f"{text} is not a finite number", span, hint="write a number")
        return 0.0

    def _span(self, event: yaml.Event) -> Source:
        start, end = event.start_mark, event.end_mark
        assert start is not None
        assert end is not None
        return Source(
            self.document.file, start.line + 1, start.column + 1, end.line + 1, end.column + 1
        )

    def _failure(self, code: str, message: str, span: Source, hint: str) -> _Stop:
        self.found.error(code, message, span, hint=hint)
        return _Stop()

    def _syntax(self, error: yaml.YAMLError) -> None:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        if NO_COLON in problem:  # the key's own place, not that of what follows
            mark = getattr(error, "context_mark", None) or mark
        line, column = (mark.line + 1, mark.column + 1) if mark else self._bad_character(error)
        text, hint = explained(problem, self.document.lines, line, column)
        place = Source(self.document.file, line, column, line, column + 1)
        self.found.error("syntax", text, place, hint=hint)
        raise _Stop from error

    def _bad_character(self, error: yaml.YAMLError) -> tuple[int, int]:
        """Find a control character, for which PyYAML gives an offset and no line."""
        for number, text in enumerate(self.document.lines, 1):
            for column, char in enumerate(text, 1):
                if ord(char) < 32 and char != "\t":
                    return number, column
        return 1, 1


def _end_of_node(events: Sequence[yaml.Event], index: int) -> int:
    depth, position = _step(events[index]), index + 1
    while depth:
        depth += _step(events[position])
        position += 1
    return position


def _step(event: yaml.Event) -> int:
    """Return by how much an event goes deeper."""
    return isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
