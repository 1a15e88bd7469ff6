"""Drawings in Mermaid, as GitHub, GitLab and most wikis show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from engine.workbench.graph.model import (
    ACTION,
    CHOICE,
    END,
    NOTE,
    START,
    STORE,
    WAIT,
    Cluster,
    Edge,
    Node,
)

_OUTLINES: Final[Mapping[str, tuple[str, str]]] = {
    START: ("([", "])"),
    END: ("([", "])"),
    ACTION: ("[", "]"),
    CHOICE: ("{", "}"),
    WAIT: ("{{", "}}"),
    STORE: ("[(", ")]"),
    NOTE: (">", "]"),
}
# What would end a text, or be read as HTML or Markdown; Mermaid has codes of its own.
_ESCAPES: Final = {character: f"#{ord(character)};" for character in '"#%&<>`*'}


def as_mermaid(clusters: Sequence[Cluster]) -> Iterator[str]:
    """Yield the lines of a flowchart with a frame for each cluster."""
    yield "flowchart TD"
    for cluster in clusters:
        yield f"  subgraph {cluster.id}[{_text(cluster.title)}]"
        yield from (f"    {_node(node)}" for node in cluster.nodes)
        yield from (f"    {_edge(edge)}" for edge in cluster.edges)
        yield "  end"


def _node(node: Node) -> str:
    opening, closing = _OUTLINES[node.shape]
    return f"{node.id}{opening}{_text(*node.lines)}{closing}"


def _edge(edge: Edge) -> str:
    arrow = "-.->" if edge.weak else "-->"
    label = f"|{_text(edge.label)}|" if edge.label else ""
    return f"{edge.start} {arrow}{label} {edge.end}"


def _text(*lines: str) -> str:
    return f'"{"<br/>".join(map(_escape, lines))}"'


def _escape(text: str) -> str:
    return "".join(_ESCAPES.get(c, c if c.isprintable() else " ") for c in text)
