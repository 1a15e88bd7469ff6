"""``server.yaml``."""

from __future__ import annotations

from engine.language.schemas.forms import Schema, choice, mapping, ref, text, typed


def structure() -> Schema:
    """Return the keys of the file."""
    connection = typed(
        "object",
        "An action plugin and its parameters.",
        properties={"plugin": ref("plugin")},
        required=["plugin"],
        allOf=[ref("connects")],
    )
    return {
        "title": "This installation",
        "properties": {
            "database": text("The SQLite file, from the folder in which the command runs."),
            "zone": ref("zone"),
            "clock": choice(
                ("system", "stream"), "stream: the newest event says what time it is, until now."
            ),
            "connections": mapping(connection, "Uses of action plugins (连接), by name."),
        },
    }
