"""The checks' pages: one for each, and the list of all."""

from __future__ import annotations

from collections.abc import Iterable

from engine.language.lint.registry import Check, checks

_WORDS = {
    "error": "It does not do what it says.",
    "warning": "It is probably not what was meant.",
    "info": "It could be better.",
}
_INTRODUCTION = """\
# Lint

`leadrules lint` reads a configuration that loads, and says where it can't mean what its authors
think it means. It runs nothing and needs no server.

A finding is hidden by a comment with a reason on its line, `# leadrules: ignore[code] reason`.
`leadrules lint --fix` mends what can be mended without changing what happens to any lead;
`leadrules docs CODE` prints a page of this folder.

| severity | meaning |
|---|---|
"""


def page(check: Check) -> str:
    """Return a check's page as Markdown."""
    body = check.page.partition("\n\n")[2]
    head = f"# {check.code}\n\n{check.summary}\n\nSeverity: {check.severity}."
    return f"{head} {_WORDS[check.severity]}\n\n{body}\n"


def index(all_checks: Iterable[Check] | None = None) -> str:
    """Return the page that lists every check."""
    rows = [
        f"| [{c.code}]({c.code}.md) | {c.severity} | {c.summary} |" for c in all_checks or checks()
    ]
    severities = "".join(f"| {name} | {text} |\n" for name, text in _WORDS.items())
    head = f"{_INTRODUCTION}{severities}\n## Checks\n\n| code | severity | what it finds |\n"
    return f"{head}|---|---|---|\n" + "\n".join(rows) + "\n"
