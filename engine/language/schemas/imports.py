"""Mapping files of ``leadrules import``: what the columns of a table mean."""

from __future__ import annotations

from engine.language.schemas.forms import Schema, mapping, ref, text, typed


def structure() -> Schema:
    """Return the keys of the file."""
    column = {
        **typed(["string", "null", "object"], "A field, event.PROPERTY, at, id or skip."),
        "additionalProperties": False,
        "properties": {
            "field": text("A field of the lead, such as phone or consent.marketing."),
            "property": text("A property of the event."),
            "at": text("When it happened: how dates are written, such as %d/%m/%Y, or auto."),
            "dates": text("How its dates are written (strftime), such as %d/%m/%Y."),
            "values": mapping(
                typed(["string", "number", "boolean"]),
                "What certain cells mean, such as {总监: director}.",
            ),
        },
    }
    return {
        "title": "What the columns of a table mean",
        "properties": {
            "event": text("What each row is; note_added when left out."),
            "columns": mapping(column, "What each column (列) means, by its heading."),
            "constants": typed("object", "Fields of the lead that every row has, by name."),
            "properties": typed("object", "Properties of the event that every row has."),
            "others": {
                **text("What becomes of columns that are not listed: find (default) or skip."),
                "enum": ["find", "skip"],
            },
            "sheet": text("The sheet of a workbook; the first when left out."),
            "encoding": text("The encoding, such as gb18030, where it is not found rightly."),
            "delimiter": text("What stands between cells.", minLength=1, maxLength=1),
            "zone": ref("zone", "The time zone of its dates; server.yaml's when left out."),
        },
    }
