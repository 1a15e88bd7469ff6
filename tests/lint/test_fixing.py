"""Edits at positions leave everything else as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.language.diagnostic import Diagnostics, Source
from engine.language.lint.finding import Edit
from engine.language.lint.fixing import mended
from engine.language.lint.removal import remove
from engine.language.reader import Path as YamlPath
from engine.language.reader import read_document


def edit(line: int, start: int, end: int, text: str = "") -> Edit:
    """Return an edit within a line."""
    return Edit(Source("a.yaml", line, start, line, end), text)


def removed(text: str, path: YamlPath) -> str | None:
    """Return ``text`` without the entry at ``path``, None where that is not simple."""
    document = read_document(text.encode(), "a.yaml", Diagnostics())
    assert document is not None
    edits = remove(document, path)
    return mended(text, [edits])[0] if edits else None


def test_line_ends_and_comments_stay() -> None:
    """Windows line ends, a byte-order mark and comments survive an edit on another line."""
    text = "\ufeffa: 1  # 一\r\nb: 2\r\nc: 3"
    assert mended(text, [[edit(2, 4, 5, "7")]]) == ("\ufeffa: 1  # 一\r\nb: 7\r\nc: 3", 1)


def test_edits_that_touch_wait_for_the_next_pass() -> None:
    """Of two groups that touch, the first is applied whole and the second not at all."""
    groups = [[edit(1, 1, 3, "x")], [edit(1, 3, 4, "y"), edit(1, 5, 6, "z")]]
    assert mended("abcdef", groups) == ("xcdef", 1)


@pytest.mark.parametrize(
    ("text", "path", "wanted"),
    [
        ("{a: 1, b: 2, c: 3}", ("a",), "{b: 2, c: 3}"),
        ("{a: 1, b: 2, c: 3}", ("b",), "{a: 1, c: 3}"),
        ("{a: 1, b: 2}", ("b",), "{a: 1}"),
        ("x: [1, 2 , 3]", ("x", 1), "x: [1, 3]"),
        ("x: [1, 2]", ("x", 1), "x: [1]"),
        ("a: 1\nb: 2\nc: 3\n", ("b",), "a: 1\nc: 3\n"),
        ("x: {a: 1,\n  b: 2}", ("x", "a"), "x: {\n  b: 2}"),
    ],
)
def test_an_entry_goes_with_its_comma(text: str, path: YamlPath, wanted: str) -> None:
    """What is left is what a person would have written."""
    assert removed(text, path) == wanted


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("{a: 1}", ("a",)),  # the last entry
        ("a: 1  # why\nb: 2\n", ("a",)),  # a comment would go with it
        ("a:\n  b: 1\n  c: 2\nd: 3\n", ("a",)),  # several lines
        ("- 1\n- 2\n", (1,)),  # an item of a block list
        ("x:\n- a: 1\n  b: 2\n", ("x", 0, "a")),  # beside the dash
    ],
)
def test_what_is_not_simple_is_left_to_people(text: str, path: YamlPath) -> None:
    """An edit that could lose a comment or break the layout is not offered."""
    assert removed(text, path) is None


def test_no_edit_spans_files(tmp_path: Path) -> None:
    """An empty list of groups changes nothing."""
    assert mended("a: 1\n", []) == ("a: 1\n", 0)
