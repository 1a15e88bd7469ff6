"""One message's templates filled in: the work itself, wherever it is done.

It runs in the press's processes (`engine.host.templates.press`), and in this process for callers
who trust their templates.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from functools import lru_cache
from typing import Any, Final, cast

import jinja2
import msgspec

from engine.errors import LeadrulesError
from engine.host.templates.plaintext import plain_text
from engine.host.templates.sandbox import MARK, Sandbox, Text, environment, tree

MAX_CHARACTERS: Final = 500_000
MAX_SECONDS: Final = 2.0
MJML: Final = ".mjml"
# Between a message and its form, in the names of templates that are no files.
BETWEEN: Final = "\x1f"


class BadTemplate(LeadrulesError):
    """A template that can't be rendered for this lead."""

    code = "bad-template"


class TooMuchWork(Exception):
    """Raised into a template that takes longer than ``MAX_SECONDS`` of processor time."""


class _TooLong(Exception):
    """Raised into a template that has written more than ``MAX_CHARACTERS``."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One message for one lead.

    ``forms`` maps subject, text, html and markdown to names among the plates; ``context`` has
    the lead's facts and what else templates may name; ``params`` are the action's, whose texts
    are templates of their own. ``name`` is what errors call the message.
    """

    plates: str
    name: str
    forms: Mapping[str, str] = {}
    facts: Mapping[str, Any] = {}
    score: str = "default"
    owner: Mapping[str, Any] | None = None
    more: Mapping[str, Any] = {}
    params: Mapping[str, Any] = {}


class Typesetter:
    """Fills in the templates of one configuration, each compiled once."""

    def __init__(self, plates: Mapping[str, str]) -> None:
        self._plain = environment(plates, html=False)
        self._html = environment(plates, html=True)
        # Texts of steps, which stand among no plates.
        self._loose = lru_cache(maxsize=500)(_loose)

    def set(self, job: Job) -> dict[str, Any]:
        """Return each form's text, and ``params``; raises BadTemplate."""
        context = context_of(job)
        done: dict[str, Any] = {}
        for form, name in job.forms.items():
            html = form == "html"
            sandbox = self._html if html else self._plain
            done[form] = self._fill(sandbox, name, context, job.name)
            if html:
                done[form] = _finish(done[form], name)
        if done.get("html") and "text" not in done:
            done["text"] = plain_text(done["html"])
        done["params"] = self._deep(dict(job.params), context, job.name, "with")
        return done

    def _fill(self, sandbox: Sandbox, name: str, context: Mapping[str, Any], job: str) -> str:
        try:
            return _bounded(sandbox.get_template(name), context)
        except Exception as error:
            raise _bad(error, job, name) from error

    def _deep(self, value: Any, context: Mapping[str, Any], job: str, path: str) -> Any:
        """Render every text within an action's parameters."""
        if isinstance(value, str):
            return self._param(value, context, job, path) if "{" in value else value
        if isinstance(value, dict):
            return {k: self._deep(v, context, job, f"{path}.{k}") for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self._deep(v, context, job, f"{path}.{n}") for n, v in enumerate(value)]
        return value

    def _param(self, source: str, context: Mapping[str, Any], job: str, path: str) -> str:
        try:
            return _bounded(self._loose(self._plain, source), context)
        except Exception as error:
            raise _bad(error, job, path) from error


def _loose(sandbox: Sandbox, source: str) -> jinja2.Template:
    code = sandbox.compile(source, None, MARK)
    return jinja2.Template.from_code(sandbox, code, sandbox.globals)


def context_of(job: Job) -> dict[str, Any]:
    """Return what templates may name: the lead, its scores, and who has it."""
    context: dict[str, Any] = tree(job.facts)
    scores = context.get("score", {})
    context["score"] = {**scores, **scores.get(job.score, {})}
    if job.owner is not None:
        context["owner"] = owner = Text(job.owner["name"])
        owner.parts = job.owner
    for name, value in job.more.items():
        head, _, rest = name.partition(".")
        if rest:
            context.setdefault(head, {})[rest] = value
        else:
            context[head] = value
    return context


def _bounded(template: jinja2.Template, context: Mapping[str, Any]) -> str:
    """Render up to a size; what one expression makes is bounded by the process's memory."""
    size = 0
    chunks: list[str] = []
    writing = cast("Generator[str, None, None]", template.generate(context))
    for chunk in writing:
        size += len(chunk)
        if size > MAX_CHARACTERS:
            # Where it stands: the error is raised at the line that writes.
            writing.throw(_TooLong())
        chunks.append(chunk)
    return "".join(chunks)


# --- markup ----------------------------------------------------------------------------------


def _finish(html: str, name: str) -> str:
    """Turn MJML into HTML, or write the styles of HTML into its elements; raises BadTemplate."""
    made = _from_mjml(html, name) if name.endswith(MJML) else _with_styles(html, name)
    if len(made) > MAX_CHARACTERS:
        raise BadTemplate(f"{name}: the HTML is longer than {MAX_CHARACTERS:,} characters")
    return made


def _from_mjml(source: str, name: str) -> str:
    import mjml

    try:
        made: str = mjml.mjml2html(source, disable_comments=True)
    except ValueError as error:
        raise BadTemplate(f"{name} is no MJML: {error}") from error
    return made


def _with_styles(html: str, name: str) -> str:
    """Mail programs drop ``<style>``; what media queries say can only stand there."""
    if "<style" not in html:
        return html
    import css_inline

    inliner = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
    whole = "<html" in html.lower() or "<body" in html.lower()
    try:
        if whole:
            return inliner.inline(html)
        inlined = inliner.inline(f"<html><head></head><body>{html}</body></html>")
    except css_inline.InlineError as error:
        raise BadTemplate(f"{name}: its styles cannot be read: {error}") from error
    return inlined


# --- errors ----------------------------------------------------------------------------------


def _bad(error: Exception, job: str, name: str) -> BadTemplate:
    """Return the error that tells people which template fails where, and why."""
    if isinstance(error, jinja2.TemplateSyntaxError):
        where, text = _place(error.name or name, error.lineno), error.message or "a syntax error"
    else:
        where, text = _place(*_deepest(error, name)), _say(error)
    return BadTemplate(f'message "{job}", {where}: {text}')


def _deepest(error: Exception, name: str) -> tuple[str, int]:
    """Return the template and line in which the error happened."""
    found = (name, 0)
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file.startswith(MARK):
            found = (file.removeprefix(MARK) or name, trace.tb_lineno)
        trace = trace.tb_next
    return found


def _place(name: str, line: int) -> str:
    shown = name.rpartition(BETWEEN)[2]
    return f"{shown}, line {line}" if line else shown


def _say(error: Exception) -> str:
    match error:
        case BadTemplate():
            return str(error)
        case jinja2.UndefinedError():
            return f"{error.message}; write {{{{ NAME | default('...') }}}} for what may be missing"
        case jinja2.TemplateNotFound():
            return f'there is no template "{error.name}" in templates/'
        case jinja2.exceptions.SecurityError():
            return str(error)
        case _TooLong():
            return f"it is longer than {MAX_CHARACTERS:,} characters; look for a loop"
        case TooMuchWork():
            return f"it takes longer than {MAX_SECONDS:g} s to write; look for a loop"
        case MemoryError():
            return "it needs more memory than a message may; look for what grows"
        case RecursionError():
            return "macros or includes call themselves, or stand too deep in each other"
    return f"{type(error).__name__}: {error}"
