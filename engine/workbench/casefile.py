"""Read ``*.test.yaml``: cases with their tables spread out, every name and value checked.

A file holds ``start`` (an instant), ``lead`` (fields that every case shares) and ``cases``.
A case may override ``start`` and ``lead`` (null removes a field). ``table`` runs the case once
for each row, with ``$name`` or ``${name}`` anywhere in it replaced by the row's value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.language.diagnostic import Diagnostics, Source
from engine.language.instants import BadTime, parse_instant
from engine.language.nearest import did_you_mean
from engine.language.reader import Document, Path, read_document
from engine.network.ruleset import Ruleset
from engine.workbench.cases import Case
from engine.workbench.events import EventReader
from engine.workbench.expectations import ExpectationReader

_FILE_KEYS: Final = ("start", "lead", "cases")
_CASE_KEYS: Final = ("name", "start", "lead", "events", "expect", "table")
_PLACEHOLDER: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
Row = Mapping[str, Any]


def read_cases(raw: bytes, file: str, ruleset: Ruleset, found: Diagnostics) -> list[Case]:
    """Return the cases in ``raw``; what is wrong with them goes to ``found``."""
    document = read_document(raw, file, found)
    if document is None:
        return []
    return _CaseReader(document, ruleset, found).read()


class _CaseReader:
    def __init__(self, document: Document, ruleset: Ruleset, found: Diagnostics) -> None:
        self.document = document
        self.found = found
        self.events = EventReader(document, ruleset, found)
        self.expectations = ExpectationReader(document, ruleset, found)

    def read(self) -> list[Case]:
        data = self.document.data
        if not self._is_map(data, (), _FILE_KEYS):
            return []
        cases = data.get("cases")
        if not isinstance(cases, list) or not cases:
            self._error("test-shape", ("cases",), "cases takes a list of at least one case")
            return []
        return [
            case
            for index, each in enumerate(cases)
            if self._is_map(each, ("cases", index), _CASE_KEYS)
            for case in self._spread(each, ("cases", index))
        ]

    def _spread(self, data: dict[str, Any], path: Path) -> Iterator[Case]:
        """Make one case of each row of its table, or just one without a table."""
        if not isinstance(data.get("name"), str) or not data["name"]:
            self._error("test-shape", path, "a case needs a name", "add name: what must be so")
            return
        if "table" not in data:
            yield self._case(data, path, data["name"])
            return
        rows = data["table"]
        if not (isinstance(rows, list) and rows and all(isinstance(r, dict) for r in rows)):
            self._error("test-shape", (*path, "table"), "table takes a list of maps, one a row")
            return
        for index, row in enumerate(rows):
            filled = self._fill(data, path, row, (*path, "table", index))
            label = ", ".join(f"{k}={_show(v)}" for k, v in row.items())
            yield self._case(filled, path, f"{filled['name']} [{label}]")

    def _fill(self, data: dict[str, Any], path: Path, row: Row, at: Path) -> dict[str, Any]:
        used: set[str] = set()
        body = {k: v for k, v in data.items() if k != "table"}
        filled: dict[str, Any] = self._substitute(body, path, row, used)
        for name in row:
            if name not in used:
                hint = f"write ${name} where the value belongs"
                self._error("unused-value", (*at, name), f'nothing uses "{name}"', hint)
        return filled

    def _substitute(self, data: Any, path: Path, row: Row, used: set[str]) -> Any:
        if isinstance(data, dict):
            return {k: self._substitute(v, (*path, k), row, used) for k, v in data.items()}
        if isinstance(data, list):
            return [self._substitute(v, (*path, i), row, used) for i, v in enumerate(data)]
        if not isinstance(data, str) or "$" not in data:
            return data
        names = [a or b for a, b in _PLACEHOLDER.findall(data)]
        for name in names:
            if name not in row:
                hint = did_you_mean(name, row)
                self._error("unknown-value", path, f'the row has no "{name}"; {hint}', hint)
                return data
        used.update(names)
        if _PLACEHOLDER.fullmatch(data):
            return row[names[0]]
        return _PLACEHOLDER.sub(lambda m: _show(row[m[1] or m[2]]), data)

    def _case(self, data: dict[str, Any], path: Path, name: str) -> Case:
        own_start = ("start",) if "start" not in data else (*path, "start")
        start = self._start(data.get("start", self.document.data.get("start")), own_start)
        lead = {**self._lead(self.document.data, ()), **self._lead(data, path)}
        fields = {k: v for k, v in lead.items() if v is not None}
        lead_path = (*path, "lead") if "lead" in data else ("lead",)
        expected = data.get("expect")
        if not isinstance(expected, list) or not expected:
            hint = "add expect: [{at: 0d, score.total: 10}]"
            self._error("test-shape", path, f'the case "{name}" expects nothing', hint)
            expected = []
        return Case(
            name,
            self.document.file,
            start,
            self.events.read(data.get("events", []), (*path, "events"), start, fields, lead_path),
            self.expectations.read(expected, (*path, "expect"), start),
            self._source(path),
        )

    def _source(self, path: Path) -> Source:
        return self.document.at((*path, "name"))

    def _lead(self, data: dict[str, Any], path: Path) -> dict[str, Any]:
        lead = data.get("lead", {})
        if isinstance(lead, dict):
            return lead
        self._error("test-shape", (*path, "lead"), f"lead takes a map of fields, not {lead!r}")
        return {}

    def _start(self, text: Any, path: Path) -> int:
        hint = "add start: 2026-03-02T09:00:00+08:00"
        if text is None:
            self._error("test-shape", (), "the test does not say when it starts", hint)
            return 0
        try:
            return parse_instant(str(text))
        except BadTime as error:
            self._error("bad-time", path, str(error), hint)
            return 0

    def _is_map(self, data: Any, path: Path, known: tuple[str, ...]) -> bool:
        if not isinstance(data, dict):
            self._error("test-shape", path, f"a map of {', '.join(known)} belongs here")
            return False
        for key in data:
            if key not in known:
                hint = did_you_mean(key, known)
                source = self.document.key((*path, key))
                self.found.error(
                    "unknown-key", f'"{key}" is not known here; {hint}', source, hint=hint
                )
        return True

    def _error(self, code: str, path: Path, message: str, hint: str | None = None) -> None:
        self.found.error(code, message, self.document.at(path), hint=hint)


def _show(value: Any) -> str:
    """Write a value as YAML would: true, null, text as it is."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
