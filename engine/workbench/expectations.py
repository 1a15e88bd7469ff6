"""Read what a test expects: facts, rules fired or not, and what was sent, done and assigned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from engine.language.conditions import ConditionParser, has_edge
from engine.language.definitions import Definitions
from engine.language.diagnostic import Diagnostics
from engine.language.instants import BadTime
from engine.language.nearest import did_you_mean
from engine.language.reader import Document, Path
from engine.language.scope import Scope
from engine.network.condition import ConditionCompiler
from engine.network.ruleset import Ruleset
from engine.workbench.cases import (
    LISTS,
    Check,
    Expectation,
    FactCheck,
    FiredCheck,
    ListCheck,
)
from engine.workbench.firing import names_of
from engine.workbench.times import HINT, since_start

_FIRED: Final = {"fired": True, "not_fired": False}


class ExpectationReader:
    """Reads the ``expect`` lists of one document."""

    def __init__(self, document: Document, ruleset: Ruleset, found: Diagnostics) -> None:
        self.document = document
        self.found = found
        self.definitions = ruleset.definitions
        self.scope = _scope(ruleset.definitions)
        self.parser = ConditionParser(self.scope, document, found)
        self.compiler = ConditionCompiler(ruleset.calendars)
        self.names = names_of(ruleset)
        self.start = 0

    def read(self, data: list[Any], path: Path, start: int) -> tuple[Expectation, ...]:
        """Return the expectations at ``path``, in order of their instants."""
        self.start = start
        read = [self._expectation(each, (*path, i)) for i, each in enumerate(data)]
        return tuple(sorted((e for e in read if e is not None), key=lambda e: e.at))

    def _expectation(self, data: Any, path: Path) -> Expectation | None:
        if not isinstance(data, dict) or len(data) < 2 or "at" not in data:
            hint = "write such as {at: 3d, score.total: 75}"
            self._error("test-shape", path, "an expectation is at and what holds then", hint)
            return None
        checks = [c for k, v in data.items() if k != "at" for c in self._checks(k, v, (*path, k))]
        at = self.start + self._offset(data["at"], (*path, "at"))
        return Expectation(at, tuple(checks), self.document.at(path))

    def _checks(self, key: str, data: Any, path: Path) -> Iterator[Check]:
        if key in _FIRED:
            yield from self._fired(key, data, path)
            return
        check = self._list(key, data, path) if key in LISTS else self._fact(key, data, path)
        if check is not None:
            yield check

    def _fired(self, key: str, data: Any, path: Path) -> Iterator[FiredCheck]:
        """Read names, or a map that says of each whether it has fired: true or false."""
        named = [(name, _FIRED[key], path) for name in ([data] if isinstance(data, str) else ())]
        if isinstance(data, list):
            named = [(name, _FIRED[key], (*path, i)) for i, name in enumerate(data)]
        elif isinstance(data, dict) and all(isinstance(v, bool) for v in data.values()):
            named = [(k, v is _FIRED[key], (*path, k)) for k, v in data.items()]
        elif not named:
            hint = f"write {key}: [NAME], or {key}: {{NAME: true}}"
            self._error("test-shape", path, f"{key} takes the names of rules", hint)
        for name, wanted, place in named:
            if name in self.names:
                yield FiredCheck(name, self.names[name], wanted, self.document.key(place))
                continue
            hint = did_you_mean(str(name), [n for n in self.names if ":" not in n])
            message = f'there is no rule, journey, route, stage or SLA "{name}"; {hint}'
            self._error("unknown-rule", place, message, hint)

    def _list(self, key: str, data: Any, path: Path) -> ListCheck | None:
        if not isinstance(data, list) or not all(isinstance(i, dict) for i in data):
            hint = f"write {key}: [] for none, or {key}: [{{{LISTS[key][0]}: NAME}}]"
            self._error("test-shape", path, f"{key} takes a list of maps", hint)
            return None
        for index, item in enumerate(data):
            self._item(key, item, (*path, index))
        return ListCheck(key, tuple(data), self.document.key(path))

    def _item(self, kind: str, item: dict[str, Any], path: Path) -> None:
        for key in item:
            if key not in LISTS[kind]:
                hint = did_you_mean(key, LISTS[kind])
                self._key_error(f'"{key}" is not known in {kind}; {hint}', (*path, key), hint)
        definitions = self.definitions
        self._known(item, "message", definitions.messages, path)
        self._known(item, "do", definitions.server.connections, path)
        self._known(item, "journey", {j.id for j in definitions.journeys}, path)
        if "at" in item:
            self._offset(item["at"], (*path, "at"))

    def _known(self, item: dict[str, Any], key: str, known: Any, path: Path) -> None:
        if key in item and item[key] not in known:
            hint = did_you_mean(str(item[key]), known)
            message = f'there is no {key} "{item[key]}"; {hint}'
            self._error(f"unknown-{key}", (*path, key), message, hint)

    def _fact(self, name: str, wanted: Any, path: Path) -> FactCheck | None:
        resolved = self.scope.resolve(name)
        if resolved is None:
            hint = did_you_mean(name, [*self.scope.paths(), *_FIRED, *LISTS])
            message = f'"{name}" is no field and nothing that can be expected; {hint}'
            self._key_error(message, path, hint)
            return None
        data = {"exists": False} if wanted is None else wanted
        condition = self.parser.parse({name: data}, path[:-1])
        if condition is None:
            return None
        if has_edge(condition):
            message = "rises_to and falls_below happen at an instant; expect gte or lt"
            self._error("edge-in-test", path, message, "or expect the rule in fired:")
            return None
        return FactCheck(
            name,
            resolved.fact,
            wanted,
            self.compiler.compile(condition),
            self.document.key(path),
        )

    def _offset(self, text: Any, path: Path) -> int:
        try:
            return since_start(str(text), self.start)
        except BadTime as error:
            self._error("bad-time", path, str(error), HINT)
            return 0

    def _error(self, code: str, path: Path, message: str, hint: str) -> None:
        self.found.error(code, message, self.document.at(path), hint=hint)

    def _key_error(self, message: str, path: Path, hint: str) -> None:
        self.found.error("unknown-key", message, self.document.key(path), hint=hint)


def _scope(definitions: Definitions) -> Scope:
    models = definitions.models
    return Scope(
        catalogue=definitions.catalogue,
        models={m.id: [d.id for d in m.dimensions] for m in models},
        grades={m.id: [g.grade for g in m.grades] for m in models if m.grades},
        stages=tuple(s.id for s in definitions.lifecycle.stages),
        journeys=frozenset(j.id for j in definitions.journeys),
        named={},
        calendars=frozenset(definitions.calendars),
    )
