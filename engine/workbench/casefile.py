"""Read ``*.test.yaml``: cases with their tables spread out, every name and value checked.

A file holds ``start`` (an instant), ``lead`` (fields that every case shares) and ``cases``.
A case may override ``start`` and ``lead`` (null removes a field). ``table`` runs the case once
for each row, with ``$name`` or ``${name}`` anywhere in it replaced by the row's value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.language.diagnostic import Diagnostics
from engine.language.instants import BadTime, parse_instant
from engine.language.nearest import did_you_mean
from engine.language.reader import Document, Path, read_document
from engine.language.schema import check_structure
from engine.network.ruleset import Ruleset
from engine.workbench.cases import FIRST, Case
from engine.workbench.events import EventReader
from engine.workbench.expectations import ExpectationReader

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
        self._refuse_conditions()
        if check_structure(self.document, "test", self.found):
            return []  # what the cases mean can be checked once their form is right
        return [
            case
            for index, each in enumerate(self.document.data["cases"])
            for case in self._spread(each, ("cases", index))
        ]

    def _refuse_conditions(self) -> None:
        """Name conditions where rules can use them: an expectation names facts, not conditions."""
        if isinstance(self.document.data, dict) and self.document.data.pop("conditions", None):
            message = "a test has no use for named conditions; it expects fields, such as stage"
            hint = "name them in a file of rules, and write here what a lead has then: stage: mql"
            self.found.error(
                "conditions-in-test", message, self.document.key(("conditions",)), hint=hint
            )

    def _spread(self, data: dict[str, Any], path: Path) -> Iterator[Case]:
        """Make one case of each row of its table, or just one without a table."""
        if "table" not in data:
            yield self._case(data, path, data["name"])
        for index, row in enumerate(data.get("table", ())):
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
        lead = {**self.document.data.get("lead", {}), **data.get("lead", {})}
        fields = {k: v for k, v in lead.items() if v is not None}
        lead_path = (*path, "lead") if "lead" in data else ("lead",)
        expected = data.get("expect")
        if not expected:
            hint = "add expect: [{at: 0d, score.total: 10}]"
            self._error("no-expectation", path, f'the case "{name}" expects nothing', hint)
            expected = []
        return Case(
            name,
            self.document.file,
            start,
            self.events.read(data.get("events", []), (*path, "events"), start, fields, lead_path),
            self.expectations.read(expected, (*path, "expect"), start),
            self.document.at((*path, "name")),
            data.get("id", FIRST),
        )

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

    def _error(self, code: str, path: Path, message: str, hint: str) -> None:
        self.found.error(code, message, self.document.at(path), hint=hint)


def _show(value: Any) -> str:
    """Write a value as YAML would: true, null, text as it is."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
