"""YAML 1.2 core, with the place of everything."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.language.diagnostic import Diagnostics
from engine.language.reader import Document, read_document


def read(text: str) -> Document:
    """Read text that has nothing wrong."""
    found = Diagnostics()
    document = read_document(text.encode(), "a.yaml", found)
    assert not found.items
    assert document is not None
    return document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("on", "on"),
        ("yes", "yes"),
        ("18:00", "18:00"),
        ("2026-03-02", "2026-03-02"),
        ("0o17", "0o17"),
        ("010", 10),
        ("0x1F", 31),
        ("-3", -3),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("~", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("'true'", "true"),
        ("'12'", "12"),
        ("<<", "<<"),
        ("1_000", "1_000"),
    ],
)
def test_plain_scalars_follow_the_core_schema(text: str, value: Any) -> None:
    """Only true and false are booleans; times, dates and NO are text; quotes make text."""
    assert read(f"a: {text}\n").data == {"a": value}


def test_every_key_and_value_has_its_place() -> None:
    """Lines and columns count from 1, also below an alias, where the anchor's text stands."""
    document = read("a: &x {b: 1}\nc:\n  - *x\n")
    assert (document.key(("c",)).line, document.key(("c",)).column) == (2, 1)
    assert (document.at(("a", "b")).line, document.at(("a", "b")).column) == (1, 11)
    assert document.at(("c", 0, "b")).line == 1
    assert document.data == {"a": {"b": 1}, "c": [{"b": 1}]}


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    """No text raises; what cannot be read has at least one finding inside the file."""
    found = Diagnostics()
    document = read_document(text.encode("utf-8", "surrogatepass"), "a.yaml", found)
    assert document is not None or found.has_errors
    for item in found.items:
        assert item.source.line >= 1
        assert item.source.column >= 1
        assert item.hint


# YAML allows no control characters and no noncharacters in its text.
PRINTED = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff\ufeff"),
    max_size=8,
)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**9), 10**9) | PRINTED,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PRINTED, inner, max_size=4),
        max_leaves=15,
    )
)
def test_json_is_read_as_itself(data: Any) -> None:
    """JSON is YAML: whatever json.dumps writes comes back the same."""
    found = Diagnostics()
    document = read_document(json.dumps(data, ensure_ascii=False).encode(), "a.yaml", found)
    assert document is not None
    assert document.data == data
