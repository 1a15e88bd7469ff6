"""Messages from templates: sandboxed, bounded, and strict about what a lead does not have."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import jinja2
import msgspec
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.errors import LeadrulesError
from engine.language.definitions import Member, Message
from engine.machines.state import Lead
from engine.network.ruleset import Ruleset

MAX_CHARACTERS: Final = 500_000
MAX_SECONDS: Final = 2.0
_UNBOUNDED: Final = frozenset({"*", "**", "%", "<<"})


class BadTemplate(LeadrulesError):
    """A template that can't be rendered for this lead."""

    code = "bad-template"


class Rendered(msgspec.Struct, frozen=True):
    """A message's texts for one lead; ``subject`` is one line."""

    subject: str | None = None
    text: str | None = None
    html: str | None = None
    params: Mapping[str, Any] = {}


class _Sandbox(ImmutableSandboxedEnvironment):
    """Without the operators that turn a short template into gigabytes."""

    intercepted_binops = _UNBOUNDED

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise jinja2.exceptions.SecurityError(f"{operator} is for numbers here")
        if operator in {"**", "<<"}:
            raise jinja2.exceptions.SecurityError(f"{operator} is not allowed in templates")
        return super().call_binop(context, operator, left, right)


class _Missing(jinja2.StrictUndefined):
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


class Renderer:
    """Renders the messages of one ruleset, each template compiled once."""

    def __init__(self, ruleset: Ruleset) -> None:
        self.ruleset = ruleset
        self._plain = _Sandbox(undefined=_Missing)
        self._html = _Sandbox(undefined=_Missing, autoescape=True)
        self._compiled: dict[tuple[bool, str], jinja2.Template] = {}

    def render(self, message: Message | None, params: Mapping[str, Any], lead: Lead) -> Rendered:
        """Return the texts of ``message``, or those that a step's parameters bring.

        Raises BadTemplate.
        """
        context = self.context(lead)
        filled: dict[str, Any] = self._fill(dict(params), context)
        if message is None:
            subject = filled.get("subject") or filled.get("title")
            return Rendered(subject and _line(str(subject)), filled.get("text"), None, filled)
        return Rendered(
            subject=_line(self._text(message.subject or "", context)),
            text=self._text(message.text, context) if message.text else None,
            html=self._text(message.html, context, html=True) if message.html else None,
            params=filled,
        )

    def context(self, lead: Lead) -> dict[str, Any]:
        """Return what templates may name: the lead, its scores, and who has it."""
        context: dict[str, Any] = _tree(lead.facts)
        context.setdefault("lead", {})["id"] = lead.id
        scores = context.get("score", {})
        context["score"] = {**scores, **scores.get(self.ruleset.default_model, {})}
        member = find_member(self.ruleset, lead.facts.get("owner"))
        if member is not None:
            context["owner"] = owner = Text(member.name)
            owner.parts = {"id": member.id, "name": member.name, "email": member.email}
        return context

    def _fill(self, value: Any, context: Mapping[str, Any]) -> Any:
        """Render every text within a step's parameters."""
        if isinstance(value, str):
            return self._text(value, context) if "{" in value else value
        if isinstance(value, dict):
            return {key: self._fill(each, context) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._fill(each, context) for each in value]
        return value

    def _text(self, source: str, context: Mapping[str, Any], html: bool = False) -> str:
        try:
            return _bounded(self._template(source, html), context)
        except jinja2.UndefinedError as error:
            raise BadTemplate(
                f"{error.message}; write {{{{ NAME | default('...') }}}} for what may be missing"
            ) from error
        except jinja2.TemplateError as error:
            raise BadTemplate(str(error)) from error
        except (ArithmeticError, LookupError, MemoryError, TypeError, ValueError) as error:
            raise BadTemplate(f"{type(error).__name__}: {error}") from error

    def _template(self, source: str, html: bool) -> jinja2.Template:
        found = self._compiled.get((html, source))
        if found is None:
            environment = self._html if html else self._plain
            found = self._compiled[html, source] = environment.from_string(source)
        return found


def find_member(ruleset: Ruleset, id: str | None) -> Member | None:
    """Return the salesperson with this id in any team, or None."""
    for team in ruleset.teams.values():
        for member in team.members:
            if member.id == id:
                return member
    return None


def _bounded(template: jinja2.Template, context: Mapping[str, Any]) -> str:
    """Render within a time and a size; a sandbox alone limits neither."""
    deadline = time.monotonic() + MAX_SECONDS
    size = 0
    chunks: list[str] = []
    for chunk in template.generate(context):
        size += len(chunk)
        if size > MAX_CHARACTERS or time.monotonic() > deadline:
            raise BadTemplate(
                f"the text is longer than {MAX_CHARACTERS} characters or takes longer than "
                f"{MAX_SECONDS:g} s to write; look for a loop in the template"
            )
        chunks.append(chunk)
    return "".join(chunks)


def _line(text: str) -> str:
    """Return text as one line, as headers and titles need it."""
    return " ".join(text.split())


def _tree(facts: Mapping[str, Any]) -> dict[str, Any]:
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
