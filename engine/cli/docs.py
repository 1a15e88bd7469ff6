"""``leadrules docs``: what a finding means and how to get rid of it."""

from __future__ import annotations

import re
import sys

import click

from engine.cli.codes import CANNOT, DONE
from engine.cli.common import out

_HEADING = re.compile(r"^### (\S+)$", re.MULTILINE)


@click.command("docs")
@click.argument("code", required=False)
def command(code: str | None) -> int:
    """Print the page of CODE, the word in brackets in a finding; without it, list all codes."""
    if code is None:
        _print(_all())
        return DONE
    text = page_of(code)
    if text is None:
        from engine.language.nearest import nearest

        near = nearest(code, [*_lint_pages(), *_diagnostics()])
        hint = f'did you mean "{near}"?' if near else "`leadrules docs` lists all codes"
        click.echo(f'leadrules: there is no code "{code}"; {hint}', err=True)
        return CANNOT
    _print(text)
    return DONE


def page_of(code: str) -> str | None:
    """Return the page of a check or of a loader's diagnostic as Markdown, or None."""
    return _lint_pages().get(code) or _diagnostics().get(code)


def _lint_pages() -> dict[str, str]:
    from engine.language.lint.pages import page
    from engine.language.lint.registry import checks

    return {c.code: page(c) for c in checks()}


def _diagnostics() -> dict[str, str]:
    """Return the sections of docs/rules/diagnostics.md; none where it is not installed."""
    from engine.language.data import shipped

    file = shipped("docs") / "rules" / "diagnostics.md"
    if not file.is_file():
        return {}
    text = file.read_text("utf-8")
    found = list(_HEADING.finditer(text))
    ends = [*(m.start() for m in found[1:]), len(text)]
    return {
        m[1]: f"# {m[1]}\n\nSeverity: error. {_section(text[m.end() : end])}"
        for m, end in zip(found, ends, strict=True)
    }


def _section(text: str) -> str:
    """Return a section without the heading of the next part and the marks of the docs' tests."""
    body = text.partition("\n## ")[0].strip()
    return re.sub(r"^# broken: (\S+)$", r"# \1", body, flags=re.MULTILINE) + "\n"


def _all() -> str:
    from engine.language.lint.registry import checks

    lint = [f"- `{c.code}` ({c.severity}): {c.summary}" for c in checks()]
    loader = [f"- `{code}`" for code in _diagnostics()]
    parts = ["# What lint finds", "", *lint]
    if loader:
        parts += ["", "# What validate finds", "", *loader]
    return "\n".join(parts) + "\n"


def _print(text: str) -> None:
    """Print Markdown: as it is for programs, set for people."""
    if not sys.stdout.isatty():
        click.echo(text, nl=False)
        return
    from rich.markdown import Markdown

    out().print(Markdown(text))
