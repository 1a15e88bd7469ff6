"""Mend texts by edits at positions: what is not edited, comments among it, stays as it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.language.diagnostic import Source
from engine.language.lint.finding import Edit, Found

_BOM = "\ufeff"


def edits_by_file(found: Iterable[Found]) -> dict[str, list[tuple[Edit, ...]]]:
    """Return what would mend the findings: for each file its groups of edits."""
    groups: dict[str, list[tuple[Edit, ...]]] = {}
    for each in found:
        if each.edits:
            groups.setdefault(each.edits[0].span.file, []).append(each.edits)
    return groups


def mended(text: str, groups: Iterable[Sequence[Edit]]) -> tuple[str, int]:
    """Return ``text`` with groups of edits applied, and how many groups were.

    A group is applied whole or not at all: one that touches an earlier one waits for the
    next pass.
    """
    bom = _BOM if text.startswith(_BOM) else ""
    body = text.removeprefix(_BOM)
    starts = _line_starts(body)
    newline = "\r\n" if "\r\n" in body else "\n"
    chosen: list[tuple[int, int, str]] = []
    count = 0
    for group in groups:
        spans = [(*_range(starts, e.span), e.text.replace("\n", newline)) for e in group]
        if all(not _touch(one, other) for one in spans for other in chosen):
            chosen += spans
            count += 1
    for start, end, new in sorted(chosen, reverse=True):
        body = body[:start] + new + body[end:]
    return bom + body, count


def _line_starts(text: str) -> list[int]:
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts


def _range(starts: Sequence[int], span: Source) -> tuple[int, int]:
    start = starts[span.line - 1] + span.column - 1
    return start, starts[span.end_line - 1] + span.end_column - 1


def _touch(one: tuple[int, int, str], other: tuple[int, int, str]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]
