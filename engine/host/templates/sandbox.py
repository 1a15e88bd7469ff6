"""The Jinja2 in which messages are written: a sandbox, strict about what a lead does not have.

It bounds what an expression may say, not how long it takes; the process around it does that
(`engine.host.templates.press`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

# How Python's tracebacks call a template.
MARK: Final = "leadrules-template:"
MAX_INTEGER_BITS: Final = 4_096
_GUARDED: Final = frozenset({"*", "**", "%", "<<", "+"})


class Sandbox(ImmutableSandboxedEnvironment):
    """Without the operators that turn a short template into gigabytes.

    Nothing is worked out while a template is compiled, so that whoever compiles one is safe.
    """

    intercepted_binops = _GUARDED

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator in {"**", "<<"}:
            raise jinja2.exceptions.SecurityError(f"{operator} is not allowed in templates")
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator != "+" and not numbers and not isinstance(left, jinja2.Undefined):
            raise jinja2.exceptions.SecurityError(f"{operator} is for numbers here")
        if any(isinstance(n, int) and n.bit_length() > MAX_INTEGER_BITS for n in (left, right)):
            raise jinja2.exceptions.SecurityError(f"{operator}: the number is too large")
        return super().call_binop(context, operator, left, right)


class Missing(jinja2.StrictUndefined):
    """What a lead does not have: an error where it is written, unless ``default`` says what else.

    Its parts are missing, too, so that ``owner.name | default(...)`` works without an owner.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, key: Any) -> Any:
        return self


class Text(str):
    """A field that has parts of its own, such as ``lead.email`` with ``lead.email.domain``."""

    __slots__ = ("parts",)
    parts: Mapping[str, Any]

    def __getitem__(self, key: Any) -> Any:
        return self.parts[key] if isinstance(key, str) else super().__getitem__(key)


class Loader(jinja2.BaseLoader):
    """Finds templates among ``texts``, so that errors know their names and lines."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, None]:
        """Return a template as Jinja2 wants it; raises TemplateNotFound."""
        if template not in self.texts:
            raise jinja2.TemplateNotFound(template)
        return self.texts[template], MARK + template, None


@jinja2.pass_context
def _as_it_is(_context: Any, value: Any) -> Any:
    """Leave a value alone: that there is such a function keeps Jinja2 from folding constants."""
    return value


def environment(texts: Mapping[str, str], html: bool) -> Sandbox:
    """Return what compiles ``texts``; with ``html`` every value is escaped."""
    return Sandbox(
        loader=Loader(texts),
        undefined=Missing,
        autoescape=html,
        optimized=False,
        finalize=_as_it_is,
        cache_size=1_000,
        auto_reload=False,
    )


def tree(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Turn dotted names into nested ones: ``lead.email.domain`` into lead -> email -> domain."""
    root: dict[str, Any] = {}
    for name in sorted(facts):  # parents come before their parts
        *parents, last = name.split(".")
        node: Any = root
        for parent in parents:
            node = _inner(node, parent)
        node[last] = facts[name]
    return root


def _inner(node: dict[str, Any], name: str) -> Any:
    """Return what holds the parts of ``name``, made when absent."""
    child = node.setdefault(name, {})
    if isinstance(child, Text):
        return child.parts
    if isinstance(child, str):
        node[name] = text = Text(child)
        text.parts = {}
        return text.parts
    # A number or list with parts keeps its value; the parts are out of reach.
    return child if isinstance(child, dict) else {}
