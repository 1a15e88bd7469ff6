"""The tables of docs/rules/catalogue.md, made from the built-in catalogue.

``python -m tests.docs.catalogue`` writes them into the page.
"""

from __future__ import annotations

from engine.language.catalogue import Field
from engine.language.label import texts_of
from engine.language.sections.catalog import builtin
from tests.docs.pages import DOCS

PAGE = DOCS / "rules" / "catalogue.md"
SOURCES = DOCS / "rules" / "sources.md"
GROUPS = {
    "behaviour": "Behaviour: what the lead does",
    "message": "Messages: what is sent, and what the lead does with it",
    "people": "People: what salespeople do",
    "engine": "The engine's own, which nobody else may send",
}


def _type(field: Field) -> str:
    kind = f"list of {field.of}" if field.type == "list" else field.type
    if field.values:
        order = " < " if field.ordered else ", "
        kind = f"{kind}: {order.join(field.values)}"
    return f"{kind}, {field.currency}" if field.currency else kind


def fields_table() -> str:
    """Return the table of lead fields."""
    lines = ["| field | label | type | |", "|---|---|---|---|"]
    for field in builtin().fields.values():
        marks = [name for name in ("derived", "pii") if getattr(field, name)]
        label = field.label or ""
        lines.append(f"| `{field.name}` | {label} | {_type(field)} | {' '.join(marks)} |")
    return "\n".join(lines)


def events_tables() -> str:
    """Return a table of event types for each group."""
    parts = []
    for group, title in GROUPS.items():
        lines = [f"### {title}", "", "| event | label | properties | any |", "|---|---|---|---|"]
        for event in builtin().events.values():
            if event.group == group:
                own = ", ".join(f"`{p.name}` {_type(p)}" for p in event.properties.values())
                yes = "yes" if event.behaviour else ""
                lines.append(f"| `{event.name}` | {event.label or ''} | {own} | {yes} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def sources_tables() -> str:
    """Return a table of kinds for each channel."""
    tree = builtin().sources
    parts = []
    for channel in tree.level(0):
        lines = [
            f"### `{channel}` {' '.join(texts_of(tree.label((channel,))))}",
            "",
            "| kind | called | origin | free | details |",
            "|---|---|---|---|---|",
        ]
        for path, node in tree.nodes.items():
            if len(path) == 2 and path[0] == channel:
                details = ", ".join(
                    f"`{each[-1]}` {tree.label(each)}"
                    for each in tree.nodes
                    if len(each) == 3 and each[:2] == path
                )
                free = "yes" if tree.is_free(path) else ""
                called = " ".join(texts_of(tree.label(path)))
                lines.append(f"| `{path[-1]}` | {called} | {node.origin} | {free} | {details} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def filled(text: str) -> str:
    """Return a page's text with fresh tables between its marks."""
    tables = {"fields": fields_table, "events": events_tables, "sources": sources_tables}
    for name, table in ((n, t()) for n, t in tables.items() if f"<!-- {n} -->" in text):
        head, start, rest = text.partition(f"<!-- {name} -->\n")
        _, end, tail = rest.partition(f"<!-- end of {name} -->")
        assert start, f"{PAGE} has no mark {name}"
        assert end, f"{PAGE} has no mark end of {name}"
        text = f"{head}{start}\n{table}\n\n{end}{tail}"
    return text


if __name__ == "__main__":
    for page in (PAGE, SOURCES):
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
