"""What a drawing is made of, before it is written in any notation."""

from __future__ import annotations

import msgspec

# What a node is; each notation has its own outline for it.
START, END, ACTION, CHOICE, WAIT, STORE, NOTE = SHAPES = (
    *("start", "end", "action", "choice"),
    *("wait", "store", "note"),
)


class Node(msgspec.Struct, frozen=True):
    """Something drawn; ``id`` is unique in the drawing, ``lines`` are what stands in it."""

    id: str
    lines: tuple[str, ...]
    shape: str = ACTION


class Edge(msgspec.Struct, frozen=True):
    """A way from one node to another; a ``weak`` one is an exception from the usual course."""

    start: str
    end: str
    label: str = ""
    weak: bool = False


class Cluster(msgspec.Struct, frozen=True):
    """Nodes that belong together, in a frame with a title, and the ways between them."""

    id: str
    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def name(*parts: str) -> str:
    """Return an id of ASCII letters, digits and ``_`` that no other parts have.

    Everything else is written as its code between underscores; ``_o_`` stands between parts.
    """
    return "_o_".join("".join(map(_safe, part)) for part in parts)


def _safe(character: str) -> str:
    plain = character.isascii() and character.isalnum()
    return character if plain else f"_{ord(character):x}_"
