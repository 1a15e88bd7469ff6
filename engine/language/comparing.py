"""What differs between two versions of a configuration: by rule and key, not by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

import msgspec

from engine.language.diagnostic import Diagnostics
from engine.language.reader import Document, read_document

Texts = Mapping[str, str]
_NAMES: Final = ("id", "name")
_NOTHING: Final = object()


class Difference(msgspec.Struct, frozen=True):
    """One value that is new, gone or another.

    ``path`` is such as ``rules[visited-pricing].points``, empty for a whole file; ``line`` is
    where it stands in the later version, or stood in the earlier one when it is gone.
    """

    file: str
    line: int
    path: str
    kind: Literal["added", "removed", "changed"]
    before: Any = None
    after: Any = None


def differences(before: Texts, after: Texts) -> list[Difference]:
    """Return what differs between two sets of YAML files, by their names.

    Comments, quotes and the order of keys make no difference, and neither does the place of
    a rule in a list of rules that have ids. A text that is no YAML is as good as an empty one.
    """
    found: list[Difference] = []
    for file in sorted(before.keys() | after.keys()):
        old, new = _read(file, before.get(file)), _read(file, after.get(file))
        walk = _Walk(file, old, new)
        found += walk.compare((), (), old.data, new.data, "")
    return found


def _read(file: str, text: str | None) -> Document:
    document = read_document((text or "").encode(), file, Diagnostics())
    if document is None or text is None:
        document = Document(file)
        document.data = _NOTHING
    return document


class _Walk:
    """Goes through two documents side by side; each has its own way to the same value."""

    def __init__(self, file: str, old: Document, new: Document) -> None:
        self._file, self._old, self._new = file, old, new

    def compare(
        self, old_at: tuple[Any, ...], new_at: tuple[Any, ...], old: Any, new: Any, path: str
    ) -> Iterator[Difference]:
        if _same(old, new):
            return
        if old is _NOTHING:
            yield self._told(self._new, new_at, path, "added", after=new)
        elif new is _NOTHING:
            yield self._told(self._old, old_at, path, "removed", before=old)
        elif isinstance(old, dict) and isinstance(new, dict):
            for key in {**old, **new}:
                inner = f"{path}.{key}" if path else str(key)
                values = old.get(key, _NOTHING), new.get(key, _NOTHING)
                yield from self.compare((*old_at, key), (*new_at, key), *values, inner)
        elif (mine := _named(old)) is not None and (yours := _named(new)) is not None:
            for name in {**mine, **yours}:
                a, left = mine.get(name, (0, _NOTHING))
                b, right = yours.get(name, (0, _NOTHING))
                ways = (*old_at, a), (*new_at, b)
                yield from self.compare(*ways, left, right, f"{path}[{name}]")
        else:
            yield self._told(self._new, new_at, path, "changed", before=old, after=new)

    def _told(
        self,
        document: Document,
        at: tuple[Any, ...],
        path: str,
        kind: Literal["added", "removed", "changed"],
        **values: Any,
    ) -> Difference:
        return Difference(self._file, document.key(at).line, path, kind, **values)


def _same(old: Any, new: Any) -> bool:
    """Whether two values mean the same: 1 is not true, and not 1.0 either."""
    return old is new or (type(old) is type(new) and old == new and repr(old) == repr(new))


def _named(value: Any) -> dict[str, tuple[int, Any]] | None:
    """Return the items of a list by their ids, each with its index; None: they have none."""
    if not isinstance(value, list):
        return None
    found: dict[str, tuple[int, Any]] = {}
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            return None
        name = next((item[key] for key in _NAMES if isinstance(item.get(key), str)), None)
        if name is None or name in found:
            return None
        found[name] = index, item
    return found
