"""Walks through a template's syntax tree and finds names that mean nothing.

Names that the template makes itself (loops, ``set``, ``with``, macros, imports) are known from
where they are made to the end of what they are made in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import jinja2
import msgspec
from jinja2 import nodes

from engine.host.templates.sandbox import Sandbox
from engine.host.templates.scope import TemplateScope
from engine.language.nearest import did_you_mean

_BUILT_IN: Final = frozenset({"loop", "self", "super", "caller", "varargs", "kwargs"})
_REFERENCES: Final = (nodes.Include, nodes.Extends, nodes.Import, nodes.FromImport)

# What a name stands for: a dotted name of the configuration's, or something unknown.
Meaning = tuple[str, ...] | None
Names = dict[str, Meaning]


class Fault(msgspec.Struct, frozen=True):
    """Something wrong at a place in a template; lines and columns count from 1."""

    code: str
    template: str
    line: int
    message: str
    hint: str = "see the templates of Jinja2"
    column: int = 1
    words: str = ""

    @property
    def length(self) -> int:
        """How many columns it takes."""
        return max(len(self.words), 1)


class Walk:
    """One walk, from the template that a message names through all that it includes."""

    def __init__(self, sandbox: Sandbox, plates: Mapping[str, str], scope: TemplateScope) -> None:
        self.sandbox = sandbox
        self.plates = plates
        self.scope = scope
        self._walked: set[tuple[str, frozenset[str]]] = set()
        self._seen: dict[tuple[str, int, str], int] = {}

    def template(self, name: str, names: Names | None = None) -> Iterator[Fault]:
        """Yield what is wrong in a template that knows ``names``, and in what it includes."""
        known = names or {}
        key = (name, frozenset(known))
        if key in self._walked:
            return
        self._walked.add(key)
        try:
            tree = self.sandbox.parse(self.plates[name], name)
        except jinja2.TemplateSyntaxError as error:
            hint = "close every {{ and {%, and check the words after {%"
            text = f"it cannot be read: {error.message}"
            yield Fault("template-syntax", name, error.lineno, text, hint)
            return
        except RecursionError:
            yield Fault("template-syntax", name, 1, "it is nested too deep", "make it simpler")
            return
        yield from self._all(tree.body, dict(known), name)

    def _all(self, body: Iterable[nodes.Node], names: Names, name: str) -> Iterator[Fault]:
        for node in body:
            yield from self._node(node, names, name)

    def _node(self, node: nodes.Node, names: Names, name: str) -> Iterator[Fault]:
        match node:
            case nodes.Getattr() | nodes.Getitem() | nodes.Name():
                yield from self._named(node, names, name)
            case nodes.Assign():
                yield from self._node(node.node, names, name)
                _assign(node.target, _meaning(node.node, names), names)
            case nodes.AssignBlock():
                yield from self._all(node.body, dict(names), name)
                _assign(node.target, None, names)
            case nodes.For():
                yield from self._loop(node, names, name)
            case nodes.Macro():
                names[node.name] = None
                yield from self._macro(node, names, name)
            case nodes.CallBlock():
                yield from self._node(node.call, names, name)
                yield from self._macro(node, names, name)
            case nodes.With():
                yield from self._with(node, names, name)
            case nodes.Filter() | nodes.Test():
                yield from self._function(node, names, name)
            case nodes.Include() | nodes.Extends() | nodes.Import() | nodes.FromImport():
                yield from self._reference(node, names, name)
            case nodes.Block() | nodes.FilterBlock() | nodes.Scope():
                yield from self._all(node.iter_child_nodes(), dict(names), name)
            case _:
                yield from self._all(node.iter_child_nodes(), names, name)

    # --- what makes names --------------------------------------------------------------------

    def _loop(self, node: nodes.For, names: Names, name: str) -> Iterator[Fault]:
        yield from self._node(node.iter, names, name)
        inner = dict(names)
        _assign(node.target, None, inner)
        if node.test is not None:
            yield from self._node(node.test, inner, name)
        yield from self._all(node.body, inner, name)
        yield from self._all(node.else_, dict(names), name)

    def _macro(
        self, node: nodes.Macro | nodes.CallBlock, names: Names, name: str
    ) -> Iterator[Fault]:
        yield from self._all(node.defaults, names, name)
        inner = {**names, **{argument.name: None for argument in node.args}}
        yield from self._all(node.body, inner, name)

    def _with(self, node: nodes.With, names: Names, name: str) -> Iterator[Fault]:
        yield from self._all(node.values, names, name)
        inner = dict(names)
        for target, value in zip(node.targets, node.values, strict=True):
            _assign(target, _meaning(value, names), inner)
        yield from self._all(node.body, inner, name)

    def _reference(
        self,
        node: nodes.Include | nodes.Extends | nodes.Import | nodes.FromImport,
        names: Names,
        name: str,
    ) -> Iterator[Fault]:
        if isinstance(node, nodes.Import):
            names[node.target] = None
        elif isinstance(node, nodes.FromImport):
            for each in node.names:
                names[each if isinstance(each, str) else each[1]] = None
        wanted = _constants(node.template)
        there = [each for each in wanted if each in self.plates]
        optional = isinstance(node, nodes.Include) and node.ignore_missing
        if wanted and not there and not optional:
            files = [each for each in self.plates if each and each.isprintable()]
            hint = did_you_mean(wanted[0], files)
            text = f'there is no template "{wanted[0]}"; {hint}'
            yield self._fault("unknown-template", name, node.lineno, text, hint, wanted[0])
        for each in there[:1]:
            yield from self.template(each, names)

    # --- what means something or nothing -----------------------------------------------------

    def _function(
        self, node: nodes.Filter | nodes.Test, names: Names, name: str
    ) -> Iterator[Fault]:
        filters = isinstance(node, nodes.Filter)
        known = self.sandbox.filters if filters else self.sandbox.tests
        what = "filter" if filters else "test"
        if node.name not in known:
            hint = did_you_mean(node.name, known)
            text = f'there is no {what} "{node.name}"; {hint}'
            yield self._fault(
                "unknown-filter" if filters else "unknown-test",
                name,
                node.lineno,
                text,
                hint,
                node.name,
            )
        yield from self._all(node.iter_child_nodes(), names, name)

    def _named(
        self, node: nodes.Getattr | nodes.Getitem | nodes.Name, names: Names, name: str
    ) -> Iterator[Fault]:
        path = _path(node)
        if path is None:
            yield from self._all(node.iter_child_nodes(), names, name)
            return
        if path[0] in _BUILT_IN or path[0] in self.sandbox.globals:
            return
        whole = path
        if path[0] in names:
            meaning = names[path[0]]
            if meaning is None:
                return
            whole = (*meaning, *path[1:])
        unknown = self.scope.unknown(whole)
        if unknown is not None:
            hint = did_you_mean(unknown, self.scope.near(unknown))
            text = f'"{unknown}" is nothing that a template knows; {hint}'
            words = ".".join(path)
            yield self._fault("unknown-template-field", name, node.lineno, text, hint, words)

    def _fault(
        self, code: str, template: str, line: int, message: str, hint: str, words: str
    ) -> Fault:
        """Return a fault at its words in the line; the second time at the second ones."""
        lines = self.plates[template].split("\n")
        text = lines[line - 1] if line <= len(lines) else ""
        key = (template, line, words)
        nth = self._seen[key] = self._seen.get(key, -1) + 1
        pattern = r"(?<![\w.])" + r"\s*\.\s*".join(map(re.escape, words.split(".")))
        places = [found.start() + 1 for found in re.finditer(pattern, text)]
        column = places[min(nth, len(places) - 1)] if places else 1
        return Fault(code, template, line, message, hint, column, words if places else "")


def _path(node: nodes.Node) -> tuple[str, ...] | None:
    """Return ``lead.email.domain`` as its parts; None: it is more than names with dots."""
    match node:
        case nodes.Name():
            return (node.name,)
        case nodes.Getattr():
            inner = _path(node.node)
            return (*inner, node.attr) if inner else None
        case nodes.Getitem(arg=nodes.Const(value=str(key))):
            inner = _path(node.node)
            return (*inner, key) if inner else None
    return None


def _meaning(value: nodes.Node, names: Names) -> Meaning:
    """Return what a name stands for that is set to ``value``."""
    path = _path(value)
    if path is None or path[0] not in names:
        return path
    inner = names[path[0]]
    return None if inner is None else (*inner, *path[1:])


def _assign(target: nodes.Node, meaning: Meaning, names: Names) -> None:
    if isinstance(target, nodes.Name):
        names[target.name] = meaning
    elif isinstance(target, nodes.Tuple):
        for item in target.items:
            _assign(item, None, names)


def _constants(template: nodes.Expr) -> Sequence[str]:
    """Return the names of templates in an include; none when they are only known later."""
    if isinstance(template, nodes.Const):
        values = template.value if isinstance(template.value, list | tuple) else [template.value]
        return [each for each in values if isinstance(each, str)]
    if isinstance(template, nodes.Tuple | nodes.List):
        return [i.value for i in template.items if isinstance(i, nodes.Const)]
    return []
