"""Drawings in DOT, the language of Graphviz."""

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

_OUTLINES: Final[Mapping[str, str]] = {
    START: "shape=box, style=rounded, penwidth=2",
    END: "shape=box, style=rounded",
    ACTION: "shape=box",
    CHOICE: "shape=diamond",
    WAIT: "shape=hexagon",
    STORE: "shape=cylinder",
    NOTE: "shape=note",
}


def as_dot(clusters: Sequence[Cluster]) -> Iterator[str]:
    """Yield the lines of a digraph with a frame for each cluster."""
    yield "digraph leadrules {"
    yield "  rankdir=TB;"
    yield '  node [fontname="sans-serif"];'
    yield '  edge [fontname="sans-serif"];'
    for cluster in clusters:
        # Graphviz draws a frame around subgraphs whose name begins like this.
        yield f"  subgraph cluster_{cluster.id} {{"
        yield f"    label={_text(cluster.title)};"
        yield from (f"    {_node(node)}" for node in cluster.nodes)
        yield from (f"    {_edge(edge)}" for edge in cluster.edges)
        yield "  }"
    yield "}"


def _node(node: Node) -> str:
    return f"{node.id} [label={_text(*node.lines)}, {_OUTLINES[node.shape]}];"


def _edge(edge: Edge) -> str:
    said = [f"label={_text(edge.label)}"] if edge.label else []
    said += ["style=dashed"] if edge.weak else []
    attributes = f" [{', '.join(said)}]" if said else ""
    return f"{edge.start} -> {edge.end}{attributes};"


def _text(*lines: str) -> str:
    return '"' + "\\n".join(map(_escape, lines)) + '"'


def _escape(text: str) -> str:
    printable = "".join(c if c.isprintable() else " " for c in text)
    return printable.replace("\\", "\\\\").replace('"', '\\"')
