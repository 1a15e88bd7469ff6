"""Edits that take an entry out of a map or an item out of a list, its comma with it."""

from __future__ import annotations

from engine.language.diagnostic import Source
from engine.language.lint.finding import Edit
from engine.language.reader import Document, Path


def remove(document: Document, path: Path) -> tuple[Edit, ...]:
    """Return the edits that remove what stands at ``path``; none where that is not simple.

    Simple is an entry on one line with a sibling: in a flow collection, or in a block map on
    a line without a comment, for that would go with it.
    """
    span = document.values.get(path)
    start = document.keys.get(path, span)
    if span is None or start is None or start.line != span.end_line:
        return ()
    whole = Source(span.file, start.line, start.column, span.end_line, span.end_column)
    siblings = _siblings(document, path)
    if siblings < 2 or (path not in document.keys and not isinstance(path[-1], int)):
        return ()
    line = document.lines[start.line - 1]
    before, after = line[: start.column - 1], line[span.end_column - 1 :]
    if after.lstrip().startswith(","):
        skipped = after[len(after) - len(after.lstrip()) + 1 :]
        gap = len(after) - len(skipped.lstrip())
        if not skipped.strip():  # the comma ends the line
            gap = len(after) - len(skipped)
        return (_edit(whole, 0, gap),)
    if before.rstrip().endswith(","):
        return (_edit(whole, len(before) - len(before.rstrip()) + 1, 0),)
    if isinstance(path[-1], str) and not before.strip() and not after.strip():
        return (Edit(Source(span.file, start.line, 1, start.line + 1, 1)),)
    return ()


def _siblings(document: Document, path: Path) -> int:
    data = document.data
    for part in path[:-1]:
        data = data[part]
    return len(data)


def _edit(span: Source, before: int, after: int) -> Edit:
    return Edit(
        Source(span.file, span.line, span.column - before, span.end_line, span.end_column + after)
    )
