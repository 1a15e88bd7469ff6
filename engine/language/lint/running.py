"""Run the checks on a configuration that has loaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from engine.language.definitions import Definitions
from engine.language.diagnostic import Diagnostic, Diagnostics
from engine.language.lint.context import Context
from engine.language.lint.finding import Found
from engine.language.lint.ignores import Ignore, read_ignores
from engine.language.lint.registry import Check, checks
from engine.language.load import Loaded
from engine.language.reader import Document, read_document


class Linted(msgspec.Struct, frozen=True):
    """What the checks found, by file and place; ``ignored`` were hidden by comments."""

    found: tuple[Found, ...]
    ignored: int

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """The findings without their edits."""
        return [f.diagnostic for f in self.found]


def lint(
    loaded: Loaded,
    definitions: Definitions,
    now: int,
    templates: Mapping[str, Sequence[str]] | None = None,
) -> Linted:
    """Run every check. ``templates`` maps the path of each template to its lines.

    What the loader warned about is among the findings, and can be ignored in the same way.
    """
    context = _context(loaded, definitions, now, templates or {})
    early = [Found(d) for d in loaded.diagnostics]
    early += _run(context, [c for c in checks() if not c.late])
    kept, context.used = _apply(context, early)
    late = _run(context, [c for c in checks() if c.late])
    ordered = sorted([*kept, *late], key=lambda f: (f.diagnostic.source, f.diagnostic.code))
    return Linted(tuple(ordered), len(early) - len(kept))


def outdated(loaded: Loaded, definitions: Definitions, now: int) -> list[Diagnostic]:
    """Return what time has made wrong, of which nobody should need to ask lint.

    ``validate`` and ``serve`` say it too; comments hide it in the same way.
    """
    context = _context(loaded, definitions, now, {})
    kept, _ = _apply(context, _run(context, [c for c in checks() if c.dated]))
    return [found.diagnostic for found in kept]


def _context(
    loaded: Loaded, definitions: Definitions, now: int, texts: Mapping[str, Sequence[str]]
) -> Context:
    names = {file.replace("\\", "/").rpartition("/templates/")[2]: file for file in texts}
    return Context(
        definitions,
        _documents(loaded),
        names,
        tuple(read_ignores({**loaded.sources, **texts})),
        now,
        ["\n".join(lines) for lines in texts.values()],
        frozenset(c.code for c in checks()),
    )


def _documents(loaded: Loaded) -> dict[str, Document]:
    found: dict[str, Document] = {}
    for file, lines in loaded.sources.items():
        document = read_document("\n".join(lines).encode(), file, Diagnostics())
        if document is not None:
            found[file] = document
    return found


def _run(context: Context, chosen: Iterable[Check]) -> list[Found]:
    """Return what checks find, each thing once: a named condition is used in many places."""
    unique: dict[tuple[object, ...], Found] = {}
    for check in chosen:
        for found in _findings(context, check):
            d = found.diagnostic
            unique.setdefault((d.source, d.code, d.message), found)
    return list(unique.values())


def _findings(context: Context, check: Check) -> Iterator[Found]:
    for f in check.run(context):
        if not context.is_ours(f.source):
            continue
        severity = f.severity or check.severity
        yield Found(Diagnostic(check.code, f.message, f.source, severity, f.rule, f.hint), f.edits)


def _apply(
    context: Context, found: Sequence[Found]
) -> tuple[list[Found], frozenset[tuple[Ignore, str]]]:
    """Return the findings that no comment on their line hides, and which comments hid one."""
    at = {(i.source.file, i.source.line, code): i for i in context.ignores for code in i.codes}
    kept: list[Found] = []
    used = set()
    for each in found:
        d = each.diagnostic
        ignore = at.get((d.source.file, d.source.line, d.code))
        if ignore is None:
            kept.append(each)
        else:
            used.add((ignore, d.code))
    return kept, frozenset(used)
