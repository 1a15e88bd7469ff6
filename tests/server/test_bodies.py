"""JSON bodies: how deep they may be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.server.bodies import MAX_DEPTH, decode_json
from engine.server.problems import Problem

TEXTS = st.text("[]{}金泰,\\ ", max_size=4)
LEAVES = st.none() | st.integers() | TEXTS


def _both(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)


def _wrapped(value: Any, times: int) -> Any:
    for number in range(times):
        value = [value] if number % 2 else {"线索": value}
    return value


def _depth(value: Any) -> int:
    inner = (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    )
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)


@given(st.lists(st.tuples(st.recursive(LEAVES, _both), st.integers(0, 40)), max_size=40))
@example([({"id": "e[{"}, 0)] * 40)
@example([({}, 31)] * 2)
@example([({}, 30)] * 40)
def test_a_body_is_refused_when_it_is_too_deep_and_only_then(
    parts: list[tuple[Any, int]],
) -> None:
    """However many values stand beside one another and whatever brackets their texts have."""
    body = [_wrapped(value, times) for value, times in parts]
    text = json.dumps(body, ensure_ascii=False).encode()
    if _depth(body) > MAX_DEPTH:
        with pytest.raises(Problem) as refused:
            decode_json(text)
        assert refused.value.code == "too-deep"
    else:
        assert decode_json(text) == body
